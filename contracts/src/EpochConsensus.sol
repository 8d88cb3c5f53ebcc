// SPDX-License-Identifier: MIT
// Why: docs/why/contracts.md
pragma solidity 0.8.37;

import {COMMITTEE, CREDIT_WORDS, FULL_COHORT, OPENING_WORDS, QUORUM, ringSlot} from "./libraries/Constants.sol";
import {Memory} from "evm/Memory.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {EpochExtension} from "./EpochExtension.sol";
import {EpochSeeds} from "./base/EpochSeeds.sol";
import {EpochState} from "./base/EpochState.sol";
import {Governed} from "./base/Governed.sol";
import {Lanes} from "./base/Lanes.sol";
import {ICheckerSeats, StrikeReason} from "./interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {
    CohortRecord,
    CohortState,
    IEpochCore,
    Opening,
    Phase,
    RoundRules,
    ScoreRules,
    Timeline
} from "./interfaces/IEpochConsensus.sol";
import {IRewardVault} from "./interfaces/IRewardVault.sol";
import {Calls, COMMITMENT_EPOCH_AT, COMMITMENT_ROOT_AT, CommitmentWord} from "./libraries/EpochWords.sol";
import {PackedMedian} from "./libraries/PackedMedian.sol";
import {Records, RecordWord} from "./libraries/Records.sol";
import {SilenceWord} from "./libraries/Silence.sol";
import {RuleBounds} from "./libraries/RuleBounds.sol";
import {PassSums, Standings} from "./libraries/Standings.sol";
import {CapSums, Sums} from "./libraries/Sums.sol";
import {CohortResult, Tally} from "./libraries/Tally.sol";

/// @title Consensus of an epoch: finalize, reveal, void, and what the vault pays from
/// @notice Fewer than a quorum of a cohort's seats may lie: then a median lies within what the honest say, or below it where seats are
/// missing. Everything is permissionless; whoever calls cannot choose what counts, only be late.
contract EpochConsensus is EpochSeeds, Lanes, Governed {
    using Standings for uint256[CREDIT_WORDS];

    modifier onlyVault() {
        if (msg.sender != address(vault)) revert NotKaisarContract(msg.sender);
        _;
    }

    uint16 private immutable _uptimeTolerance;
    /// @notice The second half of this contract's code.
    EpochExtension public immutable extension;

    /// @param vault_ The address the vault will be deployed to; registry and seats name this contract already.
    /// @param extension_ Constructed with the same registry, seats, vault and epochs.
    constructor(
        IDeviceRegistry registry_,
        ICheckerSeats seats_,
        IRewardVault vault_,
        EpochExtension extension_,
        address owner_,
        address guardian_,
        Timeline memory timeline_,
        RoundRules memory rounds,
        ScoreRules memory scores
    )
        Governed(owner_, guardian_)
        EpochState(registry_, seats_, vault_, timeline_.epochSeconds, timeline_.firstPaidEpoch)
        Lanes(scores.firstStanding)
    {
        RuleBounds.checkConstants(timeline_, scores);
        RuleBounds.checkTimeline(timeline_, timeline_.epochSeconds);
        RuleBounds.checkRounds(rounds, timeline_.epochSeconds);
        RuleBounds.checkScores(scores);
        _setPhases(timeline_, 0);
        _rounds = rounds;
        _scores = scores;
        extension = extension_;
        _uptimeTolerance = scores.uptimeTolerance;
        Timeline memory same = extension_.timelineOf(0);
        bool wired = address(registry_.consensus()) == address(this) && address(seats_.consensus()) == address(this)
            && address(extension_.registry()) == address(registry_) && address(extension_.seats()) == address(seats_)
            && address(vault_) != address(0) && address(extension_.vault()) == address(vault_)
            && same.epochSeconds == timeline_.epochSeconds && same.firstPaidEpoch == timeline_.firstPaidEpoch;
        if (!wired) revert WrongWiring();
    }

    /// @notice What is called rarely: reveal, void, audits, rules, most views. See {EpochExtension}.
    fallback() external {
        address target = address(extension);
        assembly ("memory-safe") {
            calldatacopy(0, 0, calldatasize())
            let success := delegatecall(gas(), target, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(success) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }

    // --- committing -------------------------------------------------------------------------------------------------

    /// @inheritdoc IEpochCore
    function commit(uint64 epoch, bytes32 root) external {
        if (msg.data.length != 68) revert CalldataLength(msg.data.length, 68);
        Phase phase = phaseOf(epoch);
        if (phase != Phase.Commit) revert WrongPhase(epoch, phase, Phase.Commit);
        if (uint256(root) >> 32 == 0) revert EmptyRoot();
        if (CommitmentWord.unwrap(_commitmentOf(epoch, msg.sender)) != 0) revert AlreadyCommitted(msg.sender, epoch);
        _commitments[msg.sender][ringSlot(epoch)] =
            CommitmentWord.wrap(uint256(root) >> COMMITMENT_ROOT_AT << COMMITMENT_ROOT_AT | uint32(uint256(epoch) << COMMITMENT_EPOCH_AT));
        emit Committed(epoch, msg.sender, root);
    }

    // --- resolving a cohort -----------------------------------------------------------------------------------------

    /// @inheritdoc IEpochCore
    function finalize(uint64 epoch, uint32 cohort, Opening[] calldata openings) external whenNotPaused(PAUSE_FINALIZE) {
        Session memory session = _session(epoch, cohort);
        // What was revealed waits for whoever finalizes it, while the next epoch lasts.
        bool late = session.phase == Phase.Pay && _isSettling(epoch) && _isRevealed(epoch, cohort);
        if (session.phase != Phase.Open && session.phase != Phase.Finalize && !late) {
            revert WrongPhase(epoch, session.phase, Phase.Open);
        }
        _requireLength(openings.length, session.depth);
        uint256 needed = session.phase == Phase.Open ? session.committed : revealedSeats(epoch, cohort);
        uint256 given = _maskOf(openings);
        if (given != needed) revert WrongSeats(given, needed);

        (uint256[OPENING_WORDS][COMMITTEE] memory words, uint256 opened) = _openAll(session, openings);
        if (session.phase != Phase.Open) _strikeUnopened(session, given);
        if (LibBit.popCount(opened) < QUORUM) _void(session);
        else _settle(session, words, opened);
    }

    /// @inheritdoc IEpochCore
    function voidCohort(uint64 epoch, uint32 cohort) external {
        Session memory session = _session(epoch, cohort);
        if (session.phase < Phase.Open || !_isSettling(epoch)) revert WrongPhase(epoch, session.phase, Phase.Open);
        bool hopeless = LibBit.popCount(session.committed) < QUORUM
            || (session.phase >= Phase.Finalize && !_isRevealed(epoch, cohort));
        if (!hopeless) revert QuorumPossible(epoch, cohort);
        if (session.phase >= Phase.Finalize) _strikeUnopened(session, revealedSeats(epoch, cohort));
        _void(session);
    }

    // --- paying -----------------------------------------------------------------------------------------------------

    /// @inheritdoc IEpochCore
    function takeCredits(uint64 epoch, uint32 cohort, uint8 maxLanes)
        external
        onlyVault
        returns (uint256 firstLane, uint256[] memory credits)
    {
        RecordWord record = _records[cohort][ringSlot(epoch)];
        uint256 paid = record.lanesPaid();
        uint256 count = record.isOf(epoch) && record.stateOf() == CohortState.Final ? FULL_COHORT - paid : 0;
        if (count > maxLanes) count = maxLanes;
        firstLane = FULL_COHORT * cohort + paid;
        credits = new uint256[](count);
        if (count == 0) return (firstLane, credits);
        uint256[CREDIT_WORDS] storage words = _credits[cohort][ringSlot(epoch)];
        words.read(paid, credits);
        _markPaid(epoch, cohort, record.withLanesPaid(paid + count));
    }

    /// @inheritdoc IEpochCore
    function takeAgreements(uint64 epoch, uint32 cohort)
        external
        onlyVault
        returns (uint32[COMMITTEE] memory owners, uint8[COMMITTEE] memory agreed)
    {
        RecordWord record = _records[cohort][ringSlot(epoch)];
        if (!record.isOf(epoch) || record.stateOf() != CohortState.Final || record.checkersPaid()) return (owners, agreed);
        CohortRecord memory unpacked = record.unpack();
        _markPaid(epoch, cohort, record.withCheckersPaid());
        return (unpacked.owners, unpacked.agreed);
    }

    /// @inheritdoc IEpochCore
    function takeKeeperCalls(uint64 epoch, address keeper) external onlyVault returns (uint256 lanes, uint256 errands) {
        (lanes, errands) = _keeperCalls(epoch, keeper);
        if (lanes + errands != 0) _calls[keeper][ringSlot(epoch)] = Calls.pack(epoch, 0, 0);
    }

    // --- internals --------------------------------------------------------------------------------------------------

    /// @dev Proves every opening. A proven one out of range counts as missing and is struck, so it stops nobody.
    function _openAll(Session memory session, Opening[] calldata openings)
        private
        returns (uint256[OPENING_WORDS][COMMITTEE] memory words, uint256 opened)
    {
        bool mixes = session.phase == Phase.Open;
        for (uint256 i; i < openings.length; ++i) {
            Opening calldata opening = openings[i];
            uint256 seat = opening.seat;
            address owner = session.owners[seat];
            CommitmentWord commitment = session.commitments[seat];
            uint256[OPENING_WORDS] memory own = _prove(session.epoch, owner, session.cohort, session.depth, commitment, opening);
            if (mixes) _mixSalt(session.epoch, owner, commitment, opening.salt);
            if (PackedMedian.inRange(own)) {
                words[seat] = own;
                opened |= 1 << seat;
            } else {
                seats.strike(owner, session.epoch, session.cohort, StrikeReason.Malformed);
            }
        }
    }

    function _settle(Session memory session, uint256[OPENING_WORDS][COMMITTEE] memory words, uint256 opened) private {
        _payOverwritten(session);
        CohortResult memory result = Tally.tally(words, session.occupancies[0], _uptimeTolerance);
        SilenceWord silence = _silence[session.cohort];
        CapSums memory caps = _presentCapSums();
        (PassSums memory sums, uint256[CREDIT_WORDS] memory credits) = _standings[session.cohort].pass(
            _credits[session.cohort][ringSlot(session.epoch)],
            result,
            silence.silent(),
            session.occupancies,
            _newcomers(session.members, caps.settling, _firstStanding)
        );
        SilenceWord silenceAfter = silence.next(result.judged, sums.earned);
        if (SilenceWord.unwrap(silenceAfter) != SilenceWord.unwrap(silence)) _silence[session.cohort] = silenceAfter;

        _count(session, sums, caps);
        RecordWord record = Records.pack(session.epoch, CohortState.Final, opened, session.indices, result.agreed);
        if (session.epoch < _firstPaidEpoch) record = record.withLanesPaid(FULL_COHORT).withCheckersPaid();
        _records[session.cohort][ringSlot(session.epoch)] = record;
        _emitFinal(session, words, opened, result, credits);
    }

    /// @dev Adds a final cohort to the totals of its epoch, its moves to Σ caps, and its lanes to the caller's.
    function _count(Session memory session, PassSums memory sums, CapSums memory caps) private {
        uint256 lanes = LibBit.popCount(session.occupancies[0]);
        Sums memory totals = _totalsAt(session.epoch, session.members, session.depth, caps.settling);
        totals.credits += sums.credits;
        totals.openCaps -= sums.caps;
        totals.resolvedLanes += lanes;
        if (session.phase != Phase.Open && _isRevealed(session.epoch, session.cohort)) totals.waiting -= 1;
        if (session.epoch >= _firstPaidEpoch) totals.unpaid += 1;
        _totals[session.epoch] = totals.pack();
        _moveCaps(caps, sums.presentDelta, sums.followingDelta);
        _countLanes(session.epoch, lanes);
    }

    /// @dev emit CohortFinalized(epoch, cohort, msg.sender, opened, rates, uptimes, flags, certain, credits, evidence roots), copying arrays as
    /// a whole.
    function _emitFinal(
        Session memory session,
        uint256[OPENING_WORDS][COMMITTEE] memory words,
        uint256 opened,
        CohortResult memory result,
        uint256[CREDIT_WORDS] memory credits
    ) private {
        bytes32 topic = CohortFinalized.selector;
        (uint256 epoch, uint256 cohort) = (session.epoch, session.cohort);
        uint256 free;
        uint256 rates;
        uint256 uptimes;
        uint256 written;
        assembly ("memory-safe") {
            free := mload(0x40)
            rates := mload(result)
            uptimes := mload(add(result, 32))
            written := credits
        }
        Memory.copy(free + 32, rates, 128);
        Memory.copy(free + 160, uptimes, 128);
        Memory.copy(free + 352, written, 352);
        assembly ("memory-safe") {
            mstore(free, opened)
            mstore(add(free, 288), mload(add(result, 64))) // flags
            mstore(add(free, 320), mload(add(result, 128))) // certain
            let root := add(free, 704)
            for { let seat := 0 } lt(seat, 160) { seat := add(seat, 32) } {
                mstore(add(root, seat), mload(add(mload(add(words, seat)), 288))) // words[seat][9]
            }
            log4(free, 864, topic, epoch, cohort, caller())
        }
    }

    function _markPaid(uint64 epoch, uint32 cohort, RecordWord record) private {
        _records[cohort][ringSlot(epoch)] = record;
        if (record.isPaid()) _cohortPaid(epoch);
    }
}
