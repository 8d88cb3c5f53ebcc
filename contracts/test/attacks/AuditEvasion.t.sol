// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Commitment} from "../../src/interfaces/IDeviceRegistry.sol";
import {Evidence, IEpochReports, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title A seat that commits to two openings of one cohort under one root, at two depths
/// @notice The first repeats public medians and is paid; the second, a level deeper, judges nobody, so that an audit of it asks nothing.
contract AuditEvasionTest is Fixture {
    address private lazy;
    uint8 private seat;
    bytes32 private left;
    bytes32 private leaf;
    uint256[10] private full;
    uint256[10] private honest;
    uint256[10] private copied;
    uint256[10] private blank;

    function setUp() public {
        deployAll(); // every seat is audited
        bondCheckers(9, 1);
        registerDevices(65); // two cohorts, depth 1
        startEpochs();
        rollSeed(0);
        full = pack(uniformClaim(64, 3000, 10_000));
        Claim memory claim = uniformClaim(1, 3000, 10_000);
        honest = pack(claim);
        claim.evidenceRoot = keccak256("no evidence at all");
        copied = pack(claim);
        (lazy, seat) = _drawnForTheSecondCohortAlone();
        leaf = consensus.openingLeaf(0, lazy, 1, saltOf(lazy, 0), copied);
        left = keccak256(abi.encode(bytes32(0), consensus.openingLeaf(0, lazy, 1, saltOf(lazy, 0), blank)));
    }

    function test_anotherOpeningOfTheSameRootAnswersNoAudit() public {
        _commitAndFinalize();
        assertEq(consensus.cohortRecord(0, 1).agreed[seat], 1, "it is paid for the one lane there is");
        registerDevices(80);
        rollSeed(2);
        bytes32[] memory deeper = new bytes32[](2);
        deeper[1] = leaf;
        Opening memory second = Opening(seat, saltOf(lazy, 0), blank, deeper);
        assertFalse(consensus.isCommitted(0, lazy, 1, second));
        Commitment memory none;
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, lazy));
        consensus.answerAudit(0, 1, second, new Evidence[](0), none, "");
        assertTrue(consensus.isCommitted(0, lazy, 1, _first()));
        // The depth is that of the audited epoch, however many cohorts there are when the audit is answered.
        (, uint32 cohorts) = registry.countsOf(2);
        assertEq(cohorts, 3);
        assertEq(consensus.commitmentDepth(0), 1);
        assertTrue(consensus.isCommitted(0, lazy, 1, _first()));
        vm.warp(consensus.auditOf(0, 1, seat).closesAt);
        consensus.strikeUnanswered(0, 1, seat);
        assertEq(seats.checker(lazy).strikes, 1);
    }

    /// @dev An epoch of which nothing was resolved in time has openings that never counted, and a depth that nobody knows.
    function test_nothingIsCommittedToInAnEpochThatWasNeverResolved() public {
        warpTo(0, Phase.Commit);
        vm.prank(lazy);
        consensus.commit(0, keccak256(abi.encode(left, leaf)));
        assertTrue(consensus.isCommitted(0, lazy, 1, _first()));
        vm.warp(consensus.epochStart(2) - 1);
        assertTrue(consensus.isCommitted(0, lazy, 1, _first()));
        vm.warp(consensus.epochStart(2));
        assertFalse(consensus.isCommitted(0, lazy, 1, _first()));
    }

    function _first() private view returns (Opening memory) {
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = left;
        return Opening(seat, saltOf(lazy, 0), copied, proof);
    }

    function _commitAndFinalize() private {
        uint256[10][] memory words = new uint256[10][](2);
        (words[0], words[1]) = (full, honest);
        warpTo(0, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) {
            if (operators[i] == lazy) {
                vm.prank(lazy);
                consensus.commit(0, keccak256(abi.encode(left, leaf)));
            } else {
                commitWords(0, operators[i], words);
            }
        }
        Opening[] memory openings = openAll(0, 1, words);
        openings[seat] = _first();
        warpTo(0, Phase.Open);
        consensus.finalize(0, 1, openings);
        consensus.finalize(0, 0, openAll(0, 0, words));
    }

    function _drawnForTheSecondCohortAlone() private view returns (address, uint8) {
        address[5] memory zeroth = consensus.seatsOf(0, 0);
        address[5] memory first = consensus.seatsOf(0, 1);
        for (uint8 i; i < 5; ++i) {
            bool drawn;
            for (uint256 j; j < 5; ++j) {
                if (zeroth[j] == first[i]) drawn = true;
            }
            if (!drawn) return (first[i], i);
        }
        revert("none");
    }
}
