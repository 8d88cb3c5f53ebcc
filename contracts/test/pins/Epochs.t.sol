// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EpochConsensus} from "../../src/EpochConsensus.sol";
import {EpochExtension} from "../../src/EpochExtension.sol";
import {CheckerSeats} from "../../src/CheckerSeats.sol";
import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {ICheckerSeats} from "../../src/interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {IEpochConsensus, IEpochReports, Phase, RoundRules, ScoreRules, Timeline} from "../../src/interfaces/IEpochConsensus.sol";
import {IGoverned, IGovernedReports} from "../../src/interfaces/IGoverned.sol";
import {IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {Stage} from "../support/Stage.sol";

/// @title Construction, time, rules and seeds
contract EpochPins is Stage {
    function setUp() public {
        setStage();
    }

    // --- construction

    /// @dev Of nine ways to wire the contracts one is right; in each other one thing is not what the others were made with.
    function test_onlyOneWiringIsRight() public {
        for (uint256 wrong; wrong < 9; ++wrong) {
            uint256 snapshot = vm.snapshotState();
            if (wrong != 0) vm.expectRevert(IGovernedReports.WrongWiring.selector);
            this.wire(wrong);
            assertTrue(vm.revertToState(snapshot));
        }
    }

    function wire(uint256 wrong) external {
        IEpochConsensus next = IEpochConsensus(vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 3));
        IEpochConsensus other = IEpochConsensus(address(7));
        IDeviceRegistry r = new DeviceRegistry(token, wrong == 1 ? other : next, owner, guardian, treasury, DEPOSIT);
        ICheckerSeats s =
            new CheckerSeats(token, wrong == 2 ? other : next, owner, guardian, treasury, SEAT_BOND, defaultSeatRules());
        IRewardVault v = IRewardVault(wrong == 6 ? address(0) : makeAddr("vault"));
        EpochExtension e = new EpochExtension(
            wrong == 3 ? registry : r, wrong == 4 ? seats : s, wrong == 5 ? vault : v, wrong == 7 ? 17 : 16, wrong == 8 ? 1 : 0
        );
        EpochConsensus made = new EpochConsensus(r, s, v, e, owner, guardian, defaultTimeline(), defaultRounds(), defaultScores());
        assertEq(address(made), address(next));
        assertEq(address(made.registry()), address(r));
        assertEq(address(made.seats()), address(s));
        assertEq(address(made.vault()), address(v));
        assertEq(address(made.extension()), address(e));
        assertEq(made.owner(), owner);
        assertEq(made.guardian(), guardian);
    }

    /// @dev Each set of rules is held to its bounds before anything is deployed with it.
    function test_construction() public {
        bytes32[5] memory names = [bytes32("uptimeTolerance"), "phases", "slots", "auditBps", "cutoffSeconds"];
        EpochExtension extension = new EpochExtension(registry, seats, vault, 16, 0);
        for (uint256 i; i < 5; ++i) {
            (Timeline memory t, RoundRules memory r, ScoreRules memory s) = (defaultTimeline(), defaultRounds(), defaultScores());
            if (i == 0) s.uptimeTolerance = 0;
            if (i == 1) t.commitSeconds = 9;
            if (i == 2) r.slots = 0;
            if (i == 3) s.auditBps = 0;
            if (i == 4) r.cutoffSeconds = 13; // three seconds before the end, where openings need three and a half
            vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, names[i]));
            this.makeConsensus(registry, seats, vault, extension, owner, guardian, t, r, s);
        }
    }

    // --- the start

    function test_start() public {
        deployAll();
        bytes memory never = abi.encodeWithSelector(IEpochReports.NotStarted.selector);
        vm.expectRevert(never);
        consensus.currentEpoch();
        vm.expectRevert(never);
        consensus.pin(0);
        vm.expectRevert(never);
        consensus.roll(0);
        assertFalse(consensus.started());
        assertEq(consensus.nextEpoch(), 0);
        assertEq(consensus.seatsEffectiveFrom(), 0);
        assertEq(uint256(consensus.phaseOf(0)), uint256(Phase.Future));
        (bool any,) = consensus.settledThrough();
        assertFalse(any);
        assertEq(abi.encode(consensus.timeline()), abi.encode(defaultTimeline()));
        assertEq(abi.encode(consensus.roundRules()), abi.encode(defaultRounds()));
        assertEq(abi.encode(consensus.scoreRules()), abi.encode(defaultScores()));
        delete operators;
        bondCheckers(4, 4);
        uint64 now_ = uint64(block.timestamp);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.TooFewOwners.selector, 4));
        consensus.start(now_ + 1);
        vm.stopPrank();
        bondChecker("fifth", 1);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.StartInThePast.selector, now_));
        consensus.start(now_);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.StartTooLate.selector, now_ + 30 days + 1, now_ + 30 days));
        consensus.start(now_ + 30 days + 1);
        vm.expectEmit(address(consensus));
        emit IEpochReports.Started(now_ + 1);
        consensus.start(now_ + 1);
        vm.expectRevert(IEpochReports.AlreadyStarted.selector);
        consensus.start(now_ + 2);
        vm.stopPrank();
        assertTrue(consensus.started());
        assertEq(consensus.nextEpoch(), 0, "not yet");
        assertEq(consensus.timelineOf(0).firstEpochAt, now_ + 1);
        vm.expectRevert(never);
        consensus.currentEpoch();
        vm.warp(now_ + 1);
        assertEq(consensus.nextEpoch(), 1);
        assertEq(consensus.currentEpoch(), 0);
    }

    // --- time

    function test_time() public {
        for (uint64 epoch; epoch < 4; ++epoch) {
            uint64 begins = firstEpochAt + 16 * epoch;
            assertEq(consensus.epochStart(epoch), begins);
            if (epoch != 0) {
                vm.warp(begins - 1);
                assertEq(consensus.nextEpoch(), epoch);
            }
            vm.warp(begins);
            assertEq(consensus.nextEpoch(), epoch + 1);
            assertEq(consensus.currentEpoch(), epoch);
            assertEq(consensus.seatsEffectiveFrom(), epoch + 2);
        }
        vm.warp(firstEpochAt - 1);
        assertEq(consensus.seatsEffectiveFrom(), 2);
    }

    /// @dev Epochs 4 and 5 have the old phases, 6 the new ones, each to the second.
    function test_phasesBeforeAndAfterAChange() public {
        Timeline memory later = Timeline(firstEpochAt, 16, 3, 4, 5, 3, 9, 0);
        vm.expectEmit(address(consensus));
        emit IEpochReports.TimelineScheduled(6, later);
        vm.prank(owner);
        consensus.scheduleTimeline(later);
        Timeline memory before = defaultTimeline();
        before.firstEpochAt = firstEpochAt;
        assertEq(abi.encode(consensus.timelineOf(5)), abi.encode(before));
        assertEq(abi.encode(consensus.timelineOf(6)), abi.encode(later));
        uint64[4][2] memory ends = [[uint64(4), 7, 9, 11], [uint64(3), 7, 12, 15]];
        for (uint64 epoch = 5; epoch < 7; ++epoch) {
            uint64 begins = firstEpochAt + 16 * epoch;
            uint64[7] memory starts = [begins, begins, begins + 16, 0, 0, 0, 0];
            for (uint256 i; i < 4; ++i) starts[3 + i] = begins + 16 + ends[epoch - 5][i];
            for (uint256 i; i < 7; ++i) {
                assertEq(consensus.phaseStart(epoch, Phase(i)), starts[i]);
                if (i == 0) continue;
                vm.warp(starts[i] - 1);
                assertEq(uint256(consensus.phaseOf(epoch)), i - 1);
                vm.warp(starts[i]);
                assertEq(uint256(consensus.phaseOf(epoch)), i);
            }
        }
        assertEq(abi.encode(consensus.timeline()), abi.encode(later));
        vm.warp(firstEpochAt + 16 * 6 - 1);
        assertEq(abi.encode(consensus.timeline()), abi.encode(before));
    }

    // --- rules

    function test_rulesBeforeAndAfterAChange() public {
        (RoundRules memory rounds, ScoreRules memory scores) = (defaultRounds(), defaultScores());
        (rounds.maxRounds, scores.auditBps) = (8, 200);
        bytes memory stranger = abi.encodeWithSelector(IGovernedReports.NotOwner.selector, address(this));
        vm.expectRevert(stranger);
        consensus.scheduleRoundRules(rounds);
        vm.expectRevert(stranger);
        consensus.scheduleScoreRules(scores);
        vm.startPrank(owner);
        vm.expectEmit(address(consensus));
        emit IEpochReports.RoundRulesScheduled(6, rounds);
        consensus.scheduleRoundRules(rounds);
        vm.expectEmit(address(consensus));
        emit IEpochReports.ScoreRulesScheduled(6, scores);
        consensus.scheduleScoreRules(scores);
        Timeline memory timeline = consensus.timeline();
        timeline.auditSeconds = 7;
        consensus.scheduleTimeline(timeline);
        assertEq(abi.encode(consensus.roundRulesOf(5)), abi.encode(defaultRounds()));
        assertEq(abi.encode(consensus.roundRulesOf(6)), abi.encode(rounds));
        vm.warp(consensus.epochStart(6) - 1);
        assertEq(abi.encode(consensus.roundRules()), abi.encode(defaultRounds()));
        assertEq(abi.encode(consensus.scoreRules()), abi.encode(defaultScores()));
        vm.warp(consensus.epochStart(6));
        assertEq(abi.encode(consensus.roundRules()), abi.encode(rounds));
        assertEq(abi.encode(consensus.scoreRules()), abi.encode(scores));
        // The last epoch of the older rules can be reported until the start of the fifth after it.
        vm.warp(consensus.epochStart(10) - 1);
        bytes memory pending = abi.encodeWithSelector(IEpochReports.ChangePending.selector, 6);
        vm.expectRevert(pending);
        consensus.scheduleRoundRules(rounds);
        vm.expectRevert(pending);
        consensus.scheduleScoreRules(scores);
        vm.expectRevert(pending);
        consensus.scheduleTimeline(timeline);
        vm.warp(consensus.epochStart(10));
        (rounds.maxRounds, scores.auditBps, timeline.auditSeconds) = (16, 300, 6);
        consensus.scheduleRoundRules(rounds);
        consensus.scheduleScoreRules(scores);
        consensus.scheduleTimeline(timeline);
        assertEq(consensus.roundRulesOf(11).maxRounds, 8);
        assertEq(consensus.roundRulesOf(12).maxRounds, 16);
        assertEq(consensus.timelineOf(11).auditSeconds, 7);
        assertEq(consensus.timelineOf(12).auditSeconds, 6);
        assertEq(consensus.scoreRules().auditBps, 200);
        vm.warp(consensus.epochStart(12));
        assertEq(consensus.scoreRules().auditBps, 300);
        vm.stopPrank();
    }

    // --- seeds

    function test_seeds() public {
        vm.warp(consensus.epochStart(5) - 1);
        bytes memory early = abi.encodeWithSelector(IEpochReports.SeedNotDue.selector, 5);
        vm.expectRevert(early);
        consensus.pin(5);
        vm.expectRevert(early);
        consensus.roll(5);
        vm.warp(consensus.epochStart(5));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NotPinned.selector, 5));
        consensus.roll(5);
        vm.startPrank(keeper);
        uint64 pinned = uint64(block.number) + 1;
        vm.expectEmit(address(consensus));
        emit IEpochReports.Pinned(5, pinned, keeper);
        consensus.pin(5);
        assertEq(consensus.pinnedBlockOf(5), pinned);
        _calls(64);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.PinnedBlockAhead.selector, 5, pinned));
        consensus.roll(5);
        vm.roll(pinned);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.PinnedBlockAhead.selector, 5, pinned));
        consensus.roll(5);
        consensus.pin(5);
        assertEq(consensus.pinnedBlockOf(5), pinned, "not mined yet");
        vm.roll(pinned + 1);
        consensus.pin(5);
        assertEq(consensus.pinnedBlockOf(5), pinned, "of use");
        _calls(64);
        vm.roll(pinned + 9_000);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.PinExpired.selector, 5, pinned));
        consensus.roll(5);
        consensus.pin(5);
        assertEq(consensus.pinnedBlockOf(5), pinned + 9_001);
        _calls(64);
        vm.roll(pinned + 9_002);
        bytes32 hash = blockhash(pinned + 9_001);
        bytes32 seed = keccak256(abi.encode(consensus.seedOf(4), bytes32(0), hash));
        vm.warp(block.timestamp + 3);
        vm.expectEmit(address(consensus));
        emit IEpochReports.Rolled(5, seed, keeper);
        consensus.roll(5);
        assertEq(consensus.seedOf(5), seed);
        assertEq(consensus.seededAt(5), consensus.epochStart(5) + 3);
        _calls(128);
        consensus.pin(5);
        consensus.roll(5);
        _calls(128);
        vm.warp(consensus.epochStart(6));
        consensus.roll(5); // it is set: nothing to refuse
        vm.expectRevert(early);
        consensus.pin(5);
        vm.stopPrank();
    }

    function _calls(uint256 want) private view {
        (uint256 lanes, uint256 errands) = consensus.keeperCalls(5, keeper);
        assertEq(lanes, want);
        assertEq(errands, 0);
    }

    /// @dev The first two seeds have no predecessor and no salts.
    function test_theFirstSeeds() public {
        for (uint64 epoch; epoch < 2; ++epoch) {
            vm.warp(consensus.epochStart(epoch));
            rollSeed(epoch);
            bytes32 hash = blockhash(consensus.pinnedBlockOf(epoch));
            assertEq(
                consensus.seedOf(epoch),
                keccak256(abi.encode("kaisar/bootstrap", block.chainid, address(consensus), epoch, hash))
            );
        }
        vm.warp(consensus.epochStart(2));
        rollSeed(2);
        bytes32 second = blockhash(consensus.pinnedBlockOf(2));
        assertEq(consensus.seedOf(2), keccak256(abi.encode(consensus.seedOf(1), bytes32(0), second)));
    }

    function test_pauses() public {
        bytes memory paused = abi.encodeWithSelector(IGovernedReports.Paused.selector, 0, block.timestamp + 7 days);
        vm.prank(guardian);
        IGoverned(address(consensus)).pause(0);
        vm.expectRevert(paused);
        consensus.pin(4);
        vm.expectRevert(paused);
        consensus.roll(4);
    }
}
