// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Newcomers, PassSums, Standings} from "../../src/libraries/Standings.sol";
import {CohortResult, Tally} from "../../src/libraries/Tally.sol";

/// @title Invariant 11: no credit without every flag, each from three of the five seats that also judged
contract FlagsTest is Test {
    uint256[11] private standings;
    uint256[11] private credits;

    function testFuzz_11_noCreditWithoutThreeSeatsForEveryFlag(uint256[5] memory flags, uint64 members, uint8 thick) public {
        uint256[10][5] memory words;
        for (uint256 seat; seat < 5; ++seat) {
            for (uint256 i; i < 4; ++i) {
                // Rate 1000 and full uptime in each lane, so that flags alone decide.
                words[seat][i] = 0x03e803e803e803e803e803e803e803e803e803e803e803e803e803e803e803e8;
                words[seat][4 + i] = 0x2710271027102710271027102710271027102710271027102710271027102710;
            }
            // Uniform bits would let almost no lane pass.
            if (thick & 1 == 1) flags[seat] |= uint256(keccak256(abi.encode(flags[seat]))) | uint256(keccak256(abi.encode(flags[seat], 1)));
            words[seat][8] = flags[seat];
        }
        CohortResult memory result = Tally.tally(words, members, 500);
        PassSums memory sums;
        (sums, credits) = Standings.pass(standings, credits, result, 0, [members, members, members], Newcomers(1 << 20, false));
        uint256 sum;
        for (uint256 lane; lane < 64; ++lane) {
            bool passes = members >> lane & 1 == 1;
            for (uint256 bit; bit < 4; ++bit) {
                uint256 votes;
                for (uint256 seat; seat < 5; ++seat) {
                    uint256 own = flags[seat] >> (4 * lane);
                    votes += own >> 3 & own >> bit & 1;
                }
                passes = passes && votes >= 3;
            }
            uint256 credit = Standings.get(credits, lane);
            assertEq(credit, passes ? 1000 : 0);
            sum += credit;
        }
        assertLe(sum, sums.credits);
    }
}
