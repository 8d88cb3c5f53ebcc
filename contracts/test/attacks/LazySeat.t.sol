// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {StrikeReason} from "../../src/interfaces/ICheckerSeats.sol";
import {Commitment} from "../../src/interfaces/IDeviceRegistry.sol";
import {Evidence, IEpochReports, Opening, Phase, ScoreRules} from "../../src/interfaces/IEpochConsensus.sol";
import {Emission} from "../../src/interfaces/IRewardVault.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title A Checker that repeats the last public medians instead of checking
contract LazySeatTest is Fixture {
    function setUp() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(3);
        startEpochs();
    }

    /// @dev It agrees, and is paid for that. It has no device's signature to show: a strike in one epoch, a slash above its pay in the next.
    function test_repeatingMediansCostsMoreThanItEarns() public {
        Claim memory medians = uniformClaim(3, 3000, 10_000);
        medians.evidenceRoot = keccak256("no device ever signed anything");
        address lazy = operators[2];
        for (uint64 epoch; epoch < 2; ++epoch) {
            settleHonestly(epoch, medians);
            vault.payCheckers(epoch, 0);
            warpTo(epoch, Phase.Finalize);
            if (epoch == 1) consensus.strikeUnanswered(0, 0, _seatOf(0, lazy));
            rollSeed(epoch + 2);
            _cannotAnswer(epoch, _seatOf(epoch, lazy), medians);
        }
        uint256 earned = token.balanceOf(payoutOf(lazy));
        assertGt(earned, 0);
        assertEq(seats.checker(lazy).strikes, 1);
        assertEq(token.balanceOf(treasury), 0);
        vm.warp(consensus.epochStart(3) + 8);
        consensus.strikeUnanswered(1, 0, _seatOf(1, lazy));
        assertEq(seats.checker(lazy).strikes, 2);
        assertEq(token.balanceOf(treasury), SEAT_BOND / 10);
        assertGt(SEAT_BOND / 10, earned);
        seats.jail(lazy); // its bond no longer covers its seat
        assertEq(seats.checker(lazy).seats, 0);
    }

    /// @dev The rest of its cohort has no devices. By judging 61 lanes of nobody at zero it would show an empty leaf in 61 audits of 64.
    function test_judgingLanesOfNobodyEarnsNothing() public {
        Claim memory truth = uniformClaim(3, 3000, 10_000);
        Claim memory lazy = uniformClaim(3, 3000, 10_000);
        for (uint256 lane = 3; lane < 64; ++lane) lazy.flags[lane] = 8;
        uint8 seat = 2;
        warpTo(0, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(0, 0);
        Opening[] memory openings = new Opening[](5);
        for (uint8 i; i < 5; ++i) {
            uint256[10][] memory words = one(pack(i == seat ? lazy : truth));
            commitWords(0, committee[i], words);
            openings[i] = openingOf(0, committee[i], 0, i, words);
        }
        warpTo(0, Phase.Open);
        consensus.finalize(0, 0, openings);
        uint8[5] memory agreed = consensus.cohortRecord(0, 0).agreed;
        for (uint256 i; i < 5; ++i) assertEq(agreed[i], i == seat ? 0 : 3);
        assertEq(consensus.creditOf(0, 0), 3952, "what it says of members counts as before");
        vault.payCheckers(0, 0);
        assertEq(token.balanceOf(payoutOf(committee[seat])), 0);
    }

    /// @dev Away for the hours of one epoch's answers, with four of its seats audited: one strike that counts and one slash, and one more of each in the next epoch.
    function test_whoMissesTheAnswersOfAnEpochIsSlashedOnce() public {
        address away = operators[2];
        vm.startPrank(address(consensus));
        for (uint32 cohort; cohort < 4; ++cohort) seats.strike(away, 7, cohort, StrikeReason.AuditUnanswered);
        assertEq(seats.checker(away).strikes, 1);
        assertEq(token.balanceOf(treasury), SEAT_BOND / 10);
        seats.strike(away, 8, 0, StrikeReason.AuditUnanswered);
        assertEq(seats.checker(away).strikes, 2);
        assertEq(token.balanceOf(treasury), SEAT_BOND / 10 + SEAT_BOND * 9 / 100);
        vm.stopPrank();
    }

    function _cannotAnswer(uint64 epoch, uint8 seat, Claim memory medians) private {
        Opening memory opening = openingOf(epoch, operators[2], 0, seat, one(pack(medians)));
        Evidence[] memory leaves = new Evidence[](1);
        leaves[0] = Evidence(keccak256("round"), keccak256("signed by nobody"), "ROWS_MATCH", new bytes32[](8));
        Commitment memory none;
        vm.expectRevert(IEpochReports.AnswerInvalid.selector);
        consensus.answerAudit(epoch, 0, opening, leaves, none, "");
    }

    function _seatOf(uint64 epoch, address who) private view returns (uint8 seat) {
        address[5] memory committee = consensus.seatsOf(epoch, 0);
        while (committee[seat] != who) ++seat;
    }
}

/// @title What a seat earns that says what the last result was, received nothing and answers no audit, by production's rules
/// @dev A quarter of the seats audited, a slash of a tenth at every second strike of that kind. Bond and emission are a tenth of production's, and so is what it earns.
contract SeatWithoutWorkTest is Fixture {
    uint64 private constant EPOCHS = 100;

    function test_aSeatWithoutWorkLosesItsPlaceBeforeItEarnedAThirdOfAnHonestOnes() public {
        ScoreRules memory scores = defaultScores();
        scores.auditBps = 2_500;
        Emission memory emission =
            Emission({perEpoch: 10_000 ether, checkerBps: 2_000, keeperBps: 100, bounty: 0.5 ether, maxPrice: 1 ether});
        deployAll(defaultTimeline(), scores, emission);
        bondCheckers(25, 1);
        registerDevices(128);
        startEpochs();
        (address lazy, address honest) = (operators[0], operators[1]);
        // Each a call of its own, whose memory is given back.
        for (uint64 epoch; epoch < EPOCHS; ++epoch) this.liveThrough(epoch, lazy);
        assertTrue(seats.checker(lazy).jailed);
        assertEq(SEAT_BOND - seats.checker(lazy).bond, SEAT_BOND / 10);
        (uint256 earned, uint256 honestly) = (token.balanceOf(payoutOf(lazy)), token.balanceOf(payoutOf(honest)));
        // docs/contracts.md has these figures.
        assertEq(earned, 2_400 ether);
        assertGt(honestly, 3 * earned);
    }

    function liveThrough(uint64 epoch, address lazy) external {
        rollSeed(epoch);
        if (epoch >= 2) _reportAudits(epoch - 2, lazy);
        settleHonestly(epoch, uniformClaim(64, 3000, 10_000));
        for (uint32 cohort; cohort < 2; ++cohort) vault.payCheckers(epoch, cohort);
    }

    function _reportAudits(uint64 epoch, address lazy) private {
        vm.warp(consensus.auditOf(epoch, 0, 0).closesAt);
        for (uint32 cohort; cohort < 2; ++cohort) {
            address[5] memory committee = consensus.seatsOf(epoch, cohort);
            for (uint8 seat; seat < 5; ++seat) {
                if (committee[seat] != lazy || !consensus.auditOf(epoch, cohort, seat).drawn) continue;
                consensus.strikeUnanswered(epoch, cohort, seat);
            }
        }
        if (!seats.checker(lazy).jailed && seats.checker(lazy).bond < SEAT_BOND) seats.jail(lazy);
    }
}
