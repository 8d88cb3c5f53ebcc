// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CheckerSeats} from "../src/CheckerSeats.sol";
import {DeviceRegistry} from "../src/DeviceRegistry.sol";
import {EpochConsensus} from "../src/EpochConsensus.sol";
import {KaisarToken} from "../src/KaisarToken.sol";
import {RewardVault} from "../src/RewardVault.sol";
import {EpochExtension} from "../src/EpochExtension.sol";
import {ICheckerSeats} from "../src/interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "../src/interfaces/IDeviceRegistry.sol";
import {IEpochReports, Opening, Phase, ScoreRules, Timeline} from "../src/interfaces/IEpochConsensus.sol";
import {IGovernedReports} from "../src/interfaces/IGoverned.sol";
import {IKaisarToken, IKaisarTokenOwn} from "../src/interfaces/IKaisarToken.sol";
import {IRewardVault} from "../src/interfaces/IRewardVault.sol";
import {CheckerOverview, CohortOverview, DeviceOverview, EpochOverview, IKaisarLens} from "../src/interfaces/IKaisarLens.sol";
import {Fixture} from "./support/Fixture.sol";
import {HostileToken} from "./support/HostileToken.sol";

/// @title The token, hostile tokens, wrong wiring, and the lens
contract TokenTest is Fixture {
    bool private hostile;

    function deployToken() internal override returns (IKaisarToken) {
        if (!hostile) return super.deployToken();
        return IKaisarToken(address(new HostileToken(address(this))));
    }

    function test_supplyIsCapped() public {
        vm.expectRevert(abi.encodeWithSelector(IKaisarTokenOwn.InvalidSupply.selector, 1e27 + 1, 1e27));
        this.makeToken(address(this), 1e27 + 1);
        vm.expectRevert(abi.encodeWithSelector(IKaisarTokenOwn.InvalidSupply.selector, 1, 1e27));
        this.makeToken(address(0), 1);
        KaisarToken t = new KaisarToken(address(this), 5);
        assertEq(t.totalSupply(), 5);
        assertEq(t.name(), "Kaisar");
        assertEq(t.symbol(), "KAI");
        assertEq(t.allowance(address(this), 0x000000000022D473030F116dDEE9F6B43aC78BA3), 0, "no standing allowance");
    }

    /// @dev transferMany is transfer, repeated: same balances, also for repeated payees and for the caller itself.
    function testFuzz_transferManyEqualsTransfers(uint256 seed, uint8 count) public {
        KaisarToken many = new KaisarToken(address(this), 1e27);
        KaisarToken single = new KaisarToken(address(this), 1e27);
        address[] memory payees = new address[](count % 20);
        uint256[] memory amounts = new uint256[](payees.length);
        for (uint256 i; i < payees.length; ++i) {
            uint256 r = uint256(keccak256(abi.encode(seed, i)));
            payees[i] = r % 5 == 0 ? address(this) : address(uint160(1 + r % 7));
            amounts[i] = r % 3 == 0 ? 0 : r % 1e25;
            single.transfer(payees[i], amounts[i]);
        }
        many.transferMany(payees, amounts);
        for (uint160 i; i < 9; ++i) assertEq(many.balanceOf(address(i)), single.balanceOf(address(i)));
        assertEq(many.balanceOf(address(this)), single.balanceOf(address(this)));
    }

    function test_transferManyIsAllOrNothing() public {
        KaisarToken t = new KaisarToken(address(this), 10);
        address[] memory payees = new address[](2);
        uint256[] memory amounts = new uint256[](2);
        (payees[0], payees[1], amounts[0], amounts[1]) = (address(1), address(2), 6, 5);
        vm.expectRevert(bytes4(keccak256("InsufficientBalance()")));
        t.transferMany(payees, amounts);
        assertEq(t.balanceOf(address(1)), 0);
        vm.expectRevert(IKaisarTokenOwn.LengthMismatch.selector);
        t.transferMany(payees, new uint256[](1));
    }

    function test_feeOnTransferIsRefusedEverywhere() public {
        hostile = true;
        deployAll();
        HostileToken(address(token)).take(true);
        vm.expectRevert(IRewardVault.TransferFailed.selector);
        vault.fund(1 ether);
        token.approve(address(registry), type(uint256).max);
        vm.expectRevert(IDeviceRegistry.TransferFailed.selector);
        registry.register("x", address(this), "d", "c", 0);
    }

    /// @dev A token that calls back gets nothing twice: its transfer fails, and the payment is owed.
    function test_reentrantTokenCannotBePaidTwice() public {
        hostile = true;
        deployAll();
        bondCheckers(5, 1);
        registerDevices(1);
        startEpochs();
        settleHonestly(0, uniformClaim(1, 100, 10_000));
        HostileToken(address(token)).callBack(address(vault), abi.encodeCall(vault.payCohort, (0, 0, 64)), true);
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transferMany.selector), "");
        uint256 paid = vault.payCohort(0, 0, 64);
        assertEq(vault.owed(payoutOf(makeAddr("device-0"))), paid);
        assertEq(vault.lifetimePaid(), 0);
        HostileToken(address(token)).callBack(address(0), "", false);
        assertEq(vault.withdraw(payoutOf(makeAddr("device-0"))), paid);
        assertEq(vault.lifetimePaid(), paid);
    }

    function test_wrongWiringIsRefused() public {
        deployAll();
        EpochExtension extension = new EpochExtension(registry, seats, vault, 16, 0);
        vm.expectRevert(IGovernedReports.WrongWiring.selector);
        this.makeConsensus(
            registry, seats, vault, extension, owner, guardian, defaultTimeline(), defaultRounds(), defaultScores()
        );
        vm.expectRevert(IGovernedReports.WrongWiring.selector);
        this.makeVault(token, registry, seats, consensus, owner, guardian, defaultEmission());
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        this.makeVault(IKaisarToken(address(0)), registry, seats, consensus, owner, guardian, defaultEmission());
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        this.makeRegistry(token, consensus, owner, guardian, address(0), DEPOSIT);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, bytes32("deposit")));
        this.makeRegistry(token, consensus, owner, guardian, treasury, 0);
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        this.makeRegistry(token, consensus, address(0), guardian, treasury, DEPOSIT);
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        this.makeSeats(token, consensus, owner, guardian, address(0), SEAT_BOND, defaultSeatRules());
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, bytes32("seatBond")));
        this.makeSeats(token, consensus, owner, guardian, treasury, 0, defaultSeatRules());
    }

    /// @dev The extension's own storage is empty: called directly it refuses, and holds nothing to move.
    function test_theExtensionAloneDoesNothing() public {
        deployAll();
        EpochExtension alone = EpochConsensus(address(consensus)).extension();
        vm.expectRevert();
        alone.reveal(0, 0, new Opening[](0));
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotOwner.selector, address(this)));
        alone.scheduleScoreRules(defaultScores());
    }

    function test_unpaidFirstEpochs() public {
        Timeline memory later = defaultTimeline();
        later.firstPaidEpoch = 1;
        deployAll(later, defaultScores(), defaultEmission());
        bondCheckers(5, 1);
        registerDevices(1);
        startEpochs();
        settleHonestly(0, uniformClaim(1, 100, 10_000));
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.UnpaidEpoch.selector, 0));
        vault.payCohort(0, 0, 64);
        assertEq(consensus.standingAtLane(0), 100, "judged all the same");
        vm.warp(consensus.epochStart(4));
        (bool any, uint64 settled) = consensus.settledThrough();
        assertTrue(any);
        assertEq(settled, 1, "and it holds nobody's bond");
    }

    function test_lensShowsWhatTheContractsSay() public {
        deployAll();
        EpochOverview memory e = lens.epochOverview(0);
        assertEq(e.startsAt, 0);
        bondCheckers(5, 1);
        registerDevices(2);
        startEpochs();
        IKaisarLens.Contracts memory c = lens.contracts();
        assertEq(c.vault, address(vault));
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        vault.payCohort(0, 0, 64);
        e = lens.epochOverview(0);
        assertEq(uint256(e.phase), uint256(Phase.Open));
        assertEq(e.members, 2);
        assertTrue(e.totalFixed && e.money.opened);
        assertEq(e.payAt, consensus.phaseStart(0, Phase.Pay));
        CohortOverview memory k = lens.cohortOverview(0, 0);
        assertEq(k.committed, 31);
        assertEq(k.members[1], deviceIds[1]);
        assertEq(lens.cohortOverview(9, 0).seats[0], address(0));
        DeviceOverview[] memory d = lens.devices(0, 100);
        assertEq(d.length, 2);
        assertEq(d[1].standing, consensus.standing(deviceIds[1]));
        assertEq(d[0].payoutBalance, token.balanceOf(d[0].device.payout));
        assertEq(lens.devices(5, 1).length, 0);
        CheckerOverview[] memory s = lens.checkers(1, 3);
        assertEq(s.length, 3);
        assertEq(s[0].checker.operator, operators[0]);
        assertEq(lens.cohortsOf(0, operators[0], 0, 10).length, 1);
        assertEq(lens.cohortsOf(0, makeAddr("nobody"), 0, 10).length, 0);
        assertEq(seats.seatOwners(0, 1, 2).length, 2);
        assertEq(seats.seatOwners(0, 4, 9).length, 1);
        assertEq(seats.seatOwners(0, 9, 9).length, 0);
        assertEq(consensus.commitmentDepth(0), 0);
        assertEq(registry.laneCount(), 2);
    }

    function test_constantsHaveBounds() public {
        deployAll();
        EpochExtension extension = new EpochExtension(registry, seats, vault, 16, 0);
        bytes32[5] memory names =
            [bytes32("epochSeconds"), "firstEpochAt", "firstStanding", "uptimeTolerance", "uptimeTolerance"];
        for (uint256 i; i < 5; ++i) {
            Timeline memory timeline = defaultTimeline();
            ScoreRules memory scores = defaultScores();
            if (i == 0) timeline.epochSeconds = 7;
            if (i == 1) timeline.firstEpochAt = 1;
            if (i == 2) scores.firstStanding = 0;
            if (i == 3) scores.uptimeTolerance = 0;
            if (i == 4) scores.uptimeTolerance = 2_501;
            vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, names[i]));
            this.makeConsensus(registry, seats, vault, extension, owner, guardian, timeline, defaultRounds(), scores);
        }
    }

    /// @dev Fewer owners than the committee: a named error, however many seats they hold; and no committee without a seed.
    function test_tooFewOwnersHaveNoCommittee() public {
        deployAll();
        bondCheckers(2, 2);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.TooFewOwners.selector, 0));
        seats.committee(0, "seed", 0);
        bondChecker("third", 16);
        bondChecker("fourth", 1);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.TooFewOwners.selector, 0));
        seats.committee(0, "seed", 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NoSeed.selector, 0));
        consensus.seatsOf(0, 0);
    }
}
