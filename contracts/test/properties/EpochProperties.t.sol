// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CohortState, EpochTotals, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {EpochMoney} from "../../src/interfaces/IRewardVault.sol";
import {Minifloat} from "../../src/libraries/Minifloat.sol";
import {PackedMedian} from "../../src/libraries/PackedMedian.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title Properties of a whole epoch, on the real contracts, with everything the fuzzer can choose
/// @notice Numbers are those of the invariants in docs/contracts.md. Runs are fewer than the default 5,000 where each one plays a whole
/// epoch (about 3 ms on a quiet core); the arithmetic inside has its 5,000 runs in Tally.t.sol.
contract EpochPropertiesTest is Fixture {
    uint256 private constant DEVICES = 5;
    /// @dev Lanes of a second cohort.
    uint256 private constant SECOND = 3;
    /// @dev The lane value of 2^20, the largest standing a first score sets: below it a device's first credit is its true score.
    uint16 private constant FIRST_STANDING = 11 << 10;

    function setUp() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(64 + SECOND);
        startEpochs();
    }

    // --- 7, 24: what two and what five liars reach

    /// @dev Invariant 7, from commitments to credits: whatever two of five write, a lane's credit is that of an honest rate.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_07_twoLiarsLeaveTheCreditOfTheHonest(uint256 lies, uint16 rate, uint8 first, uint8 second) public {
        rate &= 0x7fff;
        (first, second) = (first % 5, second % 5);
        uint256[10][] memory truth = both(pack(uniformClaim(64, rate, 10_000)));
        uint256[10][] memory lie = both(anyWords(lies));
        warpTo(0, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(0, 0);
        Opening[] memory openings = new Opening[](5);
        for (uint8 i; i < 5; ++i) {
            uint256[10][] memory words = i == first || i == second ? lie : truth;
            commitWords(0, committee[i], words);
            openings[i] = openingOf(0, committee[i], 0, i, words);
        }
        warpTo(0, Phase.Open);
        consensus.finalize(0, 0, openings);
        uint256 score = Minifloat.decode(rate);
        uint256 want = score < 1 << 20 ? score : 1 << 20;
        for (uint32 lane; lane < 64; lane += 9) {
            assertEq(consensus.creditOf(0, lane), want);
        }
    }

    /// @dev Invariant 24: five liars are paid the cap, and leave at most twice the standing.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_24_capturedCommitteeIsPaidTheCap(uint256 lies, uint16 rate) public {
        rate = uint16(bound(rate, 1, 0x4fff));
        settleHonestly(0, uniformClaim(64, rate, 10_000));
        uint256 before = consensus.standingAtLane(5);
        uint256 lie = lies | 0x7fff; // lane 0 at most, the others anything
        settleWords(1, anyWords(lie));
        for (uint32 lane; lane < 64; lane += 9) {
            assertLe(consensus.creditOf(1, lane), 2 * before);
            assertLe(consensus.standingAtLane(lane), 2 * before);
        }
    }

    // --- 5, 17, 23: openings

    /// @dev Invariants 5 and 17: one changed bit anywhere in an opening, or another epoch's or seat's salt, is refused and nothing is scored.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_05_17_onlyTheCommittedOpeningCounts(uint8 seat, uint8 word, uint8 bit, bool salt) public {
        (uint256[10][] memory words, Opening[] memory openings) = everybodyCommits(0, pack(uniformClaim(64, 900, 10_000)));
        words;
        seat %= 5;
        if (salt) openings[seat].salt ^= bytes32(uint256(1) << bit);
        else openings[seat].words[word % 10] ^= uint256(1) << bit;
        warpTo(0, Phase.Open);
        vm.expectRevert();
        consensus.finalize(0, 0, openings);
        assertEq(consensus.creditOf(0, 0), 0);
        assertEq(uint256(consensus.cohortState(0, 0)), uint256(CohortState.Pending));
    }

    /// @dev Invariant 23: whatever three honest seats' company commits to and opens, the cohort is resolved, with the honest rate.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_23_noOpeningMakesACohortUnfinalizable(uint256[10] memory a, uint256[10] memory b) public {
        uint256[10][] memory truth = both(pack(uniformClaim(64, 900, 10_000)));
        warpTo(0, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(0, 0);
        Opening[] memory openings = new Opening[](5);
        for (uint8 i; i < 5; ++i) {
            uint256[10][] memory words = i == 1 ? both(a) : i == 4 ? both(b) : truth;
            commitWords(0, committee[i], words);
            openings[i] = openingOf(0, committee[i], 0, i, words);
        }
        warpTo(0, Phase.Open);
        consensus.finalize(0, 0, openings);
        assertEq(uint256(consensus.cohortState(0, 0)), uint256(CohortState.Final));
        assertEq(consensus.creditOf(0, 0), 900);
        assertEq(seats.checker(committee[1]).strikes, PackedMedian.inRange(a) ? 0 : 1);
        assertEq(seats.checker(committee[0]).strikes, 0, "15: nobody else is struck");
    }

    // --- 6, 9, 19: cohorts

    /// @dev Invariant 9: the order in which cohorts become final changes no credit, no standing, no total, no payment.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_09_orderOfCohortsDoesNotMatter(uint256 seed) public {
        (uint256[10][] memory words,) = everybodyCommits(0, anyWords(seed));
        warpTo(0, Phase.Open);
        Opening[] memory first = openAll(0, 0, words);
        Opening[] memory second = openAll(0, 1, words);
        uint256 snapshot = vm.snapshotState();
        consensus.finalize(0, 0, first);
        consensus.finalize(0, 1, second);
        bytes32 forwards = outcome(0);
        assertTrue(vm.revertToState(snapshot));
        consensus.finalize(0, 1, second);
        consensus.finalize(0, 0, first);
        assertEq(outcome(0), forwards);
    }

    /// @dev Invariant 19: voiding the other cohort leaves its standings and does not raise one's own pay, not even by rounding.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_19_voidingARivalRaisesNobodysPay(uint16 mine, uint16 theirs, bool byCall) public {
        Claim memory claim = uniformClaim(64, uint16(bound(theirs, 1, 0x4fff)), 10_000);
        settleHonestly(0, claim);
        uint256 standing = consensus.standingAtLane(64);
        claim.rates[3] = mine & 0x7fff;
        (uint256[10][] memory words,) = everybodyCommits(1, pack(claim));
        warpTo(1, Phase.Open);
        consensus.finalize(1, 0, openAll(1, 0, words));
        uint256 snapshot = vm.snapshotState();
        consensus.finalize(1, 1, openAll(1, 1, words));
        uint256 honest = vault.payCohort(1, 0, 64);
        assertTrue(vm.revertToState(snapshot));
        if (byCall) {
            warpTo(1, Phase.Finalize);
            consensus.voidCohort(1, 1);
        }
        warpTo(1, Phase.Pay);
        assertEq(uint256(consensus.cohortState(1, 1)), uint256(CohortState.Void));
        assertLe(vault.payCohort(1, 0, 64), honest);
        assertEq(vault.payCohort(1, 1, 64), 0);
        assertEq(consensus.standingAtLane(64), standing);
    }

    // --- 2, 14, 21, 25: money

    /// @dev Invariants 2, 14 and 21: any way of splitting pays the same, each payment is the exact share rounded down, within the emission.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_02_14_21_splittingABatchPaysTheSame(uint256 seed, uint8[6] memory batches) public {
        settleWords(0, anyWords(seed));
        uint256 snapshot = vm.snapshotState();
        uint256 whole = vault.payCohort(0, 0, 64);
        bytes32 balances = payoutBalances();
        EpochMoney memory money = vault.moneyOf(0);
        for (uint32 lane; lane < 64; lane += 7) {
            uint256 credit = consensus.creditOf(0, lane);
            uint256 share = uint256(money.devicePool) * credit / (money.denominator == 0 ? 1 : money.denominator);
            uint256 most = uint256(money.maxPrice) * credit;
            assertEq(token.balanceOf(payoutOf(makeAddr(nameOf(lane)))), share < most ? share : most);
        }
        assertTrue(vm.revertToState(snapshot));
        uint256 sum;
        for (uint256 i; i < 6; ++i) {
            sum += vault.payCohort(0, 0, batches[i] % 40);
        }
        sum += vault.payCohort(0, 0, 64);
        assertEq(sum, whole);
        assertEq(payoutBalances(), balances);
        for (uint32 cohort; cohort < 2; ++cohort) {
            vault.payCohort(0, cohort, 64);
            vault.payCheckers(0, cohort);
        }
        vault.payKeeper(0, keeper);
        money = vault.moneyOf(0);
        assertLe(money.paid, money.emission, "2");
        assertLe(money.keeperPaid, money.keeperPool, "2");
    }

    /// @dev Invariant 25: five registrations that share one card's rate are paid at most what one is paid for the sum.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_25_sharingARateEarnsNothing(uint16[5] memory parts, uint16 uptime) public {
        uptime %= 10_001;
        Claim memory split = uniformClaim(64, 900, 10_000);
        Claim memory single = uniformClaim(64, 900, 10_000);
        uint256 sum;
        for (uint256 i; i < DEVICES; ++i) {
            parts[i] &= 0x3ff; // exact in the minifloat, so that the sum is too
            sum += parts[i];
            (split.rates[i], split.uptimes[i], single.uptimes[i]) = (parts[i], uptime, uptime);
            single.rates[i] = 0;
        }
        single.rates[0] = encodeDown(sum);
        uint256 exact = Minifloat.decode(single.rates[0]);
        split.rates[0] -= uint16(parts[0] >= sum - exact ? sum - exact : 0);
        if (parts[0] < sum - exact) return;
        uint256[10] memory others = pack(uniformClaim(64, 900, 10_000));
        uint256 snapshot = vm.snapshotState();
        settleEach(0, pack(split), others);
        vault.payCohort(0, 0, uint8(DEVICES));
        uint256 shared = paidTo(DEVICES);
        assertTrue(vm.revertToState(snapshot));
        // The others are not there: a registration that does not work takes from everybody.
        for (uint256 i = 1; i < DEVICES; ++i) {
            vm.prank(makeAddr(nameOf(i)));
            registry.requestExit(deviceIds[i]);
        }
        settleEach(0, pack(single), others);
        vault.payCohort(0, 0, uint8(DEVICES));
        assertLe(shared, paidTo(DEVICES));
    }

    // --- 18, 22, 26, 27: devices over time

    /// @dev Invariants 18 and 22: at whatever second devices register or start a new generation, the present epoch is not about them.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_18_22_registrationsCountFromTheNextEpoch(uint8 second, uint8 renewals) public {
        vm.warp(firstEpochAt + second % 16);
        bytes32 late = registerDevice("late");
        uint32 lane = registry.getDevice(late).lane;
        settleHonestly(0, uniformClaim(64, 900, 10_000));
        assertEq(consensus.creditOf(0, lane), 0);
        vault.payCohort(0, 1, 64);
        assertEq(token.balanceOf(payoutOf(makeAddr("late"))), 0);
        uint32 generation = registry.generationAt(late, 1);
        for (uint256 i; i < renewals % 8; ++i) {
            registerDevice("late");
            assertEq(registry.generationAt(late, 1), generation, "22");
            assertEq(registry.devicesOf(1, 1)[lane % 64].generation, generation, "22");
        }
        assertEq(registry.devicesOf(1, 1)[lane % 64].id, late);
        warpTo(0, Phase.Finalize);
        rollSeed(2);
        settleHonestly(1, uniformClaim(64, 900, 10_000));
        assertEq(consensus.creditOf(1, lane), 0, "its first credit is held, and sets its standing");
        assertEq(consensus.standingAtLane(lane), 900 * (64 + SECOND) / (64 + SECOND + 1));
        warpTo(1, Phase.Finalize);
        rollSeed(3);
        settleHonestly(2, uniformClaim(64, 900, 10_000));
        assertEq(consensus.creditOf(2, lane), 900);
    }

    /// @dev Invariants 26 and 27: any number of epochs nobody rolled cost nothing, block nothing, and leave an honest device its true score.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_26_27_unrolledEpochsCostNothing(uint32 asleep, uint16 rate) public {
        rate = uint16(bound(rate, 1, FIRST_STANDING));
        settleHonestly(0, uniformClaim(64, rate, 10_000));
        payAll(0);
        uint256 credit = consensus.creditOf(0, 0);
        uint256 free = vault.funded() - vault.lifetimePaid();
        warpTo(0, Phase.Pay);
        uint64 epoch = 3 + asleep % 4_000_000;
        vm.warp(consensus.epochStart(epoch));
        vm.roll(block.number + 9_000);
        assertEq(vault.funded() - vault.lifetimePaid(), free, "26");
        (bool any, uint64 settled) = consensus.settledThrough();
        assertTrue(any && settled + 4 >= epoch, "26: nothing waits");
        warpTo(epoch - 1, Phase.Finalize);
        rollSeed(epoch + 1);
        settleHonestly(epoch + 1, uniformClaim(64, rate, 10_000));
        assertEq(consensus.creditOf(epoch + 1, 0), credit, "27");
        payAll(epoch + 1);
    }

    /// @dev Invariant 27, offline while others work: score 0 in some epochs, the true score in the first one back.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_27_offlineDeviceReturnsToItsScore(uint8 epochs, uint16 rate) public {
        rate = uint16(bound(rate, 1, FIRST_STANDING));
        settleHonestly(0, uniformClaim(64, rate, 10_000));
        uint256 credit = consensus.creditOf(0, 0);
        uint64 last = 1 + epochs % 4;
        for (uint64 epoch = 1; epoch <= last; ++epoch) {
            warpTo(epoch - 1, Phase.Finalize);
            rollSeed(epoch + 1);
            Claim memory claim = uniformClaim(64, rate, 10_000);
            if (epoch != last) claim.rates[0] = 0;
            settleHonestly(epoch, claim);
            assertEq(consensus.creditOf(epoch, 0), epoch == last ? credit : 0);
        }
    }

    // --- helpers

    /// @dev In range, otherwise anything; mostly judged, so that payments occur.
    function anyWords(uint256 seed) private pure returns (uint256[10] memory words) {
        for (uint256 i; i < 8; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            words[i] = random & (i < 4 ? ~PackedMedian.TOP : 0x1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff);
        }
        words[8] = uint256(keccak256(abi.encode(seed, "flags"))) | uint256(keccak256(abi.encode(seed, "more")));
        words[9] = seed;
    }

    function both(uint256[10] memory words) private pure returns (uint256[10][] memory list) {
        return each(words, words);
    }

    function each(uint256[10] memory first, uint256[10] memory second) private pure returns (uint256[10][] memory list) {
        list = new uint256[10][](2);
        (list[0], list[1]) = (first, second);
    }

    function everybodyCommits(uint64 epoch, uint256[10] memory own)
        private
        returns (uint256[10][] memory words, Opening[] memory openings)
    {
        words = both(own);
        commitEach(epoch, words);
        openings = openAll(epoch, 0, words);
    }

    function commitEach(uint64 epoch, uint256[10][] memory words) private {
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < 5; ++i) {
            commitWords(epoch, operators[i], words);
        }
    }

    function settleWords(uint64 epoch, uint256[10] memory own) private {
        settleEach(epoch, own, own);
    }

    function settleEach(uint64 epoch, uint256[10] memory first, uint256[10] memory second) private {
        uint256[10][] memory words = each(first, second);
        commitEach(epoch, words);
        warpTo(epoch, Phase.Open);
        for (uint32 cohort; cohort < 2; ++cohort) {
            Opening[] memory openings = openAll(epoch, cohort, words);
            vm.prank(keeper);
            consensus.finalize(epoch, cohort, openings);
        }
    }

    function payAll(uint64 epoch) private {
        for (uint32 cohort; cohort < 2; ++cohort) {
            vault.payCohort(epoch, cohort, 64);
            vault.payCheckers(epoch, cohort);
        }
    }

    /// @dev Credits, standings, totals and what is paid.
    function outcome(uint64 epoch) private returns (bytes32) {
        uint256[] memory values = new uint256[](2 * (64 + SECOND));
        for (uint32 lane; lane < 64 + SECOND; ++lane) {
            (values[2 * lane], values[2 * lane + 1]) = (consensus.creditOf(epoch, lane), consensus.standingAtLane(lane));
        }
        EpochTotals memory totals = consensus.totalsOf(epoch);
        payAll(epoch);
        return keccak256(abi.encode(values, totals, payoutBalances()));
    }

    function nameOf(uint256 lane) private pure returns (string memory) {
        return string.concat("device-", vm.toString(lane));
    }

    function payoutBalances() private returns (bytes32) {
        uint256[] memory balances = new uint256[](64);
        for (uint256 i; i < 64; ++i) {
            balances[i] = token.balanceOf(payoutOf(makeAddr(nameOf(i))));
        }
        return keccak256(abi.encode(balances));
    }

    function paidTo(uint256 devices) private returns (uint256 sum) {
        for (uint256 i; i < devices; ++i) {
            sum += token.balanceOf(payoutOf(makeAddr(nameOf(i))));
        }
    }

    /// @dev The largest lane value that decodes to at most `rate`.
    function encodeDown(uint256 rate) private pure returns (uint16 lane) {
        while (Minifloat.decode(uint256(lane) + 1) <= rate) ++lane;
    }
}
