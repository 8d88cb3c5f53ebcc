// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Numbers and hashes of the chain's own blocks
/// @notice EIP-2935 came with Prague: hashes of the last 256 blocks are in reach, after which the seed of an epoch is pinned again.
library Blocks {
    function number() internal view returns (uint64) {
        return uint64(block.number);
    }

    /// @dev Zero where the hash is out of reach.
    function hashOf(uint64 number_) internal view returns (bytes32) {
        return blockhash(number_);
    }
}
