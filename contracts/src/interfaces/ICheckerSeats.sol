// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COMMITTEE} from "../libraries/Constants.sol";
import {IGovernedReports} from "./IGoverned.sol";
import {IOperatorSessions} from "./IOperatorSessions.sol";
import {IEpochConsensus, Opening} from "./IEpochConsensus.sol";

/// @notice A Checker: the owner of seats. The owner is the operator address.
/// @param index Permanent number of this owner, from 1.
/// @param seats Seats held (they count from two epochs after they were added).
/// @param strikes Epochs with a strike since the last time in jail.
/// @param jailed Its seats are out of the list until it calls `unjail`.
/// @param jailedUntil First epoch in which it may unjail.
/// @param bond KAI (wei) behind its seats.
/// @param unbonding KAI (wei) on its way out.
/// @param unbondingUntil Epoch whose audits must be over before `unbonding` leaves; zero also where none is held (before `start`).
/// @param certificateHash SHA-256 of the TLS certificate of `endpoint`.
struct Checker {
    address operator;
    address payout;
    uint32 index;
    uint16 seats;
    uint16 strikes;
    bool jailed;
    uint32 jailedUntil;
    uint128 bond;
    uint128 unbonding;
    uint64 unbondingUntil;
    bytes32 certificateHash;
    string endpoint;
}

/// @notice A seat's signed statement to a Provider, as in EIP-712 (`Receipt`).
struct Receipt {
    uint64 epoch;
    uint32 cohort;
    uint8 lane;
    bytes32 deviceId;
    uint32 generation;
    uint16 rate;
    uint16 uptime;
    uint8 flags;
}

/// @notice Rules of punishment.
/// @param slashBps Part of everything an owner has bonded (in 1/10000, rounded up) that one offence costs; at most 5000.
/// @param unopenedBps Part of one seat's bond (in 1/10000, rounded up) that it costs to commit and not to open, for each cohort; at most 1000.
/// @param strikesToJail Epochs with a strike after which anyone may jail the owner.
/// @param jailEpochs Epochs in jail.
struct SeatRules {
    uint16 slashBps;
    uint16 unopenedBps;
    uint16 strikesToJail;
    uint32 jailEpochs;
}

/// @notice Why a seat was struck.
enum StrikeReason {
    Unopened,
    Malformed,
    AuditUnanswered
}

/// @title Bonds in equal seats, frozen seat lists, strikes, jail, slashing
/// @notice A change in epoch x counts from x + 2; before `start` it counts at once. Seats are drawn uniformly; a committee is
/// COMMITTEE different owners. The operator key commits, opens and sets the endpoint; bonds move only to the payout wallet, at its asking.
interface ICheckerSeats is IGovernedReports, IOperatorSessions {
    /// @notice The address never bonded.
    error UnknownChecker(address operator);
    /// @notice The operator has bonded before; use `addSeats`.
    error AlreadyBonded(address operator);
    /// @notice Only the payout wallet may do this.
    error NotPayout(address caller, address payout);
    /// @notice Zero seats, or more than an owner may hold.
    error InvalidSeatCount(uint256 seats);
    /// @notice The endpoint is empty or longer than 256 bytes, or its certificate hash is zero.
    error InvalidEndpoint();
    /// @notice The audits of the epoch that holds the bond are not over.
    error BondHeld(address operator, uint64 until, uint64 settledThrough);
    /// @notice Nothing of the bond is unbonding.
    error NothingToWithdraw(address operator);
    /// @notice Fewer different owners in the frozen list of this epoch than a committee has.
    error TooFewOwners(uint64 epoch);
    /// @notice The owner has fewer strikes than jail needs.
    error TooFewStrikes(address operator, uint256 strikes, uint256 needed);
    /// @notice The owner is in jail until epoch `until` begins.
    error InJail(address operator, uint32 until);
    /// @notice The owner is not in jail.
    error NotInJail(address operator);
    /// @notice The receipt says what was committed to, or the opening is not what was.
    error NotEquivocation();
    /// @notice The receipt is not signed by the owner of the seat.
    error WrongSigner(address signer, address operator);
    /// @notice This offence was punished already.
    error AlreadySlashed(bytes32 offence);
    /// @notice Nothing of the bond is left.
    error NothingToSlash(address operator);
    /// @notice The token moved less than was asked (a fee on transfer), or failed.
    error TransferFailed();
    /// @notice A change of parameters is already waiting.
    error ChangePending(uint64 fromEpoch);

    /// @notice An owner bonded for the first time. @param bond KAI (wei) pulled. @param fromEpoch First epoch its seats may be drawn in.
    event Bonded(address indexed operator, address indexed payout, uint32 index, uint16 seats, uint256 bond, uint64 fromEpoch);
    /// @param added Seats that came. @param seats Seats it has now. @param bond KAI (wei) it has bonded now.
    event SeatsAdded(address indexed operator, uint16 added, uint16 seats, uint256 bond, uint64 fromEpoch);
    /// @notice Where the owner is reached, and the hash of the certificate it shows there.
    event EndpointChanged(address indexed operator, string endpoint, bytes32 certificateHash);
    /// @notice The payout wallet named another one.
    event PayoutChanged(address indexed operator, address indexed previous, address indexed payout);
    /// @param removed Seats that left.
    /// @param seats Seats that stay.
    /// @param amount KAI (wei) that waits for {withdrawBond}.
    /// @param fromEpoch First epoch without them.
    event Unbonding(address indexed operator, uint16 removed, uint16 seats, uint256 amount, uint64 fromEpoch);
    /// @notice KAI (wei) that was unbonding went to the payout wallet.
    event BondReturned(address indexed operator, address indexed payout, uint256 amount);
    /// @param strikes Epochs with a strike since the last jail, this one counted.
    event Struck(address indexed operator, uint64 indexed epoch, uint32 indexed cohort, StrikeReason reason, uint16 strikes);
    /// @notice All seats of the owner are gone. @param untilEpoch First epoch in which it may leave jail.
    event Jailed(address indexed operator, uint32 untilEpoch);
    /// @param seats Seats it has again, by what its bond covers.
    event Unjailed(address indexed operator, uint16 seats);
    /// @notice Other rules count from `fromEpoch` on.
    event SeatRulesScheduled(uint64 fromEpoch, SeatRules rules);
    /// @param offence What it was taken for; once each. @param amount KAI (wei) that went to the treasury.
    event Slashed(address indexed operator, bytes32 indexed offence, uint256 amount);

    /// @notice Bonds `seats` seats of {seatBond} KAI each, pulled from the caller, who becomes the operator.
    function bond(address payout, uint16 seats, string calldata endpoint, bytes32 certificateHash)
        external
        returns (uint32 index);

    /// @notice Bonds more seats for the caller, and pulls what its bond lacks for all of them.
    function addSeats(uint16 seats) external;
    /// @notice Names another endpoint and certificate for the caller.
    function setEndpoint(string calldata endpoint, bytes32 certificateHash) external;

    /// @notice Payout wallet only.
    function setPayout(address operator, address payout) external;

    /// @notice Takes `seats` seats out of the list (counting from two epochs on) and starts the return of what the others do not need as
    /// their bond. Payout wallet only.
    function unbond(address operator, uint16 seats) external;

    /// @notice Sends what has finished unbonding to the payout wallet. Anyone.
    function withdrawBond(address operator) external;

    /// @notice Takes all seats of an owner with enough strikes, or of one whose bond lacks a tenth, out of the list. Anyone; earns a bounty.
    function jail(address operator) external;

    /// @notice Puts back as many seats as the bond still covers (possibly none: then add seats). Operator only, when the time is served.
    function unjail() external;

    /// @notice Slashes an owner whose signed receipt contradicts what it committed to, once for each epoch. Anyone; the treasury receives.
    function slashReceipt(address operator, Receipt calldata receipt, bytes calldata signature, Opening calldata opening)
        external;

    /// @notice Adds a strike. What was committed to and not opened also costs a part of a seat's bond, since the others had to reveal; a second
    /// unanswered audit slashes. EpochConsensus only.
    function strike(address operator, uint64 epoch, uint32 cohort, StrikeReason reason) external;

    /// @notice Owner; effective two epochs later.
    function scheduleSeatRules(SeatRules calldata rules) external;
    /// @notice The rules in force now.
    function seatRules() external view returns (SeatRules memory);

    /// @notice The one contract that may strike.
    function consensus() external view returns (IEpochConsensus);
    /// @notice KAI (wei) a seat.
    function seatBond() external view returns (uint256);
    /// @notice Where slashed KAI goes.
    function treasury() external view returns (address);
    /// @notice Bounds the walk of a draw.
    function maxSeatsPerOwner() external view returns (uint16);

    /// @notice The Checker of an operator address; all zero if it never bonded.
    function checker(address operator) external view returns (Checker memory);

    /// @notice Owners ever bonded; numbers are 1 … ownerCount.
    function ownerCount() external view returns (uint32);
    /// @notice The operator of an owner number, from 1 on; zero where there is none.
    function ownerOf(uint32 index) external view returns (address operator);

    /// @notice Payout wallet of an owner by its number.
    function payoutOf(uint32 index) external view returns (address);

    /// @notice Owners with at least one seat in the list now.
    function activeOwners() external view returns (uint32);

    /// @notice Seats in the frozen list of `epoch`. Exact from the previous epoch on, up to two ahead.
    function seatCount(uint64 epoch) external view returns (uint32);

    /// @notice Owners of the seats `from` … `from + count − 1` of the frozen list of `epoch` (cut at its end).
    function seatOwners(uint64 epoch, uint32 from, uint32 count) external view returns (address[] memory);

    /// @notice As many different owners as a committee has: draw i takes seat hash mod seatCount, hash = keccak256(abi.encode(seed, cohort, i)); while
    /// its owner was drawn already, it goes on by (hash >> 128) mod (seatCount − 1) + 1 seats, and where that leads back, from the seat beside it.
    function committee(uint64 epoch, bytes32 seed, uint32 cohort)
        external
        view
        returns (address[COMMITTEE] memory operators, uint32[COMMITTEE] memory indices);
}
