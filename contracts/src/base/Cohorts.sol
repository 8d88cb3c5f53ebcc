// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COMMITTEE, FROZEN_EPOCHS, FULL_COHORT, OPENING_WORDS, QUORUM, ringSlot} from "../libraries/Constants.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {StrikeReason} from "../interfaces/ICheckerSeats.sol";
import {CohortState, IEpochShared, Opening, Phase} from "../interfaces/IEpochConsensus.sol";
import {COMMITMENT_SALTED, CommitmentWord} from "../libraries/EpochWords.sol";
import {MerklePath} from "../libraries/MerklePath.sol";
import {Records, RecordWord} from "../libraries/Records.sol";
import {Newcomers} from "../libraries/Standings.sol";
import {CapSums, Sums} from "../libraries/Sums.sol";
import {EpochState} from "./EpochState.sol";

/// @title What resolving a cohort takes: its session, openings proven against commitments, the end of one that is void, and Σ caps with the
/// totals that payments are divided by
/// @dev The cap of a device is twice its standing; without one it takes nothing from others. Σ caps is kept for three epochs at once: of the
/// epoch being settled (as it was before any of its cohorts was final), of the present and of the next one. It moves when a standing moves and
/// when a lane is joined or left, so no loop over devices is needed.
abstract contract Cohorts is EpochState {

    /// @dev What a cohort's resolution reads before it looks at openings.
    struct Session {
        uint64 epoch;
        uint32 cohort;
        Phase phase;
        uint32 members;
        uint256 depth;
        uint256 committed; // bit i: seat i committed
        uint64[FROZEN_EPOCHS] occupancies;
        address[COMMITTEE] owners;
        CommitmentWord[COMMITTEE] commitments;
        uint32[COMMITTEE] indices;
    }

    // --- a cohort's openings ----------------------------------------------------------------------------------------

    function _session(uint64 epoch, uint32 cohort) internal view returns (Session memory session) {
        session.epoch = epoch;
        session.cohort = cohort;
        session.phase = phaseOf(epoch);
        bytes32 seed = seedOf[epoch];
        if (seed == 0) revert NoSeed(epoch);
        if (_records[cohort][ringSlot(epoch)].isOf(epoch)) revert CohortResolved(epoch, cohort);
        uint32 cohorts;
        (session.occupancies, session.members, cohorts) = registry.frozenCohort(epoch, cohort);
        if (session.occupancies[0] == 0) revert EmptyCohort(epoch, cohort);
        session.depth = MerklePath.depth(cohorts);
        (session.owners, session.indices) = seats.committee(epoch, seed, cohort);
        address[COMMITTEE] memory owners = session.owners;
        uint256 committed;
        unchecked {
            for (uint256 i; i < COMMITTEE; ++i) {
                CommitmentWord word = _commitmentOf(epoch, owners[i]);
                session.commitments[i] = word;
                if (CommitmentWord.unwrap(word) != 0) committed |= 1 << i;
            }
        }
        session.committed = committed;
    }

    function _void(Session memory session) internal {
        _payOverwritten(session);
        Sums memory totals = _totalsAt(session.epoch, session.members, session.depth, _presentCapSums().settling);
        uint256 lanes = LibBit.popCount(session.occupancies[0]);
        totals.resolvedLanes += lanes;
        _totals[session.epoch] = totals.pack();
        uint8[COMMITTEE] memory none;
        _records[session.cohort][ringSlot(session.epoch)] =
            Records.pack(session.epoch, CohortState.Void, 0, session.indices, none);
        _countLanes(session.epoch, lanes);
        emit CohortVoided(session.epoch, session.cohort, msg.sender);
    }

    /// @dev The record {KEPT_EPOCHS} back is about to be overwritten: whoever waits for its money gets it first.
    function _payOverwritten(Session memory session) internal {
        RecordWord record = _records[session.cohort][ringSlot(session.epoch)];
        if (record.stateOf() != CohortState.Final || record.isPaid()) return;
        vault.payCohort(record.epochOf(), session.cohort, uint8(FULL_COHORT));
        vault.payCheckers(record.epochOf(), session.cohort);
    }

    /// @dev Strikes nobody whom a pause kept from opening, and nobody where no one opened: then it was the chain that stood still.
    function _strikeUnopened(Session memory session, uint256 opened) internal {
        if (opened == 0 || _pausedUntil(PAUSE_FINALIZE) > phaseStart(session.epoch, Phase.Open)) return;
        uint256 missing = session.committed & ~opened;
        for (uint256 i; i < COMMITTEE; ++i) {
            if (missing >> i & 1 == 0) continue;
            seats.strike(session.owners[i], session.epoch, session.cohort, StrikeReason.Unopened);
        }
    }

    /// @dev Seats in ascending order, each once.
    function _maskOf(Opening[] calldata openings) internal pure returns (uint256 mask) {
        unchecked {
            for (uint256 i; i < openings.length; ++i) {
                uint256 seat = openings[i].seat;
                uint256 bit = 1 << seat;
                if (seat > COMMITTEE - 1 || bit <= mask) revert SeatOrder();
                mask |= bit;
            }
        }
    }

    /// @dev Selector, three head words, the array's length, and per opening an offset, 13 head words, a length and the proof.
    function _requireLength(uint256 count, uint256 depth) internal pure {
        unchecked {
            uint256 needed = 4 + 32 * (4 + count * (15 + depth));
            if (msg.data.length != needed) revert CalldataLength(msg.data.length, needed);
        }
    }

    /// @dev The words of a proven opening, in memory; reverts when it is not what the owner committed to.
    function _prove(
        uint64 epoch,
        address owner,
        uint32 cohort,
        uint256 depth,
        CommitmentWord commitment,
        Opening calldata opening
    ) internal view returns (uint256[OPENING_WORDS] memory words) {
        bytes32 leaf;
        (leaf, words) = _leaf(epoch, owner, cohort, opening.salt, opening.words);
        bytes32[] calldata proof = opening.proof;
        bool proven = proof.length == depth && commitment.matches(MerklePath.root(leaf, cohort, proof));
        if (!proven) revert ProofInvalid(owner);
    }

    /// @dev Puts an owner's salt into the seed of `epoch + 2`, once. In OPEN and REVEAL, long before that seed's block is pinned.
    function _mixSalt(uint64 epoch, address owner, CommitmentWord commitment, bytes32 salt) internal {
        if (CommitmentWord.unwrap(commitment) & COMMITMENT_SALTED != 0) return;
        _commitments[owner][ringSlot(epoch)] = CommitmentWord.wrap(CommitmentWord.unwrap(commitment) | COMMITMENT_SALTED);
        _salts[epoch] ^= keccak256(abi.encode(owner, salt));
    }

    /// @dev keccak256(abi.encode(block.chainid, address(this), epoch, owner, cohort, salt, words)), in one buffer whose end is `copy`.
    function _leaf(uint64 epoch, address owner, uint32 cohort, bytes32 salt, uint256[OPENING_WORDS] calldata words)
        internal
        view
        returns (bytes32 leaf, uint256[OPENING_WORDS] memory copy)
    {
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(0x40, add(buffer, 512))
            mstore(buffer, chainid())
            mstore(add(buffer, 32), address())
            mstore(add(buffer, 64), and(epoch, 0xffffffffffffffff))
            mstore(add(buffer, 96), and(owner, 0xffffffffffffffffffffffffffffffffffffffff))
            mstore(add(buffer, 128), and(cohort, 0xffffffff))
            mstore(add(buffer, 160), salt)
            copy := add(buffer, 192)
            calldatacopy(copy, words, 320)
            leaf := keccak256(buffer, 512)
        }
    }

    // --- totals and caps --------------------------------------------------------------------------------------------

    /// @inheritdoc IEpochShared
    function revealedSeats(uint64 epoch, uint32 cohort) public view returns (uint8) {
        return _revealed[cohort].seatsIn(epoch);
    }

    /// @dev Whether a quorum of openings is on record.
    function _isRevealed(uint64 epoch, uint32 cohort) internal view returns (bool) {
        return LibBit.popCount(revealedSeats(epoch, cohort)) >= QUORUM;
    }

    /// @dev The epoch before the present one: its frozen sets and sums are exact.
    function _isSettling(uint64 epoch) internal view returns (bool) {
        return epoch + 2 == nextEpoch();
    }

    /// @dev The totals of the epoch being settled; the first call fixes its members, their Σ caps and the depth of its trees.
    /// @param caps Σ caps of the epoch. Where first credits are paid, each member counts with `firstStanding` in its place.
    function _totalsAt(uint64 epoch, uint32 members, uint256 depth, uint256 caps) internal returns (Sums memory t) {
        t = _totals[epoch].unpack();
        if (t.begun) return t;
        t.begun = true;
        t.lanes = members;
        t.depth = depth;
        t.openCaps = _paysFirst(caps) ? uint256(members) * _scores.firstStanding : caps;
        emit EpochCounted(epoch, members, caps);
    }

    /// @dev Whether first credits are paid: while nobody has a standing, and only where epochs are paid from the first one on, as on a devnet.
    /// Elsewhere the unpaid epochs are there to set standings, and whoever is the first to be judged in a paid one would take its pool.
    function _paysFirst(uint256 caps) private view returns (bool) {
        return caps == 0 && _firstPaidEpoch == 0;
    }

    /// @dev What devices without a standing are credited: at most the mean standing of the epoch's members, or `firstStanding` while nobody
    /// has one, and nothing in the epoch that sets their first one unless {_paysFirst}.
    function _newcomers(uint32 members, uint256 caps, uint256 firstStanding) internal view returns (Newcomers memory) {
        uint256 mean = caps / (2 * uint256(members));
        if (caps == 0 || mean > firstStanding) mean = firstStanding;
        return Newcomers(mean == 0 ? 1 : mean, !_paysFirst(caps));
    }

    /// @param sums As {_presentCapSums} read them.
    function _moveCaps(CapSums memory sums, int256 presentDelta, int256 followingDelta) internal {
        if (presentDelta == 0 && followingDelta == 0) return;
        sums.present = uint256(int256(sums.present) + presentDelta);
        sums.following = uint256(int256(sums.following) + followingDelta);
        _capSums = sums.pack();
    }

    /// @dev The sums as of now; epochs in which nothing moved repeat the last.
    function _presentCapSums() internal view returns (CapSums memory sums) {
        sums = _capSums.unpack();
        uint64 next = nextEpoch();
        if (next == sums.next) return sums;
        sums.settling = next == sums.next + 1 ? sums.present : sums.following;
        sums.present = sums.following;
        sums.next = next;
    }

    /// @dev One cohort of `epoch` is paid in full.
    function _cohortPaid(uint64 epoch) internal {
        Sums memory t = _totals[epoch].unpack();
        t.unpaid -= 1;
        _totals[epoch] = t.pack();
    }
}
