// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COMMITTEE} from "../libraries/Constants.sol";
import {IGovernedReports} from "./IGoverned.sol";

/// @notice How an epoch's emission is divided.
/// @param perEpoch KAI (wei) per epoch; an epoch gets less when the vault holds less.
/// @param checkerBps Slice of it for the checkers, in 1/10000.
/// @param keeperBps Slice of it that bounties may take at most, in 1/10000: half of it for seeds and resolutions, half for the rest.
/// @param bounty KAI (wei) at most for a keeper call about a full cohort, or about none. A bounty is by lanes, and small enough for
/// the slice to last for every lane of the epoch.
/// @param maxPrice KAI (wei) per unit of credit at most.
struct Emission {
    uint96 perEpoch;
    uint16 checkerBps;
    uint16 keeperBps;
    uint64 bounty;
    uint80 maxPrice;
}

/// @notice An epoch's money, fixed when its first payment opens it.
/// @param devicePool KAI (wei) for devices. @param denominator Σ credits + Σ caps of what is void.
/// @param maxPrice KAI (wei) per unit of credit at most.
/// @param paid KAI (wei) paid or owed of the emission so far.
/// @param checkerPool KAI (wei) for checkers. @param drawnLanes 5 × members: what the checker pool is divided by.
/// @param opened Its money is set aside. @param closed What was left went back.
/// @param emission KAI (wei) set aside, all pools together. @param keeperPool Most that bounties take. @param bounty For a full cohort at most.
/// @param keeperPaid KAI (wei) of bounties so far that are not for seeds and resolutions.
struct EpochMoney {
    uint96 devicePool;
    uint80 denominator;
    uint80 maxPrice;
    uint96 paid;
    uint96 checkerPool;
    uint40 drawnLanes;
    bool opened;
    bool closed;
    uint96 emission;
    uint96 keeperPool;
    uint64 bounty;
    uint96 keeperPaid;
}

/// @title Emission, payments, checker pool, bounties, liability
/// @notice Rounds down everywhere; dust stays. Nothing here can be paused. A transfer that fails is kept as owed and blocks nobody.
interface IRewardVault is IGovernedReports {
    /// @notice Nothing to fund with.
    error ZeroAmount();
    /// @notice The token moved less than was asked (a fee on transfer), or failed.
    error TransferFailed();
    /// @notice The epoch lies before the first one that is paid.
    error UnpaidEpoch(uint64 epoch);
    /// @notice The epoch is not yet paid and audited.
    error EpochUnsettled(uint64 epoch);
    /// @notice Nobody was paid of the epoch yet.
    error EpochUnopened(uint64 epoch);
    /// @notice The vault lacks `missing` KAI (wei) of the epoch's emission: fund it, or pay with what there is from `until` (block time) on.
    error EmissionShort(uint64 epoch, uint256 missing, uint64 until);
    /// @notice PAY has not opened: the total is not fixed.
    error TotalNotFixed(uint64 epoch);
    /// @notice What the epoch left over went back before.
    error AlreadyClosed(uint64 epoch);
    /// @notice Every payment to this payee was delivered.
    error NothingOwed(address payee);
    /// @notice A change of parameters is already waiting.
    error ChangePending(uint64 fromEpoch);

    /// @notice KAI (wei) came in, for the epochs to come.
    event Funded(address indexed from, uint256 amount);
    /// @notice The first payment of an epoch set its money aside.
    event EpochOpened(uint64 indexed epoch, EpochMoney money);
    /// @notice Payments of lanes firstLane … firstLane + payouts.length − 1 (zero amounts included). amount =
    /// min(devicePool × credit ÷ denominator, credit × maxPrice), rounded down; pool, denominator and price are in {EpochOpened}.
    /// @param firstLane Numbered over the whole network, as a device's lane in the registry: 64 × cohort + the lanes of the cohort
    /// that were paid before.
    event CohortPaid(
        uint64 indexed epoch,
        uint32 indexed cohort,
        address indexed keeper,
        uint256 firstLane,
        address[] payouts,
        uint256[] credits,
        uint256[] amounts
    );
    /// @notice Payments to a committee's seats: amount = checkerPool × agreed ÷ drawnLanes, rounded down.
    event CheckersPaid(uint64 indexed epoch, uint32 indexed cohort, address[COMMITTEE] payouts, uint8[COMMITTEE] agreed, uint256[COMMITTEE] amounts);
    /// @param lanes Lanes of its resolutions, a committee's share for each revealed seat, and COHORT_LANES for each pin and roll.
    /// @param errands Reports, jailings, delistings and claims, in lanes, see {IEpochConsensus.keeperCalls}.
    event KeeperPaid(uint64 indexed epoch, address indexed keeper, uint256 lanes, uint256 errands, uint256 amount);
    /// @notice A payment could not be delivered, and waits for {withdraw}.
    event Owed(address indexed payee, uint256 amount);
    /// @notice What was owed was delivered.
    event Withdrawn(address indexed payee, uint256 amount);
    /// @param paid KAI (wei) paid or owed of the epoch. @param returned KAI (wei) free again for later epochs.
    event EpochClosed(uint64 indexed epoch, uint256 paid, uint256 returned);
    /// @notice Another emission counts from `fromEpoch` on.
    event EmissionScheduled(uint64 fromEpoch, Emission emission);

    /// @notice Adds `amount` KAI, pulled from the caller.
    function fund(uint256 amount) external;

    /// @notice Pays up to `maxLanes` lanes of a final cohort, going on where the last call stopped. Idempotent: pays nothing once all
    /// are paid. Anyone, once the total is fixed. The first payment of an epoch sets its emission aside.
    /// Whoever calls earns a bounty for each device that is paid.
    /// @return paid KAI (wei) paid or owed to devices by this call.
    function payCohort(uint64 epoch, uint32 cohort, uint8 maxLanes) external returns (uint256 paid);

    /// @notice Pays the seats of a final cohort. Idempotent. Anyone, once the total is fixed. Whoever calls earns a bounty by lanes.
    function payCheckers(uint64 epoch, uint32 cohort) external returns (uint256 paid);

    /// @notice Pays a keeper for its calls of an epoch. Idempotent. Anyone, once the epoch's first payment was made, within KEPT_EPOCHS.
    function payKeeper(uint64 epoch, address keeper) external returns (uint256 paid);

    /// @notice Sends what could not be delivered, to the payee. Anyone.
    function withdraw(address payee) external returns (uint256 amount);

    /// @notice Releases what an epoch that is audited and paid did not use. Anyone; whoever calls earns a bounty.
    function closeEpoch(uint64 epoch) external;

    /// @notice What is set aside for opened epochs and owed to payees. Never above the balance.
    function liability() external view returns (uint256);
    /// @notice KAI (wei) that ever came in by {fund}.
    function funded() external view returns (uint256);
    /// @notice KAI (wei) delivered so far.
    function lifetimePaid() external view returns (uint256);
    /// @notice KAI (wei) that payments could not deliver to this payee.
    function owed(address payee) external view returns (uint256);
    /// @notice The emission of `epoch`, by the two youngest rules.
    function emissionOf(uint64 epoch) external view returns (Emission memory);
    /// @notice The money of an epoch: as opened, or, before that, what opening it now would give.
    function moneyOf(uint64 epoch) external view returns (EpochMoney memory);

    /// @notice Owner; effective two epochs later.
    function scheduleEmission(Emission calldata emission) external;
}
