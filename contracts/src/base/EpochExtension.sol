// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COMMITTEE, OPENING_WORDS, QUORUM} from "../libraries/Constants.sol";
import {ICheckerSeats} from "../interfaces/ICheckerSeats.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {IDeviceRegistry} from "../interfaces/IDeviceRegistry.sol";
import {Opening, Phase} from "../interfaces/IEpochConsensus.sol";
import {IRewardVault} from "../interfaces/IRewardVault.sol";
import {PackedMedian} from "../libraries/PackedMedian.sol";
import {Sums, SumsWord} from "../libraries/Sums.sol";
import {Audits} from "./Audits.sol";
import {EpochClock} from "./EpochClock.sol";
import {EpochState} from "./EpochState.sol";
import {RuleChanges} from "./RuleChanges.sol";

/// @title The half of EpochConsensus that is called rarely: reveal, void, audits, rules, views
/// @notice One contract of this size would not fit into 24,576 bytes. EpochConsensus keeps this one's address as an immutable and runs it
/// by delegatecall on its own storage; nobody can replace it. Both inherit all of their storage from {EpochState} and add none; the
/// extension's own storage is never used. Call it through EpochConsensus only.
contract EpochExtension is Audits, RuleChanges {
    using SumsWord for Sums;

    constructor(
        IDeviceRegistry registry_,
        ICheckerSeats seats_,
        IRewardVault vault_,
        uint32 epochSeconds,
        uint32 firstPaidEpoch
    )
        EpochClock(epochSeconds, firstPaidEpoch)
        EpochState(registry_, seats_, vault_)
    {}

    // --- the way of a cohort whose openings were not all handed over ------------------------------------------------

    /// @dev See {IEpochConsensus}.
    function reveal(uint64 epoch, uint32 cohort, Opening[] calldata openings) external whenNotPaused(PAUSE_FINALIZE) {
        Session memory session = _session(epoch, cohort);
        if (session.phase != Phase.Reveal) revert WrongPhase(epoch, session.phase, Phase.Reveal);
        _requireLength(openings.length, session.depth);
        uint256 given = _maskOf(openings);
        for (uint256 i; i < openings.length; ++i) {
            uint256 seat = openings[i].seat;
            address owner = session.owners[seat];
            uint256[OPENING_WORDS] memory words = _prove(epoch, owner, cohort, session.depth, session.commitments[seat], openings[i]);
            if (!PackedMedian.inRange(words)) revert OpeningMalformed(owner);
            _mixSalt(epoch, owner, session.commitments[seat], openings[i].salt);
        }
        bool wasRevealed = _isRevealed(epoch, cohort);
        uint256 before = revealedSeats(epoch, cohort);
        _revealed[cohort] = uint256(epoch) << 8 | before | given;
        _countLanes(epoch, LibBit.popCount(given & ~before) * LibBit.popCount(session.occupancies[0]) / COMMITTEE);
        if (!wasRevealed && _isRevealed(epoch, cohort)) {
            Sums memory totals = _totalsAt(epoch, session.members, session.depth, _presentCapSums().settling);
            totals.waiting += 1;
            _totals[epoch] = totals.pack();
        }
        emit Revealed(epoch, cohort, uint8(given));
    }

    /// @dev See {IEpochConsensus}.
    function voidCohort(uint64 epoch, uint32 cohort) external {
        Session memory session = _session(epoch, cohort);
        if (session.phase < Phase.Open || !_isSettling(epoch)) revert WrongPhase(epoch, session.phase, Phase.Open);
        bool hopeless = LibBit.popCount(session.committed) < QUORUM
            || (session.phase >= Phase.Finalize && !_isRevealed(epoch, cohort));
        if (!hopeless) revert QuorumPossible(epoch, cohort);
        if (session.phase >= Phase.Finalize) _strikeUnopened(session, revealedSeats(epoch, cohort));
        _void(session);
    }
}
