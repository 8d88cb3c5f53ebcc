// SPDX-License-Identifier: MIT
// Why: docs/why/contracts.md
pragma solidity 0.8.37;

import {COHORT_LANES, FROZEN_EPOCHS, KEPT_EPOCHS} from "./libraries/Constants.sol";
import {Governed} from "./base/Governed.sol";
import {OperatorSessions} from "./base/OperatorSessions.sol";
import {
    Commitment,
    Device,
    DeviceRecord,
    IDeviceRegistry,
    LaneMember,
    Registration,
    SignedRegistration
} from "./interfaces/IDeviceRegistry.sol";
import {IEpochConsensus} from "./interfaces/IEpochConsensus.sol";
import {IKaisarToken} from "./interfaces/IKaisarToken.sol";
import {Frozen64} from "./libraries/Frozen.sol";
import {Identities} from "./libraries/Identities.sol";
import {LaneList} from "./libraries/LaneList.sol";
import {SignedTypes} from "./libraries/SignedTypes.sol";
import {Tokens} from "./libraries/Tokens.sol";

/// @title Devices, their wallets and their lanes
contract DeviceRegistry is IDeviceRegistry, Governed, OperatorSessions {
    using Frozen64 for uint256;
    using Identities for Identities.Book;
    using LaneList for LaneList.List;
    using SignedTypes for bytes32;
    using Tokens for IKaisarToken;

    struct DeviceSlot {
        address operator;
        uint32 lane;
        uint32 generation;
        bool present; // holds its lane: from registration until the deposit is withdrawn
        bool deposited; // false once the deposit was slashed or returned
    }

    struct LaneSlot {
        address payout;
        uint32 since;
        uint32 until; // last epoch; below `since` when it left before it ever counted
        uint32 generation; // the device's when it took the lane
    }

    /// @dev A generation of a device that kept its lane, and its first epoch. Of several within one epoch only the last ever counts.
    struct Renewal {
        uint32 from;
        uint32 generation;
    }

    /// @notice Pause bit of registrations.
    uint256 public constant PAUSE_REGISTER = 0;
    uint32 private constant STAYS = type(uint32).max;

    /// @notice KAI, in which deposits are paid.
    IKaisarToken public immutable token;
    /// @inheritdoc IDeviceRegistry
    IEpochConsensus public immutable consensus;
    /// @inheritdoc IDeviceRegistry
    address public immutable treasury;
    /// @inheritdoc IDeviceRegistry
    uint256 public immutable deposit;

    mapping(bytes32 deviceId => DeviceSlot) private _devices;
    mapping(uint32 lane => LaneSlot) private _lanes;
    mapping(bytes32 deviceId => address) private _payoutsAway; // of devices that gave their lane back
    /// @inheritdoc IDeviceRegistry
    mapping(uint32 lane => bytes32) public deviceAtLane;
    mapping(bytes32 deviceId => mapping(uint32 generation => DeviceRecord)) private _records;
    /// @dev In order, one per epoch at most: reading an epoch's generation costs the same however often a device registers.
    mapping(bytes32 deviceId => Renewal[]) private _renewals;
    Identities.Book private _identities;
    LaneList.List private _list;

    constructor(
        IKaisarToken token_,
        IEpochConsensus consensus_,
        address owner_,
        address guardian_,
        address treasury_,
        uint256 deposit_
    ) Governed(owner_, guardian_) {
        if (address(token_) == address(0) || address(consensus_) == address(0) || treasury_ == address(0)) revert ZeroAddress();
        if (deposit_ == 0 || deposit_ > 1_000_000 ether) revert OutOfBounds("deposit");
        token = token_;
        consensus = consensus_;
        treasury = treasury_;
        deposit = deposit_;
    }

    // --- registration -----------------------------------------------------------------------------------------------

    /// @inheritdoc IDeviceRegistry
    function register(bytes32 localId, address payout, bytes32 deviceHash, bytes32 certificateHash, bytes32 attestedIdentity)
        external
        whenNotPaused(PAUSE_REGISTER)
        returns (bytes32 deviceId)
    {
        return _register(msg.sender, localId, payout, DeviceRecord(deviceHash, certificateHash, attestedIdentity));
    }

    /// @inheritdoc IDeviceRegistry
    function registerSigned(Registration calldata signed, bytes calldata signature)
        external
        whenNotPaused(PAUSE_REGISTER)
        returns (bytes32)
    {
        if (msg.sender != signed.payer) revert NotPayer(msg.sender, signed.payer);
        // What nobody signed recovers to it.
        if (signed.operator == address(0)) revert ZeroAddress();
        _requireSigner(consensus.domainSeparator().digest(signed).signer(signature), signed.operator);
        bytes32 deviceId = deviceIdOf(signed.operator, signed.localId);
        uint32 next = _devices[deviceId].generation + 1;
        if (signed.generation != next) revert GenerationTaken(deviceId, signed.generation, next);
        DeviceRecord memory entry = DeviceRecord(signed.deviceHash, signed.certificateHash, signed.attestedIdentity);
        return _register(signed.operator, signed.localId, signed.payout, entry);
    }

    /// @inheritdoc IDeviceRegistry
    function registerMany(SignedRegistration[] calldata registrations) external {
        for (uint256 i; i < registrations.length; ++i) {
            // Code and caller stay the same, and a refusal comes back as bytes, to which its place is added.
            (bool made, bytes memory reason) = address(this).delegatecall(
                abi.encodeCall(this.registerSigned, (registrations[i].registration, registrations[i].signature))
            );
            if (!made) revert RegistrationRefused(i, reason);
        }
    }

    /// @inheritdoc IDeviceRegistry
    function setPayout(bytes32 deviceId, address payout) external {
        address previous = payoutOf(deviceId);
        if (previous == address(0)) revert UnknownDevice(deviceId);
        if (msg.sender != previous) revert NotPayout(msg.sender, previous);
        if (payout == address(0)) revert ZeroAddress();
        DeviceSlot memory device = _devices[deviceId];
        if (device.present) _lanes[device.lane].payout = payout;
        else _payoutsAway[deviceId] = payout;
        emit PayoutChanged(deviceId, previous, payout);
    }

    // --- leaving ----------------------------------------------------------------------------------------------------

    /// @inheritdoc IDeviceRegistry
    function requestExit(bytes32 deviceId) external {
        DeviceSlot memory device = _present(deviceId);
        if (msg.sender != device.operator && msg.sender != _lanes[device.lane].payout) revert NotOperatorOrPayout(msg.sender);
        _leave(deviceId, device.lane, false);
    }

    /// @inheritdoc IDeviceRegistry
    function delist(bytes32 deviceId) external {
        DeviceSlot memory device = _present(deviceId);
        uint256 needed = consensus.scoreRules().delistAfterEpochs;
        uint256 silent = consensus.silentEpochs(device.lane);
        if (silent < needed) revert DeviceNotSilent(deviceId, silent, needed);
        _leave(deviceId, device.lane, true);
        // As paying the device for an epoch does. More would pay for registering devices that are never there.
        consensus.countErrand(msg.sender, 1);
    }

    /// @inheritdoc IDeviceRegistry
    function withdrawDeposit(bytes32 deviceId) external {
        DeviceSlot memory device = _present(deviceId);
        LaneSlot memory place = _lanes[device.lane];
        if (place.until == STAYS) revert DeviceNotLeaving(deviceId);
        if (place.until >= place.since) {
            (bool any, uint64 settled) = consensus.settledThrough();
            if (!any || settled < place.until) revert DepositHeld(deviceId, place.until, settled);
            // The lane is paid where its slot says; it must not say another wallet before that.
            (bool unpaid, uint64 epoch) = consensus.unpaidEpoch(device.lane, place.until);
            if (unpaid) revert LaneUnpaid(deviceId, epoch);
        } else if (consensus.nextEpoch() == place.since) {
            // Taken and left in one epoch: free in the next. Otherwise whoever registers could move the next free lane to where it likes.
            revert LaneMoving(deviceId, place.since);
        }
        (_devices[deviceId].present, _devices[deviceId].deposited) = (false, false);
        _payoutsAway[deviceId] = place.payout;
        delete deviceAtLane[device.lane];
        _list.release(device.lane);
        _dropIdentity(deviceId, device.generation);
        consensus.releaseLane(device.lane, deviceId);
        if (device.deposited) {
            emit DepositReturned(deviceId, place.payout, deposit);
            token.push(place.payout, deposit);
        }
    }

    // --- identities and fraud ---------------------------------------------------------------------------------------

    /// @inheritdoc IDeviceRegistry
    function claimIdentity(bytes32 deviceId) external {
        DeviceSlot memory device = _present(deviceId);
        bytes32 identity = _records[deviceId][device.generation].attestedIdentity;
        bytes32 owner_ = identityOwner(identity);
        if (identity == 0 || owner_ == deviceId) revert IdentityTaken(identity, owner_);
        (bool confirmed, uint64 since) = _oldestCredit(deviceId, device.lane, identity);
        if (!confirmed) revert IdentityUnconfirmed(deviceId);
        bool earns = _identities.claim(identity, deviceId, since);
        emit IdentityClaimed(identity, deviceId);
        if (earns) consensus.countErrand(msg.sender, COHORT_LANES);
    }

    /// @inheritdoc IDeviceRegistry
    function slashEquivocation(
        Commitment calldata first,
        bytes calldata firstSignature,
        Commitment calldata second,
        bytes calldata secondSignature
    ) external {
        bytes32 deviceId = first.deviceId;
        DeviceSlot memory device = _present(deviceId);
        bytes32 domain = consensus.domainSeparator();
        bytes32 firstDigest = SignedTypes.digest(domain, first);
        bytes32 secondDigest = SignedTypes.digest(domain, second);
        if (
            firstDigest == secondDigest || second.deviceId != deviceId || first.epoch != second.epoch
                || first.round != second.round || first.generation != second.generation
        ) revert NotEquivocation();
        // What was signed in an earlier stay was about the deposit of that stay.
        uint32 oldest = _lanes[device.lane].generation;
        if (first.generation < oldest) revert GenerationOver(deviceId, first.generation, oldest);
        _requireSigner(firstDigest.signer(firstSignature), device.operator);
        _requireSigner(secondDigest.signer(secondSignature), device.operator);
        if (!device.deposited) revert NothingToSlash(deviceId);

        _devices[deviceId].deposited = false;
        emit DepositSlashed(deviceId, first.round, deposit, msg.sender);
        if (_lanes[device.lane].until == STAYS) _leave(deviceId, device.lane, true);
        token.push(treasury, deposit);
    }

    // --- views ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IDeviceRegistry
    function laneCount() public view returns (uint32) {
        return _list.length();
    }

    /// @inheritdoc IDeviceRegistry
    function identityOwner(bytes32 attestedIdentity) public view returns (bytes32 deviceId) {
        return _identities.owner[attestedIdentity];
    }

    /// @inheritdoc IDeviceRegistry
    function deviceIdOf(address operator, bytes32 localId) public pure returns (bytes32) {
        return keccak256(abi.encode(operator, localId));
    }

    /// @inheritdoc IDeviceRegistry
    function isRegistered(bytes32 deviceId) external view returns (bool) {
        return _devices[deviceId].present;
    }

    /// @inheritdoc IDeviceRegistry
    function payoutOf(bytes32 deviceId) public view returns (address) {
        DeviceSlot memory device = _devices[deviceId];
        return device.present ? _lanes[device.lane].payout : _payoutsAway[deviceId];
    }

    /// @inheritdoc IDeviceRegistry
    function getDevice(bytes32 deviceId) external view returns (Device memory) {
        DeviceSlot memory device = _present(deviceId);
        LaneSlot memory place = _lanes[device.lane];
        Renewal[] storage renewals = _renewals[deviceId];
        uint32 renewed = renewals.length == 0 ? 0 : renewals[renewals.length - 1].from;
        return Device({
            id: deviceId,
            operator: device.operator,
            payout: place.payout,
            lane: device.lane,
            generation: device.generation,
            generationFrom: renewed > place.since ? renewed : place.since,
            since: place.since,
            until: place.until,
            deposit: device.deposited ? deposit : 0,
            record: _records[deviceId][device.generation]
        });
    }

    /// @inheritdoc IDeviceRegistry
    function recordOf(bytes32 deviceId, uint32 generation) external view returns (DeviceRecord memory) {
        return _records[deviceId][generation];
    }

    /// @inheritdoc IDeviceRegistry
    function generationAt(bytes32 deviceId, uint64 epoch) public view returns (uint32 generation) {
        DeviceSlot memory device = _devices[deviceId];
        LaneSlot memory place = _lanes[device.lane];
        if (!device.present || !_isMember(place, epoch)) return 0;
        Renewal[] storage renewals = _renewals[deviceId];
        for (uint256 i = renewals.length; i != 0; --i) {
            Renewal memory renewal = renewals[i - 1];
            // Older ones belong to an earlier lane.
            if (renewal.generation <= place.generation) break;
            if (renewal.from <= epoch) return renewal.generation;
        }
        return place.generation;
    }

    /// @inheritdoc IDeviceRegistry
    function devicesOf(uint64 epoch, uint32 cohort) external view returns (LaneMember[COHORT_LANES] memory members) {
        for (uint32 i; i < COHORT_LANES; ++i) {
            uint32 lane = COHORT_LANES * cohort + i;
            bytes32 id = deviceAtLane[lane];
            LaneSlot memory place = _lanes[lane];
            if (id == 0 || !_isMember(place, epoch)) continue;
            members[i] = LaneMember(id, generationAt(id, epoch), _devices[id].operator, place.payout);
        }
    }

    /// @inheritdoc IDeviceRegistry
    function occupancy(uint64 epoch, uint32 cohort) external view returns (uint64) {
        return _list.occupancyIn(epoch, cohort);
    }

    /// @inheritdoc IDeviceRegistry
    function frozenCohort(uint64 epoch, uint32 cohort)
        external
        view
        returns (uint64[FROZEN_EPOCHS] memory occupancies, uint32 members, uint32 cohorts)
    {
        uint256 word = _list.occupancy[cohort];
        occupancies = [word.valueIn(epoch), word.valueIn(epoch + 1), word.valueIn(epoch + 2)];
        (members, cohorts) = _list.countsIn(epoch);
    }

    /// @inheritdoc IDeviceRegistry
    function countsOf(uint64 epoch) external view returns (uint32 members, uint32 cohorts) {
        return _list.countsIn(epoch);
    }

    /// @inheritdoc IDeviceRegistry
    function payoutsOf(uint256 lane, uint256 count) external view returns (address[] memory payouts) {
        payouts = new address[](count);
        // for each i: payouts[i] = _lanes[lane + i].payout, which is the low 160 bits of the slot
        assembly ("memory-safe") {
            mstore(32, _lanes.slot)
            let place := add(payouts, 32)
            for { let end := add(lane, count) } lt(lane, end) { lane := add(lane, 1) } {
                mstore(0, lane)
                mstore(place, and(sload(keccak256(0, 64)), 0xffffffffffffffffffffffffffffffffffffffff))
                place := add(place, 32)
            }
        }
    }

    // --- internals --------------------------------------------------------------------------------------------------

    /// @dev The deposit of a device that joins is the caller's, whoever operates it.
    function _register(address operator, bytes32 localId, address payout, DeviceRecord memory entry)
        private
        returns (bytes32 deviceId)
    {
        if (payout == address(0)) revert ZeroAddress();
        if (entry.deviceHash == 0 || entry.certificateHash == 0) revert EmptyRecord();
        deviceId = deviceIdOf(operator, localId);
        _requirePayout(deviceId, payout);
        bytes32 attestedIdentity = entry.attestedIdentity;
        if (attestedIdentity != 0) {
            bytes32 other = identityOwner(attestedIdentity);
            if (other != 0 && other != deviceId) revert IdentityTaken(attestedIdentity, other);
        }
        uint32 from = uint32(consensus.nextEpoch());
        DeviceSlot memory device = _devices[deviceId];
        bool joins = !device.present;
        uint32 former = device.generation;
        device.generation = former + 1;
        if (!joins) {
            uint32 until = _lanes[device.lane].until;
            if (until != STAYS) revert DeviceLeaving(deviceId, until);
            if (identityOwner(attestedIdentity) != deviceId) _dropIdentity(deviceId, former);
            _renew(deviceId, Renewal(from, device.generation));
        } else {
            (device.lane, device.operator) = (_list.take(from), operator);
            (device.present, device.deposited) = (true, true);
            _lanes[device.lane] = LaneSlot(payout, from, STAYS, device.generation);
            deviceAtLane[device.lane] = deviceId;
        }
        _devices[deviceId] = device;
        _records[deviceId][device.generation] = entry;
        if (entry.attestedIdentity != 0) _identities.name(entry.attestedIdentity, deviceId);
        emit DeviceRegistered(deviceId, operator, payout, localId, device.lane, device.generation, from, entry);

        if (joins) {
            consensus.joinLane(device.lane, deviceId);
            token.pull(deposit);
        }
    }

    function _present(bytes32 deviceId) private view returns (DeviceSlot memory device) {
        device = _devices[deviceId];
        if (!device.present) revert UnknownDevice(deviceId);
    }

    /// @dev Whoever returns takes its standing along, so an operator key alone must not choose who is paid for it.
    function _requirePayout(bytes32 deviceId, address payout) private view {
        address known = payoutOf(deviceId);
        if (known != address(0) && payout != known) revert NotPayout(msg.sender, known);
    }

    function _isMember(LaneSlot memory place, uint64 epoch) private pure returns (bool) {
        return epoch >= place.since && epoch <= place.until;
    }

    function _requireSigner(address signer, address operator) private pure {
        if (signer != operator) revert WrongSigner(signer, operator);
    }

    function _renew(bytes32 deviceId, Renewal memory renewal) private {
        Renewal[] storage renewals = _renewals[deviceId];
        uint256 count = renewals.length;
        if (count != 0 && renewals[count - 1].from == renewal.from) renewals[count - 1] = renewal;
        else renewals.push(renewal);
    }

    /// @dev The present epoch is the last one. Before the first epoch there is none.
    function _leave(bytes32 deviceId, uint32 lane, bool delisted) private {
        LaneSlot storage place = _lanes[lane];
        if (place.until != STAYS) revert DeviceLeaving(deviceId, place.until);
        uint32 from = uint32(consensus.nextEpoch());
        if (from == 0) (place.since, place.until) = (1, 0);
        else place.until = from - 1;
        _list.vacate(lane, from);
        emit DeviceLeft(deviceId, lane, place.until, delisted);
        consensus.leaveLane(lane);
    }

    /// @dev The oldest epoch that the consensus keeps in which the device was credited while it carried the identity.
    function _oldestCredit(bytes32 deviceId, uint32 lane, bytes32 identity) private view returns (bool any, uint64 epoch) {
        uint64 present = consensus.currentEpoch();
        // The present epoch is not judged yet.
        for (uint64 back = present < KEPT_EPOCHS ? present : KEPT_EPOCHS; back != 0; --back) {
            epoch = present - back;
            uint32 generation = generationAt(deviceId, epoch);
            if (generation == 0 || _records[deviceId][generation].attestedIdentity != identity) continue;
            if (consensus.creditOf(epoch, lane) != 0) return (true, epoch);
        }
        return (false, 0);
    }

    function _dropIdentity(bytes32 deviceId, uint32 generation) private {
        _identities.drop(_records[deviceId][generation].attestedIdentity, deviceId);
    }
}
