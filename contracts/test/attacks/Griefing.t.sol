// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckerSeats} from "../../src/interfaces/ICheckerSeats.sol";
import {Opening, Phase, Timeline} from "../../src/interfaces/IEpochConsensus.sol";
import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {IGoverned} from "../../src/interfaces/IGoverned.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title Attacks that earn nothing and would hurt others
contract GriefingTest is Fixture {
    function setUp() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(2);
        startEpochs();
    }

    /// @dev Whoever opens the money of epochs in which nothing was judged must not set their emissions aside: with enough of them an epoch
    /// in which devices worked would find an empty vault.
    function test_openingEmptyEpochsReservesNothing() public {
        warpTo(0, Phase.Finalize);
        rollSeed(2);
        uint64 first = 4;
        vm.warp(consensus.epochStart(first));
        for (uint64 epoch = 0; epoch < first - 1; ++epoch) {
            vault.payCohort(epoch, 0, 64);
        }
        assertEq(vault.liability(), 0, "nothing is owed for epochs without a resolved cohort");
        assertEq(vault.moneyOf(1).emission, 0);
    }

    /// @dev While FINALIZE and REVEAL are paused nobody can open: whoever voids the cohort afterwards must not strike those who would have.
    function test_pauseDuringRevealStrikesNobody() public {
        warpTo(0, Phase.Commit);
        uint256[10][] memory words = one(pack(uniformClaim(2, 3000, 10_000)));
        for (uint256 i; i < 5; ++i) {
            commitWords(0, operators[i], words);
        }
        vm.prank(guardian);
        IGoverned(address(consensus)).pause(1);
        warpTo(0, Phase.Finalize);
        consensus.voidCohort(0, 0);
        for (uint256 i; i < 5; ++i) {
            assertEq(seats.checker(operators[i]).strikes, 0);
        }
    }

    /// @dev A pause that ended before OPEN excuses nobody.
    function test_pauseThatEndedBeforeOpenExcusesNobody() public {
        vm.prank(guardian);
        IGoverned(address(consensus)).pause(1);
        uint64 epoch = uint64(7 days / defaultTimeline().epochSeconds) + 10;
        warpTo(epoch - 2, Phase.Finalize);
        rollSeed(epoch);
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < 5; ++i) {
            commitWords(epoch, operators[i], one(pack(uniformClaim(2, 3000, 10_000))));
        }
        address[5] memory committee = consensus.seatsOf(epoch, 0);
        Opening[] memory first = new Opening[](1);
        first[0] = openingOf(epoch, committee[0], 0, 0, one(pack(uniformClaim(2, 3000, 10_000))));
        warpTo(epoch, Phase.Reveal);
        consensus.reveal(epoch, 0, first);
        warpTo(epoch, Phase.Finalize);
        consensus.voidCohort(epoch, 0);
        assertEq(seats.checker(committee[0]).strikes, 0);
        assertEq(seats.checker(committee[1]).strikes, 1);
    }

    /// @dev A device that starts a thousand generations must not make reading its epoch's generation (audits, devicesOf) dearer.
    function test_manyGenerationsCostOthersNothing() public {
        vm.warp(firstEpochAt);
        bytes32 id = deviceIds[0];
        uint256 before = gasleft();
        assertEq(registry.generationAt(id, 0), 1);
        uint256 cheap = before - gasleft();
        for (uint256 i; i < 1_000; ++i) {
            registerDevice("device-0");
        }
        assertEq(registry.getDevice(id).generation, 1_001);
        before = gasleft();
        assertEq(registry.generationAt(id, 0), 1, "verdicts of the present epoch keep their generation");
        assertLt(before - gasleft(), 2 * cheap + 5_000);
        assertEq(registry.generationAt(id, 1), 1_001);
    }

    /// @dev A device that left before it counted and comes back in the next epoch has the generation it came back with.
    function test_generationAfterLeavingAndComingBackAtOnce() public {
        vm.warp(firstEpochAt);
        bytes32 id = registerDevice("restless");
        registerDevice("restless");
        assertEq(registry.generationAt(id, 1), 2);
        vm.prank(makeAddr("restless"));
        registry.requestExit(id);
        vm.warp(consensus.epochStart(1));
        registry.withdrawDeposit(id);
        registerDevice("restless");
        assertEq(registry.generationAt(id, 1), 0);
        assertEq(registry.generationAt(id, 2), 3);
        vm.warp(consensus.epochStart(2));
        registerDevice("restless");
        assertEq(registry.generationAt(id, 2), 3);
        assertEq(registry.generationAt(id, 3), 4);
    }

    /// @dev A seat that commits and stays silent sends the other four to REVEAL: that costs it a part of its bond for each cohort, and its strikes.
    function test_aSilentSeatPaysForTheOthersReveals() public {
        uint256[10][] memory words = one(pack(uniformClaim(2, 3000, 10_000)));
        warpTo(0, Phase.Commit);
        for (uint256 i; i < 5; ++i) {
            commitWords(0, operators[i], words);
        }
        Opening[] memory four = new Opening[](4);
        for (uint256 i; i < 4; ++i) {
            four[i] = openAll(0, 0, words)[i];
        }
        warpTo(0, Phase.Reveal);
        consensus.reveal(0, 0, four);
        warpTo(0, Phase.Finalize);
        consensus.finalize(0, 0, four);
        address silent = consensus.seatsOf(0, 0)[4];
        assertEq(seats.checker(silent).bond, SEAT_BOND - SEAT_BOND / 100);
        assertEq(token.balanceOf(treasury), SEAT_BOND / 100);
        assertEq(seats.checker(silent).strikes, 1);
        // Not enough for jail, which takes a tenth or three strikes.
        vm.expectPartialRevert(ICheckerSeats.TooFewStrikes.selector);
        seats.jail(silent);
    }

    /// @dev Audits that get shorter by a change of rules are over in the order of their epochs.
    function test_shorterAuditsDoNotOvertakeLongerOnes() public {
        Timeline memory timeline = consensus.timeline();
        timeline.auditSeconds = 16;
        deployAll(timelineFrom(timeline), defaultScores(), defaultEmission());
        delete operators;
        bondCheckers(5, 1);
        startEpochs();
        vm.warp(firstEpochAt);
        timeline = consensus.timeline();
        timeline.auditSeconds = 2;
        vm.prank(owner);
        consensus.scheduleTimeline(timeline); // from epoch 2 on
        rollSeed(3);
        rollSeed(4);
        vm.warp(consensus.epochStart(4) + 4); // reports of epoch 2 are over, of epoch 1 not before the start of 5
        (bool any, uint64 settled) = consensus.settledThrough();
        assertTrue(any);
        assertEq(settled, 0);
        vm.warp(consensus.epochStart(5));
        (, settled) = consensus.settledThrough();
        assertEq(settled, 2);
    }

    function timelineFrom(Timeline memory timeline) private pure returns (Timeline memory) {
        timeline.firstEpochAt = 0;
        return timeline;
    }

    /// @dev Lanes that are taken and left in one epoch stay where they are until the next: nobody moves the next free lane, and with it the
    /// cohort of a device to come, to where it likes within an epoch.
    function test_aLaneTakenAndLeftInOneEpochIsNotReusedInIt() public {
        vm.warp(consensus.epochStart(1) - 1);
        bytes32 id = registerDevice("mover");
        assertEq(registry.getDevice(id).lane, 2);
        vm.prank(makeAddr("mover"));
        registry.requestExit(id);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.LaneMoving.selector, id, 1));
        registry.withdrawDeposit(id);
        assertEq(registry.getDevice(registerDevice("second")).lane, 3, "a fresh one");
        vm.warp(consensus.epochStart(1));
        registry.withdrawDeposit(id);
        assertEq(registry.getDevice(registerDevice("third")).lane, 2, "free again");
    }
}
