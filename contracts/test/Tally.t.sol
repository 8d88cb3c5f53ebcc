// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {CERTAIN, COMMITTEE, QUORUM} from "../src/libraries/Constants.sol";
import {Minifloat} from "../src/libraries/Minifloat.sol";
import {PackedMedian} from "../src/libraries/PackedMedian.sol";
import {SilenceWord} from "../src/libraries/Silence.sol";
import {Newcomers, PassSums, Standings} from "../src/libraries/Standings.sol";
import {CohortResult, Tally} from "../src/libraries/Tally.sol";
import {ScalarTally} from "./reference/ScalarTally.sol";

/// @title The packed tally is the scalar one, and has the properties the protocol rests on
contract TallyTest is Test {
    using Standings for uint256[11];

    uint256 private constant H = PackedMedian.TOP;
    uint256 private constant FIRST = 1 << 20;

    uint256[11] private _standings;
    uint256[11] private _credits;

    // --- invariant 10: packed = scalar, from openings to credits, standings and sums

    /// @param shape Chooses how much the seats resemble each other, so that full, partial and empty lanes all occur.
    /// forge-config: default.fuzz.runs = 200
    function testFuzz_packedEqualsScalar(uint256 seed, uint8 shape, uint64 m0, uint64 m1, uint64 m2) public {
        uint256[10][5] memory w = _openings(seed, shape);
        if (shape & 64 != 0) (m0, m1) = (type(uint64).max, type(uint64).max);
        if (shape & 128 != 0) m2 = m0;
        uint64[3] memory members = [m0, m1, m2];
        uint256[64] memory before;
        for (uint256 i; i < 64; ++i) {
            uint256 r = uint256(keccak256(abi.encode(seed, "standing", i)));
            before[i] = r & 7 == 0 ? 0 : (r >> 8) % (1 << (1 + (r >> 3) % 41));
            if (shape & 16 == 0) _standings.set(i, before[i]);
        }
        ScalarTally.Terms memory terms = _terms(seed, shape);
        if (shape & 16 != 0) delete before;
        ScalarTally.Outcome memory want = ScalarTally.run(_copy(w), members, before, terms);
        CohortResult memory got = Tally.tally(w, m0, terms.tolerance);
        (PassSums memory sums, uint256[11] memory creditWords) =
            Standings.pass(_standings, _credits, got, terms.silent, members, terms.newcomers);
        for (uint256 i; i < 64; ++i) {
            ScalarTally.Lane memory lane = want.lanes[i];
            assertEq(got.rates[i / 16] >> (16 * (i % 16)) & 0xffff, lane.rate, "rate");
            assertEq(got.uptimes[i / 16] >> (16 * (i % 16)) & 0xffff, lane.uptime, "uptime");
            assertEq(got.flags >> (4 * i) & 15, lane.flags, "flags");
            assertEq(got.judged >> (4 * i) & 15, lane.judged ? 1 : 0, "judged");
            assertEq(got.certain >> (4 * i) & 15, lane.certain ? 1 : 0, "certain");
            assertEq(got.scored >> (4 * i) & 15, lane.scored ? 1 : 0, "scored");
            assertEq(_credits.get(i), want.credits[i], "credit");
            assertEq(creditWords[i / 6] >> (42 * (i % 6)) & ((1 << 42) - 1), want.credits[i], "credit word");
            assertEq(_standings.get(i), want.standings[i], "standing");
            assertEq(sums.earned >> (4 * i) & 15, want.earned[i] ? 1 : 0, "earned");
        }
        for (uint256 seat; seat < 5; ++seat) {
            assertEq(got.agreed[seat], want.agreed[seat], "agreed");
        }
        assertEq(sums.credits, want.creditSum, "credits");
        assertEq(sums.caps, want.capSum, "caps");
        assertEq(sums.presentDelta, want.presentDelta, "present");
        assertEq(sums.followingDelta, want.followingDelta, "following");
        _checkRead(seed, want.credits);
    }

    /// @dev Each word of rates and of uptimes, and each lane of it, counts in whether a seat agrees.
    function test_aSeatThatDiffersInOneLaneAgreesInTheOthers() public pure {
        uint256 ones = type(uint256).max / 0xffff;
        for (uint256 place; place < 128; ++place) {
            uint256[10][5] memory words;
            for (uint256 seat; seat < 5; ++seat) {
                for (uint256 i; i < 4; ++i) (words[seat][i], words[seat][4 + i]) = (100 * ones, 10_000 * ones);
                words[seat][8] = type(uint256).max;
            }
            bool isRate = place < 64;
            words[2][place / 16] ^= (isRate ? uint256(1) : 0x2000) << (16 * (place % 16));
            uint8[5] memory agreed = Tally.tally(words, type(uint64).max, 500).agreed;
            for (uint256 seat; seat < 5; ++seat) assertEq(agreed[seat], seat == 2 ? 63 : 64);
        }
    }

    /// @dev Bit 4 of `shape`: nobody has a standing yet.
    function _terms(uint256 seed, uint8 shape) private pure returns (ScalarTally.Terms memory) {
        Newcomers memory newcomers = Newcomers(shape & 16 != 0 ? FIRST : 1 + seed % FIRST, shape & 16 == 0);
        return ScalarTally.Terms(shape & 32 == 0 ? 0 : seed & PackedMedian.ONES, newcomers, seed % 2_501);
    }

    function _checkRead(uint256 seed, uint256[64] memory credits) private view {
        uint256[] memory read = new uint256[](1 + seed % 64);
        uint256 from = (seed >> 8) % (65 - read.length);
        _credits.read(from, read);
        for (uint256 i; i < read.length; ++i) {
            assertEq(read[i], credits[from + i], "read");
        }
    }

    // --- invariants 7, 8, 9, 12: medians

    function testFuzz_exchangeSortsEachLane(uint256 a, uint256 b) public pure {
        (a, b) = (a & ~H, b & ~H);
        (uint256 low, uint256 high) = PackedMedian.exchange(a, b);
        for (uint256 shift; shift < 256; shift += 16) {
            (uint256 x, uint256 y) = (a >> shift & 0xffff, b >> shift & 0xffff);
            assertEq(low >> shift & 0xffff, x < y ? x : y);
            assertEq(high >> shift & 0xffff, x < y ? y : x);
        }
    }

    /// @dev Invariant 12: another lane's value never shows.
    function testFuzz_noCarryBetweenLanes(uint256[5] memory v, uint256 noise, uint8 lane) public pure {
        uint256 mask = uint256(0xffff) << (16 * (lane % 16));
        uint256 before = _median(v) & mask;
        for (uint256 i; i < 5; ++i) {
            v[i] = (v[i] & mask) | (uint256(keccak256(abi.encode(noise, i))) & ~mask);
        }
        assertEq(_median(v) & mask, before);
    }

    /// @dev Invariant 9 for seats, and the network of seven exchanges is a selection network.
    function testFuzz_medianIgnoresOrder(uint256[5] memory v, uint256 order) public pure {
        uint256 before = _median(v);
        for (uint256 i = 5; i > 1; --i) {
            uint256 j = uint256(keccak256(abi.encode(order, i))) % i;
            (v[i - 1], v[j]) = (v[j], v[i - 1]);
        }
        assertEq(_median(v), before);
    }

    /// @dev By the 0-1 principle, 32 inputs prove a comparator network for all.
    function test_networkSelectsTheThirdForAllZeroOneInputs() public pure {
        for (uint256 bits; bits < 32; ++bits) {
            uint256 ones;
            for (uint256 i; i < 5; ++i) {
                ones += bits >> i & 1;
            }
            uint256 got = PackedMedian.median(bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1, bits >> 4 & 1);
            assertEq(got, ones >= 3 ? 1 : 0);
        }
    }

    /// @dev Invariant 7: two liars cannot leave the honest range; with seats missing (0), never above it.
    function testFuzz_twoLiarsStayInsideTheHonestRange(uint256[3] memory honest, uint256[2] memory lies, bool missing)
        public
        pure
    {
        uint256 got = missing
            ? PackedMedian.median(honest[0] & ~H, honest[1] & ~H, lies[0] & ~H, 0, 0)
            : PackedMedian.median(honest[0] & ~H, honest[1] & ~H, honest[2] & ~H, lies[0] & ~H, lies[1] & ~H);
        for (uint256 shift; shift < 256; shift += 16) {
            uint256 lowest = 0xffff;
            uint256 highest;
            for (uint256 i; i < (missing ? 2 : 3); ++i) {
                uint256 x = honest[i] >> shift & 0x7fff;
                if (x < lowest) lowest = x;
                if (x > highest) highest = x;
            }
            uint256 lane = got >> shift & 0xffff;
            assertLe(lane, highest);
            if (!missing) assertGe(lane, lowest);
        }
    }

    /// @dev Invariant 8.
    function testFuzz_raisingOneReportNeverLowersTheMedian(uint256[5] memory v, uint256 more, uint8 who) public pure {
        uint256 before = _median(v);
        uint256 i = who % 5;
        uint256 raised;
        for (uint256 shift; shift < 256; shift += 16) {
            uint256 x = v[i] >> shift & 0x7fff;
            uint256 y = more >> shift & 0x7fff;
            raised |= (x > y ? x : y) << shift;
        }
        v[i] = raised;
        uint256 later = _median(v);
        for (uint256 shift; shift < 256; shift += 16) {
            assertGe(later >> shift & 0xffff, before >> shift & 0xffff);
        }
    }

    /// @dev Invariant 11, as bits: a quorum of the committee, and as many as make a result certain.
    function testFuzz_majorityCountsAQuorumAndCertainty(uint256[5] memory v) public pure {
        (uint256 got, uint256 four) = PackedMedian.majority(v[0], v[1], v[2], v[3], v[4]);
        for (uint256 bit; bit < 256; ++bit) {
            uint256 votes;
            for (uint256 i; i < COMMITTEE; ++i) {
                votes += v[i] >> bit & 1;
            }
            assertEq(got >> bit & 1, votes >= QUORUM ? 1 : 0);
            assertEq(four >> bit & 1, votes >= CERTAIN ? 1 : 0);
        }
    }

    // --- ranges and small parts

    function testFuzz_rangeCheckFindsEveryBadLane(uint256 seed, uint8 lane, uint16 value) public pure {
        uint256[10] memory w = _openings(seed, 0)[0];
        assertTrue(PackedMedian.inRange(w));
        uint256 word = lane % 8;
        uint256 shift = 16 * (lane / 8 % 16);
        w[word] = (w[word] & ~(uint256(0xffff) << shift)) | (uint256(value) << shift);
        assertEq(PackedMedian.inRange(w), word < 4 ? value < 0x8000 : value <= 10_000);
    }

    function test_rangeCheckAtItsEdges() public pure {
        uint256[10] memory w;
        (w[0], w[4]) = (0x7fff, 10_000);
        assertTrue(PackedMedian.inRange(w));
        w[4] = 10_001;
        assertFalse(PackedMedian.inRange(w));
        (w[0], w[4]) = (0x8000, 10_000);
        assertFalse(PackedMedian.inRange(w));
    }

    function testFuzz_minifloatIsMonotone(uint16 a, uint16 b) public pure {
        (a, b) = (a & 0x7fff, b & 0x7fff);
        if (a > b) (a, b) = (b, a);
        if (a < b) assertLt(Minifloat.decode(a), Minifloat.decode(b));
        assertEq(Minifloat.decode(a), ScalarTally.decode(a));
        assertLt(Minifloat.decode(0x7fff), 1 << 41);
    }

    function testFuzz_silenceCountsJudgedEpochsWithoutCredit(uint256 bits, uint256 judged, uint256 earned) public pure {
        judged &= PackedMedian.ONES;
        earned &= judged;
        SilenceWord word = SilenceWord.wrap(bits);
        SilenceWord got = word.next(judged, earned);
        for (uint256 lane; lane < 64; ++lane) {
            uint256 was = word.get(lane);
            uint256 want = was;
            if (judged >> (4 * lane) & 1 == 1) want = was == 15 ? 15 : was + 1;
            if (earned >> (4 * lane) & 1 == 1) want = 0;
            assertEq(got.get(lane), want);
        }
    }

    /// @dev Invariant 24: whatever a committee writes, the credit is at most the cap and the standing at most doubles.
    function testFuzz_aCapturedCommitteeGainsTheCap(uint256 standing, uint256 score) public pure {
        standing = bound(standing, 1, (1 << 41) - 1);
        uint256 cap = 2 * standing;
        uint256 credit = bound(score, 1, (1 << 41) - 1);
        if (credit > cap) credit = cap;
        assertLe(credit, 2 * standing);
        uint256 moved = Standings.moved(standing, credit, false, true);
        assertLe(moved, 2 * standing);
        assertGe(moved, 1);
        assertLe(moved, standing + standing / 4 + 1);
        assertLe(Standings.moved(standing, credit, true, true), standing, "a capture after a silent epoch adds nothing");
    }

    /// @dev A device that was away, or paused, for a part of an epoch is paid for the rest, and stands as what it showed while it was there.
    function testFuzz_absenceMovesNoStanding(uint256 seed, uint16 rate, uint16 uptime) public {
        rate = uint16(bound(rate, 1 << 10, 20 << 10));
        uptime = uint16(bound(uptime, 1, 10_000));
        uint256 lane = seed % 64;
        CohortResult memory result;
        result.rates[lane / 16] = uint256(rate) << (16 * (lane % 16));
        result.uptimes[lane / 16] = uint256(uptime) << (16 * (lane % 16));
        result.scored = 1 << (4 * lane);
        uint64[3] memory members = [uint64(1 << lane), uint64(1 << lane), uint64(1 << lane)];
        uint256 shown = Minifloat.decode(rate);
        Standings.set(_standings, lane, shown);
        Standings.pass(_standings, _credits, result, 0, members, Newcomers(1, true));
        assertEq(Standings.get(_credits, lane), shown * uptime / 10_000, "paid for its presence");
        assertEq(Standings.get(_standings, lane), shown, "and stands where it stood");
    }

    /// @dev By a constant measure a standing comes nearer with each epoch, arrives, from anywhere, and is never past it.
    function testFuzz_aStandingArrives(uint40 start, uint40 measure, uint8 near) public pure {
        _arrives(bound(start, 1, (1 << 41) - 1), bound(measure, 1, (1 << 41) - 1));
        _arrives(1 + start % 9, 1 + measure % 9);
        _arrives(1 + uint256(measure) + near % 9, 1 + uint256(measure));
    }

    function _arrives(uint256 standing, uint256 measure) private pure {
        for (uint256 epoch; epoch < 300 && standing != measure; ++epoch) {
            uint256 cap = 2 * standing;
            uint256 next = Standings.moved(standing, measure < cap ? measure : cap, false, true);
            if (standing < measure) assertTrue(next > standing && next <= measure);
            else assertTrue(next < standing && next >= measure);
            standing = next;
        }
        assertEq(standing, measure);
    }

    /// @dev The pass itself, in both directions: a standing of 1 rises, one just above falls, one just below rises, and all stay.
    function test_smallStandingsRise() public {
        uint16 rate = 3_000;
        uint256 shown = Minifloat.decode(rate);
        uint256[3] memory starts = [uint256(1), shown + 3, shown - 1];
        CohortResult memory result;
        for (uint256 lane; lane < 3; ++lane) {
            result.rates[0] |= uint256(rate) << (16 * lane);
            result.uptimes[0] |= uint256(10_000) << (16 * lane);
            result.scored |= 1 << (4 * lane);
            Standings.set(_standings, lane, starts[lane]);
        }
        for (uint256 epoch; epoch < 60; ++epoch) {
            Standings.pass(_standings, _credits, result, 0, [uint64(7), 7, 7], Newcomers(1, true));
        }
        for (uint256 lane; lane < 3; ++lane) assertEq(Standings.get(_standings, lane), shown);
    }

    /// @dev Invariant 27: an honest device that was offline for up to three judged epochs is credited its true score at once.
    function testFuzz_shortSilenceKeepsTheScore(uint256 score, uint8 offline) public pure {
        score = bound(score, 1, (1 << 41) - 1);
        assertEq(Standings.moved(score, score, false, true), score);
        uint256 standing = score;
        for (uint256 i; i < offline % 4; ++i) standing = Standings.moved(standing, 0, i != 0, true);
        assertGe(2 * standing, score < 4 ? 0 : score - 3, "up to rounding");
    }

    function _median(uint256[5] memory v) private pure returns (uint256) {
        return PackedMedian.median(v[0] & ~H, v[1] & ~H, v[2] & ~H, v[3] & ~H, v[4] & ~H);
    }

    function _openings(uint256 seed, uint8 shape) private pure returns (uint256[10][5] memory w) {
        for (uint256 seat; seat < 5; ++seat) {
            // Low bits of `shape`: missing seats and identical seats.
            if (shape & 1 == 1 && seat == 4) continue;
            uint256 own = shape & 2 == 2 && seat > 1 ? 1 : seat;
            for (uint256 i; i < 9; ++i) {
                uint256 r = uint256(keccak256(abi.encode(seed, own, i)));
                if (i < 4) {
                    w[seat][i] = r & ~H;
                    continue;
                }
                if (i == 8) {
                    w[seat][8] = shape & 4 == 4 ? r | (PackedMedian.ONES << 3) : r;
                    if (shape & 8 == 8) w[seat][8] = type(uint256).max;
                    continue;
                }
                for (uint256 shift; shift < 256; shift += 16) {
                    w[seat][i] |= ((r >> shift & 0xffff) % 10_001) << shift;
                }
            }
        }
    }

    function _copy(uint256[10][5] memory w) private pure returns (uint256[10][5] memory c) {
        for (uint256 i; i < 5; ++i) {
            for (uint256 j; j < 10; ++j) {
                c[i][j] = w[i][j];
            }
        }
    }
}
