// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDeviceRegistry, LaneMember} from "../../src/interfaces/IDeviceRegistry.sol";
import {IEpochReports, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title What is in an epoch is frozen before anybody can know its seed
/// @notice Whoever knows the seed of an epoch while its members can still change picks a cohort whose committee it owns.
contract FrozenBeforeSeedTest is Fixture {
    uint16 private constant HONEST_RATE = 3000;
    uint256 private constant BAD = 5; // of 25 seats
    uint64 private constant EPOCH = 2;

    address[] private bad;
    address private mover = makeAddr("mover");
    bytes32 private held; // taken in the epoch before
    bytes32 private leaver;
    bytes32 private renewer;

    function setUp() public {
        deployAll();
        bondCheckers(25, 1);
        for (uint256 i; i < BAD; ++i) bad.push(operators[i]);
        registerDevices(128);
        (leaver, renewer) = (deviceIds[3], deviceIds[4]);
        startEpochs();
    }

    // --- no seed before the first second

    /// @dev In no second before an epoch is its block pinned, in the first two epochs too, and in none after it.
    function testFuzz_noBlockIsPinnedOutsideTheEpoch(uint64 epoch, uint256 second) public {
        epoch = uint64(bound(epoch, 0, 100));
        uint256 begins = consensus.epochStart(epoch);
        vm.warp(bound(second, block.timestamp, begins - 1));
        _refused(epoch);
        vm.warp(bound(second, begins + 16, begins + 1_000));
        _refused(epoch);
        assertEq(consensus.pinnedBlockOf(epoch), 0);
        vm.warp(bound(second, begins, begins + 15));
        consensus.pin(epoch);
        assertEq(consensus.pinnedBlockOf(epoch), block.number + 1, "a block that is not mined yet");
    }

    function test_startPinsNothing() public view {
        assertTrue(consensus.started());
        for (uint64 epoch; epoch < 3; ++epoch) assertEq(consensus.pinnedBlockOf(epoch), 0);
    }

    /// @dev Pinned and never rolled: it stays without a seed, pays nobody, and holds nothing up.
    function test_anEpochThatEndsWithoutASeedIsEmpty() public {
        settleHonestly(0, uniformClaim(64, HONEST_RATE, 10_000));
        uint256 standing = consensus.standingAtLane(0);
        vm.warp(consensus.epochStart(EPOCH));
        consensus.pin(EPOCH);
        vm.roll(block.number + 2);
        vm.warp(consensus.epochStart(EPOCH + 1));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.SeedNotDue.selector, EPOCH));
        consensus.roll(EPOCH);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NoSeed.selector, EPOCH));
        consensus.seatsOf(EPOCH, 0);
        warpTo(EPOCH, Phase.Open);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NoSeed.selector, EPOCH));
        consensus.finalize(EPOCH, 0, new Opening[](0));
        warpTo(EPOCH, Phase.Pay);
        assertEq(vault.payCohort(EPOCH, 0, 64), 0);
        assertEq(vault.liability(), 0);
        assertEq(consensus.standingAtLane(0), standing);
        rollSeed(EPOCH + 1);
        settleHonestly(EPOCH + 1, uniformClaim(64, HONEST_RATE, 10_000));
        assertGt(vault.payCohort(EPOCH + 1, 0, 64), 0);
    }

    // --- what is in the epoch

    function test_oneSecondBeforeTheBoundaryAndOnIt() public {
        rollSeed(EPOCH - 1);
        vm.warp(consensus.epochStart(EPOCH) - 1);
        uint32 before = _lane("before");
        vm.warp(consensus.epochStart(EPOCH));
        uint32 after_ = _lane("after");
        vm.warp(block.timestamp + 1);
        uint32 later = _lane("later");
        assertTrue(_isMember(EPOCH, before));
        assertFalse(_isMember(EPOCH, after_));
        assertFalse(_isMember(EPOCH, later));
        assertTrue(_isMember(EPOCH + 1, after_));
        assertTrue(_isMember(EPOCH + 1, later));
    }

    /// @dev Whoever sees the pin and renews in the pinned block, whose hash it may have made, is judged as what it was.
    function test_aRenewalInThePinnedBlockCountsFromTheNextEpoch() public {
        vm.warp(consensus.epochStart(EPOCH));
        consensus.pin(EPOCH);
        vm.roll(consensus.pinnedBlockOf(EPOCH));
        registerDevice("device-4");
        assertEq(registry.generationAt(renewer, EPOCH), 1);
        assertEq(registry.generationAt(renewer, EPOCH + 1), 2);
        vm.roll(block.number + 1);
        consensus.roll(EPOCH);
        assertEq(registry.devicesOf(EPOCH, 0)[4].generation, 1);
    }

    /// @dev Whatever registers, renews, leaves or takes a lane over, or bonds and unbonds, in whatever second of the epoch before: neither
    /// the seed nor its pinned block is there. And in the epoch, before `pin`, in the pinned block, between it and `roll`, and after: nothing
    /// of the epoch moves.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 500
    function testFuzz_nothingMovesOnceASeedCanBeKnown(uint8 second, uint8[4] memory actions) public {
        vm.warp(consensus.epochStart(EPOCH - 2));
        held = registerDevice("held");
        vm.prank(makeAddr("held"));
        registry.requestExit(held);
        vm.warp(consensus.epochStart(EPOCH - 1) + second % 16);
        _act(actions[0]);
        assertEq(consensus.seedOf(EPOCH), 0);
        assertEq(consensus.pinnedBlockOf(EPOCH), 0);

        vm.warp(consensus.epochStart(EPOCH));
        bytes32 frozen = _contents();
        _act(actions[1]);
        consensus.pin(EPOCH);
        _act(actions[2]);
        vm.roll(consensus.pinnedBlockOf(EPOCH)); // the pinned block itself
        _act(actions[2] / 6);
        vm.roll(block.number + 1);
        vm.warp(block.timestamp + second % 8);
        _act(actions[3]);
        assertEq(_contents(), frozen);
        consensus.roll(EPOCH);
        address[5] memory committee = consensus.seatsOf(EPOCH, 0);
        _act(actions[3] / 6);
        assertEq(_contents(), frozen);
        assertEq(keccak256(abi.encode(consensus.seatsOf(EPOCH, 0))), keccak256(abi.encode(committee)));
        vm.warp(consensus.epochStart(EPOCH + 1) - 1);
        assertEq(_contents(), frozen);
    }

    // --- the attack

    /// @dev Devices that do not exist, in a cohort that the attacker owns under the seed that is known: the epoch of that seed is not about
    /// them, and in the next one the cohort is drawn anew.
    function test_aCohortThatIsCapturedNowCannotBeJoinedNow() public {
        settleHonestly(0, uniformClaim(64, HONEST_RATE, 10_000));
        uint64 present = consensus.currentEpoch();
        uint32 target = _capturedCohort(present);
        // Fresh lanes up to the end of that cohort: the most that registering reaches.
        token.transfer(mover, 64 * uint256(target) * DEPOSIT);
        vm.startPrank(mover);
        token.approve(address(registry), type(uint256).max);
        while (registry.laneCount() < 64 * (target + 1)) {
            registry.register(bytes32(uint256(registry.laneCount())), mover, "record", "certificate", 0);
        }
        vm.stopPrank();
        assertEq(registry.occupancy(present, target), 0, "not in the epoch whose committees are known");
        assertEq(registry.occupancy(present + 1, target), type(uint64).max);
        assertEq(consensus.seedOf(present + 1), 0, "and the committees of the next are not");
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.EmptyCohort.selector, present, target));
        consensus.voidCohort(present, target);
    }

    /// @dev A cohort picked without the seed is captured as often as any: the binomial odds of docs/contracts.md, 5.8% of draws.
    function test_aCohortPickedBlindlyIsCapturedAsOftenAsAny() public {
        rollSeed(0);
        uint32 target = _capturedCohort(0);
        uint256 captured;
        for (uint256 i; i < 1_000; ++i) {
            (address[5] memory drawn,) = seats.committee(1, keccak256(abi.encode(i)), target);
            if (_badIn(drawn) >= 3) ++captured;
        }
        // Drawn without replacement: 4.8%. Four standard deviations are 2.7%.
        assertGt(captured, 21);
        assertLt(captured, 75);
    }

    // --- what a late seed leaves

    /// @dev Seats have the whole time to answer audits from the seed on that draws them, however late it comes.
    function test_aLateSeedLeavesTheWholeTimeForAnswers() public {
        settleHonestly(0, uniformClaim(64, HONEST_RATE, 10_000));
        vm.warp(consensus.epochStart(2) + 15);
        assertFalse(consensus.auditOf(0, 0, 0).drawn);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NotAudited.selector, 0, 0, 0));
        consensus.strikeUnanswered(0, 0, 0);
        rollSeed(2);
        assertTrue(consensus.auditOf(0, 0, 0).drawn);
        uint64 closesAt = consensus.epochStart(2) + 15 + 8;
        assertEq(consensus.auditOf(0, 0, 0).closesAt, closesAt);
        vm.warp(closesAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.AuditOpen.selector, 0, closesAt));
        consensus.strikeUnanswered(0, 0, 0);
        vm.warp(closesAt + 7);
        (bool any,) = consensus.settledThrough();
        assertFalse(any, "its reports hold bonds");
        consensus.strikeUnanswered(0, 0, 0);
        vm.warp(closesAt + 8);
        uint64 settled;
        (any, settled) = consensus.settledThrough();
        assertTrue(any);
        assertEq(settled, 0);
    }

    // --- helpers

    function _refused(uint64 epoch) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.SeedNotDue.selector, epoch));
        consensus.pin(epoch);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.SeedNotDue.selector, epoch));
        consensus.roll(epoch);
    }

    function _lane(string memory name) private returns (uint32) {
        return registry.getDevice(registerDevice(name)).lane;
    }

    function _isMember(uint64 epoch, uint32 lane) private view returns (bool) {
        return registry.occupancy(epoch, lane / 64) >> (lane % 64) & 1 == 1;
    }

    /// @dev One of the ways to change a membership. What is not possible any more is left.
    function _act(uint256 action) private {
        uint256 kind = action % 6;
        if (kind == 0) registerDevice(string.concat("new-", vm.toString(deviceIds.length)));
        if (kind == 1) registerDevice("device-4"); // renews
        if (kind == 2 && registry.getDevice(leaver).until == type(uint32).max) {
            vm.prank(makeAddr("device-3"));
            registry.requestExit(leaver);
        }
        // A lane that was taken and left in the epoch before is free, and the next that is handed out.
        if (kind == 3 && registry.isRegistered(held) && consensus.currentEpoch() != EPOCH - 2) {
            uint32 lane = registry.getDevice(held).lane;
            registry.withdrawDeposit(held);
            assertEq(_lane(string.concat("reuse-", vm.toString(deviceIds.length))), lane);
        }
        if (kind == 4) bondChecker(string.concat("late-", vm.toString(operators.length)), 3);
        if (kind == 5 && seats.checker(bad[0]).seats != 0) {
            vm.prank(payoutOf(bad[0]));
            seats.unbond(bad[0], 1);
        }
    }

    /// @dev Everything that the epoch is about: members with their generations and operators, their lanes, and the seats that are drawn from.
    function _contents() private view returns (bytes32 digest) {
        (uint32 members, uint32 cohorts) = registry.countsOf(EPOCH);
        digest = keccak256(abi.encode(members, cohorts, seats.seatOwners(EPOCH, 0, 100)));
        for (uint32 cohort; cohort < 4; ++cohort) {
            LaneMember[64] memory lanes = registry.devicesOf(EPOCH, cohort);
            digest = keccak256(abi.encode(digest, registry.occupancy(EPOCH, cohort), lanes));
        }
    }

    function _badIn(address[5] memory committee) private view returns (uint256 count) {
        for (uint256 i; i < 5; ++i) {
            for (uint256 j; j < BAD; ++j) {
                if (committee[i] == bad[j]) ++count;
            }
        }
    }

    /// @dev The first cohort without members in which the attacker has a majority.
    function _capturedCohort(uint64 epoch) private view returns (uint32 cohort) {
        cohort = 2;
        while (_badIn(consensus.seatsOf(epoch, cohort)) < 3) ++cohort;
    }
}
