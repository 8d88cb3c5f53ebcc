// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckerSeats} from "../../src/interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {CohortState, IEpochReports, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title Bad moments and bad input, each with its stated outcome
contract BadInputTest is Fixture {
    function setUp() public {
        deployAll();
        bondCheckers(6, 1);
        registerDevices(66);
        startEpochs();
    }

    /// @dev The first second of a phase belongs to it, the last one of the phase before does not.
    function test_everyActionAtTheExactBoundariesOfItsPhase() public {
        rollSeed(0);
        uint256[10][] memory words = _words(3000);
        (bytes32 root,) = merkle(leavesOf(0, operators[0], words), 0);
        vm.warp(consensus.phaseStart(0, Phase.Commit) - 1);
        _expectWrongPhase(Phase.Work, Phase.Commit);
        consensus.commit(0, root);
        vm.warp(consensus.phaseStart(0, Phase.Commit));
        for (uint256 i; i < 5; ++i) commitWords(0, operators[i], words);
        vm.warp(consensus.phaseStart(0, Phase.Open) - 1);
        commitWords(0, operators[5], words);
        Opening[] memory first = openAll(0, 0, words);
        Opening[] memory second = openAll(0, 1, words);
        _expectWrongPhase(Phase.Commit, Phase.Open);
        consensus.finalize(0, 0, first);
        vm.warp(consensus.phaseStart(0, Phase.Open));
        consensus.finalize(0, 0, first);
        vm.warp(consensus.phaseStart(0, Phase.Reveal) - 1);
        _expectWrongPhase(Phase.Open, Phase.Reveal);
        consensus.reveal(0, 1, second);
        vm.warp(consensus.phaseStart(0, Phase.Reveal));
        _expectWrongPhase(Phase.Reveal, Phase.Open);
        consensus.finalize(0, 1, second);
        consensus.reveal(0, 1, second);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.SeedNotDue.selector, 2));
        consensus.pin(2);
        vm.warp(consensus.phaseStart(0, Phase.Finalize));
        _expectWrongPhase(Phase.Finalize, Phase.Reveal);
        consensus.reveal(0, 1, second);
        vm.warp(consensus.phaseStart(0, Phase.Pay) - 1);
        assertFalse(consensus.isPayable(0));
        uint256 snapshot = vm.snapshotState();
        consensus.finalize(0, 1, second);
        assertTrue(consensus.isPayable(0), "as soon as every cohort is resolved");
        assertTrue(vm.revertToState(snapshot));
        vm.warp(consensus.phaseStart(0, Phase.Pay));
        assertFalse(consensus.isPayable(0), "what was revealed is waited for");
        vm.warp(consensus.epochStart(2) - 1);
        assertEq(uint256(consensus.cohortState(0, 1)), uint256(CohortState.Pending));
        snapshot = vm.snapshotState();
        consensus.finalize(0, 1, second);
        assertEq(uint256(consensus.cohortState(0, 1)), uint256(CohortState.Final));
        assertTrue(vm.revertToState(snapshot));
        vm.warp(consensus.epochStart(2));
        _expectWrongPhase(Phase.Pay, Phase.Open);
        consensus.finalize(0, 1, second);
        assertTrue(consensus.isPayable(0), "while the next epoch lasts");
        assertEq(uint256(consensus.cohortState(0, 1)), uint256(CohortState.Void));
    }

    /// @dev A device that exits while its verdict is pending is judged and paid for its last epochs, and its deposit waits for that.
    function test_exitWithAPendingVerdict() public {
        bytes32 id = deviceIds[65];
        address payee = payoutOf(makeAddr("device-65"));
        warpTo(0, Phase.Commit);
        vm.prank(payee);
        registry.requestExit(id);
        for (uint64 epoch; epoch < 2; ++epoch) {
            settleHonestly(epoch, uniformClaim(64, 900, 10_000));
            assertEq(consensus.creditOf(epoch, 65), 900);
            uint256 before = token.balanceOf(payee);
            vault.payCohort(epoch, 1, 64);
            assertGt(token.balanceOf(payee), before);
            vm.expectPartialRevert(IDeviceRegistry.DepositHeld.selector);
            registry.withdrawDeposit(id);
            vault.payCohort(epoch, 0, 64);
            vault.payCheckers(epoch, 0);
            vault.payCheckers(epoch, 1);
            warpTo(epoch, Phase.Finalize);
            rollSeed(epoch + 2);
        }
        settleHonestly(2, uniformClaim(64, 900, 10_000));
        assertEq(consensus.creditOf(2, 65), 0, "no member any more");
        vm.warp(consensus.epochStart(3) + 16);
        uint256 held = token.balanceOf(payee);
        registry.withdrawDeposit(id);
        assertEq(token.balanceOf(payee), held + DEPOSIT);
    }

    /// @dev An owner without a seat left is in no committee of the lists frozen since, and its commitment counts nowhere.
    function test_ownerWithoutSeatsIsDrawnNoMore() public {
        vm.warp(firstEpochAt);
        vm.prank(payoutOf(operators[3]));
        seats.unbond(operators[3], 1);
        assertEq(seats.activeOwners(), 5);
        for (uint32 cohort; cohort < 40; ++cohort) {
            (address[5] memory drawn,) = seats.committee(2, keccak256("any seed"), cohort);
            for (uint256 i; i < 5; ++i) assertTrue(drawn[i] != operators[3]);
        }
    }

    /// @dev The proof of another cohort's leaf, of either depth, is none.
    function test_openingOfAnotherCohortIsRefused() public {
        uint256[10][] memory words = _words(3000);
        words[1][0] ^= 1;
        warpTo(0, Phase.Commit);
        for (uint256 i; i < 6; ++i) commitWords(0, operators[i], words);
        warpTo(0, Phase.Open);
        address[5] memory committee = consensus.seatsOf(0, 0);
        Opening[] memory openings = openAll(0, 0, words);
        openings[0] = openingOf(0, committee[0], 1, 0, words);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, committee[0]));
        consensus.finalize(0, 0, openings);
        openings = openAll(0, 0, words);
        // Two levels in one opening and none in another: the calldata is as long as it should be.
        (openings[0].proof, openings[1].proof) = (new bytes32[](2), new bytes32[](0));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, committee[0]));
        consensus.finalize(0, 0, openings);
    }

    /// @dev A second before, on and after every boundary that there is: of phases, of audits and of the epoch. A registration counts from the
    /// next epoch on, whole, and from none before.
    function test_aDeviceRegisteredAroundEachBoundary() public {
        rollSeed(0);
        warpTo(0, Phase.Commit);
        rollSeed(1);
        uint64[7] memory boundaries = [
            consensus.epochStart(1),
            consensus.phaseStart(0, Phase.Open),
            consensus.phaseStart(0, Phase.Reveal),
            consensus.phaseStart(0, Phase.Finalize),
            consensus.phaseStart(0, Phase.Pay),
            consensus.epochStart(2),
            consensus.epochStart(2) + 8 // answers to audits of epoch 0 close
        ];
        for (uint256 i; i < 7; ++i) {
            for (uint64 time = boundaries[i] - 1; time <= boundaries[i] + 1; ++time) _registerAt(time);
        }
    }

    function _registerAt(uint64 time) private {
        uint64 present = (time - firstEpochAt) / 16;
        uint256 snapshot = vm.snapshotState();
        vm.warp(time);
        bytes32 id = registerDevice("newcomer");
        uint32 lane = registry.getDevice(id).lane;
        assertEq(registry.getDevice(id).since, present + 1);
        for (uint64 epoch = present; epoch < present + 3; ++epoch) {
            assertEq(registry.occupancy(epoch, lane / 64) >> (lane % 64) & 1, epoch == present ? 0 : 1);
            assertEq(registry.generationAt(id, epoch), epoch == present ? 0 : 1);
        }
        (uint32 members,) = registry.countsOf(present);
        (uint32 next,) = registry.countsOf(present + 1);
        assertEq(members, 66);
        assertEq(next, 67);
        assertTrue(vm.revertToState(snapshot));
    }

    /// @dev With fewer than five owners an epoch has a seed and no committee. Nobody judges, nobody is paid, nobody loses a standing or a
    /// deposit; with a fifth it goes on.
    function test_aDeviceAndFourCheckers() public {
        settleHonestly(0, uniformClaim(64, 3000, 10_000));
        uint256 standing = consensus.standingAtLane(0);
        for (uint256 i; i < 2; ++i) {
            vm.prank(payoutOf(operators[i]));
            seats.unbond(operators[i], 1);
        }
        uint64 without = seats.checker(operators[0]).unbondingUntil + 1;
        assertEq(without, 3);
        for (uint64 epoch = 2; epoch <= without; ++epoch) rollSeed(epoch);
        bytes memory tooFew = abi.encodeWithSelector(ICheckerSeats.TooFewOwners.selector, without);
        vm.expectRevert(tooFew);
        consensus.seatsOf(without, 0);
        warpTo(without, Phase.Open);
        vm.expectRevert(tooFew);
        consensus.finalize(without, 0, new Opening[](0));
        vm.expectRevert(tooFew);
        consensus.voidCohort(without, 0);
        warpTo(without, Phase.Pay);
        assertEq(uint256(consensus.cohortState(without, 0)), uint256(CohortState.Void));
        assertEq(vault.payCohort(without, 0, 64), 0);
        assertEq(vault.payCheckers(without, 0), 0);
        assertFalse(vault.moneyOf(without).opened);
        assertEq(consensus.standingAtLane(0), standing);
        assertEq(consensus.silentEpochs(0), 0);

        bondChecker("a fifth", 1);
        uint64 again = consensus.seatsEffectiveFrom();
        for (uint64 epoch = without + 1; epoch <= again; ++epoch) rollSeed(epoch);
        settleHonestly(again, uniformClaim(64, 3000, 10_000));
        assertGt(vault.payCohort(again, 0, 64), 0);
    }

    function _words(uint16 rate) private pure returns (uint256[10][] memory words) {
        words = new uint256[10][](2);
        (words[0], words[1]) = (pack(uniformClaim(64, rate, 10_000)), pack(uniformClaim(2, rate, 10_000)));
    }

    function _expectWrongPhase(Phase phase, Phase needed) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, 0, phase, needed));
    }
}
