// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEpochReports, Phase, ScoreRules, Timeline} from "../../src/interfaces/IEpochConsensus.sol";
import {IGoverned, IGovernedReports} from "../../src/interfaces/IGoverned.sol";
import {Fixture} from "../support/Fixture.sol";
import {Timelock} from "../support/Timelock.sol";

/// @title What the owner and the guardian cannot do, by malice or by mistake
contract GovernanceTest is Fixture {
    /// @dev One bit this week and another the next would be a pause without an end: all bits rest together.
    function test_theGuardianCannotStopTheNetworkByTurns() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(2);
        startEpochs();
        vm.warp(firstEpochAt + 16);
        IGoverned governed = IGoverned(address(consensus));
        uint256 free;
        for (uint256 week; week < 52; ++week) {
            for (uint256 bit; bit < 4; ++bit) {
                vm.prank(guardian);
                try governed.pause(bit) {} catch (bytes memory reason) {
                    assertEq(bytes4(reason), IGovernedReports.PauseResting.selector);
                }
            }
            bool paused = block.timestamp < governed.pausedUntil(0) || block.timestamp < governed.pausedUntil(1);
            if (!paused) ++free;
            vm.warp(block.timestamp + 7 days);
        }
        assertEq(free, 26, "every second week is free");
    }

    /// @dev A bit that is set on the last day of a pause ends with it.
    function test_aSecondBitDoesNotProlongAPause() public {
        deployAll();
        IGoverned governed = IGoverned(address(consensus));
        vm.startPrank(guardian);
        governed.pause(0);
        uint64 until = governed.pausedUntil(0);
        vm.warp(until - 1);
        governed.pause(1);
        assertEq(governed.pausedUntil(1), until);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.PauseResting.selector, 1, until + 7 days));
        governed.pause(1);
    }

    /// @dev With audits of a whole epoch, those of the last epoch under older rules are reported until the fifth epoch after it ends, where the seed
    /// that draws them came late: a further change that was taken before that would audit seats by rules which were never in force for them.
    function test_aSecondRuleChangeAuditsNobodyAnew() public {
        Timeline memory timeline = defaultTimeline();
        timeline.auditSeconds = 16;
        ScoreRules memory scores = defaultScores();
        scores.auditBps = 100;
        deployAll(timeline, scores, defaultEmission());
        bondCheckers(5, 1);
        registerDevices(2);
        startEpochs();
        vm.warp(firstEpochAt);
        scores.auditBps = 10_000;
        vm.prank(owner);
        consensus.scheduleScoreRules(scores); // from epoch 2 on
        for (uint64 epoch; epoch < 2; ++epoch) {
            settleHonestly(epoch, uniformClaim(2, 3000, 10_000));
            vm.warp(consensus.epochStart(epoch + 3) - 1);
            rollSeed(epoch + 2); // in the last second in which it can be
        }
        assertFalse(consensus.auditOf(1, 0, 0).drawn, "one in a hundred");
        vm.warp(consensus.epochStart(6) - 2); // the last second in which epoch 1 can be reported
        scores.auditBps = 500;
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ChangePending.selector, 2));
        consensus.scheduleScoreRules(scores);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NotAudited.selector, 1, 0, 0));
        consensus.strikeUnanswered(1, 0, 0);
    }

    /// @dev Behind a timelock everybody sees a change twice: for the delay, and for two epochs more.
    function test_aTimelockTakesTheNetworkStartsItAndChangesRulesInPlainSight() public {
        deployAll();
        bondCheckers(5, 1);
        address safe = makeAddr("safe");
        Timelock timelock = new Timelock(safe, 2 days);
        IGoverned governed = IGoverned(address(consensus));
        vm.prank(owner);
        governed.offerOwnership(address(timelock));
        bytes memory take = abi.encodeCall(IGoverned.takeOwnership, ());
        vm.prank(safe);
        timelock.schedule(address(consensus), take);
        vm.expectRevert(abi.encodeWithSelector(Timelock.TooEarly.selector, block.timestamp + 2 days));
        timelock.execute(address(consensus), take);
        vm.warp(block.timestamp + 2 days);
        timelock.execute(address(consensus), take);
        assertEq(governed.owner(), address(timelock));

        // A start that is nearer than the delay would be in the past.
        uint64 startsAt = uint64(block.timestamp + 2 days + 1 hours);
        bytes memory start = abi.encodeCall(consensus.start, (startsAt));
        vm.prank(safe);
        timelock.schedule(address(consensus), start);
        vm.warp(block.timestamp + 2 days);
        timelock.execute(address(consensus), start);
        assertEq(consensus.epochStart(0), startsAt);

        vm.warp(startsAt + 1);
        ScoreRules memory scores = defaultScores();
        scores.auditBps = 500;
        bytes memory change = abi.encodeCall(consensus.scheduleScoreRules, (scores));
        vm.prank(safe);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotOwner.selector, safe));
        consensus.scheduleScoreRules(scores);
        vm.prank(safe);
        timelock.schedule(address(consensus), change);
        vm.warp(block.timestamp + 2 days);
        uint64 epoch = consensus.currentEpoch();
        timelock.execute(address(consensus), change);
        vm.warp(consensus.epochStart(epoch + 2) - 1);
        assertEq(consensus.scoreRules().auditBps, defaultScores().auditBps);
        vm.warp(consensus.epochStart(epoch + 2));
        assertEq(consensus.scoreRules().auditBps, 500);
    }

    /// @dev Milliseconds for seconds would put the first epoch into the year 58,000, and every bond with it.
    function test_startInMillisecondsIsRefused() public {
        deployAll();
        bondCheckers(5, 1);
        vm.warp(1_790_000_000);
        vm.startPrank(owner);
        uint64 latest = 1_790_000_000 + 30 days;
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.StartTooLate.selector, 1_790_000_100_000, latest));
        consensus.start(1_790_000_100_000);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.StartTooLate.selector, latest + 1, latest));
        consensus.start(latest + 1);
        consensus.start(latest);
    }
}
