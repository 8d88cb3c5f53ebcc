// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COHORT_LANES} from "./Constants.sol";
import {Frozen64} from "./Frozen.sol";
import {IDeviceRegistry} from "../interfaces/IDeviceRegistry.sol";

/// @title Which lanes have a member, now and in the epochs that are frozen
/// @notice Lane i belongs to cohort i / COHORT_LANES. A lane that was given back is taken again before a new one is made.
library LaneList {
    using Frozen64 for uint256;

    struct List {
        mapping(uint32 cohort => uint256 frozen) occupancy; // bit i: lane i of the cohort has a member
        uint256 counts; // frozen: members | lanes << 32
        uint32[] free;
    }

    /// @dev Bounds Σ caps: 2^24 lanes of at most 2^42.
    uint32 private constant MAX_LANES = 1 << 24;

    /// @notice A lane for a member from epoch `from` on: a freed one, or the next.
    function take(List storage list, uint32 from) internal returns (uint32 lane) {
        uint64 counts = list.counts.newest();
        uint256 free = list.free.length;
        if (free != 0) {
            lane = list.free[free - 1];
            list.free.pop();
        } else {
            lane = uint32(counts >> 32);
            if (lane == MAX_LANES) revert IDeviceRegistry.RegistryFull();
            counts += 1 << 32;
        }
        list.counts = list.counts.set(from, counts + 1);
        uint256 word = list.occupancy[lane / COHORT_LANES];
        list.occupancy[lane / COHORT_LANES] = word.set(from, word.newest() | uint64(1) << (lane % COHORT_LANES));
    }

    /// @notice The lane has no member from epoch `from` on. It is not free yet.
    function vacate(List storage list, uint32 lane, uint32 from) internal {
        list.counts = list.counts.set(from, list.counts.newest() - 1);
        uint256 word = list.occupancy[lane / COHORT_LANES];
        list.occupancy[lane / COHORT_LANES] = word.set(from, word.newest() & ~(uint64(1) << (lane % COHORT_LANES)));
    }

    /// @notice Others may take the lane.
    function release(List storage list, uint32 lane) internal {
        list.free.push(lane);
    }

    /// @notice Lanes that were ever taken.
    function length(List storage list) internal view returns (uint32) {
        return uint32(list.counts.newest() >> 32);
    }

    /// @notice Bit i: lane i of the cohort is a member in `epoch`.
    function occupancyIn(List storage list, uint64 epoch, uint32 cohort) internal view returns (uint64) {
        return list.occupancy[cohort].valueIn(epoch);
    }

    /// @notice Members of `epoch`, and the cohorts of all its lanes.
    function countsIn(List storage list, uint64 epoch) internal view returns (uint32 members, uint32 cohorts) {
        uint64 counts = list.counts.valueIn(epoch);
        unchecked {
            // No more than MAX_LANES, so the sum stays below 2^32.
            cohorts = (uint32(counts >> 32) + (COHORT_LANES - 1)) / COHORT_LANES;
        }
        return (uint32(counts), cohorts);
    }
}
