// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Frozen32, Frozen64} from "../../src/libraries/Frozen.sol";
import {SeatList} from "../../src/libraries/SeatList.sol";

/// @title Frozen sets, against copies that remember everything
contract SeatListTest is Test {
    using SeatList for SeatList.List;
    using Frozen32 for uint256;

    uint256 private constant OWNERS = 8;

    SeatList.List private list;
    /// @dev The model: seats of each owner as frozen for an epoch, and as they are.
    mapping(uint256 epoch => mapping(uint32 owner => uint256)) private frozen;
    mapping(uint32 owner => uint256) private held;

    /// @dev Invariants 16 and 28: through any adds and removes, the lists of the last epoch, this one and the next two are the model's, seat by
    /// seat, and every draw is of five different owners who hold a seat in it. Each run is about 15 ms.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 300
    function testFuzz_16_28_frozenListsAreWhatTheyWere(uint256 seed) public {
        for (uint256 epoch = 2; epoch < 12; ++epoch) {
            for (uint256 change; change < 3; ++change) {
                _change(uint256(keccak256(abi.encode(seed, epoch, change))), epoch + 2);
            }
            for (uint32 owner = 1; owner <= OWNERS; ++owner) {
                frozen[epoch + 2][owner] = held[owner];
            }
            for (uint256 read = epoch - 1; read <= epoch + 2; ++read) {
                _compare(read, keccak256(abi.encode(seed, "draw", epoch)));
            }
        }
    }

    function _change(uint256 random, uint256 from) private {
        uint32 owner = uint32(random % OWNERS) + 1;
        uint256 seats = (random >> 8) % 3 + 1;
        if (random >> 16 & 1 == 0 && held[owner] + seats <= 16) {
            list.add(owner, seats, from);
            held[owner] += seats;
        } else if (held[owner] >= seats) {
            list.remove(owner, seats, from);
            held[owner] -= seats;
        }
    }

    function _compare(uint256 epoch, bytes32 seed) private view {
        uint256 count = list.countIn(epoch);
        uint256[OWNERS + 1] memory seats;
        for (uint256 i; i < count; ++i) {
            ++seats[list.ownerIn(epoch, i)];
        }
        uint256 owners;
        for (uint32 owner = 1; owner <= OWNERS; ++owner) {
            assertEq(seats[owner], frozen[epoch][owner], "seats as frozen");
            if (seats[owner] != 0) ++owners;
        }
        assertEq(seats[0], 0, "a position without an owner");
        (bool complete, uint32[5] memory drawn) = list.draw(epoch, seed, 3);
        assertEq(complete, owners >= 5, "five owners, or none");
        for (uint256 i; complete && i < 5; ++i) {
            assertGt(seats[drawn[i]], 0, "16: drawn without a seat");
            for (uint256 j; j < i; ++j) {
                assertTrue(drawn[i] != drawn[j], "16: drawn twice");
            }
        }
    }

    /// @dev Three entries, written for the next epoch, are exact from the last epoch on; writes of one epoch replace each other.
    function testFuzz_frozen64(uint64[12] memory values, uint16 gaps) public pure {
        uint256 word;
        uint64[64] memory model;
        uint256 epoch = 1;
        for (uint256 i; i < 12; ++i) {
            word = Frozen64.set(word, epoch + 1, values[i]);
            for (uint256 e = epoch + 1; e < 64; ++e) {
                model[e] = values[i];
            }
            assertEq(Frozen64.newest(word), values[i]);
            for (uint256 read = epoch - 1; read < epoch + 4; ++read) {
                assertEq(Frozen64.valueIn(word, read), model[read]);
            }
            epoch += gaps >> i & 1 == 0 ? 0 : (gaps >> (15 - i) & 1) + 1;
        }
    }

    function testFuzz_frozen32(uint32[12] memory values, uint16 gaps) public pure {
        uint256 word;
        uint32[64] memory model;
        uint256 epoch = 1;
        for (uint256 i; i < 12; ++i) {
            word = Frozen32.set(word, epoch + 2, values[i]);
            for (uint256 e = epoch + 2; e < 64; ++e) {
                model[e] = values[i];
            }
            assertEq(Frozen32.newest(word), values[i]);
            for (uint256 read = epoch - 1; read < epoch + 5; ++read) {
                assertEq(Frozen32.valueIn(word, read), model[read]);
            }
            epoch += gaps >> i & 1 == 0 ? 0 : (gaps >> (15 - i) & 1) + 1;
        }
    }
}
