// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QUORUM} from "../libraries/Constants.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {Phase} from "../interfaces/IEpochConsensus.sol";
import {CapSums, Sums, SumsWord} from "../libraries/Sums.sol";
import {Newcomers} from "../libraries/Standings.sol";
import {EpochState} from "./EpochState.sol";

/// @title Σ caps, the totals payments are divided by, and which epoch is paid
/// @dev The cap of a device is twice its standing; without one it takes nothing from others. Σ caps is kept for three epochs at once: of the
/// epoch being settled (as it was before any of its cohorts was final), of the present and of the next one. It moves when a standing moves and
/// when a lane is joined or left, so no loop over devices is needed.
abstract contract Totals is EpochState {
    using SumsWord for CapSums;
    using SumsWord for Sums;
    using SumsWord for uint256;

    /// @dev See {IEpochConsensus}.
    function revealedSeats(uint64 epoch, uint32 cohort) public view returns (uint8) {
        uint256 word = _revealed[cohort];
        return word >> 8 == epoch ? uint8(word) : 0;
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
    /// @param caps Σ caps of the epoch. While it is zero, nobody has a standing, and each member counts with `firstStanding`.
    function _totalsAt(uint64 epoch, uint32 members, uint256 depth, uint256 caps) internal returns (Sums memory t) {
        t = _totals[epoch].toSums();
        if (t.begun) return t;
        t.begun = true;
        t.lanes = members;
        t.depth = depth;
        t.openCaps = caps != 0 ? caps : uint256(members) * _scores.firstStanding;
        emit EpochCounted(epoch, members, caps);
    }

    /// @dev What devices without a standing are credited: at most the mean standing of the epoch's members, and nothing in the epoch that
    /// sets their first one; while nobody has one, up to `firstStanding`.
    function _newcomers(uint32 members, uint256 caps, uint256 firstStanding) internal pure returns (Newcomers memory) {
        if (caps == 0) return Newcomers(firstStanding, false);
        uint256 mean = caps / (2 * uint256(members));
        if (mean > firstStanding) mean = firstStanding;
        return Newcomers(mean == 0 ? 1 : mean, true);
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
        sums = _capSums.toCapSums();
        uint64 next = nextEpoch();
        if (next == sums.next) return sums;
        sums.settling = next == sums.next + 1 ? sums.present : sums.following;
        sums.present = sums.following;
        sums.next = next;
    }

    /// @dev One cohort of `epoch` is paid in full.
    function _cohortPaid(uint64 epoch) internal {
        Sums memory t = _totals[epoch].toSums();
        t.unpaid -= 1;
        _totals[epoch] = t.pack();
    }
}
