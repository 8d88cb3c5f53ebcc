// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEpochReports, Phase, RoundRules, ScoreRules, Timeline} from "../interfaces/IEpochConsensus.sol";
import {GovernedState} from "./GovernedState.sol";

/// @title Epochs, phases and rules, by block time alone
/// @dev Each set of rules is kept twice: one counts from its epoch on, one before it. The last epoch of the older one can be audited and
/// reported until the start of the fifth after it, so a further change waits for that, and two suffice.
abstract contract EpochClock is IEpochReports, GovernedState {
    /// @dev Ends of the phases in seconds of the next epoch. One slot.
    struct PhaseEnds {
        uint64 firstEpochAt;
        uint32 from;
        uint32 commit;
        uint32 open;
        uint32 reveal;
        uint32 finalize;
        uint32 auditSeconds;
    }

    uint32 internal immutable _epochSeconds;
    uint32 internal immutable _firstPaidEpoch;

    PhaseEnds internal _ends;
    PhaseEnds internal _endsBefore;
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
        return _ends.firstEpochAt != 0;
    }

    /// @dev See {IEpochConsensus}.
    function nextEpoch() public view returns (uint64) {
        uint64 first = _ends.firstEpochAt;
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
        uint64 first = _ends.firstEpochAt;
        if (first == 0) revert NotStarted();
        return first + epoch * _epochSeconds;
    }

    /// @dev See {IEpochConsensus}.
    function phaseOf(uint64 epoch) public view returns (Phase) {
        PhaseEnds storage ends = _endsIn(epoch);
        uint256 first = ends.firstEpochAt;
        uint256 start = first + (uint256(epoch) + 1) * _epochSeconds;
        if (first == 0 || block.timestamp + _epochSeconds < start) return Phase.Future;
        if (block.timestamp < start) return Phase.Work;
        uint256 elapsed = block.timestamp - start;
        if (elapsed < ends.commit) return Phase.Commit;
        if (elapsed < ends.open) return Phase.Open;
        if (elapsed < ends.reveal) return Phase.Reveal;
        return elapsed < ends.finalize ? Phase.Finalize : Phase.Pay;
    }

    /// @dev See {IEpochConsensus}.
    function phaseStart(uint64 epoch, Phase phase) public view returns (uint64) {
        if (phase <= Phase.Work) return epochStart(epoch);
        PhaseEnds storage ends = _endsIn(epoch);
        uint64 start = epochStart(epoch + 1);
        if (phase == Phase.Commit) return start;
        if (phase == Phase.Open) return start + ends.commit;
        if (phase == Phase.Reveal) return start + ends.open;
        return start + (phase == Phase.Finalize ? ends.reveal : ends.finalize);
    }

    function _auditSeconds(uint64 epoch) internal view returns (uint64) {
        return _endsIn(epoch).auditSeconds;
    }

    function _endsIn(uint64 epoch) internal view returns (PhaseEnds storage) {
        return epoch < _ends.from ? _endsBefore : _ends;
    }

    function _setPhases(Timeline memory t, uint32 from) internal {
        uint32 open = t.commitSeconds + t.openSeconds;
        uint32 reveal = open + t.revealSeconds;
        _ends = PhaseEnds(t.firstEpochAt, from, t.commitSeconds, open, reveal, reveal + t.finalizeSeconds, t.auditSeconds);
    }

    function _begin(uint64 firstEpochAt) internal {
        _ends.firstEpochAt = firstEpochAt;
        _endsBefore.firstEpochAt = firstEpochAt;
    }

    function _scoreRulesIn(uint64 epoch) internal view returns (ScoreRules memory) {
        return epoch >= _scoresFrom ? _scores : _scoresBefore;
    }

    function _roundRulesIn(uint64 epoch) internal view returns (RoundRules memory) {
        return epoch >= _roundsFrom ? _rounds : _roundsBefore;
    }
}
