// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COHORT_LANES, CREDIT_WORDS, KEPT_EPOCHS, ringSlot} from "../libraries/Constants.sol";
import {CohortState, EpochTotals, IEpochCore, Phase} from "../interfaces/IEpochConsensus.sol";
import {RecordWord} from "../libraries/Records.sol";
import {SilenceWord} from "../libraries/Silence.sol";
import {Standings} from "../libraries/Standings.sol";
import {CapSums, Sums} from "../libraries/Sums.sol";
import {Cohorts} from "./Cohorts.sol";

/// @title What the registry tells the consensus about lanes, and what registry, seats and vault ask it
abstract contract Lanes is IEpochCore, Cohorts {
    using Standings for uint256[CREDIT_WORDS];

    uint48 internal immutable _firstStanding;

    modifier onlyRegistry() {
        if (msg.sender != address(registry)) revert NotKaisarContract(msg.sender);
        _;
    }

    constructor(uint48 firstStanding) {
        _firstStanding = firstStanding;
    }

    /// @inheritdoc IEpochCore
    function joinLane(uint32 lane, bytes32 deviceId) external onlyRegistry {
        uint256 kept = _kept[deviceId];
        if (kept != 0) {
            delete _kept[deviceId];
            _standings[lane / COHORT_LANES].set(lane % COHORT_LANES, kept);
        }
        CapSums memory sums = _presentCapSums();
        sums.following += 2 * kept;
        _capSums = sums.pack();
    }

    /// @inheritdoc IEpochCore
    function leaveLane(uint32 lane) external onlyRegistry {
        CapSums memory sums = _presentCapSums();
        sums.following -= 2 * standingAtLane(lane);
        _capSums = sums.pack();
    }

    /// @inheritdoc IEpochCore
    function releaseLane(uint32 lane, bytes32 deviceId) external onlyRegistry {
        uint256 value = standingAtLane(lane);
        SilenceWord silence = _silence[lane / COHORT_LANES];
        if (silence.get(lane % COHORT_LANES) != 0) {
            _silence[lane / COHORT_LANES] = silence.clear(lane % COHORT_LANES);
            // Otherwise leaving after each epoch that earned nothing would keep a standing for ever.
            _kept[deviceId] = value - value / 4;
        } else if (value != 0) {
            _kept[deviceId] = value;
        }
        if (value != 0) _standings[lane / COHORT_LANES].set(lane % COHORT_LANES, 0);
    }

    /// @inheritdoc IEpochCore
    function countErrand(address keeper, uint256 lanes) external {
        if (msg.sender != address(registry) && msg.sender != address(seats)) revert NotKaisarContract(msg.sender);
        uint64 next = nextEpoch();
        if (next >= 2) _countErrand(next - 2, keeper, lanes);
    }

    /// @inheritdoc IEpochCore
    function standingAtLane(uint32 lane) public view returns (uint256) {
        return _standings[lane / COHORT_LANES].get(lane % COHORT_LANES);
    }

    /// @inheritdoc IEpochCore
    function standing(bytes32 deviceId) external view returns (uint256) {
        if (!registry.isRegistered(deviceId)) return _kept[deviceId];
        return standingAtLane(registry.getDevice(deviceId).lane);
    }

    /// @inheritdoc IEpochCore
    function silentEpochs(uint32 lane) external view returns (uint256) {
        return _silence[lane / COHORT_LANES].get(lane % COHORT_LANES);
    }

    /// @inheritdoc IEpochCore
    function totalsOf(uint64 epoch) external view returns (EpochTotals memory) {
        Sums memory t = _totals[epoch].unpack();
        return EpochTotals(t.credits, t.openCaps, uint32(t.resolvedLanes), uint32(t.lanes), uint32(t.unpaid));
    }

    /// @inheritdoc IEpochCore
    function isPayable(uint64 epoch) public view returns (bool) {
        Sums memory t = _totals[epoch].unpack();
        if (t.begun && t.resolvedLanes == t.lanes) return true;
        // What was revealed in time may still become final while the next epoch lasts: its credits belong into the total.
        return phaseOf(epoch) == Phase.Pay && (t.waiting == 0 || !_isSettling(epoch));
    }

    /// @inheritdoc IEpochCore
    function creditOf(uint64 epoch, uint32 lane) external view returns (uint256) {
        RecordWord record = _records[lane / COHORT_LANES][ringSlot(epoch)];
        if (!record.isOf(epoch) || record.stateOf() != CohortState.Final) return 0;
        return _credits[lane / COHORT_LANES][ringSlot(epoch)].get(lane % COHORT_LANES);
    }

    /// @inheritdoc IEpochCore
    function currentEpoch() external view returns (uint64) {
        uint64 next = nextEpoch();
        if (next == 0) revert NotStarted();
        return next - 1;
    }

    /// @inheritdoc IEpochCore
    function keeperCalls(uint64 epoch, address keeper) external view returns (uint256 lanes, uint256 errands) {
        return _keeperCalls(epoch, keeper);
    }

    /// @inheritdoc IEpochCore
    function settledThrough() external view returns (bool any, uint64 epoch) {
        uint64 next = nextEpoch();
        // Only the {KEPT_EPOCHS} youngest epochs can have an open audit. One with a shorter audit does not overtake an older one.
        for (uint64 back = next < KEPT_EPOCHS + 2 ? next : KEPT_EPOCHS + 2; back >= 2; --back) {
            uint64 candidate = next - back;
            if (block.timestamp < _auditsEndAt(candidate)) break;
            (any, epoch) = (true, candidate);
        }
    }

    /// @inheritdoc IEpochCore
    function unpaidEpoch(uint32 lane, uint64 until) external view returns (bool any, uint64 epoch) {
        for (uint256 ring; ring < KEPT_EPOCHS; ++ring) {
            RecordWord record = _records[lane / COHORT_LANES][ring];
            epoch = record.epochOf();
            if (record.stateOf() == CohortState.Final && epoch <= until && record.lanesPaid() <= lane % COHORT_LANES) return (true, epoch);
        }
        return (false, 0);
    }
}
