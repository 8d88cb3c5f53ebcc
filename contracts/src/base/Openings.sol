// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {OPENING_WORDS, ringSlot} from "../libraries/Constants.sol";
import {Opening} from "../interfaces/IEpochConsensus.sol";
import {MerklePath} from "../libraries/MerklePath.sol";
import {EpochState} from "./EpochState.sol";

/// @title Openings, proven against commitments
abstract contract Openings is EpochState {
    /// @dev The words of a proven opening, in memory; reverts when it is not what the owner committed to.
    /// @param commitment See {EpochState._commitmentWord}.
    function _prove(
        uint64 epoch,
        address owner,
        uint32 cohort,
        uint256 depth,
        uint256 commitment,
        Opening calldata opening
    ) internal view returns (uint256[OPENING_WORDS] memory words) {
        bytes32 leaf;
        (leaf, words) = _leaf(epoch, owner, cohort, opening.salt, opening.words);
        bytes32[] calldata proof = opening.proof;
        bool proven = proof.length == depth && _matches(commitment, MerklePath.root(leaf, cohort, proof));
        if (!proven) revert ProofInvalid(owner);
    }

    /// @dev Puts an owner's salt into the seed of `epoch + 2`, once. In OPEN and REVEAL, long before that seed's block is pinned.
    function _mixSalt(uint64 epoch, address owner, uint256 commitment, bytes32 salt) internal {
        if (commitment & 1 != 0) return;
        _commitments[owner][ringSlot(epoch)] = commitment | 1;
        _salts[epoch] ^= keccak256(abi.encode(owner, salt));
    }

    function _matches(uint256 commitment, bytes32 root) internal pure returns (bool) {
        return commitment != 0 && commitment >> 32 == uint256(root) >> 32;
    }

    /// @dev keccak256(abi.encode(block.chainid, address(this), epoch, owner, cohort, salt, words)), in one buffer whose end is `copy`.
    function _leaf(uint64 epoch, address owner, uint32 cohort, bytes32 salt, uint256[OPENING_WORDS] calldata words)
        internal
        view
        returns (bytes32 leaf, uint256[OPENING_WORDS] memory copy)
    {
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(0x40, add(buffer, 512))
            mstore(buffer, chainid())
            mstore(add(buffer, 32), address())
            mstore(add(buffer, 64), and(epoch, 0xffffffffffffffff))
            mstore(add(buffer, 96), and(owner, 0xffffffffffffffffffffffffffffffffffffffff))
            mstore(add(buffer, 128), and(cohort, 0xffffffff))
            mstore(add(buffer, 160), salt)
            copy := add(buffer, 192)
            calldatacopy(copy, words, 320)
            leaf := keccak256(buffer, 512)
        }
    }
}
