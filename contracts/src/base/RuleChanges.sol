// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {KEPT_EPOCHS} from "../libraries/Constants.sol";
import {RoundRules, ScoreRules, Timeline} from "../interfaces/IEpochConsensus.sol";
import {RuleBounds} from "../libraries/RuleBounds.sol";
import {EpochClock} from "./EpochClock.sol";

/// @title Reading rules, and scheduling others for two epochs later
abstract contract RuleChanges is EpochClock {
    /// @dev See {IEpochConsensus}.
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

    /// @dev See {IEpochConsensus}.
    function scheduleRoundRules(RoundRules memory rules) external onlyOwner {
        RuleBounds.checkRounds(rules, _epochSeconds);
        uint32 from = _changeFrom(_roundsFrom);
        _roundsBefore = _rounds;
        (_rounds, _roundsFrom) = (rules, from);
        emit RoundRulesScheduled(from, rules);
    }

    /// @dev See {IEpochConsensus}.
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

    /// @dev See {IEpochConsensus}.
    function timeline() external view returns (Timeline memory) {
        return timelineOf(_presentEpoch());
    }

    /// @dev See {IEpochConsensus}.
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

    /// @dev See {IEpochConsensus}.
    function roundRules() external view returns (RoundRules memory) {
        return roundRulesOf(_presentEpoch());
    }

    /// @dev See {IEpochConsensus}.
    function roundRulesOf(uint64 epoch) public view returns (RoundRules memory) {
        return _roundRulesIn(epoch);
    }

    /// @dev See {IEpochConsensus}.
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
}
