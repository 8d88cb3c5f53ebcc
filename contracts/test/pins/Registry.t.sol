// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {Commitment, Device, DeviceRecord, IDeviceRegistry, LaneMember} from "../../src/interfaces/IDeviceRegistry.sol";
import {IEpochConsensus} from "../../src/interfaces/IEpochConsensus.sol";
import {IGoverned, IGovernedReports} from "../../src/interfaces/IGoverned.sol";
import {IKaisarToken} from "../../src/interfaces/IKaisarToken.sol";
import {SignedTypes} from "../../src/libraries/SignedTypes.sol";
import {Stage} from "../support/Stage.sol";

/// @title Devices from registration to withdrawal: each event, each field, each refusal in full
contract RegistryPins is Stage {
    uint32 private constant STAYS = type(uint32).max;
    bytes32 private constant CARD = keccak256("card");

    address private who = makeAddr("pinned");
    bytes32 private local = keccak256("pinned");
    bytes32 private id;

    /// @dev In epoch 4; the device "pinned" took lane 70 of the second cohort and counts from epoch 5 on.
    function setUp() public {
        setStage();
        id = registerDevice("pinned", CARD);
    }

    // --- construction

    function test_construction() public {
        address zero = address(0);
        (IKaisarToken t, IEpochConsensus c) = (token, consensus);
        bytes memory refused = abi.encodeWithSelector(IGovernedReports.ZeroAddress.selector);
        vm.expectRevert(refused);
        this.makeRegistry(IKaisarToken(zero), c, owner, guardian, treasury, 1);
        vm.expectRevert(refused);
        this.makeRegistry(t, IEpochConsensus(zero), owner, guardian, treasury, 1);
        vm.expectRevert(refused);
        this.makeRegistry(t, c, owner, guardian, zero, 1);
        bytes memory outside = abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, bytes32("deposit"));
        vm.expectRevert(outside);
        this.makeRegistry(t, c, owner, guardian, treasury, 0);
        vm.expectRevert(outside);
        this.makeRegistry(t, c, owner, guardian, treasury, 1_000_000 ether + 1);
        vm.expectEmit();
        emit IGovernedReports.OwnershipTaken(owner);
        vm.expectEmit();
        emit IGovernedReports.GuardianChanged(guardian);
        DeviceRegistry made = this.makeRegistry(t, c, owner, guardian, treasury, 1_000_000 ether);
        assertEq(address(made.token()), address(t));
        assertEq(address(made.consensus()), address(c));
        assertEq(made.owner(), owner);
        assertEq(made.guardian(), guardian);
        assertEq(made.treasury(), treasury);
        assertEq(made.deposit(), 1_000_000 ether);
        assertEq(made.PAUSE_REGISTER(), 0);
        assertEq(new DeviceRegistry(t, c, owner, guardian, treasury, 1).deposit(), 1);
    }

    function test_anotherPauseBitRegisters() public {
        vm.prank(guardian);
        IGoverned(address(registry)).pause(1);
        registerDevice("other");
    }

    // --- registration

    function test_registering() public {
        address next = makeAddr("next");
        token.transfer(next, DEPOSIT);
        bytes32 nextId = keccak256(abi.encode(next, bytes32("local")));
        assertEq(registry.deviceIdOf(next, "local"), nextId);
        assertFalse(registry.isRegistered(nextId));
        assertEq(registry.payoutOf(nextId), address(0));
        DeviceRecord memory record = DeviceRecord("device", "certificate", keccak256("its card"));
        uint256 held = token.balanceOf(address(registry));
        vm.startPrank(next);
        token.approve(address(registry), DEPOSIT);
        vm.expectEmit(address(registry));
        emit IDeviceRegistry.DeviceRegistered(nextId, next, address(0xbeef), "local", 71, 1, 5, record);
        assertEq(registry.register("local", address(0xbeef), "device", "certificate", keccak256("its card")), nextId);
        assertEq(token.balanceOf(address(registry)), held + DEPOSIT);
        assertTrue(registry.isRegistered(nextId));
        assertEq(registry.payoutOf(nextId), address(0xbeef));
        assertEq(registry.deviceAtLane(71), nextId);
        assertEq(registry.laneCount(), 72);
        Device memory device = Device(nextId, next, address(0xbeef), 71, 1, 5, 5, STAYS, DEPOSIT, record);
        assertEq(abi.encode(registry.getDevice(nextId)), abi.encode(device));
        // The next generation, two epochs later: no second deposit.
        vm.warp(consensus.epochStart(6));
        DeviceRecord memory second = DeviceRecord("another", "certificate 2", 0);
        vm.expectEmit(address(registry));
        emit IDeviceRegistry.DeviceRegistered(nextId, next, address(0xbeef), "local", 71, 2, 7, second);
        registry.register("local", address(0xbeef), "another", "certificate 2", 0);
        vm.stopPrank();
        assertEq(token.balanceOf(address(registry)), held + DEPOSIT);
        (device.generation, device.generationFrom, device.record) = (2, 7, second);
        assertEq(abi.encode(registry.getDevice(nextId)), abi.encode(device));
        assertEq(abi.encode(registry.recordOf(nextId, 1)), abi.encode(record));
        assertEq(abi.encode(registry.recordOf(nextId, 2)), abi.encode(second));
        uint32[5] memory generations = [uint32(0), 1, 1, 2, 2];
        for (uint64 epoch = 4; epoch < 9; ++epoch) assertEq(registry.generationAt(nextId, epoch), generations[epoch - 4]);
        assertEq(registry.generationAt("nobody", 5), 0);
    }

    function test_refusedRegistrations() public {
        vm.startPrank(who);
        vm.expectRevert(IDeviceRegistry.EmptyRecord.selector);
        registry.register("other", who, 0, "certificate", 0);
        vm.expectRevert(IDeviceRegistry.EmptyRecord.selector);
        registry.register("other", who, "device", 0, 0);
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        registry.register("other", address(0), "device", "certificate", 0);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, who, payoutOf(who)));
        registry.register(local, who, "device", "certificate", 0);
        registry.requestExit(id);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DeviceLeaving.selector, id, 4));
        registry.register(local, payoutOf(who), "device", "certificate", 0);
        vm.stopPrank();
    }

    /// @dev The last lane is handed out, and none after it; a freed one still is.
    function test_theLastLane() public {
        vm.record();
        registry.laneCount();
        (bytes32[] memory reads,) = vm.accesses(address(registry));
        assertEq(reads.length, 1);
        uint256 word = uint256(vm.load(address(registry), reads[0]));
        word = word >> 64 << 64 | uint256((1 << 24) - 1) << 32 | uint32(word);
        vm.store(address(registry), reads[0], bytes32(word));
        bytes32 last = registerDevice("last");
        assertEq(registry.getDevice(last).lane, (1 << 24) - 1);
        token.transfer(address(this), 1);
        token.approve(address(registry), DEPOSIT);
        vm.expectRevert(IDeviceRegistry.RegistryFull.selector);
        registry.register("beyond", address(this), "device", "certificate", 0);
        vm.prank(makeAddr("last"));
        registry.requestExit(last);
        vm.warp(consensus.epochStart(5));
        registry.withdrawDeposit(last);
        registry.register("beyond", address(this), "device", "certificate", 0);
        assertEq(registry.laneCount(), 1 << 24);
    }

    // --- wallets

    function test_wallets() public {
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.UnknownDevice.selector, bytes32("nobody")));
        registry.setPayout("nobody", who);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, address(this), payoutOf(who)));
        registry.setPayout(id, who);
        vm.startPrank(payoutOf(who));
        vm.expectEmit(address(registry));
        emit IDeviceRegistry.PayoutChanged(id, payoutOf(who), address(1));
        registry.setPayout(id, address(1));
        vm.startPrank(address(1));
        assertEq(registry.payoutsOf(70, 1)[0], address(1));
        registry.requestExit(id); // the wallet may, too
        vm.warp(consensus.epochStart(5));
        registry.withdrawDeposit(id);
        assertEq(registry.payoutOf(id), address(1));
        vm.expectEmit(address(registry));
        emit IDeviceRegistry.PayoutChanged(id, address(1), address(2));
        registry.setPayout(id, address(2));
        assertEq(registry.payoutOf(id), address(2));
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, address(1), address(2)));
        registry.setPayout(id, address(3));
        vm.stopPrank();
        address[] memory payouts = registry.payoutsOf(63, 4);
        for (uint256 i; i < 4; ++i) assertEq(payouts[i], payoutOf(device(63 + i)));
    }

    // --- leaving

    function test_leavingAndComingBack() public {
        _credit();
        bytes32 other = deviceIds[66];
        uint256 standing = consensus.standingAtLane(66);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotOperatorOrPayout.selector, address(this)));
        registry.requestExit(other);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DeviceNotLeaving.selector, other));
        registry.withdrawDeposit(other);
        (uint32 members,) = registry.countsOf(7);
        vm.expectEmit(address(registry));
        emit IDeviceRegistry.DeviceLeft(other, 66, 6, false);
        vm.startPrank(device(66));
        registry.requestExit(other);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DeviceLeaving.selector, other, 6));
        registry.requestExit(other);
        vm.stopPrank();
        assertEq(registry.occupancy(6, 1), 127);
        assertEq(registry.occupancy(7, 1), 127 - 4);
        (uint64[3] memory frozen, uint32 now_, uint32 cohorts) = registry.frozenCohort(5, 1);
        assertEq(abi.encode(frozen), abi.encode([uint64(127), 127, 123]));
        assertEq(now_, 71);
        assertEq(cohorts, 2);
        (uint32 after_,) = registry.countsOf(7);
        assertEq(after_, members - 1);
        assertEq(registry.generationAt(other, 6), 1);
        assertEq(registry.generationAt(other, 7), 0);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DepositHeld.selector, other, 6, 3));
        registry.withdrawDeposit(other);
        // Epoch 6 is over and audited at the start of 9, or sixteen seconds after the seed of 8.
        vm.warp(consensus.epochStart(9) - 1);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DepositHeld.selector, other, 6, 5));
        registry.withdrawDeposit(other);
        vm.warp(consensus.epochStart(9));
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.LaneUnpaid.selector, other, 5));
        registry.withdrawDeposit(other);
        vault.payCohort(5, 1, 2);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.LaneUnpaid.selector, other, 5));
        registry.withdrawDeposit(other);
        vault.payCohort(5, 1, 1);
        uint256 before = token.balanceOf(payoutOf(device(66)));
        vm.expectEmit(address(registry));
        emit IDeviceRegistry.DepositReturned(other, payoutOf(device(66)), DEPOSIT);
        registry.withdrawDeposit(other);
        assertEq(token.balanceOf(payoutOf(device(66))), before + DEPOSIT);
        assertEq(registry.deviceAtLane(66), 0);
        assertEq(consensus.standing(other), standing);
        assertEq(consensus.standingAtLane(66), 0);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.UnknownDevice.selector, other));
        registry.withdrawDeposit(other);
        assertEq(registry.generationAt(other, 5), 0);
        registerDevice("device-66");
        Device memory back = registry.getDevice(other);
        assertEq(back.lane, 66);
        assertEq(back.generation, 2);
        assertEq(back.since, 10);
        assertEq(back.generationFrom, 10);
        assertEq(back.until, STAYS);
        assertEq(consensus.standingAtLane(66), standing);
    }

    /// @dev Which of the three silent epochs is missing, and what delisting does.
    function test_delisting() public {
        for (uint64 epoch = 4; epoch < 7; ++epoch) {
            vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DeviceNotSilent.selector, deviceIds[67], epoch - 4, 3));
            registry.delist(deviceIds[67]);
            Claim memory claim = uniformClaim(64, 3000, 10_000);
            claim.rates[3] = 0;
            settleHonestly(epoch, claim);
            rollSeed(epoch + 1);
        }
        vm.expectEmit(address(registry));
        emit IDeviceRegistry.DeviceLeft(deviceIds[67], 67, 7, true);
        vm.prank(keeper);
        registry.delist(deviceIds[67]);
        (, uint256 errands) = consensus.keeperCalls(6, keeper);
        assertEq(errands, 1, "its lane");
        // A lane that is free again is not silent: whoever takes it begins anew.
        assertEq(consensus.silentEpochs(67), 3);
        vault.payCohort(6, 1, 64);
        vault.payCohort(5, 1, 64);
        vault.payCohort(4, 1, 64);
        vm.warp(consensus.epochStart(10));
        registry.withdrawDeposit(deviceIds[67]);
        assertEq(consensus.silentEpochs(67), 0);
    }

    function test_leavingInTheEpochOfRegistration() public {
        vm.prank(who);
        registry.requestExit(id);
        assertEq(registry.generationAt(id, 5), 0);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.LaneMoving.selector, id, 5));
        registry.withdrawDeposit(id);
        vm.warp(consensus.epochStart(5) - 1);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.LaneMoving.selector, id, 5));
        registry.withdrawDeposit(id);
        vm.warp(consensus.epochStart(5));
        registry.withdrawDeposit(id);
        assertEq(registry.deviceAtLane(70), 0);
    }

    // --- views

    function test_cohorts() public {
        vm.warp(consensus.epochStart(5));
        registerDevice("pinned", CARD); // its second generation, from epoch 6 on
        vm.prank(device(64));
        registry.requestExit(deviceIds[64]);
        for (uint64 epoch = 4; epoch < 7; ++epoch) {
            LaneMember[64] memory want;
            for (uint256 i; i < 6; ++i) {
                if (epoch == 6 && i == 0) continue;
                address operator = device(64 + i);
                want[i] = LaneMember(deviceIds[64 + i], 1, operator, payoutOf(operator));
            }
            if (epoch != 4) want[6] = LaneMember(id, epoch == 6 ? 2 : 1, who, payoutOf(who));
            assertEq(abi.encode(registry.devicesOf(epoch, 1)), abi.encode(want));
        }
        (uint32 members, uint32 cohorts) = registry.countsOf(4);
        assertEq(members, 70);
        assertEq(cohorts, 2);
        (members, cohorts) = registry.countsOf(6);
        assertEq(members, 70);
        for (uint256 i = 71; i < 128; ++i) registerDevice(string.concat("more-", vm.toString(i)));
        (, cohorts) = registry.countsOf(6);
        assertEq(cohorts, 2, "128 lanes");
        registerDevice("more");
        (, cohorts) = registry.countsOf(6);
        assertEq(cohorts, 3, "129 lanes");
    }

    // --- identities

    function test_identities() public {
        bytes32 rival = registerDevice("rival", CARD);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityTaken.selector, 0, 0));
        registry.claimIdentity(deviceIds[1]); // has none
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.UnknownDevice.selector, bytes32("nobody")));
        registry.claimIdentity("nobody");
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityUnconfirmed.selector, id));
        registry.claimIdentity(id);
        _credit();
        vm.expectEmit(address(registry));
        emit IDeviceRegistry.IdentityClaimed(CARD, id);
        vm.prank(keeper);
        registry.claimIdentity(id);
        (, uint256 errands) = consensus.keeperCalls(5, keeper);
        assertEq(errands, 64);
        assertEq(registry.identityOwner(CARD), id);
        bytes memory taken = abi.encodeWithSelector(IDeviceRegistry.IdentityTaken.selector, CARD, id);
        vm.expectRevert(taken);
        registry.claimIdentity(id);
        vm.expectRevert(taken);
        registry.claimIdentity(rival); // as old, and named later
        vm.expectRevert(taken);
        registry.register("third", address(this), "device", "certificate", CARD);
        // The same card in the next generation keeps it; another one gives it up.
        vm.startPrank(who);
        registry.register(local, payoutOf(who), "device", "certificate 2", CARD);
        assertEq(registry.identityOwner(CARD), id);
        registry.register(local, payoutOf(who), "device", "certificate 3", keccak256("other"));
        assertEq(registry.identityOwner(CARD), 0);
        vm.stopPrank();
        registry.claimIdentity(rival);
        assertEq(registry.identityOwner(CARD), rival);
        vm.prank(makeAddr("rival"));
        registry.requestExit(rival);
        vault.payCohort(5, 1, 64);
        vm.warp(consensus.epochStart(10));
        assertEq(registry.identityOwner(CARD), rival);
        registry.withdrawDeposit(rival);
        assertEq(registry.identityOwner(CARD), 0);
    }

    /// @dev Credits of the generations that carried the identity, and no others.
    function test_identitiesAreConfirmedWhileTheyAreCarried() public {
        address plain = device(2);
        rollSeed(5);
        vm.prank(plain);
        registry.register(keccak256("device-2"), payoutOf(plain), "device", "certificate", keccak256("new card")); // from 6 on
        settleHonestly(5, uniformClaim(64, 3000, 10_000));
        assertGt(consensus.creditOf(5, 2), 0);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityUnconfirmed.selector, deviceIds[2]));
        registry.claimIdentity(deviceIds[2]);
        rollSeed(6);
        settleHonestly(6, uniformClaim(64, 3000, 10_000));
        vm.prank(plain);
        registry.register(keccak256("device-2"), payoutOf(plain), "device", "certificate", keccak256("newest"));
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityUnconfirmed.selector, deviceIds[2]));
        registry.claimIdentity(deviceIds[2]);
        vm.prank(plain);
        registry.register(keccak256("device-2"), payoutOf(plain), "device", "certificate", keccak256("new card"));
        registry.claimIdentity(deviceIds[2]);
        assertEq(registry.identityOwner(keccak256("new card")), deviceIds[2]);
    }

    /// @dev Who named an identity first is older than who named it between, whatever it names again.
    function test_namingAnIdentityAgainLosesNoPlace() public {
        bytes32 rival = registerDevice("rival", CARD);
        _credit();
        vm.prank(who);
        registry.register(local, payoutOf(who), "device", "certificate", CARD);
        registry.claimIdentity(rival);
        assertEq(registry.identityOwner(CARD), rival);
        registry.claimIdentity(id);
        assertEq(registry.identityOwner(CARD), id);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityTaken.selector, CARD, id));
        registry.claimIdentity(rival);
    }

    // --- fraud

    /// @dev Two answers to one round: the same device, epoch, round and generation, and nothing less.
    function test_equivocation() public {
        Commitment memory first = Commitment(5, "round", id, 1, "spec", 10, "root", "environment");
        bytes memory signed = _sign(who, first);
        for (uint256 i; i < 5; ++i) {
            Commitment memory second = Commitment(5, "round", id, 1, "spec", 11, "root", "environment");
            if (i == 0) second.rows = 10;
            if (i == 1) second.deviceId = deviceIds[0];
            if (i == 2) second.epoch = 6;
            if (i == 3) second.round = "another";
            if (i == 4) second.generation = 2;
            bytes memory signature = _sign(who, second);
            vm.expectRevert(IDeviceRegistry.NotEquivocation.selector);
            registry.slashEquivocation(first, signed, second, signature);
        }
        Commitment memory other = Commitment(5, "round", id, 1, "spec", 11, "root", "environment");
        bytes memory otherSigned = _sign(who, other);
        bytes memory forged = _sign(device(1), first);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.WrongSigner.selector, device(1), who));
        registry.slashEquivocation(first, forged, other, otherSigned);
        forged = _sign(device(1), other);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.WrongSigner.selector, device(1), who));
        registry.slashEquivocation(first, signed, other, forged);
        vm.expectEmit(address(registry));
        emit IDeviceRegistry.DepositSlashed(id, "round", DEPOSIT, keeper);
        vm.expectEmit(address(registry));
        emit IDeviceRegistry.DeviceLeft(id, 70, 4, true);
        uint256 held = token.balanceOf(address(registry));
        vm.prank(keeper);
        registry.slashEquivocation(first, signed, other, otherSigned);
        assertEq(token.balanceOf(treasury), DEPOSIT);
        assertEq(token.balanceOf(address(registry)), held - DEPOSIT);
        assertEq(registry.getDevice(id).deposit, 0);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NothingToSlash.selector, id));
        registry.slashEquivocation(first, signed, other, otherSigned);
        vm.warp(consensus.epochStart(5));
        registry.withdrawDeposit(id);
        assertEq(token.balanceOf(payoutOf(who)), 0, "nothing is left to return");
        assertEq(token.balanceOf(address(registry)), held - DEPOSIT);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.UnknownDevice.selector, id));
        registry.slashEquivocation(first, signed, other, otherSigned);
        // Its next stay begins with generation 2.
        registerDevice("pinned");
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.GenerationOver.selector, id, 1, 2));
        registry.slashEquivocation(first, signed, other, otherSigned);
        (first.generation, other.generation) = (2, 2);
        (signed, otherSigned) = (_sign(who, first), _sign(who, other));
        vm.prank(who);
        registry.requestExit(id);
        registry.slashEquivocation(first, signed, other, otherSigned); // also one that is leaving
        assertEq(registry.getDevice(id).deposit, 0);
    }

    function _sign(address signer, Commitment memory work) private view returns (bytes memory) {
        bytes32 message = keccak256(abi.encode(SignedTypes.COMMITMENT_TYPEHASH, work));
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), message));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[signer], digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Epoch 5, in which everybody has a credit: epochs before it had none, so that first credits are paid. Time is in epoch 6.
    function _credit() private {
        rollSeed(5);
        settleHonestly(5, uniformClaim(64, 3000, 10_000));
    }
}
