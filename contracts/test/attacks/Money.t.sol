// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {CohortState, EpochTotals, IEpochReports, Opening, Phase, Timeline} from "../../src/interfaces/IEpochConsensus.sol";
import {Emission, EpochMoney, IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title Ways of taking or losing money that others earned
contract MoneyTest is Fixture {
    function setUp() public {
        deployAll();
        bondCheckers(9, 1);
        registerDevices(2);
        startEpochs();
    }

    // --- when an epoch's emission is set aside

    /// @dev Whoever touches an epoch one transaction before the vault is funded fixes nothing: lanes that nobody is paid for open nothing, and an
    /// epoch waits two epochs for its whole emission.
    function test_touchingAnEpochBeforeFundingFixesNothing() public {
        _deployLarge(5);
        for (uint64 epoch; epoch < 2; ++epoch) {
            _settle(epoch);
            if (epoch == 0) vault.payCohort(0, 0, 64);
        }
        vm.startPrank(makeAddr("griefer"));
        assertEq(vault.payCohort(1, 0, 0), 0);
        assertFalse(vault.moneyOf(1).opened);
        uint64 until = consensus.epochStart(4);
        bytes memory short = abi.encodeWithSelector(IRewardVault.EmissionShort.selector, 1, 10_000_000 ether, until);
        vm.expectRevert(short);
        vault.payCohort(1, 0, 1);
        vm.expectRevert(short);
        vault.payCheckers(1, 0);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.EpochUnopened.selector, 1));
        vault.payKeeper(1, keeper);
        vm.stopPrank();
        token.approve(address(vault), type(uint256).max);
        vault.fund(20_000_000 ether);
        assertEq(vault.payCohort(1, 0, 64), vault.moneyOf(1).devicePool);
        assertEq(vault.moneyOf(1).emission, 10_000_000 ether);
    }

    /// @dev Where nobody funds it, what there is is paid once the time is over; before the record is overwritten.
    function test_aShortVaultPaysWhatItHasInTheEnd() public {
        _deployLarge(5);
        _settle(0);
        vault.payCohort(0, 0, 64);
        vault.fund(1_000 ether);
        _settle(1);
        vm.warp(consensus.epochStart(4) - 1);
        vm.expectPartialRevert(IRewardVault.EmissionShort.selector);
        vault.payCohort(1, 0, 64);
        vm.warp(consensus.epochStart(4));
        vault.payCohort(1, 0, 64);
        assertEq(vault.moneyOf(1).emission, 1_000 ether);
    }

    /// @dev An epoch whose cohorts are all void owes nobody and sets nothing aside.
    function test_aVoidEpochReservesNothing() public {
        _deployLarge(5);
        warpTo(0, Phase.Open);
        vm.startPrank(makeAddr("griefer"));
        consensus.voidCohort(0, 0);
        assertEq(vault.payCohort(0, 0, 64), 0);
        assertEq(vault.payCheckers(0, 0), 0);
        vm.stopPrank();
        assertEq(vault.liability(), 0);
        warpTo(0, Phase.Finalize);
        rollSeed(2);
        settleHonestly(1, uniformClaim(2, 3000, 10_000));
        assertGt(vault.payCohort(1, 0, 64), 0);
    }

    /// @dev Where no device has a credit, nothing is set aside for devices; seats that judged are paid.
    function test_anEpochWithoutCreditsReservesNothingForDevices() public {
        settleHonestly(0, uniformClaim(2, 0, 0));
        assertGt(vault.payCheckers(0, 0), 0);
        EpochMoney memory money = vault.moneyOf(0);
        assertEq(money.devicePool, 0);
        assertEq(money.emission, money.checkerPool + money.keeperPool);
        assertEq(money.emission, 250 ether);
    }

    // --- what was revealed is not lost

    /// @dev Openings on record wait for whoever finalizes, while the next epoch lasts; nobody voids them, and nobody is paid before.
    function test_aRevealedQuorumIsFinalizedAlsoAfterFinalize() public {
        uint256[10][] memory words = one(pack(uniformClaim(2, 3000, 10_000)));
        warpTo(0, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(0, operators[i], words);
        Opening[] memory four = new Opening[](4);
        for (uint256 i; i < 4; ++i) four[i] = openAll(0, 0, words)[i];
        warpTo(0, Phase.Reveal);
        consensus.reveal(0, 0, four);
        warpTo(0, Phase.Pay);
        assertFalse(consensus.isPayable(0));
        assertEq(uint256(consensus.cohortState(0, 0)), uint256(CohortState.Pending));
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.TotalNotFixed.selector, 0));
        vault.payCohort(0, 0, 64);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.QuorumPossible.selector, 0, 0));
        consensus.voidCohort(0, 0);
        consensus.finalize(0, 0, four);
        assertTrue(consensus.isPayable(0));
        assertEq(seats.checker(consensus.seatsOf(0, 0)[4]).strikes, 1, "the one that stayed silent");
        assertEq(vault.payCohort(0, 0, 64), vault.moneyOf(0).devicePool);
    }

    /// @dev Less than a quorum is void when FINALIZE closes, as ever; and what was revealed and not finalized, with the epoch.
    function test_lessThanAQuorumWaitsForNobody() public {
        registerDevices(63);
        uint256[10][] memory words = new uint256[10][](2);
        (words[0], words[1]) = (pack(uniformClaim(64, 3000, 10_000)), pack(uniformClaim(64, 3000, 10_000)));
        warpTo(0, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(0, operators[i], words);
        Opening[] memory two = new Opening[](2);
        Opening[] memory one_ = new Opening[](1);
        (two[0], two[1], one_[0]) = (openAll(0, 0, words)[0], openAll(0, 0, words)[1], openAll(0, 0, words)[2]);
        warpTo(0, Phase.Reveal);
        consensus.reveal(0, 0, two);
        consensus.reveal(0, 1, openAll(0, 1, words));
        consensus.reveal(0, 1, openAll(0, 1, words));
        warpTo(0, Phase.Pay);
        assertEq(uint256(consensus.cohortState(0, 0)), uint256(CohortState.Void));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, 0, Phase.Pay, Phase.Open));
        consensus.finalize(0, 0, two);
        assertFalse(consensus.isPayable(0), "the other cohort waits");
        consensus.voidCohort(0, 0);
        uint256 snapshot = vm.snapshotState();
        consensus.finalize(0, 1, openAll(0, 1, words));
        assertTrue(consensus.isPayable(0));
        assertTrue(vm.revertToState(snapshot));
        vm.warp(consensus.epochStart(2));
        assertTrue(consensus.isPayable(0), "nobody waits for ever");
        assertEq(uint256(consensus.cohortState(0, 1)), uint256(CohortState.Void));
    }

    // --- deposits and bonds

    /// @dev A cohort that nobody pays holds the deposits of its own lanes, and nobody else's, and no bond.
    function test_anUnpaidCohortHoldsNobodyElse() public {
        registerDevices(63);
        settleHonestly(0, uniformClaim(64, 3000, 10_000));
        warpTo(0, Phase.Pay);
        vault.payCohort(0, 0, 1); // lane 0 alone: lane 1, all of cohort 1 and all Checkers are unpaid
        for (uint256 i; i < 2; ++i) {
            vm.prank(payoutOf(makeAddr(i == 0 ? "device-0" : "device-1")));
            registry.requestExit(deviceIds[i]);
        }
        vm.prank(payoutOf(operators[0]));
        seats.unbond(operators[0], 1);
        vm.warp(block.timestamp + 365 days);
        registry.withdrawDeposit(deviceIds[0]);
        seats.withdrawBond(operators[0]);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.LaneUnpaid.selector, deviceIds[1], 0));
        registry.withdrawDeposit(deviceIds[1]);
        vault.payCohort(0, 0, 1);
        registry.withdrawDeposit(deviceIds[1]);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.EpochUnsettled.selector, 0));
        vault.closeEpoch(0);
    }

    // --- what is said of rivals

    /// @dev Judging a rival at zero is worth what voiding it is: nothing. Both while nobody has a standing and later.
    function test_zeroingARivalIsWorthNoMoreThanVoidingIt() public {
        registerDevices(63); // cohort 1 has one device: ours; cohort 0 is the rival's
        uint256[10] memory full = pack(uniformClaim(64, 3000, 10_000));
        Claim memory zero;
        for (uint256 i; i < 64; ++i) zero.flags[i] = 8;
        for (uint64 epoch; epoch < 2; ++epoch) {
            uint256 snapshot = vm.snapshotState();
            uint256 honest = _payOfCohort1(epoch, full, full, false);
            assertTrue(vm.revertToState(snapshot));
            uint256 voided = _payOfCohort1(epoch, full, full, true);
            assertTrue(vm.revertToState(snapshot));
            uint256 zeroed = _payOfCohort1(epoch, pack(zero), full, false);
            assertTrue(vm.revertToState(snapshot));
            assertLe(voided, honest);
            assertLe(zeroed, voided);
            _payOfCohort1(epoch, full, full, false);
            warpTo(epoch, Phase.Finalize);
            rollSeed(epoch + 2);
        }
    }

    /// @dev A rival that three captured seats rate at 1 has a credit, which takes its cap out of the total: the others divide its pay among
    /// them, as they would that of one that really showed so little, up to the most that a unit is paid.
    function test_ratingARivalAtOneIsWorthItsPay() public {
        registerDevices(63);
        uint256[10] memory full = pack(uniformClaim(64, 3000, 10_000));
        uint256 honest = _payOfCohort1(0, full, full, false);
        warpTo(0, Phase.Finalize);
        rollSeed(2);
        uint256 lowered = _payOfCohort1(1, pack(uniformClaim(64, 1, 10_000)), full, false);
        uint256 pool = vault.moneyOf(1).devicePool;
        assertEq(vault.moneyOf(1).denominator, 64 + 3952);
        assertEq(honest, pool / 65);
        assertEq(lowered, pool * 3952 / (64 + 3952));
        assertLe(lowered, 3952 * vault.moneyOf(1).maxPrice);
        assertEq(consensus.standingAtLane(0), 2964, "its standing falls by a quarter: it is paid in full in the next epoch");
    }

    function _payOfCohort1(uint64 epoch, uint256[10] memory zeroth, uint256[10] memory first, bool skip)
        private
        returns (uint256)
    {
        uint256[10][] memory words = new uint256[10][](2);
        (words[0], words[1]) = (zeroth, first);
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(epoch, operators[i], words);
        warpTo(epoch, Phase.Open);
        if (!skip) consensus.finalize(epoch, 0, openAll(epoch, 0, words));
        consensus.finalize(epoch, 1, openAll(epoch, 1, words));
        if (skip) warpTo(epoch, Phase.Pay);
        return vault.payCohort(epoch, 1, 64);
    }

    // --- newcomers

    /// @dev A device that was never credited takes nothing from others: not while nobody judges it, not when it is offline.
    function test_newcomersDiluteNobody() public {
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        uint256 before = _denominatorAfter(1, 2);
        registerDevices(30);
        rollSeed(2);
        _settle(1);
        assertEq(_denominator(1), before);
        assertEq(_denominatorAfter(2, 2), before, "thirty newcomers that are offline");
        assertEq(consensus.totalsOf(2).openCaps, 0);
    }

    /// @dev A captured cohort gives a newcomer the mean standing of the network at most, and pays it nothing in the epoch that does so.
    function test_aCapturedCohortPaysANewcomerNothingAtFirst() public {
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        registerDevices(2);
        rollSeed(2);
        _settle(1);
        uint256 mean = (consensus.standingAtLane(0) + consensus.standingAtLane(1)) / 4;
        Claim memory claim = uniformClaim(4, 3000, 10_000);
        claim.rates[2] = 0x7fff;
        settleHonestly(2, claim);
        assertEq(consensus.creditOf(2, 2), 0);
        assertEq(consensus.standingAtLane(2), mean);
        uint256 fake = token.balanceOf(payoutOf(makeAddr("device-2")));
        vault.payCohort(2, 0, 64);
        assertEq(token.balanceOf(payoutOf(makeAddr("device-2"))), fake, "paid nothing");
        EpochTotals memory totals = consensus.totalsOf(2);
        assertEq(totals.credits, consensus.creditOf(2, 0) + consensus.creditOf(2, 1));
        assertEq(totals.openCaps, 0);
    }

    /// @dev Nobody has a standing when a paid epoch begins: a captured cohort takes nothing of it, and honest devices are paid from the next on.
    function test_aCapturedCohortTakesNothingWhereNobodyHasAStanding() public {
        _deployUnpaid(1);
        rollSeed(0);
        registerDevices(128);
        rollSeed(1);
        uint256[10][] memory words = new uint256[10][](2);
        (words[0], words[1]) = (pack(uniformClaim(64, 3000, 10_000)), pack(uniformClaim(64, 0x7fff, 10_000)));
        _settleWith(1, words);
        EpochTotals memory totals = consensus.totalsOf(1);
        assertEq(totals.credits, 0);
        assertEq(totals.openCaps, 0, "who has no standing counts nothing");
        assertEq(vault.payCohort(1, 1, 64), 0, "the captured cohort");
        assertEq(vault.payCohort(1, 0, 64), 0, "and whoever else is new");
        assertEq(vault.moneyOf(1).devicePool, 0, "the vault keeps it");
        assertEq(consensus.standingAtLane(64), 1 << 20, "at most the first standing");
        uint256 honest = consensus.standingAtLane(0);
        assertGt(honest, 0);
        words[1] = pack(uniformClaim(64, 0, 0));
        _settleWith(2, words);
        assertGt(vault.payCohort(2, 0, 64), 0);
        assertEq(consensus.creditOf(2, 0), honest);
    }

    /// @dev What was judged in an unpaid epoch is paid in the first paid one, and in none is there a credit for a first score.
    function test_anUnpaidEpochSetsStandingsForTheFirstPaidOne() public {
        _deployUnpaid(1);
        registerDevices(2);
        _settle(0);
        assertEq(consensus.creditOf(0, 0), 0);
        assertEq(consensus.totalsOf(0).openCaps, 0);
        assertEq(vault.moneyOf(0).emission, 0);
        uint256 standing = consensus.standingAtLane(0);
        assertGt(standing, 0);
        _settle(1);
        assertEq(consensus.creditOf(1, 0), standing);
        assertEq(vault.payCohort(1, 0, 64), vault.moneyOf(1).devicePool);
        assertGt(vault.moneyOf(1).devicePool, 0);
    }

    /// @dev An epoch before the first paid one owes nothing, not a wei, whatever its devices were credited.
    function test_anUnpaidEpochWithCreditsOwesNothing() public {
        _deployUnpaid(2);
        registerDevices(2);
        _settle(0);
        _settle(1);
        assertGt(consensus.totalsOf(1).credits, 0);
        assertEq(vault.moneyOf(1).devicePool, 0);
        assertEq(vault.moneyOf(1).emission, 0);
    }

    /// @dev Where all epochs are paid somebody has to be first: a devnet pays its first epoch.
    function test_whereAllEpochsArePaidTheFirstCreditIsTo() public {
        _settle(0);
        assertEq(consensus.creditOf(0, 0), consensus.standingAtLane(0));
        assertEq(vault.payCohort(0, 0, 64), vault.moneyOf(0).devicePool);
        assertGt(vault.moneyOf(0).devicePool, 0);
    }

    /// @dev Nine Checkers, no device, and epochs that are paid from this one on.
    function _deployUnpaid(uint32 firstPaidEpoch) private {
        Timeline memory later = defaultTimeline();
        later.firstPaidEpoch = firstPaidEpoch;
        deployAll(later, defaultScores(), defaultEmission());
        delete operators;
        delete deviceIds;
        bondCheckers(9, 1);
        startEpochs();
    }

    /// @dev Everybody says the same, of each cohort its own; the seed of the epoch after next is there at the end.
    function _settleWith(uint64 epoch, uint256[10][] memory words) private {
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(epoch, operators[i], words);
        warpTo(epoch, Phase.Open);
        for (uint32 cohort; cohort < words.length; ++cohort) consensus.finalize(epoch, cohort, openAll(epoch, cohort, words));
        rollSeed(epoch + 1);
        warpTo(epoch, Phase.Pay);
    }

    function _denominatorAfter(uint64 epoch, uint256 working) private returns (uint256 sum) {
        uint256 snapshot = vm.snapshotState();
        warpTo(epoch - 1, Phase.Finalize);
        rollSeed(epoch + 1);
        settleHonestly(epoch, uniformClaim(working, 3000, 10_000));
        sum = _denominator(epoch);
        assertTrue(vm.revertToState(snapshot));
    }

    function _denominator(uint64 epoch) private view returns (uint256) {
        EpochTotals memory totals = consensus.totalsOf(epoch);
        return totals.credits + totals.openCaps;
    }

    function _settle(uint64 epoch) private {
        settleHonestly(epoch, uniformClaim(2, 3000, 10_000));
        warpTo(epoch, Phase.Finalize);
        rollSeed(epoch + 2);
    }

    /// @dev A vault that holds exactly one epoch's emission.
    function _deployLarge(uint256 checkers) private {
        Emission memory large = defaultEmission();
        large.perEpoch = 10_000_000 ether;
        large.maxPrice = type(uint80).max;
        deployAll(defaultTimeline(), defaultScores(), large);
        delete operators;
        delete deviceIds;
        bondCheckers(checkers, 1);
        registerDevices(2);
        startEpochs();
    }
}
