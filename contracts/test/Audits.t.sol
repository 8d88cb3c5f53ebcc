// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {StrikeReason} from "../src/interfaces/ICheckerSeats.sol";
import {Commitment} from "../src/interfaces/IDeviceRegistry.sol";
import {Audit, Evidence, IEpochReports, Opening, Phase} from "../src/interfaces/IEpochConsensus.sol";
import {Fixture} from "./support/Fixture.sol";

/// @title Audits: what an honest seat shows, and what a lazy one that repeats medians pays
contract AuditsTest is Fixture {
    bytes32 private constant TYPEHASH = keccak256(
        "Commitment(uint64 epoch,bytes32 round,bytes32 deviceId,uint32 generation,bytes32 specHash,uint64 rows,bytes32 root,bytes32 environmentHash)"
    );
    uint256 private constant ROUNDS = 4;

    uint256[10][] private words;
    Commitment private work;

    /// @dev One device, one judged lane: round 1 of four has work, the others are missed.
    function setUp() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(1);
        startEpochs();
        work = Commitment(0, keccak256("round 1"), deviceIds[0], 1, keccak256("spec"), 99, keccak256("rows"), bytes32(0));
        (bytes32 root,) = merkle(_leaves(), 0);
        Claim memory claim = uniformClaim(1, 3000, 10_000);
        claim.evidenceRoot = root;
        words = one(pack(claim));
        warpTo(0, Phase.Commit);
        for (uint256 i; i < 5; ++i) commitWords(0, operators[i], words);
        warpTo(0, Phase.Open);
        consensus.finalize(0, 0, openAll(0, 0, words));
        warpTo(0, Phase.Finalize);
        assertFalse(consensus.auditOf(0, 0, 0).drawn, "not before the seed of epoch 2");
        rollSeed(2);
    }

    function test_honestSeatsAnswer() public {
        for (uint8 seat; seat < 5; ++seat) {
            Audit memory audit = consensus.auditOf(0, 0, seat);
            assertTrue(audit.drawn, "auditBps is 10000 here");
            Evidence[] memory leaves = _evidence(audit.ordinal);
            Opening memory opening = _opening(seat);
            consensus.answerAudit(0, 0, opening, leaves, work, _signature(makeAddr("device-0")));
            assertTrue(consensus.auditOf(0, 0, seat).answered);
            vm.expectRevert(abi.encodeWithSelector(IEpochReports.AlreadyAnswered.selector, 0, 0, seat));
            consensus.answerAudit(0, 0, opening, leaves, work, "");
            vm.expectRevert(abi.encodeWithSelector(IEpochReports.AlreadyAnswered.selector, 0, 0, seat));
            consensus.strikeUnanswered(0, 0, seat);
        }
    }

    /// @dev A missed round alone does not do for a lane with a rate: a lazy seat cannot say that nobody worked.
    function test_answersThatShowNothingAreRefused() public {
        uint8 ordinal = consensus.auditOf(0, 0, 0).ordinal;
        Evidence[] memory leaves = _evidence(ordinal);
        Opening memory opening = _opening(0);
        bytes memory signature = _signature(makeAddr("device-0"));
        bytes memory forged = _signature(operators[0]);
        vm.expectRevert(IEpochReports.AnswerInvalid.selector);
        consensus.answerAudit(0, 0, opening, leaves, work, forged);
        vm.expectRevert(IEpochReports.AnswerInvalid.selector);
        consensus.answerAudit(0, 0, opening, new Evidence[](0), work, signature);
        Commitment memory other = work; // copied from storage
        other.rows = 100;
        vm.expectRevert(IEpochReports.AnswerInvalid.selector);
        consensus.answerAudit(0, 0, opening, leaves, other, signature);
        Evidence[] memory fewer = new Evidence[](1);
        fewer[0] = _leaf((ordinal + 1) % ROUNDS == 1 ? ordinal : (ordinal + 2) % ROUNDS);
        if (fewer[0].commitmentHash == 0) {
            vm.expectRevert(IEpochReports.AnswerInvalid.selector);
            consensus.answerAudit(0, 0, opening, fewer, work, signature);
        }
        leaves[0].reason = "OTHER";
        vm.expectRevert(IEpochReports.AnswerInvalid.selector);
        consensus.answerAudit(0, 0, opening, leaves, work, signature);
        opening.salt = 0;
        vm.expectPartialRevert(IEpochReports.ProofInvalid.selector);
        consensus.answerAudit(0, 0, opening, leaves, work, signature);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NotAudited.selector, 0, 1, 0));
        consensus.answerAudit(0, 1, opening, leaves, work, signature);
    }

    /// @dev A lazy seat that repeated medians has no evidence: struck, the second time slashed.
    function test_unansweredIsStruckThenSlashed() public {
        uint64 closesAt = consensus.auditOf(0, 0, 0).closesAt;
        assertEq(closesAt, consensus.epochStart(2) + 8);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.AuditOpen.selector, 0, closesAt));
        consensus.strikeUnanswered(0, 0, 0);
        address lazy = consensus.seatsOf(0, 0)[0];
        Evidence[] memory leaves = _evidence(consensus.auditOf(0, 0, 0).ordinal);
        Opening memory opening = _opening(0);
        vm.warp(closesAt);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.AuditClosed.selector, 0, closesAt));
        consensus.answerAudit(0, 0, opening, leaves, work, "");
        consensus.strikeUnanswered(0, 0, 0);
        assertEq(seats.checker(lazy).strikes, 1);
        assertEq(token.balanceOf(treasury), 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.AlreadyAnswered.selector, 0, 0, 0));
        consensus.strikeUnanswered(0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NotAudited.selector, 1, 0, 0));
        consensus.strikeUnanswered(1, 0, 0);
        vm.prank(address(consensus));
        seats.strike(lazy, 4, 0, StrikeReason.AuditUnanswered);
        assertEq(token.balanceOf(treasury), SEAT_BOND / 10);
        vm.warp(closesAt + 8);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.AuditClosed.selector, 0, closesAt + 8));
        consensus.strikeUnanswered(0, 0, 1);
    }

    function _leaves() private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](64 * ROUNDS);
        for (uint256 i; i < ROUNDS; ++i) {
            Evidence memory e = _content(i);
            leaves[i] = keccak256(abi.encode(e.round, e.commitmentHash, e.reason));
        }
    }

    function _content(uint256 ordinal) private view returns (Evidence memory e) {
        e.reason = ordinal == 1 ? bytes32("ROWS_MATCH") : bytes32("NO_ROUND");
        if (ordinal == 1) (e.round, e.commitmentHash) = (work.round, _digest());
    }

    function _leaf(uint256 ordinal) private view returns (Evidence memory e) {
        e = _content(ordinal);
        (, e.proof) = merkle(_leaves(), ordinal);
    }

    /// @dev From the drawn round on, cyclically, up to the one with work.
    function _evidence(uint256 ordinal) private view returns (Evidence[] memory list) {
        uint256 count = (1 + ROUNDS - ordinal) % ROUNDS + 1;
        list = new Evidence[](count);
        for (uint256 i; i < count; ++i) list[i] = _leaf((ordinal + i) % ROUNDS);
    }

    function _opening(uint8 seat) private view returns (Opening memory) {
        return openingOf(0, consensus.seatsOf(0, 0)[seat], 0, seat, words);
    }

    function _digest() private view returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), keccak256(abi.encode(TYPEHASH, work))));
    }

    function _signature(address who) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[who], _digest());
        return abi.encodePacked(r, s, v);
    }

    /// @dev A lane without a rate is answered by its leaf alone; a seat that judged nobody shows its opening.
    function test_zeroRateAndNobodyJudged() public {
        warpTo(1, Phase.Commit);
        (bytes32 root,) = merkle(_leaves(), 0);
        Claim memory idle = uniformClaim(1, 0, 0);
        idle.evidenceRoot = root;
        Claim memory blank = uniformClaim(0, 0, 0);
        address[5] memory committee = consensus.seatsOf(1, 0);
        Opening[] memory openings = new Opening[](5);
        for (uint8 i; i < 5; ++i) {
            uint256[10][] memory said = one(pack(i == 4 ? blank : idle));
            commitWords(1, committee[i], said);
            openings[i] = openingOf(1, committee[i], 0, i, said);
        }
        warpTo(1, Phase.Open);
        consensus.finalize(1, 0, openings);
        warpTo(1, Phase.Finalize);
        rollSeed(3);
        uint8 ordinal = consensus.auditOf(1, 0, 0).ordinal;
        Evidence[] memory leaf = new Evidence[](1);
        leaf[0] = _leaf(ordinal == 1 ? 0 : ordinal);
        if (ordinal != 1) {
            consensus.answerAudit(1, 0, openings[0], leaf, work, "");
            assertTrue(consensus.auditOf(1, 0, 0).answered);
        }
        consensus.answerAudit(1, 0, openings[4], new Evidence[](0), work, "");
        assertTrue(consensus.auditOf(1, 0, 4).answered);
    }
}
