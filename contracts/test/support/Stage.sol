// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CohortState, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {Fixture} from "./Fixture.sol";

/// @title A network in the middle of its life: two cohorts, seats that disagree here and there, an epoch that is no power of two
/// @notice A zero in an epoch, a cohort, a lane or an amount hides an argument that is lost, so that none of them is zero here.
abstract contract Stage is Fixture {
    uint64 internal constant EPOCH = 5;
    uint32 internal constant COHORT = 1;
    /// @dev Lanes of the second cohort.
    uint256 internal constant SECOND = 6;

    /// @dev Six owners of two seats each and 70 devices, in the first second of epoch 4.
    function setStage() internal {
        deployAll();
        bondCheckers(6, 2);
        registerDevices(64 + SECOND);
        startEpochs();
        rollSeed(EPOCH - 1);
    }

    /// @dev Lane i of cohort c worked at 1000 + 10 i + c, with an uptime of 9000 + i. Of the committee, seat 3 says another rate of lane 0 and
    /// seat 4 of lanes 0 to 2: both agree a little less.
    function wordsOf(uint64 epoch, address operator) internal view returns (uint256[10][] memory words) {
        words = new uint256[10][](2);
        for (uint32 cohort; cohort < 2; ++cohort) {
            Claim memory claim = uniformClaim(cohort == 0 ? 64 : SECOND, 0, 0);
            for (uint256 i; i < 64; ++i) {
                if (claim.flags[i] != 0) (claim.rates[i], claim.uptimes[i]) = (uint16(1000 + 10 * i + cohort), uint16(9000 + i));
            }
            claim.evidenceRoot = keccak256(abi.encode("evidence", operator, cohort));
            address[5] memory committee = consensus.seatsOf(epoch, cohort);
            if (operator == committee[3] || operator == committee[4]) claim.rates[0] += 7;
            if (operator == committee[4]) (claim.rates[1], claim.rates[2]) = (1, 2);
            words[cohort] = pack(claim);
        }
    }

    function commitAll(uint64 epoch) internal {
        rollSeed(epoch);
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(epoch, operators[i], wordsOf(epoch, operators[i]));
    }

    function openingsOf(uint64 epoch, uint32 cohort) internal view returns (Opening[] memory list) {
        address[5] memory committee = consensus.seatsOf(epoch, cohort);
        list = new Opening[](5);
        for (uint8 i; i < 5; ++i) list[i] = openingOf(epoch, committee[i], cohort, i, wordsOf(epoch, committee[i]));
    }

    /// @dev Both cohorts final, by the keeper. Leaves time at OPEN, and the seed of the epoch that has begun.
    function settle(uint64 epoch) internal {
        commitAll(epoch);
        warpTo(epoch, Phase.Open);
        for (uint32 cohort; cohort < 2; ++cohort) {
            Opening[] memory openings = openingsOf(epoch, cohort);
            vm.prank(keeper);
            consensus.finalize(epoch, cohort, openings);
            assertEq(uint256(consensus.cohortState(epoch, cohort)), uint256(CohortState.Final));
        }
        rollSeed(epoch + 1);
    }

    function device(uint256 i) internal returns (address) {
        return makeAddr(string.concat("device-", vm.toString(i)));
    }
}
