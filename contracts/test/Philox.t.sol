// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Philox} from "../src/libraries/Philox.sol";

/// @title Numbers that card, CPU and chain derive alike
/// @notice Against fixtures/vectors/memory.json and work.json, and against rounds computed one word at a time. Gas goes to snapshots/philox.json.
contract PhiloxTest is Test {
    string private vectors;
    string private work;

    function setUp() public {
        vectors = vm.readFile("fixtures/vectors/memory.json");
        work = vm.readFile("fixtures/vectors/work.json");
    }

    function test_knownAnswers() public view {
        for (uint256 i; i < 5; ++i) {
            string memory offset = string.concat(".philox[", vm.toString(i), "]");
            uint256[] memory key = vm.parseJsonUintArray(vectors, string.concat(offset, ".key"));
            uint256[] memory c = vm.parseJsonUintArray(vectors, string.concat(offset, ".counter"));
            uint256[] memory want = vm.parseJsonUintArray(vectors, string.concat(offset, ".block"));
            (uint256 a, uint256 b, uint256 d, uint256 e) =
                Philox.blocks(uint32(key[0]), uint32(key[1]), c[0], c[1], c[2], c[3]);
            assertEq(uint32(a), want[0]);
            assertEq(uint32(b), want[1]);
            assertEq(uint32(d), want[2]);
            assertEq(uint32(e), want[3]);
        }
    }

    function test_weightsAndFillOfEverySpec() public view {
        string[3] memory names = ["small", "devnet", "standard"];
        uint32[3] memory last = [uint32(1), 0, 3];
        for (uint256 i; i < 3; ++i) {
            (uint32 key0, uint32 key1) = _key(vectors, names[i], ".weightsKey");
            bytes memory column = Philox.weights(key0, key1, last[i], 5, 64);
            assertEq(column, vm.parseJsonBytes(vectors, string.concat(".", names[i], ".weightsColumn5")));
            (key0, key1) = _key(vectors, names[i], ".fillKey");
            bytes memory row = Philox.fill(key0, key1, 3, last[i], 7, 64);
            assertEq(row, vm.parseJsonBytes(vectors, string.concat(".", names[i], ".fillRow7")));
        }
    }

    function test_weightsOfTheTensorJobOfEverySpec() public view {
        string[3] memory names = ["small", "devnet", "standard"];
        uint32[3] memory distinct = [uint32(2), 8, 4];
        bytes32 epochSeed = vm.parseJsonBytes32(work, ".epochSeed");
        for (uint256 i; i < 3; ++i) {
            string memory spec = string.concat(".", names[i]);
            bytes32 specHash = vm.parseJsonBytes32(work, string.concat(spec, ".specHash"));
            (uint32 key0, uint32 key1) = _key(work, names[i], ".weightsKey");
            (uint32 own0, uint32 own1) = Philox.keyOf(_tensorHash(specHash, epochSeed));
            assertEq(own0, key0);
            assertEq(own1, key1);
            bytes memory embed = vm.parseJsonBytes(work, string.concat(spec, ".embedColumn5"));
            bytes memory drawn = Philox.weights(own0, own1, 0, 5, 64);
            for (uint256 k; k < 32; ++k) {
                assertEq(drawn[k], embed[k]);
            }
            assertEq(
                Philox.weights(own0, own1, distinct[i], 5, 64),
                vm.parseJsonBytes(work, string.concat(spec, ".layerColumn5"))
            );
            assertEq(
                Philox.weights(own0, own1, distinct[i] + 1, 5, 64),
                vm.parseJsonBytes(work, string.concat(spec, ".reduceColumn5"))
            );
        }
    }

    function testFuzz_fourBlocksAsOneByOne(uint32[2] memory key, uint32[3] memory words, uint8 length) public pure {
        uint256 entries = 64 * (1 + uint256(length) % 4);
        bytes memory drawn = Philox.line(key[0], key[1], [uint256(words[0]), words[1], words[2]], entries);
        assertEq(drawn.length, entries);
        for (uint256 offset; offset < entries; ++offset) {
            uint32[4] memory one = _oneBlock(key, [uint32(offset / 16), words[0], words[1], words[2]]);
            assertEq(uint8(drawn[offset]), uint8(one[offset % 16 / 4] >> 8 * (offset % 4)));
        }
    }

    function testFuzz_weightsAreSymmetric(uint32 key0, uint32 key1, uint32 matrix, uint32 column) public pure {
        bytes memory drawn = Philox.line(key0, key1, [uint256(column), matrix, 1], 128);
        bytes memory weights = Philox.weights(key0, key1, matrix, column, 128);
        for (uint256 offset; offset < 128; ++offset) {
            uint256 low = uint8(drawn[offset]) % 128;
            assertEq(uint8(weights[offset]), low == 0 ? 64 : low);
        }
    }

    function test_keyIsTheFirstEightBytes() public pure {
        (uint32 key0, uint32 key1) = Philox.keyOf(bytes32(hex"0102030405060708ffffffffffffffffffffffffffffffffffffffffffffffff"));
        assertEq(key0, 0x04030201);
        assertEq(key1, 0x08070605);
    }

    function test_lengthsThatAreNoFourBlocksAreRefused() public {
        vm.expectRevert();
        this.lineOf(100);
    }

    function lineOf(uint256 entries) external pure returns (bytes memory) {
        return Philox.line(1, 2, [uint256(3), 4, 5], entries);
    }

    /// @dev A whole column of weights and a whole row of a fill at the width of `standard`, memory included; then a column of the tensor
    /// job's with its key.
    function test_gas() public {
        uint256 before = gasleft();
        Philox.weights(1, 2, 3, 4, 4096);
        uint256 weights = (before - gasleft()) / 256;
        before = gasleft();
        Philox.fill(1, 2, 3, 4, 5, 4096);
        uint256 fill = (before - gasleft()) / 256;
        vm.snapshotValue("philox", "weightsGasPer16Entries", weights);
        vm.snapshotValue("philox", "fillGasPer16Entries", fill);
        before = gasleft();
        (uint32 key0, uint32 key1) = Philox.keyOf(_tensorHash(bytes32(uint256(1)), bytes32(uint256(2))));
        Philox.weights(key0, key1, 3, 4, 4096);
        vm.snapshotValue("philox", "tensorColumnGas", before - gasleft());
        assertLe(weights, 800, "weights");
        assertLe(fill, 800, "fill");
    }

    /// @dev What the key of the tensor job's weights is of.
    function _tensorHash(bytes32 specHash, bytes32 epochSeed) private pure returns (bytes32) {
        return sha256(abi.encodePacked("kaisar/weights/v2", specHash, epochSeed));
    }

    function _key(string memory json, string memory name, string memory which) private pure returns (uint32, uint32) {
        uint256[] memory key = vm.parseJsonUintArray(json, string.concat(".", name, which));
        return (uint32(key[0]), uint32(key[1]));
    }

    /// @dev The rounds as the paper has them.
    function _oneBlock(uint32[2] memory key, uint32[4] memory c) private pure returns (uint32[4] memory) {
        unchecked {
            for (uint256 round; round < 10; ++round) {
                uint64 p0 = uint64(c[0]) * 0xd2511f53;
                uint64 p1 = uint64(c[2]) * 0xcd9e8d57;
                c = [uint32(p1 >> 32) ^ c[1] ^ key[0], uint32(p1), uint32(p0 >> 32) ^ c[3] ^ key[1], uint32(p0)];
                key = [key[0] + 0x9e3779b9, key[1] + 0xbb67ae85];
            }
        }
        return c;
    }
}
