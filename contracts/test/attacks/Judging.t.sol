// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title What seats say beside the rate, and what stays of a captured epoch
contract JudgingTest is Fixture {
    function setUp() public {
        deployAll();
        bondCheckers(9, 1);
        registerDevices(2);
        startEpochs();
    }

    /// @dev Uptime multiplies pay: a seat that makes it up agrees with nobody and earns nothing for the lane.
    function test_uptimeThatIsMadeUpDoesNotAgree() public {
        // The median is 9000, the tolerance 500.
        (uint8[5] memory agreed, uint256 credit) = _settleUptimes([uint16(9_501), 9_500, 9_000, 8_500, 8_499]);
        for (uint256 i; i < 5; ++i) {
            assertEq(agreed[i], i == 0 || i == 4 ? 0 : 2);
        }
        assertEq(credit, 3952 * uint256(9) / 10);
    }

    /// @dev The same where the other lanes all agree, so that nothing is decided by the whole word.
    function test_oneLaneOfManyDisagreesByItsUptime() public {
        registerDevices(62);
        Claim memory truth = uniformClaim(64, 3000, 9_000);
        Claim memory fancy = uniformClaim(64, 3000, 9_000);
        fancy.uptimes[17] = 9_501;
        (uint8[5] memory agreed,) = _settle(pack(fancy), pack(truth));
        assertEq(agreed[0], 63);
        assertEq(agreed[1], 63);
        for (uint256 i = 2; i < 5; ++i) assertEq(agreed[i], 64);
    }

    /// @dev Captured epochs that do not follow each other add nothing to a standing.
    function test_capturesWithHonestEpochsBetweenDoNotRatchet() public {
        for (uint64 epoch; epoch < 8; ++epoch) {
            Claim memory claim = uniformClaim(2, 3000, 10_000);
            if (epoch & 1 == 0) claim.rates[0] = 0x7fff; // captured
            else (claim.rates[0], claim.flags[0]) = (0, 8); // honest: it is offline
            settleHonestly(epoch, claim);
            assertEq(consensus.standingAtLane(0), 1 << 20);
            warpTo(epoch, Phase.Finalize);
            rollSeed(epoch + 2);
        }
    }

    /// @dev What one captured epoch gave is gone again after honest ones: from the second judged zero in a row on, a quarter each.
    function test_judgedZerosInARowTakeTheStandingAway() public {
        uint256 standing = 1 << 20;
        for (uint64 epoch; epoch < 12; ++epoch) {
            Claim memory claim = uniformClaim(2, 3000, 10_000);
            if (epoch == 0) claim.rates[0] = 0x7fff;
            else (claim.rates[0], claim.flags[0]) = (0, 8);
            settleHonestly(epoch, claim);
            if (epoch > 1) standing -= standing / 4;
            assertEq(consensus.standingAtLane(0), standing);
            warpTo(epoch, Phase.Finalize);
            rollSeed(epoch + 2);
        }
        assertLt(standing, (1 << 20) / 16);
        assertEq(consensus.standingAtLane(1), 3952, "whoever works keeps its own");
    }

    /// @dev Leaving after each epoch that earned nothing wipes the count of such epochs, and costs the quarter that staying would.
    function test_leavingInSilenceCostsAQuarter() public {
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        address operator = vm.addr(keyOf[makeAddr("device-0")]);
        vm.prank(operator);
        registry.requestExit(deviceIds[0]);
        Claim memory offline = uniformClaim(2, 3000, 10_000);
        (offline.rates[0], offline.flags[0]) = (0, 8);
        settleHonestly(1, offline);
        assertEq(consensus.standingAtLane(0), 3952, "one epoch takes nothing");
        for (uint64 epoch; epoch < 2; ++epoch) vault.payCohort(epoch, 0, 64);
        vm.warp(consensus.epochStart(5));
        registry.withdrawDeposit(deviceIds[0]);
        assertEq(consensus.standing(deviceIds[0]), 2964);
        registerDevice("device-0");
        assertEq(consensus.standing(deviceIds[0]), 2964);
        assertEq(consensus.silentEpochs(0), 0);
    }

    /// @dev Three captured seats are a quorum and not enough to take a standing: that needs a fourth that judged.
    function test_threeSeatsTakeNoStanding() public {
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        uint256 standing = consensus.standingAtLane(0);
        for (uint64 epoch = 1; epoch < 4; ++epoch) {
            warpTo(epoch - 1, Phase.Finalize);
            rollSeed(epoch + 1);
            Claim memory zero;
            Claim memory abstain;
            (zero.flags[0], zero.flags[1]) = (8, 8);
            _settleEpoch(epoch, pack(zero), pack(abstain), 3);
            assertEq(consensus.standingAtLane(0), standing);
        }
        assertEq(consensus.silentEpochs(0), 3);
    }

    /// @dev Three captured seats rate a newcomer at 1. It is not held down for the dozens of epochs that quarters would take: in the next one that
    /// it works it stands where a newcomer would, and is paid by that in the one after.
    function test_aNewcomerThatWasRatedAtOneStandsWhereANewcomerWould() public {
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        registerDevices(2);
        _settleNext(1, uniformClaim(2, 3000, 10_000));
        Claim memory claim = uniformClaim(4, 3000, 10_000);
        (claim.rates[2], claim.rates[3]) = (1, 1);
        _settleNext(2, claim);
        assertEq(consensus.standingAtLane(2), 1);
        // One works; the other is away, and captured after that.
        (claim.rates[2], claim.rates[3], claim.flags[3]) = (3000, 0, 8);
        _settleNext(3, claim);
        uint256 mean = 1976; // of 3952, 3952, 1 and 1
        assertEq(consensus.creditOf(3, 2), 2, "at most its cap, as ever");
        assertEq(consensus.standingAtLane(2), mean);
        assertEq(consensus.standingAtLane(3), 1);
        (claim.rates[3], claim.flags[3]) = (3000, 15);
        _settleNext(4, claim);
        assertEq(consensus.creditOf(4, 2), 3952, "paid in full");
        assertEq(consensus.standingAtLane(3), 1, "an epoch after a silent one raises nothing");
        // What it shows now is less than the mean, and more than the cap.
        claim.rates[3] = 100;
        _settleNext(5, claim);
        assertEq(consensus.creditOf(5, 3), 2);
        assertEq(consensus.standingAtLane(3), 100);
    }

    function _settleNext(uint64 epoch, Claim memory claim) private {
        warpTo(epoch - 1, Phase.Finalize);
        rollSeed(epoch + 1);
        settleHonestly(epoch, claim);
    }

    function _settleUptimes(uint16[5] memory uptimes) private returns (uint8[5] memory agreed, uint256 credit) {
        rollSeed(0);
        address[5] memory committee = consensus.seatsOf(0, 0);
        warpTo(0, Phase.Commit);
        Opening[] memory openings = new Opening[](5);
        for (uint8 i; i < 5; ++i) {
            uint256[10][] memory words = one(pack(uniformClaim(2, 3000, uptimes[i])));
            commitWords(0, committee[i], words);
            openings[i] = openingOf(0, committee[i], 0, i, words);
        }
        warpTo(0, Phase.Open);
        consensus.finalize(0, 0, openings);
        return (consensus.cohortRecord(0, 0).agreed, consensus.creditOf(0, 0));
    }

    /// @dev Two seats say `first`, three `second`.
    function _settle(uint256[10] memory first, uint256[10] memory second) private returns (uint8[5] memory, uint256) {
        _settleEpoch(0, first, second, 2);
        return (consensus.cohortRecord(0, 0).agreed, consensus.creditOf(0, 0));
    }

    function _settleEpoch(uint64 epoch, uint256[10] memory first, uint256[10] memory second, uint8 firsts) private {
        rollSeed(epoch);
        address[5] memory committee = consensus.seatsOf(epoch, 0);
        warpTo(epoch, Phase.Commit);
        Opening[] memory openings = new Opening[](5);
        for (uint8 i; i < 5; ++i) {
            uint256[10][] memory words = one(i < firsts ? first : second);
            commitWords(epoch, committee[i], words);
            openings[i] = openingOf(epoch, committee[i], 0, i, words);
        }
        warpTo(epoch, Phase.Open);
        consensus.finalize(epoch, 0, openings);
    }
}
