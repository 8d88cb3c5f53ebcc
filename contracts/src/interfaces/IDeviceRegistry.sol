// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FROZEN_EPOCHS} from "../libraries/Constants.sol";
import {IEpochConsensus} from "./IEpochConsensus.sol";
import {IGovernedReports} from "./IGoverned.sol";
import {IOperatorSessions} from "./IOperatorSessions.sol";

/// @notice What a device says of itself. One record per generation; every registration of a known device starts a new generation.
/// @param deviceHash Hash of the device record (model, UUID, PCI id, VRAM, driver).
/// @param certificateHash SHA-256 of the X.509 device certificate.
/// @param attestedIdentity Hash of the identity an attestation names, or zero where the card has none.
struct DeviceRecord {
    bytes32 deviceHash;
    bytes32 certificateHash;
    bytes32 attestedIdentity;
}

/// @notice Everything about a device at this moment.
/// @param lane Global lane; its cohort is lane / COHORT_LANES.
/// @param generation The latest generation; it counts from `generationFrom` on.
/// @param generationFrom First epoch whose verdicts are about `generation`.
/// @param since First epoch this device is a member of.
/// @param until Last epoch it is a member of; type(uint32).max while it stays.
/// @param deposit KAI (wei) held for it.
struct Device {
    bytes32 id;
    address operator;
    address payout;
    uint32 lane;
    uint32 generation;
    uint32 generationFrom;
    uint32 since;
    uint32 until;
    uint256 deposit;
    DeviceRecord record;
}

/// @notice One lane of a cohort in one epoch; `id` is zero where the lane is empty in that epoch.
struct LaneMember {
    bytes32 id;
    uint32 generation;
    address operator;
    address payout;
}

/// @notice A device's signed result of one round, as in EIP-712 (`Commitment`).
struct Commitment {
    uint64 epoch;
    bytes32 round;
    bytes32 deviceId;
    uint32 generation;
    bytes32 specHash;
    uint64 rows;
    bytes32 root;
    bytes32 environmentHash;
}

/// @notice An operator's consent that somebody else registers its device and pays for it, as in EIP-712 (`Registration`).
/// @param payer The only one who may send it; the deposit is taken from there.
/// @param generation The one that it makes, so that it holds once.
struct Registration {
    address operator;
    address payer;
    bytes32 localId;
    address payout;
    uint32 generation;
    bytes32 deviceHash;
    bytes32 certificateHash;
    bytes32 attestedIdentity;
}

/// @notice A consent with the operator's signature of it (65 bytes, or 64 as in EIP-2098).
struct SignedRegistration {
    Registration registration;
    bytes signature;
}

/// @title Devices, their wallets and their lanes
/// @notice deviceId = keccak256(abi.encode(operator, localId)): an id belongs to its operator, so nobody can squat another's.
/// A registration in epoch x makes a member of x + 1 on (before the first epoch: of epoch 0). A lane is reused only after its last
/// epoch is audited and the lane is paid, so a lane never changes its device under an unpaid verdict.
interface IDeviceRegistry is IGovernedReports, IOperatorSessions {
    /// @notice No such device.
    error UnknownDevice(bytes32 deviceId);
    /// @notice The device has asked to leave, or was delisted; withdraw its deposit first, then register again.
    error DeviceLeaving(bytes32 deviceId, uint32 until);
    /// @notice The device has not asked to leave.
    error DeviceNotLeaving(bytes32 deviceId);
    /// @notice The audits of the device's last epoch are not over.
    error DepositHeld(bytes32 deviceId, uint32 until, uint64 settledThrough);
    /// @notice The device took its lane and left it in one epoch: its deposit leaves, and the lane is free, from epoch `from` on.
    error LaneMoving(bytes32 deviceId, uint32 from);
    /// @notice The device's lane is not paid for `epoch` yet: call `payCohort` first, as anybody may.
    error LaneUnpaid(bytes32 deviceId, uint64 epoch);
    /// @notice Only the payout wallet may do this.
    error NotPayout(address caller, address payout);
    /// @notice Neither the operator of the device nor its payout wallet.
    error NotOperatorOrPayout(address caller);
    /// @notice A device or certificate hash of zero would match nothing.
    error EmptyRecord();
    /// @notice The operator consented to a registration by another payer.
    error NotPayer(address caller, address payer);
    /// @notice The operator consented to generation `consented`, and the device's next one is `next`: used before, or signed too early.
    error GenerationTaken(bytes32 deviceId, uint32 consented, uint32 next);
    /// @notice Of several registrations number `index`, counted from 0, was refused for `reason`, an error of this contract; none was made.
    error RegistrationRefused(uint256 index, bytes reason);
    /// @notice The registry holds as many lanes as it can.
    error RegistryFull();
    /// @notice The attested identity belongs to `deviceId`, which the committee confirmed earlier; or the device names none.
    error IdentityTaken(bytes32 attestedIdentity, bytes32 deviceId);
    /// @notice The committee has not confirmed this device in an epoch while it carried this identity.
    error IdentityUnconfirmed(bytes32 deviceId);
    /// @notice The device has not been silent for as long as delisting needs.
    error DeviceNotSilent(bytes32 deviceId, uint256 silentEpochs, uint256 needed);
    /// @notice The two commitments are not two answers to one round of this device.
    error NotEquivocation();
    /// @notice The commitments are of an earlier stay of the device; its present one began with generation `oldest`.
    error GenerationOver(bytes32 deviceId, uint32 generation, uint32 oldest);
    /// @notice A commitment, or a consent to be registered, is not signed by the device's operator.
    error WrongSigner(address signer, address operator);
    /// @notice The deposit was slashed already, or has left.
    error NothingToSlash(bytes32 deviceId);
    /// @notice The token moved less than was asked (a fee on transfer), or failed.
    error TransferFailed();

    /// @param fromEpoch First epoch in which this generation counts.
    event DeviceRegistered(
        bytes32 indexed deviceId,
        address indexed operator,
        address indexed payout,
        bytes32 localId,
        uint32 lane,
        uint32 generation,
        uint32 fromEpoch,
        DeviceRecord record
    );
    /// @notice The payout wallet named another one.
    event PayoutChanged(bytes32 indexed deviceId, address indexed previous, address indexed payout);
    /// @param until Last epoch the device is a member of.
    /// @param delisted True when it was silent, false when it asked to leave.
    event DeviceLeft(bytes32 indexed deviceId, uint32 lane, uint32 until, bool delisted);
    /// @notice The deposit, in wei of KAI, went to the payout wallet.
    event DepositReturned(bytes32 indexed deviceId, address indexed payout, uint256 amount);
    /// @notice The deposit went to the treasury. @param round The round about which the device contradicted itself.
    event DepositSlashed(bytes32 indexed deviceId, bytes32 indexed round, uint256 amount, address reporter);
    /// @notice From now on the identity belongs to this device alone.
    event IdentityClaimed(bytes32 indexed attestedIdentity, bytes32 indexed deviceId);

    /// @notice Registers the caller's device, or starts its next generation (same caller, same `localId`; no second deposit while it is in).
    /// `payout` must be {payoutOf} a device that was ever registered: only the payout wallet changes it. Pulls {deposit} KAI from the caller.
    /// @param localId Hash of the hardware's UUID.
    /// @param attestedIdentity Zero where the card cannot attest.
    function register(
        bytes32 localId,
        address payout,
        bytes32 deviceHash,
        bytes32 certificateHash,
        bytes32 attestedIdentity
    ) external returns (bytes32 deviceId);

    /// @notice Registers, as {register} does, the device of an operator that consented to it. Pulls {deposit} KAI from the caller, who is the
    /// payer that the consent names. Whatever it pays, the caller has no right to the device: deposit and rewards go to `payout`.
    function registerSigned(Registration calldata registration, bytes calldata signature) external returns (bytes32 deviceId);

    /// @notice {registerSigned} for each, all or none. Gas bounds how many: one takes about as much as {register}.
    function registerMany(SignedRegistration[] calldata registrations) external;

    /// @notice Moves deposit and rewards to another wallet, also while the device is out. Payout wallet only.
    function setPayout(bytes32 deviceId, address payout) external;

    /// @notice Leaves after the current epoch. Operator or payout wallet.
    function requestExit(bytes32 deviceId) external;

    /// @notice Removes a device that earned nothing in `delistAfterEpochs` judged epochs in a row. Anyone; earns the bounty of its one lane.
    function delist(bytes32 deviceId) external;

    /// @notice Returns the deposit to the payout wallet and frees the lane, once the last epoch is audited and the lane is paid. Anyone.
    function withdrawDeposit(bytes32 deviceId) external;

    /// @notice Makes an attested identity the device's own, after an epoch in which the committee confirmed it. Another device that has it
    /// loses it where its own first credit is younger (of the epochs that the chain keeps at its claim), or as old and it named the identity
    /// later. Anyone; the first of an identity for a device earns a bounty.
    function claimIdentity(bytes32 deviceId) external;

    /// @notice Takes the deposit of a device that signed two different commitments for one round of its present stay, and removes the
    /// device. Anyone.
    function slashEquivocation(
        Commitment calldata first,
        bytes calldata firstSignature,
        Commitment calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice Where standings and credits are kept.
    function consensus() external view returns (IEpochConsensus);

    /// @notice Receives slashed deposits.
    function treasury() external view returns (address);

    /// @notice KAI (wei) a new device deposits.
    function deposit() external view returns (uint256);

    /// @notice Lanes ever handed out; lanes are 0 … laneCount − 1.
    function laneCount() external view returns (uint32);

    /// @notice The id a registration of `localId` by `operator` has, registered or not.
    function deviceIdOf(address operator, bytes32 localId) external pure returns (bytes32);

    /// @notice Whether the device holds a lane: from its registration until its deposit is withdrawn.
    function isRegistered(bytes32 deviceId) external view returns (bool);

    /// @notice The payout wallet of a device that was ever registered, in or out; zero for any other.
    function payoutOf(bytes32 deviceId) external view returns (address);
    /// @notice Everything about a registered device; reverts for others.
    function getDevice(bytes32 deviceId) external view returns (Device memory);

    /// @notice The record of one generation.
    function recordOf(bytes32 deviceId, uint32 generation) external view returns (DeviceRecord memory);

    /// @notice The generation that verdicts of `epoch` are about; zero when the device is no member of it.
    function generationAt(bytes32 deviceId, uint64 epoch) external view returns (uint32);

    /// @notice The device that holds a lane now (also one that has left and is not released yet); zero if none.
    function deviceAtLane(uint32 lane) external view returns (bytes32);

    /// @notice The device that owns an attested identity; zero if none.
    function identityOwner(bytes32 attestedIdentity) external view returns (bytes32);

    /// @notice The lanes of a cohort as frozen for `epoch`. Exact for the previous, the current and the next epoch.
    function devicesOf(uint64 epoch, uint32 cohort) external view returns (LaneMember[64] memory);

    /// @notice Bit i set: lane COHORT_LANES × cohort + i has a member in `epoch`. Exact for the previous, the current and the next epoch.
    function occupancy(uint64 epoch, uint32 cohort) external view returns (uint64);

    /// @notice What the consensus needs of a cohort, at once: occupancy of `epoch`, `epoch + 1` and `epoch + 2`, and {countsOf} `epoch`.
    function frozenCohort(uint64 epoch, uint32 cohort)
        external
        view
        returns (uint64[FROZEN_EPOCHS] memory occupancies, uint32 members, uint32 cohorts);

    /// @notice Members, and cohorts that hold lanes, in `epoch`. Exact for the previous, the current and the next epoch.
    function countsOf(uint64 epoch) external view returns (uint32 members, uint32 cohorts);

    /// @notice Payout wallets of `count` lanes from `lane` on.
    function payoutsOf(uint256 lane, uint256 count) external view returns (address[] memory);
}
