// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COHORT_LANES, COMMITTEE} from "../libraries/Constants.sol";
import {Checker} from "./ICheckerSeats.sol";
import {Device} from "./IDeviceRegistry.sol";
import {CohortRecord, CohortState, EpochTotals, Phase} from "./IEpochConsensus.sol";
import {EpochMoney} from "./IRewardVault.sol";

/// @param seededAt Time of the block that set the seed; zero while it is not set.
struct EpochOverview {
    uint64 epoch;
    Phase phase;
    bytes32 seed;
    uint64 pinnedBlock;
    uint64 seededAt;
    uint64 startsAt;
    uint64 commitAt;
    uint64 openAt;
    uint64 revealAt;
    uint64 finalizeAt;
    uint64 payAt;
    uint64 auditClosesAt;
    uint32 members;
    uint32 cohorts;
    bool totalFixed;
    EpochTotals totals;
    EpochMoney money;
}

/// @param seats The committee's owners; all zero without a seed.
/// @param committed Bit i: seat i committed. @param revealed Bit i: seat i's opening is on record.
/// @param members Device of each lane, zero where empty: keepers read this often, so it holds what a step is decided by.
struct CohortOverview {
    uint64 epoch;
    uint32 cohort;
    CohortState state;
    address[COMMITTEE] seats;
    uint8 committed;
    uint8 revealed;
    CohortRecord record;
    bytes32[COHORT_LANES] members;
}

/// @notice A device with what the consensus knows of it, and its wallet. @param owed KAI (wei) that a payment could not deliver.
struct DeviceOverview {
    Device device;
    uint32 cohort;
    uint256 standing;
    uint256 silentEpochs;
    uint256 payoutBalance;
    uint256 owed;
}

/// @notice An owner of seats with the balances of its two wallets. @param owed KAI (wei) that a payment could not deliver.
struct CheckerOverview {
    Checker checker;
    uint256 operatorBalance;
    uint256 payoutBalance;
    uint256 owed;
}

/// @title Read-only batch views for the CLI
interface IKaisarLens {
    /// @notice Where the other contracts of the network are.
    struct Contracts {
        address token;
        address registry;
        address seats;
        address consensus;
        address vault;
    }

    /// @notice The other five, so that one address finds them all.
    function contracts() external view returns (Contracts memory);
    /// @notice Where an epoch stands.
    function epochOverview(uint64 epoch) external view returns (EpochOverview memory);
    /// @notice A cohort in an epoch, lane by lane and seat by seat.
    function cohortOverview(uint64 epoch, uint32 cohort) external view returns (CohortOverview memory);
    /// @notice One registered device; reverts for others.
    function deviceOverview(bytes32 deviceId) external view returns (DeviceOverview memory);
    /// @notice Devices at lanes `from` … `from + count − 1` (empty lanes left out).
    function devices(uint32 from, uint32 count) external view returns (DeviceOverview[] memory);
    /// @notice One owner; all zero where it never bonded.
    function checkerOverview(address operator) external view returns (CheckerOverview memory);
    /// @notice Owners number `from` (1 is the first) … `from + count − 1`.
    function checkers(uint32 from, uint32 count) external view returns (CheckerOverview[] memory);
    /// @notice Cohorts (of `cohorts` from `from` on) in whose committee `operator` sits in `epoch`.
    function cohortsOf(uint64 epoch, address operator, uint32 from, uint32 count) external view returns (uint32[] memory);
}
