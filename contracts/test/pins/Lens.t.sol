// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LaneMember} from "../../src/interfaces/IDeviceRegistry.sol";
import {Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {CheckerOverview, CohortOverview, DeviceOverview, EpochOverview, IKaisarLens} from "../../src/interfaces/IKaisarLens.sol";
import {Stage} from "../support/Stage.sol";

/// @title The lens shows what the contracts say, field by field
contract LensPins is Stage {
    function setUp() public {
        setStage();
    }

    function test_contracts() public view {
        assertEq(
            abi.encode(lens.contracts()),
            abi.encode(IKaisarLens.Contracts(address(token), address(registry), address(seats), address(consensus), address(vault)))
        );
    }

    function test_epoch() public {
        settle(EPOCH - 1);
        settle(EPOCH);
        vault.payCohort(EPOCH, COHORT, 2);
        for (uint64 epoch = EPOCH - 1; epoch < EPOCH + 3; ++epoch) {
            EpochOverview memory want;
            (want.epoch, want.phase, want.seed) = (epoch, consensus.phaseOf(epoch), consensus.seedOf(epoch));
            (want.pinnedBlock, want.seededAt) = (consensus.pinnedBlockOf(epoch), consensus.seededAt(epoch));
            (want.members, want.cohorts) = registry.countsOf(epoch);
            (want.totals, want.money) = (consensus.totalsOf(epoch), vault.moneyOf(epoch));
            uint64[6] memory starts;
            for (uint256 i; i < 6; ++i) starts[i] = consensus.phaseStart(epoch, Phase(i + 1));
            (want.startsAt, want.commitAt, want.openAt) = (starts[0], starts[1], starts[2]);
            (want.revealAt, want.finalizeAt, want.payAt) = (starts[3], starts[4], starts[5]);
            want.auditClosesAt = consensus.auditOf(epoch, 0, 0).closesAt;
            want.totalFixed = consensus.isPayable(epoch);
            assertEq(abi.encode(lens.epochOverview(epoch)), abi.encode(want));
        }
        assertEq(lens.epochOverview(EPOCH).seededAt, consensus.phaseStart(EPOCH - 1, Phase.Open));
        assertTrue(lens.epochOverview(EPOCH).totalFixed);
        assertFalse(lens.epochOverview(EPOCH + 1).totalFixed);
    }

    function test_epochBeforeTheStart() public {
        deployAll();
        EpochOverview memory want;
        (want.epoch, want.money) = (EPOCH, vault.moneyOf(EPOCH));
        assertEq(abi.encode(lens.epochOverview(EPOCH)), abi.encode(want));
    }

    function test_cohort() public {
        commitAll(EPOCH);
        Opening[] memory openings = openingsOf(EPOCH, COHORT);
        warpTo(EPOCH, Phase.Reveal);
        consensus.reveal(EPOCH, COHORT, openings);
        _compare(EPOCH, COHORT, 31);
        warpTo(EPOCH, Phase.Finalize);
        consensus.finalize(EPOCH, COHORT, openings);
        _compare(EPOCH, COHORT, 31);
        _compare(EPOCH, 0, 31);
        _compare(EPOCH + 1, COHORT, 0);
        _compare(EPOCH + 4, COHORT, 0);
    }

    /// @dev Who committed is shown seat by seat.
    function test_whoCommitted() public {
        rollSeed(EPOCH);
        warpTo(EPOCH, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(EPOCH, COHORT);
        uint256[5] memory order = [uint256(2), 0, 4, 1, 3];
        uint8 mask;
        for (uint256 i; i < 5; ++i) {
            vm.prank(committee[order[i]]);
            consensus.commit(EPOCH, "root");
            mask |= uint8(1 << order[i]);
            _compare(EPOCH, COHORT, mask);
        }
    }

    function _compare(uint64 epoch, uint32 cohort, uint8 committed) private view {
        CohortOverview memory want;
        (want.epoch, want.cohort, want.state) = (epoch, cohort, consensus.cohortState(epoch, cohort));
        (want.committed, want.revealed) = (committed, consensus.revealedSeats(epoch, cohort));
        want.record = consensus.cohortRecord(epoch, cohort);
        LaneMember[64] memory members = registry.devicesOf(epoch, cohort);
        for (uint256 i; i < 64; ++i) want.members[i] = members[i].id;
        if (consensus.seedOf(epoch) != 0) want.seats = consensus.seatsOf(epoch, cohort);
        assertEq(abi.encode(lens.cohortOverview(epoch, cohort)), abi.encode(want));
    }

    /// @dev Money that is owed, a standing, silence and a lane that was given back are all shown.
    function test_devices() public {
        settle(EPOCH - 1);
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transferMany.selector), "no");
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transfer.selector, payoutOf(device(1))), "no");
        vault.payCohort(EPOCH - 1, 0, 64);
        vm.clearMockedCalls();
        assertGt(lens.deviceOverview(deviceIds[1]).owed, 0);
        assertGt(lens.deviceOverview(deviceIds[2]).payoutBalance, 0);
        bytes32 gone = registerDevice("gone");
        vm.prank(makeAddr("gone"));
        registry.requestExit(gone);
        vm.warp(consensus.epochStart(EPOCH + 1));
        registry.withdrawDeposit(gone);
        registerDevices(1); // takes its lane
        registerDevices(1);
        (, uint256 lanes) = (gone, registry.laneCount());
        assertEq(lanes, 64 + SECOND + 2);
        DeviceOverview[] memory all = lens.devices(0, 100);
        assertEq(all.length, lanes);
        for (uint32 i; i < lanes; ++i) _compare(all[i], registry.deviceAtLane(i));
        _compare(lens.devices(3, 2), all, 3, 2);
        _compare(lens.devices(69, 3), all, 69, 3);
        _compare(lens.devices(69, 4), all, 69, 3);
        _compare(lens.devices(71, type(uint32).max), all, 71, 1);
        assertEq(lens.devices(72, 1).length, 0);
        assertEq(lens.devices(73, 1).length, 0);
        assertEq(lens.devices(5, 0).length, 0);
    }

    function test_emptyLanesAreLeftOut() public {
        bytes32 gone = registerDevice("gone");
        registerDevice("stays");
        vm.prank(makeAddr("gone"));
        registry.requestExit(gone);
        vm.warp(consensus.epochStart(EPOCH));
        registry.withdrawDeposit(gone);
        DeviceOverview[] memory views = lens.devices(69, 3);
        assertEq(views.length, 2);
        assertEq(views[0].device.lane, 69);
        assertEq(views[1].device.lane, 71);
    }

    /// @dev Silent for two epochs, the rest has a standing.
    function test_silenceIsShown() public {
        for (uint64 epoch = EPOCH - 1; epoch < EPOCH + 1; ++epoch) {
            Claim memory claim = uniformClaim(64, 3000, 10_000);
            claim.rates[3] = 0;
            settleHonestly(epoch, claim);
            rollSeed(epoch + 1);
        }
        assertEq(lens.deviceOverview(deviceIds[67]).silentEpochs, 2);
        assertEq(lens.deviceOverview(deviceIds[67]).cohort, 1);
        assertEq(lens.deviceOverview(deviceIds[66]).silentEpochs, 0);
        assertEq(lens.deviceOverview(deviceIds[66]).standing, consensus.standingAtLane(66));
    }

    function test_checkers() public {
        settle(EPOCH - 1);
        address[5] memory committee = consensus.seatsOf(EPOCH - 1, COHORT);
        (address refusing, address paid) = (committee[1], committee[2]);
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transfer.selector, payoutOf(refusing)), "no");
        for (uint32 cohort; cohort < 2; ++cohort) vault.payCheckers(EPOCH - 1, cohort);
        vm.clearMockedCalls();
        vm.deal(operators[1], 3 ether);
        CheckerOverview[] memory all = lens.checkers(1, 100);
        assertEq(all.length, 6);
        for (uint256 i; i < 6; ++i) {
            address payout = payoutOf(operators[i]);
            CheckerOverview memory want = CheckerOverview(
                seats.checker(operators[i]), operators[i].balance, token.balanceOf(payout), vault.owed(payout)
            );
            assertEq(abi.encode(all[i]), abi.encode(want));
        }
        assertEq(all[1].operatorBalance, 3 ether);
        assertGt(lens.checkerOverview(refusing).owed, 0);
        assertGt(lens.checkerOverview(paid).payoutBalance, 0);
        assertEq(lens.checkers(3, 2)[1].checker.operator, operators[3]);
        assertEq(lens.checkers(6, 1).length, 1);
        assertEq(lens.checkers(6, 2).length, 1);
        assertEq(lens.checkers(7, 1).length, 0);
    }

    function test_cohortsOf() public {
        rollSeed(EPOCH);
        uint256 sum;
        for (uint256 i; i < 6; ++i) {
            uint32[] memory cohorts = lens.cohortsOf(EPOCH, operators[i], 0, 2);
            sum += cohorts.length;
            for (uint256 k; k < cohorts.length; ++k) {
                if (k != 0) assertGt(cohorts[k], cohorts[k - 1]);
                bool drawn;
                address[5] memory committee = consensus.seatsOf(EPOCH, cohorts[k]);
                for (uint256 seat; seat < 5; ++seat) drawn = drawn || committee[seat] == operators[i];
                assertTrue(drawn);
            }
            assertEq(lens.cohortsOf(EPOCH, operators[i], 0, 9).length, cohorts.length);
        }
        assertEq(sum, 10, "five seats in each of two cohorts");
        address last = consensus.seatsOf(EPOCH, COHORT)[4];
        uint32[] memory second = lens.cohortsOf(EPOCH, last, COHORT, 1);
        assertEq(second.length, 1);
        assertEq(second[0], COHORT);
        assertEq(lens.cohortsOf(EPOCH + 1, last, 0, 2).length, 0, "no seed, no committee");
    }

    /// @dev Endpoints allow a call from 10 million gas on. Checkers read so many cohorts, and seats, in one.
    function test_aPageOfCohortsAndOneOfSeatsFitACall() public {
        rollSeed(EPOCH);
        lens.cohortsOf(EPOCH, operators[0], 0, 1);
        uint256 one = vm.lastCallGas().gasTotalUsed;
        lens.cohortsOf(EPOCH, operators[0], 0, 2);
        uint256 more = vm.lastCallGas().gasTotalUsed - one;
        assertLt(128 * more, 5_000_000);
        seats.seatOwners(EPOCH, 0, 1);
        one = vm.lastCallGas().gasTotalUsed;
        seats.seatOwners(EPOCH, 0, 2);
        more = vm.lastCallGas().gasTotalUsed - one;
        assertLt(512 * more, 5_000_000);
    }

    function _compare(DeviceOverview[] memory part, DeviceOverview[] memory all, uint256 from, uint256 count) private pure {
        assertEq(part.length, count);
        for (uint256 i; i < count; ++i) assertEq(abi.encode(part[i]), abi.encode(all[from + i]));
    }

    function _compare(DeviceOverview memory view_, bytes32 id) private view {
        DeviceOverview memory want;
        want.device = registry.getDevice(id);
        want.cohort = want.device.lane / 64;
        want.standing = consensus.standing(id);
        want.silentEpochs = consensus.silentEpochs(want.device.lane);
        want.payoutBalance = token.balanceOf(want.device.payout);
        want.owed = vault.owed(want.device.payout);
        assertEq(abi.encode(view_), abi.encode(want));
    }
}
