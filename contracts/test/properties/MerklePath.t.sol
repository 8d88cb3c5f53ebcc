// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {MerklePath} from "../../src/libraries/MerklePath.sol";

/// @title Paths of trees, against the tree itself
contract MerklePathTest is Test {
    /// @dev Every leaf of a tree of any depth up to six leads to its root, at its own number and no other.
    function testFuzz_pathsLeadToTheRoot(uint256 seed, uint8 depth, uint8 index) public view {
        depth %= 7;
        bytes32[] memory level = new bytes32[](1 << depth);
        index = uint8(index % level.length);
        for (uint256 i; i < level.length; ++i) level[i] = keccak256(abi.encode(seed, i));
        bytes32 leaf = level[index];
        bytes32[] memory path = new bytes32[](depth);
        uint256 place = index;
        for (uint256 d; d < depth; ++d) {
            path[d] = level[place % 2 == 0 ? place + 1 : place - 1];
            for (uint256 i; i < level.length >> (d + 1); ++i) level[i] = keccak256(abi.encodePacked(level[2 * i], level[2 * i + 1]));
            place /= 2;
        }
        assertEq(this.root(leaf, index, path), level[0]);
        for (uint256 other; other < 1 << depth; ++other) {
            if (other != index) assertTrue(this.root(leaf, other, path) != level[0]);
        }
    }

    function testFuzz_depthIsTheLeastThatHolds(uint24 leaves) public pure {
        uint256 count = uint256(leaves) + 1;
        uint256 depth = MerklePath.depth(count);
        assertLe(count, 2 ** depth);
        if (depth != 0) assertGt(count, 2 ** (depth - 1));
    }

    function root(bytes32 leaf, uint256 index, bytes32[] calldata path) external pure returns (bytes32) {
        return MerklePath.root(leaf, index, path);
    }
}
