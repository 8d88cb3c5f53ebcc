// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

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

    function _words(uint16 rate) private pure returns (uint256[10][] memory words) {
        words = new uint256[10][](2);
        (words[0], words[1]) = (pack(uniformClaim(64, rate, 10_000)), pack(uniformClaim(2, rate, 10_000)));
    }

    function _expectWrongPhase(Phase phase, Phase needed) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, 0, phase, needed));
    }
}
