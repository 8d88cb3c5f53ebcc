// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Numbers and hashes of the chain's own blocks
/// @notice On Arbitrum `block.number` is the parent chain's, and `blockhash` of one can be foreseen. ArbSys knows the chain's own:
/// https://docs.arbitrum.io/build-decentralized-apps/arbitrum-vs-ethereum/block-numbers-and-time
library Blocks {
    ArbSys private constant ARB_SYS = ArbSys(address(100));

    function number() internal view returns (uint64) {
        return uint64(ARB_SYS.arbBlockNumber());
    }

    /// @dev Zero where the hash is out of reach: ArbSys refuses what is not among the last 256.
    function hashOf(uint64 number_) internal view returns (bytes32) {
        try ARB_SYS.arbBlockHash(number_) returns (bytes32 hash) {
            return hash;
        } catch {
            return 0;
        }
    }
}

/// @title What every Arbitrum chain has at address 100
interface ArbSys {
    function arbBlockNumber() external view returns (uint256);
    function arbBlockHash(uint256 number) external view returns (bytes32);
}
