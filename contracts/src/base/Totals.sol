// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Phase} from "../interfaces/IEpochConsensus.sol";
import {EpochState} from "./EpochState.sol";

/// @title Σ caps, the totals payments are divided by, and which epoch is paid
/// @dev Σ caps is kept for three epochs at once: of the epoch being settled (as it was before any of its cohorts was final), of the
/// present and of the next one. It moves when a standing moves and when a lane is joined or left, so no loop over devices is needed.
abstract contract Totals is EpochState {
    /// @dev See {IEpochConsensus}.
    function isPayable(uint64 epoch) public view returns (bool) {
        if (phaseOf(epoch) == Phase.Pay) return true;
        TotalsSlot memory t = _totals[epoch];
        return t.begun && t.resolvedLanes == t.lanes;
    }

    /// @dev The totals of the epoch being settled; the first call fixes its members and their Σ caps.
    function _totalsAt(uint64 epoch, uint32 members) internal view returns (TotalsSlot memory t) {
        t = _totals[epoch];
        if (t.begun) return t;
        t.begun = true;
        t.lanes = members;
        t.openCaps = _presentCapSums().settling;
    }

    function _moveCaps(int256 presentDelta, int256 followingDelta) internal {
        if (presentDelta == 0 && followingDelta == 0) return;
        CapSums memory sums = _presentCapSums();
        sums.present = uint72(uint256(int256(uint256(sums.present)) + presentDelta));
        sums.following = uint72(uint256(int256(uint256(sums.following)) + followingDelta));
        _capSums = sums;
    }

    /// @dev The sums as of now; epochs in which nothing moved repeat the last.
    function _presentCapSums() internal view returns (CapSums memory sums) {
        sums = _capSums;
        uint64 next = nextEpoch();
        if (next == sums.next) return sums;
        sums.settling = next == sums.next + 1 ? sums.present : sums.following;
        sums.present = sums.following;
        sums.next = uint40(next);
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
        _totals[epoch].unpaid -= 1;
        if (_totals[epoch].unpaid == 0) _oldest = _firstUnpaid();
    }

    /// @dev Number of the oldest epoch somebody waits for; zero where there is none.
    function _firstUnpaid() internal view returns (uint64 number) {
        number = _oldest;
        while (number != 0 && _totals[number - 1].unpaid == 0) {
            number = _successor[number];
        }
    }
}
