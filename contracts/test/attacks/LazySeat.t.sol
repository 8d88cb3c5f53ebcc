// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Commitment} from "../../src/interfaces/IDeviceRegistry.sol";
import {Evidence, IEpochReports, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
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
