// SPDX-License-Identifier: MIT
// Why: docs/why/consensus-and-audits.md
pragma solidity 0.8.37;

import {COHORT_LANES, COMMITTEE, FULL_COHORT, KEPT_EPOCHS, OPENING_WORDS, QUORUM, ringSlot, ROOT_WORD} from "./libraries/Constants.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {Cohorts} from "./base/Cohorts.sol";
import {EpochState} from "./base/EpochState.sol";
import {ICheckerSeats, StrikeReason} from "./interfaces/ICheckerSeats.sol";
import {Commitment, IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {
    Audit,
    CohortRecord,
    CohortState,
    Evidence,
    IEpochExtension,
    Opening,
    Phase,
    RoundRules,
    ScoreRules,
    Timeline
} from "./interfaces/IEpochConsensus.sol";
import {IRewardVault} from "./interfaces/IRewardVault.sol";
import {Answers, AnswersWord, CommitmentWord, RevealedSeats} from "./libraries/EpochWords.sol";
import {MerklePath} from "./libraries/MerklePath.sol";
import {OpeningWords} from "./libraries/OpeningWords.sol";
import {PackedMedian} from "./libraries/PackedMedian.sol";
import {RecordWord} from "./libraries/Records.sol";
import {RuleBounds} from "./libraries/RuleBounds.sol";
import {SignedTypes} from "./libraries/SignedTypes.sol";
import {Sums} from "./libraries/Sums.sol";

/// @title The half of EpochConsensus that is called rarely: reveal, void, audits, rules, views
/// @notice One contract of this size would not fit into 24,576 bytes. EpochConsensus keeps this one's address as an immutable and runs it
/// by delegatecall on its own storage; nobody can replace it. Both inherit all of their storage from {EpochState} and add none; the
/// extension's own storage is never used. Call it through EpochConsensus only.
contract EpochExtension is IEpochExtension, Cohorts {
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

    constructor(
        IDeviceRegistry registry_,
        ICheckerSeats seats_,
        IRewardVault vault_,
        uint32 epochSeconds,
        uint32 firstPaidEpoch
    ) EpochState(registry_, seats_, vault_, epochSeconds, firstPaidEpoch) {}

    // --- the way of a cohort whose openings were not all handed over ------------------------------------------------

    /// @inheritdoc IEpochExtension
    function reveal(uint64 epoch, uint32 cohort, Opening[] calldata openings) external whenNotPaused(PAUSE_FINALIZE) {
        Session memory session = _session(epoch, cohort);
        if (session.phase != Phase.Reveal) revert WrongPhase(epoch, session.phase, Phase.Reveal);
        _requireLength(openings.length, session.depth);
        uint256 given = _maskOf(openings);
        uint256 before = revealedSeats(epoch, cohort);
        uint256 own;
        for (uint256 i; i < openings.length; ++i) {
            uint256 seat = openings[i].seat;
            if (session.owners[seat] == msg.sender) own |= 1 << seat;
            _openInReveal(session, openings[i]);
        }
        _revealed[cohort] = RevealedSeats.pack(epoch, before | given);
        _countLanes(epoch, LibBit.popCount(own & ~before) * LibBit.popCount(session.occupancies[0]) / COMMITTEE);
        if (LibBit.popCount(before) < QUORUM && _isRevealed(epoch, cohort)) {
            Sums memory totals = _totalsAt(epoch, session.members, session.depth, _presentCapSums().settling);
            totals.waiting += 1;
            _totals[epoch] = totals.pack();
        }
        // What is on record already would only be more for keepers to read.
        if (given & ~before != 0) emit Revealed(epoch, cohort, openings);
    }

    function _openInReveal(Session memory session, Opening calldata opening) private {
        address owner = session.owners[opening.seat];
        CommitmentWord commitment = session.commitments[opening.seat];
        if (!PackedMedian.inRange(_prove(session.epoch, owner, session.cohort, session.depth, commitment, opening))) {
            revert OpeningMalformed(owner);
        }
        _mixSalt(session.epoch, owner, commitment, opening.salt);
    }

    // --- audits -----------------------------------------------------------------------------------------------------

    // The seed of e + 2 draws seats of e, for each a lane and a round. The seat shows the leaf of its evidence tree and, where that claims
    // work, the Commitment the device signed. This proves that the seat received it, not that it recomputed anything.

    /// @inheritdoc IEpochExtension
    function auditOf(uint64 epoch, uint32 cohort, uint8 seat) public view returns (Audit memory audit) {
        audit.closesAt = _auditsEndAt(epoch) - _auditSeconds(epoch);
        bytes32 seed = seedOf[epoch + 2];
        RecordWord record = _records[cohort][ringSlot(epoch)];
        bool opened = record.isOf(epoch) && record.stateOf() == CohortState.Final && record.unpack().opened >> seat & 1 != 0;
        if (seed == 0 || !opened) return audit;
        uint256 draw = uint256(keccak256(abi.encode(seed, "audit", epoch, cohort, seat)));
        audit.drawn = uint64(draw) % 10_000 < _scoreRulesIn(epoch).auditBps;
        audit.answered = _answersOf(epoch, cohort).has(Answers.answer(seat));
        audit.laneDraw = uint64(draw >> 64);
        audit.ordinal = uint8(uint64(draw >> 128) % _roundRulesIn(epoch).maxRounds);
    }

    /// @inheritdoc IEpochExtension
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
        _mark(epoch, cohort, Answers.answer(opening.seat));
        emit AuditAnswered(epoch, cohort, opening.seat, question.lane, audit.ordinal, shown);
    }

    /// @inheritdoc IEpochExtension
    function strikeUnanswered(uint64 epoch, uint32 cohort, uint8 seat) external {
        Audit memory audit = auditOf(epoch, cohort, seat);
        if (!audit.drawn) revert NotAudited(epoch, cohort, seat);
        if (audit.answered || _answersOf(epoch, cohort).has(Answers.strike(seat))) revert AlreadyAnswered(epoch, cohort, seat);
        if (block.timestamp < audit.closesAt) revert AuditOpen(epoch, audit.closesAt);
        uint64 reportsUntil = _auditsEndAt(epoch);
        if (block.timestamp >= reportsUntil) revert AuditClosed(epoch, reportsUntil);
        _mark(epoch, cohort, Answers.strike(seat));
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

    function _answersOf(uint64 epoch, uint32 cohort) private view returns (AnswersWord) {
        return _answers[cohort][ringSlot(epoch)].only(epoch);
    }

    function _mark(uint64 epoch, uint32 cohort, uint256 mark) private {
        _answers[cohort][ringSlot(epoch)] = _answersOf(epoch, cohort).with(mark);
    }

    // --- rules ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IEpochExtension
    function scheduleTimeline(Timeline memory timeline_) external onlyOwner {
        if (timeline_.epochSeconds != _epochSeconds) revert OutOfBounds("epochSeconds");
        if (timeline_.firstEpochAt != _ends.firstEpochAt) revert OutOfBounds("firstEpochAt");
        if (timeline_.firstPaidEpoch != _firstPaidEpoch) revert OutOfBounds("firstPaidEpoch");
        RuleBounds.checkTimeline(timeline_, _epochSeconds);
        uint32 from = _changeFrom(_ends.from);
        _endsBefore = _ends;
        _setPhases(timeline_, from);
        emit TimelineScheduled(from, timeline_);
    }

    /// @inheritdoc IEpochExtension
    function scheduleRoundRules(RoundRules memory rules) external onlyOwner {
        RuleBounds.checkRounds(rules, _epochSeconds);
        uint32 from = _changeFrom(_roundsFrom);
        _roundsBefore = _rounds;
        (_rounds, _roundsFrom) = (rules, from);
        emit RoundRulesScheduled(from, rules);
    }

    /// @inheritdoc IEpochExtension
    function scheduleScoreRules(ScoreRules memory rules) external onlyOwner {
        // Σ caps counts devices without a standing with this figure: it cannot change under them.
        if (rules.firstStanding != _scores.firstStanding) revert OutOfBounds("firstStanding");
        // Kept in the code, where reading it costs a verdict nothing.
        if (rules.uptimeTolerance != _scores.uptimeTolerance) revert OutOfBounds("uptimeTolerance");
        RuleBounds.checkScores(rules);
        uint32 from = _changeFrom(_scoresFrom);
        _scoresBefore = _scores;
        (_scores, _scoresFrom) = (rules, from);
        emit ScoreRulesScheduled(from, rules);
    }

    /// @inheritdoc IEpochExtension
    function timeline() external view returns (Timeline memory) {
        return timelineOf(_presentEpoch());
    }

    /// @inheritdoc IEpochExtension
    function timelineOf(uint64 epoch) public view returns (Timeline memory) {
        PhaseEnds memory ends = _endsIn(epoch);
        return Timeline({
            firstEpochAt: ends.firstEpochAt,
            epochSeconds: _epochSeconds,
            commitSeconds: ends.commit,
            openSeconds: ends.open - ends.commit,
            revealSeconds: ends.reveal - ends.open,
            finalizeSeconds: ends.finalize - ends.reveal,
            auditSeconds: ends.auditSeconds,
            firstPaidEpoch: _firstPaidEpoch
        });
    }

    /// @inheritdoc IEpochExtension
    function roundRules() external view returns (RoundRules memory) {
        return roundRulesOf(_presentEpoch());
    }

    /// @inheritdoc IEpochExtension
    function roundRulesOf(uint64 epoch) public view returns (RoundRules memory) {
        return _roundRulesIn(epoch);
    }

    /// @inheritdoc IEpochExtension
    function scoreRules() external view returns (ScoreRules memory) {
        return _scoreRulesIn(_presentEpoch());
    }

    function _presentEpoch() private view returns (uint64) {
        uint64 next = nextEpoch();
        return next == 0 ? 0 : next - 1;
    }

    function _changeFrom(uint32 pending) private view returns (uint32) {
        if (pending != 0 && nextEpoch() < uint64(pending) + (KEPT_EPOCHS + 1)) revert ChangePending(pending);
        return uint32(seatsEffectiveFrom());
    }

    // --- views ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IEpochExtension
    function domainSeparator() public view returns (bytes32) {
        return SignedTypes.domainSeparator(address(this));
    }

    /// @inheritdoc IEpochExtension
    function seatsOf(uint64 epoch, uint32 cohort) external view returns (address[COMMITTEE] memory owners) {
        bytes32 seed = seedOf[epoch];
        if (seed == 0) revert NoSeed(epoch);
        (owners,) = seats.committee(epoch, seed, cohort);
    }

    /// @inheritdoc IEpochExtension
    function commitmentDepth(uint64 epoch) public view returns (uint256) {
        Sums memory totals = _totals[epoch].unpack();
        if (totals.begun) return totals.depth;
        (, uint32 cohorts) = registry.countsOf(epoch);
        return MerklePath.depth(cohorts);
    }

    /// @inheritdoc IEpochExtension
    function commitmentOf(uint64 epoch, address owner) external view returns (bytes28) {
        return bytes28(bytes32(CommitmentWord.unwrap(_commitmentOf(epoch, owner))));
    }

    /// @inheritdoc IEpochExtension
    function openingLeaf(uint64 epoch, address owner, uint32 cohort, bytes32 salt, uint256[OPENING_WORDS] calldata words)
        public
        view
        returns (bytes32 leaf)
    {
        (leaf,) = _leaf(epoch, owner, cohort, salt, words);
    }

    /// @inheritdoc IEpochExtension
    function isCommitted(uint64 epoch, address owner, uint32 cohort, Opening calldata opening) public view returns (bool) {
        // Without this, one root holds another opening of the same cohort, one level deeper. An epoch of which nothing was resolved in
        // time has a depth that nobody knows any more, and openings that never counted.
        bool known = _totals[epoch].unpack().begun || epoch + 2 >= nextEpoch();
        uint256 depth = opening.proof.length;
        if (!known || depth != commitmentDepth(epoch) || cohort >> depth != 0) return false;
        bytes32 leaf = openingLeaf(epoch, owner, cohort, opening.salt, opening.words);
        return _commitmentOf(epoch, owner).matches(MerklePath.root(leaf, cohort, opening.proof));
    }

    /// @inheritdoc IEpochExtension
    function cohortState(uint64 epoch, uint32 cohort) external view returns (CohortState) {
        RecordWord record = _records[cohort][ringSlot(epoch)];
        if (record.isOf(epoch)) return record.stateOf();
        if (record.epochOf() > epoch) return CohortState.Forgotten;
        bool over = phaseOf(epoch) == Phase.Pay && !(_isSettling(epoch) && _isRevealed(epoch, cohort));
        return over ? CohortState.Void : CohortState.Pending;
    }

    /// @inheritdoc IEpochExtension
    function cohortRecord(uint64 epoch, uint32 cohort) external view returns (CohortRecord memory record) {
        RecordWord word = _records[cohort][ringSlot(epoch)];
        if (word.isOf(epoch)) record = word.unpack();
    }
}
