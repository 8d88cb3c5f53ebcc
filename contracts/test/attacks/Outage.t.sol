// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckerSeats} from "../../src/interfaces/ICheckerSeats.sol";
import {Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title A chain that makes no blocks while openings are due, by nature or because somebody fills them, takes nobody's seat
contract OutageTest is Fixture {
    uint64 private constant EPOCH = 2;
    uint32 private constant COHORTS = 3;

    uint256[10][] private words;

    function setUp() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(64 * uint32(COHORTS));
        startEpochs();
        for (uint64 epoch; epoch <= EPOCH; ++epoch) rollSeed(epoch);
        for (uint256 i; i < COHORTS; ++i) words.push(pack(uniformClaim(64, 1000, 10_000)));
        warpTo(EPOCH, Phase.Commit);
        for (uint256 i; i < 5; ++i) commitWords(EPOCH, operators[i], words);
    }

    function test_noBlockInOpenAndRevealStrikesNobody() public {
        warpTo(EPOCH, Phase.Finalize);
        for (uint32 cohort; cohort < COHORTS; ++cohort) consensus.voidCohort(EPOCH, cohort);
        for (uint256 i; i < 5; ++i) {
            assertEq(seats.checker(operators[i]).strikes, 0);
            assertEq(seats.checker(operators[i]).bond, SEAT_BOND);
        }
        assertEq(token.balanceOf(treasury), 0);
    }

    /// @dev Whoever fills all blocks but his own opening's costs the others a part of their bonds a cohort, and one strike of three.
    function test_blocksFilledOverOpenAndRevealJailNobody() public {
        address filler = operators[0];
        warpTo(EPOCH, Phase.Reveal);
        for (uint32 cohort; cohort < COHORTS; ++cohort) {
            address[5] memory committee = consensus.seatsOf(EPOCH, cohort);
            uint8 seat;
            while (committee[seat] != filler) ++seat;
            Opening[] memory own = new Opening[](1);
            own[0] = openingOf(EPOCH, filler, cohort, seat, words);
            consensus.reveal(EPOCH, cohort, own);
        }
        warpTo(EPOCH, Phase.Finalize);
        for (uint32 cohort; cohort < COHORTS; ++cohort) consensus.voidCohort(EPOCH, cohort);
        for (uint256 i = 1; i < 5; ++i) {
            assertEq(seats.checker(operators[i]).strikes, 1);
            assertEq(seats.checker(operators[i]).bond, SEAT_BOND - COHORTS * SEAT_BOND / 100);
            vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.TooFewStrikes.selector, operators[i], 1, 3));
            seats.jail(operators[i]);
        }
        assertEq(seats.activeOwners(), 5);
    }
}
