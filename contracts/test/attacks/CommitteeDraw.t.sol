// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {SeatList} from "../../src/libraries/SeatList.sol";

/// @title Where a seat lies in the list
contract CommitteeDrawTest is Test {
    using SeatList for SeatList.List;

    uint256 private constant DRAWS = 3_000;

    SeatList.List private list;

    /// @dev Six owners of all the seats that one may hold, and behind each of them a single seat that colludes: 5.9% of all. Where a draw goes on
    /// to the next seat from that of an owner drawn already, it ends at these: they have 2.4% of committees then, not 0.2%.
    function test_aSeatBehindManyOfOneOwnerIsDrawnAsOftenAsAny() public {
        for (uint32 i; i < 6; ++i) {
            list.add(1 + i, 16, 0);
            list.add(101 + i, 1, 0);
        }
        uint256 captured;
        uint256 colluding;
        for (uint256 draw; draw < DRAWS; ++draw) {
            (bool complete, uint32[5] memory drawn) = list.draw(0, keccak256(abi.encode(draw)), 0);
            assertTrue(complete);
            uint256 theirs;
            for (uint256 i; i < 5; ++i) {
                if (drawn[i] > 100) ++theirs;
            }
            colluding += theirs;
            if (theirs >= 3) ++captured;
        }
        assertLt(captured, DRAWS / 200, "captured");
        // Whoever is drawn leaves the rest of its seats to the others: a little more than 5.9% of five seats.
        assertLt(colluding, DRAWS * 6 / 10, "drawn");
    }

    /// @dev What test/unit/epoch/assignment.test.ts draws, over a list whose length has divisors, so that strides come back to where they began.
    function test_drawsAreThoseOfTheToolkit() public {
        uint8[6] memory seats = [4, 3, 1, 1, 1, 2];
        for (uint32 i; i < 6; ++i) list.add(1 + i, seats[i], 0);
        bytes32 all;
        for (uint256 draw; draw < 500; ++draw) {
            (, uint32[5] memory drawn) = list.draw(0, keccak256(abi.encode(draw)), uint32(draw % 7));
            all = keccak256(abi.encode(all, drawn));
        }
        assertEq(all, 0x8e7dd8ec1b9468b9d452a4011f4dba89e622db8c81685c8be8442738fe9b6d30);
    }

    /// @dev Four owners of 64 seats stand before the fifth of one: a committee is found however long it takes.
    function test_theLastOwnerIsFound() public {
        for (uint32 i; i < 4; ++i) list.add(1 + i, 16, 0);
        list.add(5, 1, 0);
        for (uint256 draw; draw < 100; ++draw) {
            (bool complete, uint32[5] memory drawn) = list.draw(0, keccak256(abi.encode(draw)), 1);
            assertTrue(complete);
            uint256 sum;
            for (uint256 i; i < 5; ++i) sum += drawn[i];
            assertEq(sum, 1 + 2 + 3 + 4 + 5);
        }
        list.remove(5, 1, 1);
        (bool any,) = list.draw(1, keccak256("four"), 1);
        assertFalse(any);
    }
}
