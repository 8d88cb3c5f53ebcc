// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckerSeats, StrikeReason} from "../../src/interfaces/ICheckerSeats.sol";
import {Commitment} from "../../src/interfaces/IDeviceRegistry.sol";
import {Audit, Evidence, IEpochReports, Opening, Phase, ScoreRules} from "../../src/interfaces/IEpochConsensus.sol";
import {SignedTypes} from "../../src/libraries/SignedTypes.sol";
import {Stage} from "../support/Stage.sol";

/// @title What an audit asks, what answers it, and what follows where nothing does
/// @notice In the second cohort of the fifth epoch, whose seats judged lanes 1, 2, 4 and 5 of six; lane 4 did no work.
contract AuditPins is Stage {
    uint256 private constant ROUNDS = 4;
    uint256 private constant JUDGED = 54; // bits 1, 2, 4 and 5

    uint256[10][] private words;
    bytes32[] private leaves;

    function setUp() public {
        setStage();
        rollSeed(EPOCH);
        leaves = new bytes32[](64 * ROUNDS);
        for (uint256 lane; lane < SECOND; ++lane) {
            for (uint256 ordinal; ordinal < ROUNDS; ++ordinal) {
                Evidence memory e = _content(lane, ordinal);
                leaves[lane * ROUNDS + ordinal] = keccak256(abi.encode(e.round, e.commitmentHash, e.reason));
            }
        }
        Claim memory claim;
        for (uint256 i; i < SECOND; ++i) {
            if (JUDGED >> i & 1 == 0) continue;
            (claim.rates[i], claim.uptimes[i], claim.flags[i]) = (i == 4 ? 0 : uint16(1000 + i), 9000, ALL_FLAGS);
        }
        (claim.evidenceRoot,) = merkle(leaves, 0);
        words.push(pack(uniformClaim(64, 1000, 9000)));
        words.push(pack(claim));
        warpTo(EPOCH, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(EPOCH, operators[i], words);
        warpTo(EPOCH, Phase.Open);
        consensus.finalize(EPOCH, COHORT, openAll(EPOCH, COHORT, words));
        vm.warp(consensus.epochStart(EPOCH + 2) + 1);
        rollSeed(EPOCH + 2);
    }

    // --- what is asked

    function test_whatIsAsked() public {
        for (uint8 seat; seat < 5; ++seat) {
            uint256 draw = uint256(keccak256(abi.encode(consensus.seedOf(EPOCH + 2), "audit", EPOCH, COHORT, seat)));
            Audit memory want = Audit({
                drawn: true,
                answered: false,
                laneDraw: uint64(draw >> 64),
                ordinal: uint8(uint64(draw >> 128) % ROUNDS),
                closesAt: consensus.epochStart(EPOCH + 2) + 1 + 8
            });
            assertEq(abi.encode(consensus.auditOf(EPOCH, COHORT, seat)), abi.encode(want));
        }
        Audit memory none;
        none.closesAt = consensus.epochStart(EPOCH + 2) + 1 + 8;
        assertEq(abi.encode(consensus.auditOf(EPOCH, 0, 0)), abi.encode(none), "nothing was opened");
        assertEq(abi.encode(consensus.auditOf(EPOCH, COHORT, 5)), abi.encode(none), "no such seat");
        none.closesAt = consensus.epochStart(EPOCH + 4) - 8;
        assertEq(abi.encode(consensus.auditOf(EPOCH + 1, COHORT, 0)), abi.encode(none), "no seed, no audit");
        // The place of a record holds another epoch, which has a seed two epochs later.
        vm.warp(consensus.epochStart(EPOCH + 6));
        rollSeed(EPOCH + 6);
        assertFalse(consensus.auditOf(EPOCH + 4, COHORT, 0).drawn);
    }

    /// @dev Of seats that are not all audited, those below the chance are.
    function test_chance() public {
        ScoreRules memory rules = defaultScores();
        rules.auditBps = 5_000;
        vm.prank(owner);
        consensus.scheduleScoreRules(rules); // in epoch 7, from 9 on
        settle(9);
        settle(10);
        rollSeed(11);
        uint256 drawn;
        for (uint32 cohort; cohort < 2; ++cohort) {
            for (uint8 seat; seat < 5; ++seat) {
                uint256 draw = uint256(keccak256(abi.encode(consensus.seedOf(11), "audit", uint64(9), cohort, seat)));
                bool want = uint64(draw) % 10_000 < 5_000;
                assertEq(consensus.auditOf(9, cohort, seat).drawn, want);
                if (want) ++drawn;
                if (want) continue;
                vm.expectRevert(abi.encodeWithSelector(IEpochReports.NotAudited.selector, 9, cohort, seat));
                consensus.strikeUnanswered(9, cohort, seat);
            }
        }
        assertGt(drawn, 0);
        assertLt(drawn, 10);
    }

    /// @dev A seat that did not open is not asked, nor one of a void cohort.
    function test_whoIsNotAsked() public {
        uint64 epoch = EPOCH + 3;
        commitAll(epoch);
        Opening[] memory all = openingsOf(epoch, COHORT);
        Opening[] memory three = new Opening[](3);
        for (uint256 i; i < 3; ++i) three[i] = all[2 * i];
        warpTo(epoch, Phase.Reveal);
        consensus.reveal(epoch, COHORT, three);
        warpTo(epoch, Phase.Finalize);
        consensus.finalize(epoch, COHORT, three);
        consensus.voidCohort(epoch, 0);
        vm.warp(consensus.epochStart(epoch + 2));
        rollSeed(epoch + 2);
        for (uint8 seat; seat < 5; ++seat) {
            assertEq(consensus.auditOf(epoch, COHORT, seat).drawn, seat % 2 == 0);
            assertFalse(consensus.auditOf(epoch, 0, seat).drawn);
        }
    }

    // --- what answers

    function test_answers() public {
        for (uint8 seat; seat < 5; ++seat) {
            Audit memory audit = consensus.auditOf(EPOCH, COHORT, seat);
            uint256 lane = _laneOf(audit);
            Evidence[] memory shown = _evidence(lane, audit.ordinal);
            bytes32 last = shown[shown.length - 1].commitmentHash;
            (Opening memory opening, Commitment memory work) = (_opening(seat), _work(lane, _lastOf(lane, audit.ordinal)));
            bytes memory signature = _sign(device(64 + lane), work);
            if (last != 0) {
                bytes memory forged = _sign(device(1), work);
                vm.expectRevert(IEpochReports.AnswerInvalid.selector);
                consensus.answerAudit(EPOCH, COHORT, opening, shown, work, forged);
            }
            vm.expectEmit(address(consensus));
            emit IEpochReports.AuditAnswered(EPOCH, COHORT, seat, uint32(64 + lane), audit.ordinal, last);
            consensus.answerAudit(EPOCH, COHORT, opening, shown, work, signature);
            bytes memory answered = abi.encodeWithSelector(IEpochReports.AlreadyAnswered.selector, EPOCH, COHORT, seat);
            vm.expectRevert(answered);
            consensus.answerAudit(EPOCH, COHORT, opening, shown, work, signature);
            for (uint8 other; other < 5; ++other) {
                assertEq(consensus.auditOf(EPOCH, COHORT, other).answered, other <= seat);
            }
            vm.expectRevert(answered);
            consensus.strikeUnanswered(EPOCH, COHORT, seat);
        }
        assertFalse(consensus.auditOf(EPOCH + 4, COHORT, 0).answered);
    }

    /// @dev Of a lane that worked: exactly the leaves up to the first with work, and the work that the device signed.
    function test_leaves() public {
        uint8 seat;
        while (_laneOf(consensus.auditOf(EPOCH, COHORT, seat)) == 4) ++seat;
        Audit memory audit = consensus.auditOf(EPOCH, COHORT, seat);
        uint256 lane = _laneOf(audit);
        Opening memory opening = _opening(seat);
        Evidence[] memory right = _evidence(lane, audit.ordinal);
        Commitment memory work = _work(lane, _lastOf(lane, audit.ordinal));
        bytes memory signature = _sign(device(64 + lane), work);
        for (uint256 i; i < 8; ++i) {
            Evidence[] memory wrong = abi.decode(abi.encode(right), (Evidence[]));
            uint256 last = wrong.length - 1;
            if (i == 0) wrong[0].round = "another";
            if (i == 1) wrong[0].reason = "ANOTHER";
            if (i == 2) wrong[last].commitmentHash = 0;
            if (i == 3) wrong[last] = _leaf(lane == 5 ? 4 : lane + 1, _lastOf(lane, audit.ordinal));
            if (i == 4) wrong[last] = _leaf(lane, (_lastOf(lane, audit.ordinal) + 2) % ROUNDS);
            if (i == 5) wrong = new Evidence[](0);
            if (i == 6) wrong = new Evidence[](ROUNDS + 1);
            if (i == 7) {
                wrong = new Evidence[](right.length + 1);
                for (uint256 k; k <= last; ++k) wrong[k] = right[k];
                wrong[last + 1] = _leaf(lane, (_lastOf(lane, audit.ordinal) + 1) % ROUNDS);
            }
            vm.expectRevert(IEpochReports.AnswerInvalid.selector);
            consensus.answerAudit(EPOCH, COHORT, opening, wrong, work, signature);
        }
        for (uint256 i; i < 6; ++i) {
            Commitment memory other = _work(lane, _lastOf(lane, audit.ordinal));
            if (i == 0) other.rows += 1;
            if (i == 1) other.epoch += 1;
            if (i == 2) other.round = "another";
            if (i == 3) other.deviceId = deviceIds[3];
            if (i == 4) other.generation = 2;
            if (i == 5) other.environmentHash = "another";
            bytes memory signed = _sign(device(64 + lane), other);
            vm.expectRevert(IEpochReports.AnswerInvalid.selector);
            consensus.answerAudit(EPOCH, COHORT, opening, right, other, signed);
        }
        consensus.answerAudit(EPOCH, COHORT, opening, right, work, signature);
    }

    /// @dev Of a lane that did no work one leaf is shown, neither none nor two.
    function test_aLaneWithoutWorkShowsOneLeaf() public {
        uint64 epoch = EPOCH + 3;
        rollSeed(epoch);
        Claim memory claim;
        (claim.uptimes[4], claim.flags[4], claim.evidenceRoot) = (9000, ALL_FLAGS, bytes32(words[1][9]));
        Opening[] memory openings = _settleUntilAudits(epoch, claim);
        uint256 ordinal = consensus.auditOf(epoch, COHORT, 0).ordinal;
        Commitment memory none;
        for (uint256 count; count < 3; count += 2) {
            Evidence[] memory wrong = new Evidence[](count);
            for (uint256 i; i < count; ++i) wrong[i] = _leaf(4, (ordinal + i) % ROUNDS);
            vm.expectRevert(IEpochReports.AnswerInvalid.selector);
            consensus.answerAudit(epoch, COHORT, openings[0], wrong, none, "");
        }
        consensus.answerAudit(epoch, COHORT, openings[0], _evidence(4, ordinal), none, "");
        assertTrue(consensus.auditOf(epoch, COHORT, 0).answered);
    }

    /// @dev Every seat says this of the cohort, and the seed is there that draws its audits.
    function _settleUntilAudits(uint64 epoch, Claim memory claim) private returns (Opening[] memory openings) {
        words[1] = pack(claim);
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(epoch, operators[i], words);
        warpTo(epoch, Phase.Open);
        openings = openAll(epoch, COHORT, words);
        consensus.finalize(epoch, COHORT, openings);
        vm.warp(consensus.epochStart(epoch + 2));
        rollSeed(epoch + 2);
    }

    /// @dev Evidence is a tree of one depth: a root that is a leaf itself shows nothing.
    function test_evidenceOfAnotherDepth() public {
        uint64 epoch = EPOCH + 3;
        rollSeed(epoch);
        Claim memory claim = uniformClaim(1, 0, 0);
        Evidence[] memory shown = new Evidence[](1);
        (shown[0].round, shown[0].reason) = ("round", "NO_WORK");
        claim.evidenceRoot = keccak256(abi.encode(shown[0].round, shown[0].commitmentHash, shown[0].reason));
        Opening[] memory openings = _settleUntilAudits(epoch, claim);
        Commitment memory none;
        vm.expectRevert(IEpochReports.AnswerInvalid.selector);
        consensus.answerAudit(epoch, COHORT, openings[0], shown, none, "");
    }

    /// @dev An opening that is not what the seat committed to; a seat, a cohort and an epoch that nobody asks.
    function test_refusals() public {
        Audit memory audit = consensus.auditOf(EPOCH, COHORT, 2);
        (Evidence[] memory shown, Opening memory opening) = (_evidence(1, audit.ordinal), _opening(2));
        Commitment memory work = _work(1, 0);
        address seat = consensus.seatsOf(EPOCH, COHORT)[2];
        opening.salt = 0;
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, seat));
        consensus.answerAudit(EPOCH, COHORT, opening, shown, work, "");
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NotAudited.selector, EPOCH, 9, 2));
        consensus.answerAudit(EPOCH, 9, opening, shown, work, "");
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NotAudited.selector, EPOCH + 1, COHORT, 2));
        consensus.answerAudit(EPOCH + 1, COHORT, opening, shown, work, "");
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NotAudited.selector, EPOCH + 1, COHORT, 2));
        consensus.strikeUnanswered(EPOCH + 1, COHORT, 2);
    }

    // --- what follows

    function test_unanswered() public {
        uint64 closesAt = consensus.epochStart(EPOCH + 2) + 9;
        address[5] memory committee = consensus.seatsOf(EPOCH, COHORT);
        vm.warp(closesAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.AuditOpen.selector, EPOCH, closesAt));
        consensus.strikeUnanswered(EPOCH, COHORT, 3);
        uint256 snapshot = vm.snapshotState();
        _answer(2); // in the last second
        assertTrue(vm.revertToState(snapshot));
        vm.warp(closesAt);
        Audit memory audit = consensus.auditOf(EPOCH, COHORT, 2);
        (Evidence[] memory shown, Opening memory opening) = (_evidence(_laneOf(audit), audit.ordinal), _opening(2));
        Commitment memory work = _work(_laneOf(audit), 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.AuditClosed.selector, EPOCH, closesAt));
        consensus.answerAudit(EPOCH, COHORT, opening, shown, work, "");
        for (uint8 i; i < 4; ++i) {
            uint8 seat = 4 - i;
            vm.expectEmit(address(seats));
            emit ICheckerSeats.Struck(committee[seat], EPOCH, COHORT, StrikeReason.AuditUnanswered, 1);
            vm.prank(keeper);
            consensus.strikeUnanswered(EPOCH, COHORT, seat);
            (, uint256 errands) = consensus.keeperCalls(EPOCH, keeper);
            assertEq(errands, 64 * (uint256(i) + 1));
            vm.expectRevert(abi.encodeWithSelector(IEpochReports.AlreadyAnswered.selector, EPOCH, COHORT, seat));
            consensus.strikeUnanswered(EPOCH, COHORT, seat);
            assertFalse(consensus.auditOf(EPOCH, COHORT, seat).answered, "struck is not answered");
        }
        vm.warp(closesAt + 7);
        snapshot = vm.snapshotState();
        consensus.strikeUnanswered(EPOCH, COHORT, 0); // in the last second
        assertTrue(vm.revertToState(snapshot));
        vm.warp(closesAt + 8);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.AuditClosed.selector, EPOCH, closesAt + 8));
        consensus.strikeUnanswered(EPOCH, COHORT, 0);
    }

    /// @dev Answers and strikes of one cohort do not touch each other.
    function test_answeredAndStruck() public {
        _answer(1);
        _answer(4);
        vm.warp(consensus.epochStart(EPOCH + 2) + 9);
        for (uint8 seat; seat < 5; ++seat) {
            if (seat == 1 || seat == 4) vm.expectRevert(abi.encodeWithSelector(IEpochReports.AlreadyAnswered.selector, EPOCH, COHORT, seat));
            consensus.strikeUnanswered(EPOCH, COHORT, seat);
        }
        for (uint8 seat; seat < 5; ++seat) {
            assertEq(consensus.auditOf(EPOCH, COHORT, seat).answered, seat == 1 || seat == 4);
        }
    }

    function _answer(uint8 seat) private {
        Audit memory audit = consensus.auditOf(EPOCH, COHORT, seat);
        uint256 lane = _laneOf(audit);
        Commitment memory work = _work(lane, _lastOf(lane, audit.ordinal));
        Evidence[] memory shown = _evidence(lane, audit.ordinal);
        bytes memory signature = _sign(device(64 + lane), work);
        consensus.answerAudit(EPOCH, COHORT, _opening(seat), shown, work, signature);
        assertTrue(consensus.auditOf(EPOCH, COHORT, seat).answered);
    }

    // --- evidence

    /// @dev Odd rounds have work, in lane 4 none has.
    function _content(uint256 lane, uint256 ordinal) private view returns (Evidence memory e) {
        bool worked = ordinal % 2 == 1 && lane != 4;
        e.round = keccak256(abi.encode("round", ordinal));
        e.reason = worked ? bytes32("ROWS_MATCH") : bytes32("NO_WORK");
        if (worked) e.commitmentHash = _digest(_work(lane, ordinal));
    }

    function _work(uint256 lane, uint256 ordinal) private view returns (Commitment memory) {
        bytes32 round = keccak256(abi.encode("round", ordinal));
        return Commitment(EPOCH, round, deviceIds[64 + lane], 1, "spec", uint64(7 + lane), "rows", "environment");
    }

    function _leaf(uint256 lane, uint256 ordinal) private view returns (Evidence memory e) {
        e = _content(lane, ordinal);
        (, e.proof) = merkle(leaves, lane * ROUNDS + ordinal);
    }

    function _lastOf(uint256 lane, uint256 ordinal) private pure returns (uint256) {
        return lane == 4 || ordinal % 2 == 1 ? ordinal : (ordinal + 1) % ROUNDS;
    }

    function _evidence(uint256 lane, uint256 ordinal) private view returns (Evidence[] memory list) {
        list = new Evidence[](_lastOf(lane, ordinal) == ordinal ? 1 : 2);
        for (uint256 i; i < list.length; ++i) list[i] = _leaf(lane, (ordinal + i) % ROUNDS);
    }

    function _laneOf(Audit memory audit) private pure returns (uint256) {
        uint8[4] memory judged = [1, 2, 4, 5];
        return judged[audit.laneDraw % 4];
    }

    function _opening(uint8 seat) private view returns (Opening memory) {
        return openingOf(EPOCH, consensus.seatsOf(EPOCH, COHORT)[seat], COHORT, seat, words);
    }

    function _digest(Commitment memory work) private view returns (bytes32) {
        bytes32 message = keccak256(abi.encode(SignedTypes.COMMITMENT_TYPEHASH, work));
        return keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), message));
    }

    function _sign(address signer, Commitment memory work) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[signer], _digest(work));
        return abi.encodePacked(r, s, v);
    }
}
