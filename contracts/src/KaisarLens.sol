// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COHORT_LANES, COMMITTEE} from "./libraries/Constants.sol";
import {ICheckerSeats} from "./interfaces/ICheckerSeats.sol";
import {IDeviceRegistry, LaneMember} from "./interfaces/IDeviceRegistry.sol";
import {IEpochConsensus, Phase} from "./interfaces/IEpochConsensus.sol";
import {CheckerOverview, CohortOverview, DeviceOverview, EpochOverview, IKaisarLens} from "./interfaces/IKaisarLens.sol";
import {IKaisarToken} from "./interfaces/IKaisarToken.sol";
import {IRewardVault} from "./interfaces/IRewardVault.sol";

/// @title Read-only batch views for the CLI
/// @dev Holds nothing and is trusted with nothing; a newer lens can be deployed beside it.
contract KaisarLens is IKaisarLens {
    IKaisarToken private immutable _token;
    IDeviceRegistry private immutable _registry;
    ICheckerSeats private immutable _seats;
    IEpochConsensus private immutable _consensus;
    IRewardVault private immutable _vault;

    constructor(IKaisarToken token, IEpochConsensus consensus) {
        _token = token;
        _consensus = consensus;
        _registry = consensus.registry();
        _seats = consensus.seats();
        _vault = consensus.vault();
    }

    /// @inheritdoc IKaisarLens
    function contracts() external view returns (Contracts memory) {
        return Contracts(address(_token), address(_registry), address(_seats), address(_consensus), address(_vault));
    }

    /// @inheritdoc IKaisarLens
    function epochOverview(uint64 epoch) external view returns (EpochOverview memory view_) {
        view_.epoch = epoch;
        view_.phase = _consensus.phaseOf(epoch);
        view_.seed = _consensus.seedOf(epoch);
        view_.pinnedBlock = _consensus.pinnedBlockOf(epoch);
        view_.seededAt = _consensus.seededAt(epoch);
        (view_.members, view_.cohorts) = _registry.countsOf(epoch);
        view_.totals = _consensus.totalsOf(epoch);
        view_.money = _vault.moneyOf(epoch);
        if (!_consensus.started()) return view_;
        view_.startsAt = _consensus.epochStart(epoch);
        view_.commitAt = _consensus.phaseStart(epoch, Phase.Commit);
        view_.openAt = _consensus.phaseStart(epoch, Phase.Open);
        view_.revealAt = _consensus.phaseStart(epoch, Phase.Reveal);
        view_.finalizeAt = _consensus.phaseStart(epoch, Phase.Finalize);
        view_.payAt = _consensus.phaseStart(epoch, Phase.Pay);
        view_.auditClosesAt = _consensus.auditOf(epoch, 0, 0).closesAt;
        view_.totalFixed = _consensus.isPayable(epoch);
    }

    /// @inheritdoc IKaisarLens
    function cohortOverview(uint64 epoch, uint32 cohort) external view returns (CohortOverview memory view_) {
        view_.epoch = epoch;
        view_.cohort = cohort;
        view_.state = _consensus.cohortState(epoch, cohort);
        view_.revealed = _consensus.revealedSeats(epoch, cohort);
        view_.record = _consensus.cohortRecord(epoch, cohort);
        LaneMember[COHORT_LANES] memory members = _registry.devicesOf(epoch, cohort);
        for (uint256 i; i < COHORT_LANES; ++i) {
            view_.members[i] = members[i].id;
        }
        view_.seats = _committee(epoch, cohort);
        for (uint256 i; i < COMMITTEE; ++i) {
            address seat = view_.seats[i];
            if (seat != address(0) && _consensus.commitmentOf(epoch, seat) != 0) view_.committed |= uint8(1 << i);
        }
    }

    /// @inheritdoc IKaisarLens
    function deviceOverview(bytes32 deviceId) public view returns (DeviceOverview memory view_) {
        view_.device = _registry.getDevice(deviceId);
        view_.cohort = view_.device.lane / COHORT_LANES;
        view_.standing = _consensus.standing(deviceId);
        view_.silentEpochs = _consensus.silentEpochs(view_.device.lane);
        view_.payoutBalance = _token.balanceOf(view_.device.payout);
        view_.owed = _vault.owed(view_.device.payout);
    }

    /// @inheritdoc IKaisarLens
    function devices(uint32 from, uint32 count) external view returns (DeviceOverview[] memory views) {
        uint32 end = _end(from, count, _registry.laneCount());
        views = new DeviceOverview[](end - from);
        uint256 found;
        for (uint32 lane = from; lane < end; ++lane) {
            bytes32 id = _registry.deviceAtLane(lane);
            if (id != 0) views[found++] = deviceOverview(id);
        }
        assembly ("memory-safe") {
            mstore(views, found)
        }
    }

    /// @inheritdoc IKaisarLens
    function checkerOverview(address operator) public view returns (CheckerOverview memory view_) {
        view_.checker = _seats.checker(operator);
        view_.operatorBalance = operator.balance;
        view_.payoutBalance = _token.balanceOf(view_.checker.payout);
        view_.owed = _vault.owed(view_.checker.payout);
    }

    /// @inheritdoc IKaisarLens
    function checkers(uint32 from, uint32 count) external view returns (CheckerOverview[] memory views) {
        uint32 end = _end(from, count, _seats.ownerCount() + 1);
        views = new CheckerOverview[](end - from);
        for (uint32 i; i < views.length; ++i) {
            views[i] = checkerOverview(_seats.ownerOf(from + i));
        }
    }

    /// @inheritdoc IKaisarLens
    function cohortsOf(uint64 epoch, address operator, uint32 from, uint32 count)
        external
        view
        returns (uint32[] memory cohorts)
    {
        (, uint32 total) = _registry.countsOf(epoch);
        uint32 end = _end(from, count, total);
        cohorts = new uint32[](end - from);
        uint256 found;
        for (uint32 cohort = from; cohort < end; ++cohort) {
            address[COMMITTEE] memory owners = _committee(epoch, cohort);
            for (uint256 i; i < COMMITTEE; ++i) {
                if (owners[i] == operator) cohorts[found++] = cohort;
            }
        }
        assembly ("memory-safe") {
            mstore(cohorts, found)
        }
    }

    /// @dev All zero without a seed, or with fewer owners than a committee has.
    function _committee(uint64 epoch, uint32 cohort) private view returns (address[COMMITTEE] memory owners) {
        if (_consensus.seedOf(epoch) == 0) return owners;
        try _consensus.seatsOf(epoch, cohort) returns (address[COMMITTEE] memory drawn) {
            return drawn;
        } catch {}
    }

    function _end(uint32 from, uint32 count, uint32 total) private pure returns (uint32) {
        if (from >= total) return from;
        return count < total - from ? from + count : total;
    }
}
