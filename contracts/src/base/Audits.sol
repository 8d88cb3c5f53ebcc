// SPDX-License-Identifier: MIT
// Why: docs/why/consensus-and-audits.md
pragma solidity 0.8.37;

import {COHORT_LANES, FULL_COHORT, OPENING_WORDS, ringSlot, ROOT_WORD} from "../libraries/Constants.sol";
import {StrikeReason} from "../interfaces/ICheckerSeats.sol";
import {Commitment} from "../interfaces/IDeviceRegistry.sol";
import {Audit, CohortState, Evidence, Opening} from "../interfaces/IEpochConsensus.sol";
import {MerklePath} from "../libraries/MerklePath.sol";
import {OpeningWords} from "../libraries/OpeningWords.sol";
import {Records} from "../libraries/Records.sol";
import {SignedTypes} from "../libraries/SignedTypes.sol";
import {EpochViews} from "./EpochViews.sol";

/// @title Audits of opened seats
/// @notice The seed of e + 2 draws seats of e, for each a lane and a round. The seat shows the leaf of its evidence tree and, where that
/// claims work, the Commitment the device signed. This proves that the seat received it, not that it recomputed anything.
abstract contract Audits is EpochViews {
    using Records for uint256;
    using SignedTypes for bytes32;
    using OpeningWords for uint256[OPENING_WORDS];

    /// @dev What an answer has to show. `lane` is global, `judged` false where the seat judged nobody, `worked` whether its rate is above zero.
    struct Question {
        uint64 epoch;
        uint32 lane;
        bool judged;
        bool worked;
        uint256 ordinal;
        uint256 rounds;
        bytes32 root;
    }

    /// @dev See {IEpochConsensus}.
    function auditOf(uint64 epoch, uint32 cohort, uint8 seat) public view returns (Audit memory audit) {
        audit.closesAt = _auditsEndAt(epoch) - _auditSeconds(epoch);
        bytes32 seed = seedOf[epoch + 2];
        uint256 record = _records[cohort][ringSlot(epoch)];
        bool opened = record.isOf(epoch) && record.stateOf() == CohortState.Final && record.unpack().opened >> seat & 1 != 0;
        if (seed == 0 || !opened) return audit;
        uint256 draw = uint256(keccak256(abi.encode(seed, "audit", epoch, cohort, seat)));
        audit.drawn = uint64(draw) % 10_000 < _scoreRulesIn(epoch).auditBps;
        audit.answered = _answersOf(epoch, cohort) >> seat & 1 != 0;
        audit.laneDraw = uint64(draw >> 64);
        audit.ordinal = uint8(uint64(draw >> 128) % _roundRulesIn(epoch).maxRounds);
    }

    /// @dev See {IEpochConsensus}.
    function answerAudit(
        uint64 epoch,
        uint32 cohort,
        Opening calldata opening,
        Evidence[] calldata leaves,
        Commitment calldata commitment,
        bytes calldata signature
    ) external {
        Audit memory audit = auditOf(epoch, cohort, opening.seat);
        if (!audit.drawn) revert NotAudited(epoch, cohort, opening.seat);
        if (audit.answered) revert AlreadyAnswered(epoch, cohort, opening.seat);
        if (block.timestamp >= audit.closesAt) revert AuditClosed(epoch, audit.closesAt);
        address owner = _seatOwner(epoch, cohort, opening.seat);
        if (!isCommitted(epoch, owner, cohort, opening)) revert ProofInvalid(owner);

        Question memory question = _question(epoch, cohort, audit, opening);
        bytes32 shown;
        if (question.judged) {
            shown = _checkLeaves(question, leaves);
            if (shown != 0) _checkCommitment(question, leaves[leaves.length - 1].round, shown, commitment, signature);
        }
        _mark(epoch, cohort, 1 << opening.seat);
        emit AuditAnswered(epoch, cohort, opening.seat, question.lane, audit.ordinal, shown);
    }

    /// @dev See {IEpochConsensus}.
    function strikeUnanswered(uint64 epoch, uint32 cohort, uint8 seat) external {
        Audit memory audit = auditOf(epoch, cohort, seat);
        if (!audit.drawn) revert NotAudited(epoch, cohort, seat);
        if (audit.answered || _answersOf(epoch, cohort) >> (8 + seat) & 1 != 0) revert AlreadyAnswered(epoch, cohort, seat);
        if (block.timestamp < audit.closesAt) revert AuditOpen(epoch, audit.closesAt);
        uint64 reportsUntil = _auditsEndAt(epoch);
        if (block.timestamp >= reportsUntil) revert AuditClosed(epoch, reportsUntil);
        _mark(epoch, cohort, 256 << seat);
        _countErrand(epoch, msg.sender, FULL_COHORT);
        seats.strike(_seatOwner(epoch, cohort, seat), epoch, cohort, StrikeReason.AuditUnanswered);
    }

    /// @dev The (draw mod n)-th of the n lanes the seat judged; false where it judged none.
    function _auditedLane(uint256[OPENING_WORDS] calldata words, uint256 draw) private pure returns (bool any, uint256 lane) {
        uint256 judged;
        for (uint256 i; i < FULL_COHORT; ++i) {
            judged += words.judged(i);
        }
        if (judged == 0) return (false, 0);
        uint256 left = draw % judged + 1;
        for (;; ++lane) {
            left -= words.judged(lane);
            if (left == 0) return (true, lane);
        }
    }

    function _question(uint64 epoch, uint32 cohort, Audit memory audit, Opening calldata opening)
        private
        view
        returns (Question memory question)
    {
        uint256 lane;
        (question.judged, lane) = _auditedLane(opening.words, audit.laneDraw);
        question.epoch = epoch;
        question.lane = COHORT_LANES * cohort + uint32(lane);
        question.ordinal = audit.ordinal;
        question.rounds = _roundRulesIn(epoch).maxRounds;
        question.worked = opening.words.rate(lane) != 0;
        question.root = bytes32(opening.words[ROOT_WORD]);
    }

    /// @dev One leaf where the rate is zero; else leaves up to the first with work, of which there must be one.
    /// @return shown commitmentHash of the last leaf.
    function _checkLeaves(Question memory question, Evidence[] calldata leaves) private pure returns (bytes32 shown) {
        uint256 rounds = question.rounds;
        uint256 depth = MerklePath.depth(FULL_COHORT * rounds);
        if (leaves.length == 0 || leaves.length > (question.worked ? rounds : 1)) revert AnswerInvalid();
        for (uint256 i; i < leaves.length; ++i) {
            if (shown != 0) revert AnswerInvalid();
            Evidence calldata leaf = leaves[i];
            shown = leaf.commitmentHash;
            uint256 index = question.lane % COHORT_LANES * rounds + (question.ordinal + i) % rounds;
            bytes32 hash = keccak256(abi.encode(leaf.round, shown, leaf.reason));
            if (leaf.proof.length != depth || MerklePath.root(hash, index, leaf.proof) != question.root) revert AnswerInvalid();
        }
        if (question.worked && shown == 0) revert AnswerInvalid();
    }

    function _checkCommitment(
        Question memory question,
        bytes32 round,
        bytes32 shown,
        Commitment calldata commitment,
        bytes calldata signature
    ) private view {
        bytes32 deviceId = registry.deviceAtLane(question.lane);
        bool same = SignedTypes.digest(domainSeparator(), commitment) == shown && commitment.epoch == question.epoch
            && commitment.round == round && commitment.deviceId == deviceId
            && commitment.generation == registry.generationAt(deviceId, question.epoch);
        if (!same || shown.signer(signature) != registry.getDevice(deviceId).operator) revert AnswerInvalid();
    }

    function _seatOwner(uint64 epoch, uint32 cohort, uint8 seat) private view returns (address) {
        return seats.ownerOf(_records[cohort][ringSlot(epoch)].unpack().owners[seat]);
    }

    function _answersOf(uint64 epoch, uint32 cohort) private view returns (uint256) {
        uint256 word = _answers[cohort][ringSlot(epoch)];
        return word >> 16 == epoch ? word & 0xffff : 0;
    }

    function _mark(uint64 epoch, uint32 cohort, uint256 bit) private {
        _answers[cohort][ringSlot(epoch)] = uint256(epoch) << 16 | _answersOf(epoch, cohort) | bit;
    }
}
