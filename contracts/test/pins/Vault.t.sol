// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {RewardVault} from "../../src/RewardVault.sol";
import {CohortRecord, EpochTotals, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {IEpochShared} from "../../src/interfaces/IEpochConsensus.sol";
import {ICheckerSeats} from "../../src/interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {IGovernedReports} from "../../src/interfaces/IGoverned.sol";
import {IKaisarToken} from "../../src/interfaces/IKaisarToken.sol";
import {Emission, EpochMoney, IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {HostileToken} from "../support/HostileToken.sol";
import {Stage} from "../support/Stage.sol";

/// @title Every wei of an epoch, in the events, in the views and in the balances
contract VaultPins is Stage {
    /// @dev 64 lanes and an errand.
    uint256 private constant BOUNTY = 0.1 ether;

    function setUp() public {
        setStage();
    }

    // --- construction

    function test_onlyItsOwnNetworkWiresIt() public {
        IRewardVault next = IRewardVault(vm.computeCreateAddress(address(this), vm.getNonce(address(this))));
        vm.mockCall(address(consensus), abi.encodeWithSelector(IEpochShared.vault.selector), abi.encode(next));
        uint256 snapshot = vm.snapshotState();
        RewardVault same = new RewardVault(token, registry, seats, consensus, owner, guardian, defaultEmission());
        assertEq(address(same.token()), address(token));
        assertEq(address(same.registry()), address(registry));
        assertEq(address(same.seats()), address(seats));
        assertEq(address(same.consensus()), address(consensus));
        assertEq(same.owner(), owner);
        assertEq(same.guardian(), guardian);
        assertEq(abi.encode(same.emissionOf(0)), abi.encode(defaultEmission()));
        assertTrue(vm.revertToState(snapshot));
        bytes memory unwired = abi.encodeWithSelector(IGovernedReports.WrongWiring.selector);
        vm.expectRevert(unwired);
        this.makeWired(token, IDeviceRegistry(address(7)), seats, defaultEmission());
        vm.expectRevert(unwired);
        this.makeWired(token, registry, ICheckerSeats(address(7)), defaultEmission());
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        this.makeWired(IKaisarToken(address(0)), registry, seats, defaultEmission());
        Emission memory none;
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, bytes32("perEpoch")));
        this.makeWired(token, registry, seats, none);
        this.makeWired(token, registry, seats, defaultEmission());
        vm.clearMockedCalls();
        vm.expectRevert(unwired);
        this.makeVault(token, registry, seats, consensus, owner, guardian, defaultEmission());
    }

    /// @dev The consensus names the vault that is made here.
    function makeWired(IKaisarToken t, IDeviceRegistry r, ICheckerSeats s, Emission memory emission) external {
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.mockCall(address(consensus), abi.encodeWithSelector(IEpochShared.vault.selector), abi.encode(next));
        new RewardVault(t, r, s, consensus, owner, guardian, emission);
    }

    // --- emissions

    function test_emissionsAtTheirBounds() public {
        Emission[4] memory accepted;
        for (uint256 i; i < 4; ++i) accepted[i] = Emission(1 ether, 0, 0, 0, 1 gwei);
        (accepted[0].perEpoch, accepted[1].checkerBps, accepted[2].keeperBps) = (10_000_000 ether, 5_000, 1_000);
        (accepted[3].bounty, accepted[3].maxPrice) = (type(uint64).max, type(uint80).max);
        for (uint256 i; i < 4; ++i) {
            uint256 snapshot = vm.snapshotState();
            vm.expectEmit(address(vault));
            emit IRewardVault.EmissionScheduled(EPOCH + 1, accepted[i]);
            vm.prank(owner);
            vault.scheduleEmission(accepted[i]);
            assertEq(abi.encode(vault.emissionOf(EPOCH)), abi.encode(defaultEmission()));
            assertEq(abi.encode(vault.emissionOf(EPOCH + 1)), abi.encode(accepted[i]));
            assertTrue(vm.revertToState(snapshot));
        }
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotOwner.selector, address(this)));
        vault.scheduleEmission(accepted[0]);
    }

    /// @dev The next change waits until three epochs after the last one began to count.
    function test_emissionsChangeOneAtATime() public {
        vm.startPrank(owner);
        Emission memory first = defaultEmission();
        first.perEpoch = 7 ether;
        vault.scheduleEmission(first); // from 6 on
        Emission memory second = defaultEmission();
        second.perEpoch = 8 ether;
        vm.warp(consensus.epochStart(8) - 1);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.ChangePending.selector, EPOCH + 1));
        vault.scheduleEmission(second);
        vm.warp(consensus.epochStart(8));
        vault.scheduleEmission(second);
        assertEq(vault.emissionOf(9).perEpoch, 7 ether);
        assertEq(vault.emissionOf(10).perEpoch, 8 ether);
        vm.stopPrank();
    }

    // --- money in

    function test_funding() public {
        address donor = makeAddr("donor");
        token.transfer(donor, 5 ether);
        (uint256 funded, uint256 held) = (vault.funded(), token.balanceOf(address(vault)));
        vm.startPrank(donor);
        token.approve(address(vault), 5 ether);
        vm.expectEmit(address(vault));
        emit IRewardVault.Funded(donor, 3 ether);
        vault.fund(3 ether);
        vault.fund(1);
        vm.stopPrank();
        assertEq(vault.funded(), funded + 3 ether + 1);
        assertEq(token.balanceOf(address(vault)), held + 3 ether + 1);
        assertEq(token.balanceOf(donor), 2 ether - 1);
    }

    // --- an epoch's money

    /// @dev What opening gives, before and after it, with standings in the denominator and a cohort that is void.
    function test_moneyOfAnEpoch() public {
        settle(EPOCH - 1);
        commitAll(EPOCH);
        assertEq(abi.encode(vault.moneyOf(EPOCH)), abi.encode(_money(EPOCH)), "while nothing is resolved");
        assertGt(vault.moneyOf(EPOCH).devicePool, 0);
        Opening[] memory openings = openingsOf(EPOCH, COHORT);
        warpTo(EPOCH, Phase.Open);
        consensus.finalize(EPOCH, COHORT, openings);
        warpTo(EPOCH, Phase.Finalize);
        consensus.voidCohort(EPOCH, 0);
        EpochMoney memory money = _money(EPOCH);
        assertGt(consensus.totalsOf(EPOCH).openCaps, 0);
        assertEq(abi.encode(vault.moneyOf(EPOCH)), abi.encode(money));
        money.opened = true;
        (, uint256 standing) = (vault.payCohort(EPOCH, COHORT, 1), vault.liability());
        assertGt(standing, 0);
        EpochMoney memory open = vault.moneyOf(EPOCH);
        assertGt(open.paid, 0);
        assertGt(open.keeperPaid, 0);
        (money.paid, money.keeperPaid) = (open.paid, open.keeperPaid);
        assertEq(abi.encode(open), abi.encode(money));
    }

    function _money(uint64 epoch) private view returns (EpochMoney memory money) {
        Emission memory emission = vault.emissionOf(epoch);
        EpochTotals memory totals = consensus.totalsOf(epoch);
        money.emission = emission.perEpoch;
        money.checkerPool = uint96(uint256(emission.perEpoch) * emission.checkerBps / 10_000);
        money.keeperPool = uint96(uint256(emission.perEpoch) * emission.keeperBps / 10_000);
        money.devicePool = emission.perEpoch - money.checkerPool - money.keeperPool;
        money.denominator = uint80(totals.credits + totals.openCaps);
        (money.bounty, money.maxPrice, money.drawnLanes) = (emission.bounty, emission.maxPrice, 5 * totals.lanes);
    }

    function test_devicesArePaid() public {
        _settleTwo();
        EpochMoney memory money = _money(EPOCH);
        money.opened = true;
        uint256 before = vault.liability();
        vm.expectEmit(address(vault));
        emit IRewardVault.EpochOpened(EPOCH, money);
        uint256 first = _payLanes(2, 2, 2 * BOUNTY / 64, 64);
        EpochMoney memory open = vault.moneyOf(EPOCH);
        assertEq(open.paid, first + 2 * (BOUNTY / 64));
        assertEq(open.keeperPaid, 2 * (BOUNTY / 64));
        assertEq(vault.liability(), before + money.emission - open.paid);
        assertEq(vault.lifetimePaid(), open.paid);
        uint256 rest = _payLanes(200, 62, 4 * (BOUNTY / 64), 66);
        open = vault.moneyOf(EPOCH);
        assertEq(open.paid, first + rest + 6 * (BOUNTY / 64));
        assertEq(open.keeperPaid, 6 * (BOUNTY / 64));
        assertEq(vault.liability(), before + money.emission - open.paid);
        assertEq(vault.lifetimePaid(), open.paid);
        assertEq(vault.payCohort(EPOCH, COHORT, 64), 0);
        assertEq(vault.moneyOf(EPOCH).paid, open.paid);
    }

    /// @dev `count` lanes from `lane` on: the event, the one call to the token and each transfer of it, the sum, and the keeper's bounty.
    function _payLanes(uint8 most, uint256 count, uint256 bounty, uint32 lane) private returns (uint256 sum) {
        EpochMoney memory money = _money(EPOCH);
        address[] memory payouts = new address[](count);
        uint256[] memory credits = new uint256[](count);
        uint256[] memory amounts = new uint256[](count);
        for (uint32 i; i < count; ++i) {
            credits[i] = consensus.creditOf(EPOCH, lane + i);
            amounts[i] = money.devicePool * credits[i] / money.denominator;
            if (registry.deviceAtLane(lane + i) == 0) continue;
            payouts[i] = registry.getDevice(registry.deviceAtLane(lane + i)).payout;
            assertGt(amounts[i], 0);
            sum += amounts[i];
        }
        vm.expectEmit(address(vault));
        emit IRewardVault.CohortPaid(EPOCH, COHORT, keeper, lane, payouts, credits, amounts);
        vm.expectCall(address(token), abi.encodeCall(token.transferMany, (payouts, amounts)), 1);
        for (uint256 i; i < count; ++i) {
            if (amounts[i] == 0) continue;
            vm.expectEmit(address(token));
            emit IKaisarToken.Transfer(address(vault), payouts[i], amounts[i]);
        }
        uint256 before = token.balanceOf(keeper);
        vm.prank(keeper);
        assertEq(vault.payCohort(EPOCH, COHORT, most), sum);
        assertEq(token.balanceOf(keeper) - before, bounty);
    }

    /// @dev Seats that agreed on less earn less; whoever calls earns by the lanes on which the best of them agreed.
    function test_checkersArePaid() public {
        _settleTwo();
        EpochMoney memory money = _money(EPOCH);
        CohortRecord memory record = consensus.cohortRecord(EPOCH, COHORT);
        address[5] memory committee = consensus.seatsOf(EPOCH, COHORT);
        uint8[5] memory agreed = [6, 6, 6, 5, 3];
        assertEq(abi.encode(record.agreed), abi.encode(agreed));
        address[5] memory payouts;
        uint256[5] memory amounts;
        uint256 sum;
        for (uint256 i; i < 5; ++i) {
            payouts[i] = payoutOf(committee[i]);
            amounts[i] = uint256(money.checkerPool) * agreed[i] / (5 * (64 + SECOND));
            sum += amounts[i];
        }
        vm.expectEmit(address(vault));
        emit IRewardVault.CheckersPaid(EPOCH, COHORT, payouts, agreed, amounts);
        vm.prank(keeper);
        assertEq(vault.payCheckers(EPOCH, COHORT), sum);
        for (uint256 i; i < 5; ++i) assertEq(token.balanceOf(payouts[i]), amounts[i]);
        uint256 bounty = 6 * (BOUNTY / 64);
        assertEq(token.balanceOf(keeper), bounty);
        EpochMoney memory open = vault.moneyOf(EPOCH);
        assertEq(open.paid, sum + bounty);
        assertEq(open.keeperPaid, bounty);
        assertEq(vault.lifetimePaid(), sum + bounty);
        assertEq(vault.liability(), money.emission - sum - bounty);
        assertTrue(consensus.cohortRecord(EPOCH, COHORT).checkersPaid);
        assertEq(consensus.cohortRecord(EPOCH, COHORT).lanesPaid, 0);
    }

    /// @dev Resolutions of 70 lanes and a seed, from their half; errands from the other.
    function test_keepersArePaid() public {
        _settleTwo();
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.EpochUnopened.selector, EPOCH));
        vault.payKeeper(EPOCH, keeper);
        vault.payCohort(EPOCH, COHORT, 1);
        vm.warp(consensus.epochStart(EPOCH + 2));
        rollSeed(EPOCH + 2);
        vm.warp(consensus.auditOf(EPOCH, COHORT, 0).closesAt);
        for (uint8 seat; seat < 2; ++seat) {
            vm.prank(keeper);
            consensus.strikeUnanswered(EPOCH, COHORT, seat);
        }
        EpochMoney memory before = vault.moneyOf(EPOCH);
        (uint256 liability, uint256 lifetime) = (vault.liability(), vault.lifetimePaid());
        uint256 lanes = 128 + 64 + SECOND; // pinned, rolled, two cohorts
        uint256 wanted = lanes * (BOUNTY / 64) + 128 * (BOUNTY / 64);
        vm.expectEmit(address(vault));
        emit IRewardVault.KeeperPaid(EPOCH, keeper, lanes, 128, wanted);
        assertEq(vault.payKeeper(EPOCH, keeper), wanted);
        assertEq(token.balanceOf(keeper), wanted);
        EpochMoney memory money = vault.moneyOf(EPOCH);
        assertEq(money.paid, before.paid + wanted);
        assertEq(money.keeperPaid, before.keeperPaid + 128 * (BOUNTY / 64));
        assertEq(vault.liability(), liability - wanted);
        assertEq(vault.lifetimePaid(), lifetime + wanted);
        assertEq(vault.payKeeper(EPOCH, keeper), 0);
        (lanes,) = consensus.keeperCalls(EPOCH, keeper);
        assertEq(lanes, 0);
    }

    /// @dev With bounties beyond all bounds, a half lasts for every lane and errand that there can be, and ends at its last wei.
    function test_bountiesEndWithTheirHalf() public {
        Emission memory large = defaultEmission();
        large.bounty = type(uint64).max;
        vm.prank(owner);
        vault.scheduleEmission(large); // from 6 on
        settle(EPOCH);
        settle(EPOCH + 1);
        uint64 epoch = EPOCH + 1;
        uint256 half = uint256(large.perEpoch) * large.keeperBps / 10_000 / 2;
        uint256 members = 64 + SECOND;
        address caller = makeAddr("caller");
        uint256 each = half / (3 * members + 64);
        vm.prank(caller);
        vault.payCohort(epoch, COHORT, 64);
        assertEq(token.balanceOf(caller), SECOND * each);
        vm.prank(caller);
        vault.payCheckers(epoch, COHORT);
        assertEq(token.balanceOf(caller), 2 * SECOND * each);
        uint256 keepers = (128 + members) * (half / (2 * members + 128));
        assertEq(vault.payKeeper(epoch, keeper), keepers, "the other half");
        assertEq(vault.moneyOf(epoch).keeperPaid, 2 * SECOND * each);
        for (uint256 i; i < 9; ++i) {
            vm.prank(address(registry));
            consensus.countErrand(caller, 64); // for the epoch before the present one
        }
        uint256 left = half - 2 * SECOND * each;
        assertLt(left, 9 * 64 * each);
        assertEq(vault.payKeeper(epoch, caller), left, "what is left of the half");
        assertEq(vault.moneyOf(epoch).keeperPaid, half);
        uint256 before = token.balanceOf(keeper);
        vm.prank(keeper);
        vault.payCohort(epoch, 0, 64);
        assertEq(token.balanceOf(keeper), before, "nothing is left");
    }

    // --- what is refused is owed

    function test_refusedPaymentsAreOwed() public {
        _settleTwo();
        address refusing = payoutOf(device(65));
        address seat = payoutOf(consensus.seatsOf(EPOCH, COHORT)[2]);
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transferMany.selector), "no");
        address[3] memory payees = [refusing, seat, keeper];
        for (uint256 i; i < 3; ++i) vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transfer.selector, payees[i]), "no");
        uint256[3] memory owed;
        EpochMoney memory money = _money(EPOCH);
        owed[0] = money.devicePool * consensus.creditOf(EPOCH, 65) / money.denominator;
        owed[1] = uint256(money.checkerPool) * 6 / (5 * (64 + SECOND));
        vm.startPrank(keeper);
        vm.expectEmit(address(vault));
        emit IRewardVault.Owed(refusing, owed[0]);
        vm.expectEmit(address(vault));
        emit IRewardVault.Owed(keeper, 6 * (BOUNTY / 64));
        uint256 sum = vault.payCohort(EPOCH, COHORT, 64);
        assertEq(vault.lifetimePaid(), sum - owed[0], "the rest arrived");
        vm.expectEmit(address(vault));
        emit IRewardVault.Owed(seat, owed[1]);
        vm.expectEmit(address(vault));
        emit IRewardVault.Owed(keeper, 6 * (BOUNTY / 64));
        uint256 second = vault.payCheckers(EPOCH, COHORT);
        assertEq(vault.lifetimePaid(), sum - owed[0] + second - owed[1]);
        owed[2] = 12 * (BOUNTY / 64);
        vm.expectEmit(address(vault));
        emit IRewardVault.Owed(keeper, (128 + 64 + SECOND) * (BOUNTY / 64));
        owed[2] += vault.payKeeper(EPOCH, keeper);
        vm.stopPrank();
        assertEq(vault.lifetimePaid(), sum - owed[0] + second - owed[1]);
        assertEq(vault.liability(), money.emission - vault.lifetimePaid());
        vm.clearMockedCalls();
        for (uint256 i; i < 3; ++i) {
            (uint256 liability, uint256 lifetime) = (vault.liability(), vault.lifetimePaid());
            assertEq(vault.owed(payees[i]), owed[i]);
            vm.expectEmit(address(vault));
            emit IRewardVault.Withdrawn(payees[i], owed[i]);
            assertEq(vault.withdraw(payees[i]), owed[i]);
            assertEq(token.balanceOf(payees[i]), owed[i]);
            assertEq(vault.owed(payees[i]), 0);
            assertEq(vault.liability(), liability - owed[i]);
            assertEq(vault.lifetimePaid(), lifetime + owed[i]);
            vm.expectRevert(abi.encodeWithSelector(IRewardVault.NothingOwed.selector, payees[i]));
            vault.withdraw(payees[i]);
        }
    }

    // --- closing

    function test_closingReturnsTheRest() public {
        _settleTwo();
        bytes memory unsettled = abi.encodeWithSelector(IRewardVault.EpochUnsettled.selector, EPOCH);
        for (uint32 cohort; cohort < 2; ++cohort) {
            vault.payCohort(EPOCH, cohort, 64);
            vm.expectRevert(unsettled);
            vault.closeEpoch(EPOCH);
            vault.payCheckers(EPOCH, cohort);
        }
        vm.warp(consensus.epochStart(EPOCH + 3) - 1);
        vm.expectRevert(unsettled);
        vault.closeEpoch(EPOCH); // its audits are not over
        vm.warp(consensus.epochStart(EPOCH + 3));
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.EpochUnsettled.selector, EPOCH - 1));
        vault.closeEpoch(EPOCH - 1); // never opened
        EpochMoney memory money = vault.moneyOf(EPOCH);
        (uint256 lifetime, uint256 before) = (vault.lifetimePaid(), token.balanceOf(keeper));
        uint256 rest = money.emission - money.paid - BOUNTY / 64 * 64;
        assertGt(rest, 0);
        vm.expectEmit(address(vault));
        emit IRewardVault.EpochClosed(EPOCH, money.paid + BOUNTY / 64 * 64, rest);
        vm.prank(keeper);
        vault.closeEpoch(EPOCH);
        assertEq(token.balanceOf(keeper) - before, BOUNTY / 64 * 64);
        assertEq(vault.liability(), 0);
        assertEq(vault.lifetimePaid(), lifetime + BOUNTY / 64 * 64);
        EpochMoney memory closed = vault.moneyOf(EPOCH);
        assertTrue(closed.closed);
        assertEq(closed.paid, money.paid + BOUNTY / 64 * 64);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.AlreadyClosed.selector, EPOCH));
        vault.closeEpoch(EPOCH);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.AlreadyClosed.selector, EPOCH));
        vault.payKeeper(EPOCH, keeper);
    }

    /// @dev The bounty of whoever closes may be refused too.
    function test_aRefusedClosingBountyIsOwed() public {
        _settleTwo();
        for (uint32 cohort; cohort < 2; ++cohort) {
            vault.payCohort(EPOCH, cohort, 64);
            vault.payCheckers(EPOCH, cohort);
        }
        vm.warp(consensus.epochStart(EPOCH + 3));
        uint256 lifetime = vault.lifetimePaid();
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transfer.selector, keeper), "no");
        vm.prank(keeper);
        vault.closeEpoch(EPOCH);
        assertEq(vault.owed(keeper), BOUNTY / 64 * 64);
        assertEq(vault.liability(), BOUNTY / 64 * 64);
        assertEq(vault.lifetimePaid(), lifetime);
    }

    // --- what the consensus has paid itself

    /// @dev Records that are overwritten are paid first, without a bounty for the contract that calls.
    function test_anOverwrittenCohortIsPaidWithoutABounty() public {
        settle(EPOCH);
        settle(EPOCH + 4);
        EpochMoney memory money = vault.moneyOf(EPOCH);
        assertTrue(money.opened);
        assertEq(money.keeperPaid, 0);
        assertEq(token.balanceOf(address(consensus)), 0);
        assertEq(vault.owed(address(consensus)), 0);
        assertGt(token.balanceOf(payoutOf(device(65))), 0);
        assertGt(token.balanceOf(payoutOf(operators[0])), 0);
        assertEq(consensus.totalsOf(EPOCH).unpaid, 0);
        assertEq(consensus.totalsOf(EPOCH + 4).unpaid, 2);
    }

    // --- refusals

    function test_refusals() public {
        bytes memory unfixed = abi.encodeWithSelector(IRewardVault.TotalNotFixed.selector, EPOCH);
        vm.expectRevert(unfixed);
        vault.payCohort(EPOCH, COHORT, 64);
        vm.expectRevert(unfixed);
        vault.payCheckers(EPOCH, COHORT);
        vm.expectRevert(IRewardVault.ZeroAmount.selector);
        vault.fund(0);
        settle(EPOCH);
        assertEq(vault.payCohort(EPOCH, 9, 64), 0, "no such cohort");
        assertEq(vault.payCheckers(EPOCH, 9), 0);
        assertFalse(vault.moneyOf(EPOCH).opened);
        vault.payCheckers(EPOCH, COHORT);
        assertEq(vault.payCheckers(EPOCH, COHORT), 0);
    }

    /// @dev An epoch without standings and credits: nothing for devices once its total is fixed.
    function test_anEpochThatIsFixedWithoutCredits() public {
        rollSeed(EPOCH);
        settleHonestly(EPOCH, uniformClaim(64, 0, 0));
        EpochMoney memory money = vault.moneyOf(EPOCH);
        assertEq(money.devicePool, 0);
        assertEq(money.emission, money.checkerPool + money.keeperPool);
        assertEq(money.denominator, consensus.totalsOf(EPOCH).openCaps);
    }

    function _settleTwo() private {
        settle(EPOCH - 1);
        settle(EPOCH);
    }
}

contract VaultLockPins is Stage {
    function deployToken() internal override returns (IKaisarToken) {
        return IKaisarToken(address(new HostileToken(address(this))));
    }

    /// @dev Each call that moves money, from within each: the lock refuses, though each would succeed alone.
    function test_noCallFromWithinACall() public {
        setStage();
        settle(EPOCH - 1);
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transfer.selector, payoutOf(consensus.seatsOf(4, 0)[0])), "no");
        for (uint32 cohort; cohort < 2; ++cohort) {
            vault.payCohort(EPOCH - 1, cohort, 64);
            vault.payCheckers(EPOCH - 1, cohort);
        }
        vm.clearMockedCalls();
        settle(EPOCH);
        vault.payCohort(EPOCH, 0, 64);
        vm.warp(consensus.epochStart(EPOCH + 2) + 8); // the audits of the first are over
        token.transfer(address(token), 1 ether);
        vm.prank(address(token));
        token.approve(address(vault), 1 ether);
        bytes[6] memory calls = [
            abi.encodeCall(vault.fund, (1)),
            abi.encodeCall(vault.payCohort, (EPOCH, COHORT, 64)),
            abi.encodeCall(vault.payCheckers, (EPOCH, COHORT)),
            abi.encodeCall(vault.payKeeper, (EPOCH, keeper)),
            abi.encodeCall(vault.withdraw, (payoutOf(consensus.seatsOf(EPOCH - 1, 0)[0]))),
            abi.encodeCall(vault.closeEpoch, (EPOCH - 1))
        ];
        for (uint256 outer; outer < 6; ++outer) {
            for (uint256 inner; inner < 6; ++inner) {
                if (inner == outer) continue;
                uint256 snapshot = vm.snapshotState();
                vm.prank(address(token));
                (bool done,) = address(vault).call(calls[inner]);
                assertTrue(done, "possible alone");
                assertTrue(vm.revertToState(snapshot));
                HostileToken(address(token)).callBack(address(vault), calls[inner], false);
                (done,) = address(vault).call(calls[outer]);
                assertTrue(done, "and the other one");
                assertTrue(HostileToken(address(token)).called());
                assertFalse(HostileToken(address(token)).succeeded());
                assertTrue(vm.revertToState(snapshot));
            }
        }
    }
}
