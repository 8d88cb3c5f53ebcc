// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Root of a fixed-depth keccak tree from a leaf, its number and its siblings
library MerklePath {
    function root(bytes32 leaf, uint256 index, bytes32[] calldata siblings) internal pure returns (bytes32 node) {
        node = leaf;
        for (uint256 i; i < siblings.length; ++i) {
            bytes32 sibling = siblings[i];
            node = index & 1 == 0 ? _hash(node, sibling) : _hash(sibling, node);
            index >>= 1;
        }
    }

    /// @notice ⌈log2(leaves)⌉.
    function depth(uint256 leaves) internal pure returns (uint256 levels) {
        while (1 << levels < leaves) ++levels;
    }

    /// @dev keccak256(abi.encode(left, right)) in scratch space.
    function _hash(bytes32 left, bytes32 right) private pure returns (bytes32 node) {
        assembly ("memory-safe") {
            mstore(0, left)
            mstore(32, right)
            node := keccak256(0, 64)
        }
    }
}
