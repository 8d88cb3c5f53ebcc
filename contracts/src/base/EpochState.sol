// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CREDIT_WORDS, KEPT_EPOCHS, ringSlot} from "../libraries/Constants.sol";
import {ICheckerSeats} from "../interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "../interfaces/IDeviceRegistry.sol";
import {IEpochShared, Phase, RoundRules, ScoreRules, Timeline} from "../interfaces/IEpochConsensus.sol";
import {IRewardVault} from "../interfaces/IRewardVault.sol";
import {AnswersWord, Calls, CallsWord, COMMITMENT_EPOCH_AT, CommitmentWord, RevealedWord} from "../libraries/EpochWords.sol";
import {RecordWord} from "../libraries/Records.sol";
import {SilenceWord} from "../libraries/Silence.sol";
import {CapSumsWord, SumsWord} from "../libraries/Sums.sol";
import {GovernedState} from "./Governed.sol";

/// @title All storage of EpochConsensus, and epochs, phases and rules by block time alone
/// @notice EpochConsensus and EpochExtension inherit this and declare no storage of their own, so both see the same layout. What is kept
/// in a {ringSlot} is overwritten {KEPT_EPOCHS} later; a cohort's payments are made before that ({Cohorts}).
/// @dev Each set of rules is kept twice: one counts from its epoch on, one before it. The last epoch of the older one can be audited and
/// reported until the start of the fifth after it, so a further change waits for that, and two suffice.
abstract contract EpochState is IEpochShared, GovernedState {
    uint256 internal constant PAUSE_ROLL = 0;
    uint256 internal constant PAUSE_FINALIZE = 1;

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

    /// @dev How an epoch came by its seed; zero where it has not.
    struct Seeding {
        uint64 pinnedBlock;
        uint64 seededAt;
    }

    uint32 internal immutable _epochSeconds;
    uint32 internal immutable _firstPaidEpoch;
    /// @inheritdoc IEpochShared
    ICheckerSeats public immutable seats;
    /// @inheritdoc IEpochShared
    IDeviceRegistry public immutable registry;
    /// @inheritdoc IEpochShared
    IRewardVault public immutable vault;

    // --- rules

    PhaseEnds internal _ends;
    PhaseEnds internal _endsBefore;
    RoundRules internal _rounds;
    RoundRules internal _roundsBefore;
    ScoreRules internal _scores;
    uint32 internal _scoresFrom;
    ScoreRules internal _scoresBefore;
    uint32 internal _roundsFrom;

    // --- seeds

    /// @inheritdoc IEpochShared
    mapping(uint64 epoch => bytes32) public seedOf;
    /// @dev XOR over distinct owners of keccak256(abi.encode(owner, salt)): the order of openings does not matter.
    mapping(uint64 epoch => bytes32) internal _salts;
    mapping(uint64 epoch => Seeding) internal _seeding;
    /// @dev Per keeper and {ringSlot}.
    mapping(address keeper => CallsWord[KEPT_EPOCHS]) internal _calls;

    // --- cohorts

    /// @dev Per owner and {ringSlot}.
    mapping(address owner => CommitmentWord[KEPT_EPOCHS]) internal _commitments;
    mapping(uint32 cohort => RevealedWord) internal _revealed;
    /// @dev Per cohort and {ringSlot}.
    mapping(uint32 cohort => RecordWord[KEPT_EPOCHS]) internal _records;
    /// @dev Per cohort and {ringSlot}.
    mapping(uint32 cohort => AnswersWord[KEPT_EPOCHS]) internal _answers;

    // --- lanes

    /// @dev See {Standings}.
    mapping(uint32 cohort => uint256[CREDIT_WORDS]) internal _standings;
    /// @dev Per cohort and {ringSlot}, see {Standings}.
    mapping(uint32 cohort => mapping(uint256 ring => uint256[CREDIT_WORDS])) internal _credits;
    mapping(uint32 cohort => SilenceWord) internal _silence;
    /// @dev Standings of devices that left their lane.
    mapping(bytes32 deviceId => uint256) internal _kept;

    // --- totals

    mapping(uint64 epoch => SumsWord) internal _totals;
    CapSumsWord internal _capSums;

    constructor(IDeviceRegistry registry_, ICheckerSeats seats_, IRewardVault vault_, uint32 epochSeconds, uint32 firstPaidEpoch) {
        (registry, seats, vault) = (registry_, seats_, vault_);
        (_epochSeconds, _firstPaidEpoch) = (epochSeconds, firstPaidEpoch);
    }

    // --- time -------------------------------------------------------------------------------------------------------

    /// @inheritdoc IEpochShared
    function started() public view returns (bool) {
        return _ends.firstEpochAt != 0;
    }

    /// @inheritdoc IEpochShared
    function nextEpoch() public view returns (uint64) {
        uint64 first = _ends.firstEpochAt;
        if (first == 0 || block.timestamp < first) return 0;
        return uint64((block.timestamp - first) / _epochSeconds + 1);
    }

    /// @inheritdoc IEpochShared
    function seatsEffectiveFrom() public view returns (uint64) {
        if (!started()) return 0;
        uint64 next = nextEpoch();
        return next < 2 ? 2 : next + 1;
    }

    /// @inheritdoc IEpochShared
    function epochStart(uint64 epoch) public view returns (uint64) {
        uint64 first = _ends.firstEpochAt;
        if (first == 0) revert NotStarted();
        return first + epoch * _epochSeconds;
    }

    /// @inheritdoc IEpochShared
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

    /// @inheritdoc IEpochShared
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

    // --- what is kept -----------------------------------------------------------------------------------------------

    /// @dev See {IEpochConsensus.keeperCalls}.
    function _keeperCalls(uint64 epoch, address keeper) internal view returns (uint256 lanes, uint256 errands) {
        return _calls[keeper][ringSlot(epoch)].unpack(epoch);
    }

    /// @dev A seed counts as a full cohort, a resolution with its lanes, a revealed seat with its part of them.
    function _countLanes(uint64 epoch, uint256 lanes) internal {
        unchecked {
            CallsWord[KEPT_EPOCHS] storage calls = _calls[msg.sender];
            uint256 slot = ringSlot(epoch);
            (uint256 before, uint256 errands) = calls[slot].unpack(epoch);
            calls[slot] = Calls.pack(epoch, before + lanes, errands);
        }
    }

    function _countErrand(uint64 epoch, address keeper, uint256 worth) internal {
        unchecked {
            CallsWord[KEPT_EPOCHS] storage calls = _calls[keeper];
            uint256 slot = ringSlot(epoch);
            // A report of the last moment shares its slot with the seed of {KEPT_EPOCHS} later, which earns more.
            if (calls[slot].epochOf() > epoch) return;
            (uint256 lanes, uint256 before) = calls[slot].unpack(epoch);
            calls[slot] = Calls.pack(epoch, lanes, before + worth);
        }
    }

    /// @dev The owner's commitment as it is kept; zero where it has none for this epoch.
    function _commitmentOf(uint64 epoch, address owner) internal view returns (CommitmentWord word) {
        word = _commitments[owner][ringSlot(epoch)];
        if (uint32(CommitmentWord.unwrap(word)) >> COMMITMENT_EPOCH_AT != epoch) word = CommitmentWord.wrap(0);
    }

    /// @dev When the last report of an unanswered audit of `epoch` is due: twice the audit's length after the seed that draws them, and
    /// where there is none when there can be none any more.
    function _auditsEndAt(uint64 epoch) internal view returns (uint64) {
        uint64 drawnAt = _seeding[epoch + 2].seededAt;
        return drawnAt == 0 ? epochStart(epoch + 3) : drawnAt + 2 * _auditSeconds(epoch);
    }
}
