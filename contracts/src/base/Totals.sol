// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Phase} from "../interfaces/IEpochConsensus.sol";
import {CapSums, Sums, SumsWord} from "../libraries/Sums.sol";
import {EpochState} from "./EpochState.sol";

/// @title Σ caps, the totals payments are divided by, and which epoch is paid
/// @dev Σ caps is kept for three epochs at once: of the epoch being settled (as it was before any of its cohorts was final), of the
/// present and of the next one. It moves when a standing moves and when a lane is joined or left, so no loop over devices is needed.
abstract contract Totals is EpochState {
    using SumsWord for CapSums;
    using SumsWord for Sums;
    using SumsWord for uint256;

    /// @dev See {IEpochConsensus}.
    function isPayable(uint64 epoch) public view returns (bool) {
        if (phaseOf(epoch) == Phase.Pay) return true;
        Sums memory t = _totals[epoch].toSums();
        return t.begun && t.resolvedLanes == t.lanes;
    }

    /// @dev The totals of the epoch being settled; the first call fixes its members, their Σ caps and the depth of its trees.
    function _totalsAt(uint64 epoch, uint32 members, uint256 depth) internal view returns (Sums memory t) {
        t = _totals[epoch].toSums();
        if (t.begun) return t;
        t.begun = true;
        t.lanes = members;
        t.depth = depth;
        t.openCaps = _presentCapSums().settling;
    }

    function _moveCaps(int256 presentDelta, int256 followingDelta) internal {
        if (presentDelta == 0 && followingDelta == 0) return;
        CapSums memory sums = _presentCapSums();
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

    /// @dev A first final cohort puts its epoch into the queue.
    function _awaitPayment(uint64 epoch) internal {
        uint64 number = epoch + 1;
        if (_newest == number) return;
        if (_newest != 0) _successor[_newest] = number;
        _newest = number;
        if (_oldest == 0) _oldest = number;
    }

    /// @dev One cohort of `epoch` is paid in full.
    function _cohortPaid(uint64 epoch) internal {
        Sums memory t = _totals[epoch].toSums();
        t.unpaid -= 1;
        _totals[epoch] = t.pack();
        if (t.unpaid == 0) _oldest = _firstUnpaid();
    }

    /// @dev Number of the oldest epoch somebody waits for; zero where there is none.
    function _firstUnpaid() internal view returns (uint64 number) {
        number = _oldest;
        while (number != 0 && _totals[number - 1].toSums().unpaid == 0) {
            number = _successor[number];
        }
    }
}
