// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Root of a fixed-depth keccak tree from a leaf, its number and its siblings
library MerklePath {
    function root(bytes32 leaf, uint256 index, bytes32[] calldata siblings) internal pure returns (bytes32 node) {
        node = leaf;
        // for each sibling: node = index & 1 == 0 ? H(node, sibling) : H(sibling, node), index >>= 1; H = keccak256(abi.encode(left, right))
        assembly ("memory-safe") {
            let end := add(siblings.offset, shl(5, siblings.length))
            for { let place := siblings.offset } lt(place, end) { place := add(place, 32) } {
                let side := shl(5, and(index, 1))
                mstore(side, node)
                mstore(xor(side, 32), calldataload(place))
                node := keccak256(0, 64)
                index := shr(1, index)
            }
        }
    }

    /// @notice ⌈log2(leaves)⌉.
    function depth(uint256 leaves) internal pure returns (uint256 levels) {
        while (1 << levels < leaves) ++levels;
    }
}
