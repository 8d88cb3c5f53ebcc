// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEpochReports, Phase, RoundRules, ScoreRules, Timeline} from "../interfaces/IEpochConsensus.sol";
import {GovernedState} from "./GovernedState.sol";

/// @title Epochs, phases and rules, by block time alone
/// @dev Each set of rules is kept twice: `now` counts from its epoch on, `before` for epochs before it. A further change waits until the
/// last epoch that needs `before` is settled (three epochs), so two suffice.
abstract contract EpochClock is IEpochReports, GovernedState {
    struct PhaseLengths {
        uint64 firstEpochAt;
        uint32 from;
        uint32 commitSeconds;
        uint32 openSeconds;
        uint32 revealSeconds;
        uint32 finalizeSeconds;
        uint32 auditSeconds;
    }

    uint32 internal immutable _epochSeconds;
    uint32 internal immutable _firstPaidEpoch;

    PhaseLengths internal _lengths;
    PhaseLengths internal _lengthsBefore;
    RoundRules internal _rounds;
    RoundRules internal _roundsBefore;
    ScoreRules internal _scores;
    uint32 internal _scoresFrom;
    ScoreRules internal _scoresBefore;
    uint32 internal _roundsFrom;

    constructor(uint32 epochSeconds, uint32 firstPaidEpoch) {
        _epochSeconds = epochSeconds;
        _firstPaidEpoch = firstPaidEpoch;
    }

    // --- time -------------------------------------------------------------------------------------------------------

    /// @dev See {IEpochConsensus}.
    function started() public view returns (bool) {
        return _lengths.firstEpochAt != 0;
    }

    /// @dev See {IEpochConsensus}.
    function currentEpoch() public view returns (uint64) {
        uint64 next = nextEpoch();
        if (next == 0) revert NotStarted();
        return next - 1;
    }

    /// @dev See {IEpochConsensus}.
    function nextEpoch() public view returns (uint64) {
        uint64 first = _lengths.firstEpochAt;
        if (first == 0 || block.timestamp < first) return 0;
        return uint64((block.timestamp - first) / _epochSeconds + 1);
    }

    /// @dev See {IEpochConsensus}.
    function seatsEffectiveFrom() public view returns (uint64) {
        if (!started()) return 0;
        uint64 next = nextEpoch();
        return next < 2 ? 2 : next + 1;
    }

    /// @dev See {IEpochConsensus}.
    function epochStart(uint64 epoch) public view returns (uint64) {
        uint64 first = _lengths.firstEpochAt;
        if (first == 0) revert NotStarted();
        return first + epoch * _epochSeconds;
    }

    /// @dev See {IEpochConsensus}.
    function phaseOf(uint64 epoch) public view returns (Phase) {
        uint64 next = nextEpoch();
        if (epoch >= next) return Phase.Future;
        if (epoch + 1 == next) return Phase.Work;
        if (epoch + 2 != next) return Phase.Pay;
        PhaseLengths memory lengths = _lengthsIn(epoch);
        uint256 elapsed = block.timestamp - epochStart(epoch + 1);
        uint256 end = lengths.commitSeconds;
        if (elapsed < end) return Phase.Commit;
        end += lengths.openSeconds;
        if (elapsed < end) return Phase.Open;
        end += lengths.revealSeconds;
        if (elapsed < end) return Phase.Reveal;
        end += lengths.finalizeSeconds;
        return elapsed < end ? Phase.Finalize : Phase.Pay;
    }

    /// @dev See {IEpochConsensus}.
    function phaseStart(uint64 epoch, Phase phase) public view returns (uint64 time) {
        if (phase <= Phase.Work) return epochStart(epoch);
        PhaseLengths memory lengths = _lengthsIn(epoch);
        time = epochStart(epoch + 1);
        if (phase >= Phase.Open) time += lengths.commitSeconds;
        if (phase >= Phase.Reveal) time += lengths.openSeconds;
        if (phase >= Phase.Finalize) time += lengths.revealSeconds;
        if (phase >= Phase.Pay) time += lengths.finalizeSeconds;
    }

    /// @dev Answers to audits of `epoch` close here; reports of unanswered ones one audit length later.
    function _auditClosesAt(uint64 epoch) internal view returns (uint64) {
        return epochStart(epoch + 2) + _lengthsIn(epoch).auditSeconds;
    }

    function _auditSeconds(uint64 epoch) internal view returns (uint64) {
        return _lengthsIn(epoch).auditSeconds;
    }

    function _setLengths(Timeline memory t, uint32 from) internal {
        _lengths = PhaseLengths(
            t.firstEpochAt, from, t.commitSeconds, t.openSeconds, t.revealSeconds, t.finalizeSeconds, t.auditSeconds
        );
    }

    function _begin(uint64 firstEpochAt) internal {
        _lengths.firstEpochAt = firstEpochAt;
        _lengthsBefore.firstEpochAt = firstEpochAt;
    }

    function _scoreRulesIn(uint64 epoch) internal view returns (ScoreRules memory) {
        return epoch >= _scoresFrom ? _scores : _scoresBefore;
    }

    function _lengthsIn(uint64 epoch) internal view returns (PhaseLengths memory lengths) {
        lengths = _lengths;
        if (epoch < lengths.from) lengths = _lengthsBefore;
    }

    function _roundRulesIn(uint64 epoch) internal view returns (RoundRules memory) {
        return epoch >= _roundsFrom ? _rounds : _roundsBefore;
    }
}
