// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checker, ICheckerSeats, Receipt as SeatReceipt, SeatRules, StrikeReason as SR} from "../src/interfaces/ICheckerSeats.sol";
import {Commitment, Device, DeviceRecord, IDeviceRegistry} from "../src/interfaces/IDeviceRegistry.sol";
import {CohortState, IEpochReports, Opening, Phase, RoundRules, ScoreRules, Timeline} from "../src/interfaces/IEpochConsensus.sol";
import {IGoverned, IGovernedReports} from "../src/interfaces/IGoverned.sol";
import {Emission, EpochMoney, IRewardVault} from "../src/interfaces/IRewardVault.sol";
import {Fixture} from "./support/Fixture.sol";

/// @title Devices, seats, money and governance: every refusal by its name
contract ActorsTest is Fixture {
    bytes32 private id;
    address private device;

    bytes32 private constant LOCAL_ID = "local id";
    bytes32 private constant DEVICE_HASH = "hash of the device";
    bytes32 private constant CERTIFICATE = "hash of the certificate";
    string private constant ENDPOINT = "wss://checker.example";

    address private outsider = makeAddr("outsider");

    function setUp() public {
        deployAll();
        bondCheckers(6, 2);
        registerDevices(2);
        startEpochs();
        (id, device) = (deviceIds[0], makeAddr("device-0"));
    }

    // --- devices

    function test_registerRefusesNoPayoutWallet() public {
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        registry.register(LOCAL_ID, address(0), DEVICE_HASH, CERTIFICATE, 0);
    }

    function test_registerRefusesNoDeviceHash() public {
        vm.expectRevert(IDeviceRegistry.EmptyRecord.selector);
        registry.register(LOCAL_ID, device, 0, CERTIFICATE, 0);
    }

    function test_registerRefusesNoCertificate() public {
        vm.expectRevert(IDeviceRegistry.EmptyRecord.selector);
        registry.register(LOCAL_ID, device, DEVICE_HASH, 0, 0);
    }

    function test_renewalRefusesAnotherPayoutWallet() public {
        vm.prank(device);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, device, payoutOf(device)));
        registry.register(keccak256("device-0"), device, DEVICE_HASH, CERTIFICATE, 0);
    }

    function test_registerRefusesAnUnpaidDeposit() public {
        vm.startPrank(device);
        token.approve(address(registry), 0);
        vm.expectRevert(IDeviceRegistry.TransferFailed.selector);
        registry.register(LOCAL_ID, device, DEVICE_HASH, CERTIFICATE, 0);
    }

    function test_registerRefusesWhilePaused() public {
        vm.prank(guardian);
        IGoverned(address(registry)).pause(0);
        vm.prank(device);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.Paused.selector, 0, block.timestamp + 7 days));
        registry.register(LOCAL_ID, device, DEVICE_HASH, CERTIFICATE, 0);
    }

    /// @dev Invariants 18 and 22: a registration in epoch x counts from x + 1, a new generation too, and no verdict moves.
    function test_registrationAndRenewalCountFromTheNextEpoch() public {
        vm.warp(firstEpochAt);
        bytes32 late = registerDevice("late");
        assertEq(registry.occupancy(0, 0), 3);
        assertEq(registry.occupancy(1, 0), 7);
        assertEq(registry.generationAt(late, 0), 0);
        assertEq(registry.generationAt(late, 1), 1);
        vm.prank(device);
        registry.register(keccak256("device-0"), payoutOf(device), "new", "new", 0);
        assertEq(registry.generationAt(id, 0), 1);
        assertEq(registry.generationAt(id, 1), 2);
        Device memory d = registry.getDevice(id);
        assertEq(d.generation, 2);
        assertEq(d.generationFrom, 1);
        assertEq(registry.recordOf(id, 1).deviceHash, keccak256("device"));
        assertEq(d.record.deviceHash, bytes32("new"));
        assertEq(token.balanceOf(address(registry)), 3 * DEPOSIT, "no second deposit");
        Claim memory claim = uniformClaim(3, 3000, 10_000);
        settleHonestly(0, claim);
        assertEq(consensus.creditOf(0, 2), 0, "registered during the epoch");
        assertGt(consensus.creditOf(0, 0), 0);
    }

    function test_payoutWalletAlone() public {
        vm.prank(device);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, device, payoutOf(device)));
        registry.setPayout(id, device);
        vm.startPrank(payoutOf(device));
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        registry.setPayout(id, address(0));
        registry.setPayout(id, address(0xbeef));
        vm.stopPrank();
        assertEq(registry.getDevice(id).payout, address(0xbeef));
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.UnknownDevice.selector, bytes32("no")));
        registry.getDevice("no");
    }

    /// @dev Invariant 4: the deposit is held until the last epoch is paid and audited; the standing comes back with the device.
    function test_exitAndReturn() public {
        settleHonestly(0, uniformClaim(2, 2000, 10_000));
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotOperatorOrPayout.selector, address(this)));
        registry.requestExit(id);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DeviceNotLeaving.selector, id));
        registry.withdrawDeposit(id);
        vm.startPrank(device);
        registry.requestExit(id);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DeviceLeaving.selector, id, 1));
        registry.requestExit(id);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DeviceLeaving.selector, id, 1));
        registry.register(keccak256("device-0"), payoutOf(device), "d", "c", 0);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DepositHeld.selector, id, 1, 0));
        registry.withdrawDeposit(id);
        vm.warp(consensus.epochStart(6));
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.LaneUnpaid.selector, id, 0));
        registry.withdrawDeposit(id); // epoch 0 is not paid
        vault.payCohort(0, 0, 1);
        uint256 before = token.balanceOf(payoutOf(device));
        registry.withdrawDeposit(id);
        assertEq(token.balanceOf(payoutOf(device)), before + DEPOSIT);
        assertEq(consensus.standing(id), 2000, "kept");
        assertFalse(registry.isRegistered(id));
        assertEq(registry.payoutOf(id), payoutOf(device), "kept");
        bytes32 other = registerDevice("other");
        assertEq(registry.getDevice(other).lane, 0, "the lane is used again");
        assertEq(consensus.standingAtLane(0), 0, "with nothing of its predecessor");
        registerDevice("device-0");
        assertEq(registry.getDevice(id).generation, 2);
        assertEq(consensus.standingAtLane(registry.getDevice(id).lane), 2000);
    }

    function test_exitBeforeTheFirstEpoch() public {
        bytes32 early = registerDevice("early");
        vm.prank(payoutOf(makeAddr("early")));
        registry.requestExit(early);
        registry.withdrawDeposit(early);
        assertEq(registry.occupancy(0, 0), 3);
    }

    function test_delistAfterSilence() public {
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DeviceNotSilent.selector, id, 0, 3));
        registry.delist(id);
        for (uint64 epoch; epoch < 3; ++epoch) {
            Claim memory claim = uniformClaim(2, 3000, 10_000);
            claim.rates[0] = 0;
            settleHonestly(epoch, claim);
            warpTo(epoch, Phase.Finalize);
            rollSeed(epoch + 2);
        }
        assertEq(consensus.silentEpochs(0), 3);
        registry.delist(id);
        assertEq(registry.getDevice(id).until, consensus.currentEpoch());
    }

    function test_attestedIdentityBecomesExclusiveWhenConfirmed() public {
        bytes32 identity = keccak256("card");
        bytes32 mine = registerDevice("attested", identity);
        bytes32 squatter = registerDevice("squatter", identity);
        vm.warp(firstEpochAt);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityUnconfirmed.selector, mine));
        registry.claimIdentity(mine);
        Claim memory claim = uniformClaim(4, 3000, 10_000);
        claim.flags[3] = 14; // no valid attestation
        settleHonestly(0, claim);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityUnconfirmed.selector, squatter));
        registry.claimIdentity(squatter);
        registry.claimIdentity(mine);
        assertEq(registry.identityOwner(identity), mine);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityTaken.selector, identity, mine));
        registry.claimIdentity(mine);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityUnconfirmed.selector, squatter));
        registry.claimIdentity(squatter);
        address thief = makeAddr("thief");
        vm.prank(thief);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityTaken.selector, identity, mine));
        registry.register("z", thief, "d", "c", identity);
        // Another identity gives the first one up.
        vm.prank(makeAddr("attested"));
        registry.register(keccak256("attested"), payoutOf(makeAddr("attested")), "d", "c", 0);
        assertEq(registry.identityOwner(identity), 0);
    }

    function test_twoCommitmentsForOneRoundCostTheDeposit() public {
        Commitment memory a = Commitment(0, keccak256("round"), id, 1, keccak256("spec"), 10, keccak256("root"), 0);
        Commitment memory b = a;
        b = Commitment(0, keccak256("round"), id, 1, keccak256("spec"), 11, keccak256("root"), 0);
        bytes memory signedA = _signCommitment(device, a);
        bytes memory signedB = _signCommitment(device, b);
        vm.expectRevert(IDeviceRegistry.NotEquivocation.selector);
        registry.slashEquivocation(a, signedA, a, signedA);
        Commitment memory other = b;
        other = Commitment(0, keccak256("fork"), id, 1, keccak256("spec"), 11, keccak256("root"), 0);
        bytes memory signedOther = _signCommitment(device, other);
        vm.expectRevert(IDeviceRegistry.NotEquivocation.selector);
        registry.slashEquivocation(a, signedA, other, signedOther); // after a reorg: two rounds, no fraud
        bytes memory stranger = _signCommitment(operators[0], b);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.WrongSigner.selector, operators[0], device));
        registry.slashEquivocation(a, signedA, b, stranger);
        registry.slashEquivocation(a, signedA, b, signedB);
        assertEq(token.balanceOf(treasury), DEPOSIT);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NothingToSlash.selector, id));
        registry.slashEquivocation(a, signedA, b, signedB);
    }

    // --- seats

    function test_bondRefusesWhoIsBonded() public {
        vm.prank(operators[0]);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.AlreadyBonded.selector, operators[0]));
        seats.bond(operators[0], 1, ENDPOINT, CERTIFICATE);
    }

    function test_bondRefusesNoPayoutWallet() public {
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        seats.bond(address(0), 1, ENDPOINT, CERTIFICATE);
    }

    function test_bondRefusesNoSeat() public {
        vm.prank(outsider);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InvalidSeatCount.selector, 0));
        seats.bond(outsider, 0, ENDPOINT, CERTIFICATE);
    }

    function test_bondRefusesWhatIsNotPaid() public {
        vm.prank(outsider);
        vm.expectRevert(ICheckerSeats.TransferFailed.selector);
        seats.bond(outsider, 1, ENDPOINT, CERTIFICATE);
    }

    function test_addSeatsRefusesNone() public {
        vm.prank(operators[0]);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InvalidSeatCount.selector, 0));
        seats.addSeats(0);
    }

    function test_addSeatsRefusesASeventeenth() public {
        vm.prank(operators[0]);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InvalidSeatCount.selector, 17));
        seats.addSeats(15);
    }

    function test_addSeatsRefusesAStranger() public {
        vm.prank(outsider);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.UnknownChecker.selector, outsider));
        seats.addSeats(1);
    }

    function test_setEndpointRefusesNoEndpoint() public {
        vm.prank(operators[0]);
        vm.expectRevert(ICheckerSeats.InvalidEndpoint.selector);
        seats.setEndpoint("", CERTIFICATE);
    }

    function test_setEndpointRefusesNoCertificate() public {
        vm.prank(operators[0]);
        vm.expectRevert(ICheckerSeats.InvalidEndpoint.selector);
        seats.setEndpoint(ENDPOINT, 0);
    }

    function test_setEndpointRefusesMoreThan256Bytes() public {
        vm.prank(operators[0]);
        vm.expectRevert(ICheckerSeats.InvalidEndpoint.selector);
        seats.setEndpoint(string(new bytes(257)), CERTIFICATE);
    }

    function test_setEndpointRefusesAStranger() public {
        vm.prank(outsider);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.UnknownChecker.selector, outsider));
        seats.setEndpoint(ENDPOINT, CERTIFICATE);
    }

    function test_endpointIsWhatItsOperatorSetLast() public {
        vm.prank(operators[0]);
        seats.setEndpoint(ENDPOINT, CERTIFICATE);
        assertEq(seats.checker(operators[0]).endpoint, ENDPOINT);
    }

    function test_unbondRefusesTheOperator() public {
        address who = operators[0];
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.NotPayout.selector, who, payoutOf(who)));
        seats.unbond(who, 1);
    }

    function test_unbondRefusesMoreSeatsThanThereAre() public {
        vm.prank(payoutOf(operators[0]));
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InvalidSeatCount.selector, 3));
        seats.unbond(operators[0], 3);
    }

    function test_unbondRefusesNoSeat() public {
        vm.prank(payoutOf(operators[0]));
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InvalidSeatCount.selector, 0));
        seats.unbond(operators[0], 0);
    }

    function test_setPayoutOfACheckerRefusesTheOperator() public {
        address who = operators[0];
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.NotPayout.selector, who, payoutOf(who)));
        seats.setPayout(who, who);
    }

    function test_setPayoutOfACheckerRefusesNoWallet() public {
        vm.prank(payoutOf(operators[0]));
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        seats.setPayout(operators[0], address(0));
    }

    function test_payoutWalletOfACheckerNamesTheNext() public {
        vm.prank(payoutOf(operators[0]));
        seats.setPayout(operators[0], address(0xbeef));
        assertEq(seats.checker(operators[0]).payout, address(0xbeef));
    }

    function test_strikeRefusesAStranger() public {
        vm.prank(outsider);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotKaisarContract.selector, outsider));
        seats.strike(operators[0], 0, 0, SR.Unopened);
    }

    /// @dev Invariant 28.
    function test_bondStaysUntilItsLastFrozenEpochIsSettled() public {
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.NothingToWithdraw.selector, operators[0]));
        seats.withdrawBond(operators[0]);
        vm.prank(payoutOf(operators[0]));
        seats.unbond(operators[0], 2);
        assertEq(seats.activeOwners(), 5);
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.BondHeld.selector, operators[0], 1, 0));
        seats.withdrawBond(operators[0]);
        vm.warp(consensus.epochStart(3) + 15);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.BondHeld.selector, operators[0], 1, 0));
        seats.withdrawBond(operators[0]);
        vm.warp(consensus.epochStart(3) + 16);
        uint256 before = token.balanceOf(payoutOf(operators[0]));
        seats.withdrawBond(operators[0]);
        assertEq(token.balanceOf(payoutOf(operators[0])), before + 2 * SEAT_BOND);
    }

    function test_strikesJailAndReturn() public {
        address who = operators[0];
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.TooFewStrikes.selector, who, 0, 3));
        seats.jail(who);
        vm.prank(who);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.NotInJail.selector, who));
        seats.unjail();
        for (uint64 epoch; epoch < 3; ++epoch) {
            vm.prank(address(consensus));
            seats.strike(who, epoch, 0, SR.Malformed);
        }
        seats.jail(who);
        assertEq(seats.checker(who).seats, 0);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InJail.selector, who, 5));
        seats.jail(who);
        vm.startPrank(who);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InJail.selector, who, 5));
        seats.addSeats(1);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InJail.selector, who, 5));
        seats.unjail();
        vm.warp(consensus.epochStart(5));
        seats.unjail();
        vm.stopPrank();
        assertEq(seats.checker(who).seats, 1, "what three strikes left of the bond covers");
        assertEq(token.balanceOf(address(seats)), 12 * SEAT_BOND - 3 * SEAT_BOND / 100);
    }

    function test_receiptThatContradictsTheOpeningIsSlashed() public {
        warpTo(0, Phase.Commit);
        address who = operators[0];
        uint256[10][] memory words = one(pack(uniformClaim(2, 3000, 10_000)));
        commitWords(0, who, words);
        Opening memory opening = openingOf(0, who, 0, 0, words);
        SeatReceipt memory receipt = SeatReceipt(0, 0, 1, deviceIds[1], 1, 3000, 10_000, 15);
        bytes memory signature = _signReceipt(who, receipt);
        vm.expectRevert(ICheckerSeats.NotEquivocation.selector);
        seats.slashReceipt(who, receipt, signature, opening);
        receipt.rate = 4000;
        vm.expectPartialRevert(ICheckerSeats.WrongSigner.selector);
        seats.slashReceipt(who, receipt, signature, opening);
        signature = _signReceipt(who, receipt);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.UnknownChecker.selector, address(this)));
        seats.slashReceipt(address(this), receipt, signature, opening);
        seats.slashReceipt(who, receipt, signature, opening);
        assertEq(token.balanceOf(treasury), 2 * SEAT_BOND / 10);
        vm.expectPartialRevert(ICheckerSeats.AlreadySlashed.selector);
        seats.slashReceipt(who, receipt, signature, opening);
        opening.words[0] ^= 1;
        vm.expectRevert(ICheckerSeats.NotEquivocation.selector);
        seats.slashReceipt(who, receipt, signature, opening);
        seats.jail(who); // no longer covered
        vm.warp(consensus.epochStart(7));
        vm.startPrank(who);
        seats.unjail();
        assertEq(seats.checker(who).seats, 1);
        seats.addSeats(1);
        assertEq(seats.checker(who).bond, 2 * SEAT_BOND, "topped up");
        vm.stopPrank();
    }

    /// @dev What an owner without anything bonded has to lose is nothing, and it says so.
    function test_nothingLeftToSlash() public {
        address who = operators[0];
        warpTo(0, Phase.Commit);
        uint256[10][] memory words = one(pack(uniformClaim(2, 3000, 10_000)));
        commitWords(0, who, words);
        vm.prank(payoutOf(who));
        seats.unbond(who, 2);
        // Long after: the chain keeps what was committed to until the owner commits again.
        warpTo(0, Phase.Open);
        consensus.voidCohort(0, 0);
        vm.warp(consensus.epochStart(6));
        seats.withdrawBond(who);
        SeatReceipt memory receipt = SeatReceipt(0, 0, 1, deviceIds[1], 1, 4000, 10_000, 15);
        bytes memory signature = _signReceipt(who, receipt);
        Opening memory opening = openingOf(0, who, 0, 0, words);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.NothingToSlash.selector, who));
        seats.slashReceipt(who, receipt, signature, opening);
    }

    // --- money

    function test_fundRefusesNothing() public {
        vm.expectRevert(IRewardVault.ZeroAmount.selector);
        vault.fund(0);
    }

    function test_fundRefusesMoreThanTheCallerHas() public {
        vm.prank(device);
        vm.expectRevert(IRewardVault.TransferFailed.selector);
        vault.fund(1e30);
    }

    function test_payCohortRefusesBeforeTheTotalIsFixed() public {
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.TotalNotFixed.selector, 0));
        vault.payCohort(0, 0, 64);
    }

    function test_withdrawRefusesWhomNothingIsOwed() public {
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NothingOwed.selector, device));
        vault.withdraw(device);
    }

    function test_closeEpochRefusesBeforeItIsSettled() public {
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.EpochUnsettled.selector, 0));
        vault.closeEpoch(0);
    }

    /// @dev Invariants 1, 2, 3 and 21: split or not, the same is paid; what is left goes back; nothing is paid twice.
    function test_splitPaymentsAndClosing() public {
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        uint256 first = vault.payCohort(0, 0, 1);
        assertEq(vault.payCohort(0, 0, 1), first);
        assertEq(vault.payCohort(0, 0, 64), 0);
        assertEq(vault.payCohort(0, 0, 64), 0);
        vault.payCheckers(0, 0);
        assertEq(vault.payCheckers(0, 0), 0);
        assertEq(vault.payKeeper(0, keeper), 0.1 ether * (128 + 2) / uint256(64), "a pin, a roll, and a cohort of two");
        assertEq(vault.payKeeper(0, keeper), 0);
        EpochMoney memory money = vault.moneyOf(0);
        assertLe(money.paid, money.emission);
        assertEq(vault.liability(), money.emission - money.paid);
        vm.warp(consensus.epochStart(4));
        uint256 before = token.balanceOf(address(this));
        vault.closeEpoch(0);
        assertEq(token.balanceOf(address(this)) - before, 0.1 ether, "whoever closes is paid for it");
        money = vault.moneyOf(0);
        assertEq(vault.liability(), 0);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.AlreadyClosed.selector, 0));
        vault.closeEpoch(0);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.AlreadyClosed.selector, 0));
        vault.payKeeper(0, keeper);
        assertEq(vault.lifetimePaid(), money.paid);
        assertEq(vault.funded() - token.balanceOf(address(vault)), money.paid);
        assertLe(vault.lifetimePaid() + vault.liability(), vault.funded());
    }

    /// @dev A payee the token refuses is owed its money and blocks nobody.
    function test_undeliverablePaymentIsOwed() public {
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        address payee = payoutOf(device);
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transferMany.selector), "no");
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transfer.selector, payee), "no");
        uint256 paid = vault.payCohort(0, 0, 64);
        assertEq(vault.owed(payee), paid / 2);
        assertEq(token.balanceOf(payoutOf(makeAddr("device-1"))), paid / 2);
        assertGe(token.balanceOf(address(vault)), vault.liability());
        vm.expectRevert(IRewardVault.TransferFailed.selector);
        vault.withdraw(payee);
        vm.clearMockedCalls();
        // Invariant 20: nothing here can be paused.
        vm.prank(guardian);
        IGoverned(address(vault)).pause(0);
        vault.withdraw(payee);
        assertEq(token.balanceOf(payee), paid / 2);
    }

    function test_maxPriceCapsAPayment() public {
        Emission memory cheap = defaultEmission();
        cheap.maxPrice = 1 gwei;
        deployAll(defaultTimeline(), defaultScores(), cheap);
        delete operators;
        bondCheckers(5, 1);
        registerDevices(1);
        startEpochs();
        settleHonestly(0, uniformClaim(1, 3000, 10_000));
        assertEq(vault.payCohort(0, 0, 64), 1 gwei * consensus.creditOf(0, 0));
    }

    function test_totalZeroPaysZero() public {
        settleHonestly(0, uniformClaim(2, 0, 0));
        assertEq(vault.payCohort(0, 0, 64), 0);
        assertGt(vault.payCheckers(0, 0), 0, "seats that agree are paid for judging");
    }

    /// @dev Invariant 25: what one is paid for the sum.
    function test_sharedRateEarnsWhatOneWould() public {
        Claim memory claim = uniformClaim(2, 1000, 10_000);
        (claim.rates[0], claim.rates[1]) = (300, 700);
        settleHonestly(0, claim);
        assertEq(consensus.creditOf(0, 0) + consensus.creditOf(0, 1), 1000);
        uint256 paid = vault.payCohort(0, 0, 64);
        assertLe(paid, vault.moneyOf(0).devicePool);
    }

    // --- governance

    function test_rulesChangeTwoEpochsLater() public {
        Timeline memory t = consensus.timeline();
        t.commitSeconds = 5;
        vm.expectPartialRevert(IGovernedReports.NotOwner.selector);
        consensus.scheduleTimeline(t);
        vm.startPrank(owner);
        consensus.scheduleTimeline(t);
        assertEq(consensus.timelineOf(1).commitSeconds, 4);
        assertEq(consensus.timelineOf(2).commitSeconds, 5);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ChangePending.selector, 2));
        consensus.scheduleTimeline(t);
        RoundRules memory r = consensus.roundRules();
        r.graceMs = 400;
        consensus.scheduleRoundRules(r);
        assertEq(consensus.roundRulesOf(1).graceMs, 500);
        assertEq(consensus.roundRulesOf(2).graceMs, 400);
        ScoreRules memory s = consensus.scoreRules();
        s.auditBps = 100;
        consensus.scheduleScoreRules(s);
        s.firstStanding += 1;
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, bytes32("firstStanding")));
        consensus.scheduleScoreRules(s);
        (s.firstStanding, s.uptimeTolerance) = (s.firstStanding - 1, s.uptimeTolerance + 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, bytes32("uptimeTolerance")));
        consensus.scheduleScoreRules(s);
        Emission memory e = vault.emissionOf(0);
        e.perEpoch = 1 ether;
        vault.scheduleEmission(e);
        assertEq(vault.emissionOf(1).perEpoch, 1_000 ether);
        assertEq(vault.emissionOf(2).perEpoch, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.ChangePending.selector, 2));
        vault.scheduleEmission(e);
        SeatRules memory q = seats.seatRules();
        q.slashBps = 5;
        seats.scheduleSeatRules(q);
        assertEq(seats.seatRules().slashBps, 1_000);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.ChangePending.selector, 2));
        seats.scheduleSeatRules(q);
        vm.warp(consensus.epochStart(2));
        assertEq(seats.seatRules().slashBps, 5);
        assertEq(consensus.scoreRules().auditBps, 100);
        vm.warp(consensus.epochStart(6) - 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ChangePending.selector, 2));
        consensus.scheduleTimeline(t);
        vm.warp(consensus.epochStart(6));
        consensus.scheduleTimeline(t);
        vm.stopPrank();
    }

    function test_boundsHaveNames() public {
        vm.startPrank(owner);
        Timeline memory t = consensus.timeline();
        t.commitSeconds = 1;
        _outOfBounds("commitSeconds");
        consensus.scheduleTimeline(t);
        t = consensus.timeline();
        t.openSeconds = 1;
        _outOfBounds("openSeconds");
        consensus.scheduleTimeline(t);
        t = consensus.timeline();
        t.revealSeconds = 1;
        _outOfBounds("revealSeconds");
        consensus.scheduleTimeline(t);
        t = consensus.timeline();
        t.finalizeSeconds = 1;
        _outOfBounds("finalizeSeconds");
        consensus.scheduleTimeline(t);
        t = consensus.timeline();
        t.finalizeSeconds = 7;
        _outOfBounds("phases");
        consensus.scheduleTimeline(t);
        t = consensus.timeline();
        t.auditSeconds = 17;
        _outOfBounds("auditSeconds");
        consensus.scheduleTimeline(t);
        t.auditSeconds = 1;
        _outOfBounds("auditSeconds");
        consensus.scheduleTimeline(t);
        t = consensus.timeline();
        t.epochSeconds = 17;
        _outOfBounds("epochSeconds");
        consensus.scheduleTimeline(t);
        t = consensus.timeline();
        t.firstEpochAt += 1;
        _outOfBounds("firstEpochAt");
        consensus.scheduleTimeline(t);
        t = consensus.timeline();
        t.firstPaidEpoch += 1;
        _outOfBounds("firstPaidEpoch");
        consensus.scheduleTimeline(t);
        RoundRules memory r = consensus.roundRules();
        r.slots = 0;
        _outOfBounds("slots");
        consensus.scheduleRoundRules(r);
        r = consensus.roundRules();
        r.maxRounds = 3;
        _outOfBounds("maxRounds");
        consensus.scheduleRoundRules(r);
        r = consensus.roundRules();
        r.windowMs = 0;
        _outOfBounds("windowMs");
        consensus.scheduleRoundRules(r);
        r = consensus.roundRules();
        r.openingsMs = 1;
        _outOfBounds("samplingSeconds");
        consensus.scheduleRoundRules(r);
        r = consensus.roundRules();
        r.eligibleFromSeconds = 5;
        _outOfBounds("eligibleFromSeconds");
        consensus.scheduleRoundRules(r);
        r = consensus.roundRules();
        r.cutoffSeconds = 13;
        _outOfBounds("cutoffSeconds");
        consensus.scheduleRoundRules(r);
        r = consensus.roundRules();
        r.beats = 0;
        _outOfBounds("beats");
        consensus.scheduleRoundRules(r);
        r = consensus.roundRules();
        r.beatWindowMs = 0;
        _outOfBounds("beatWindowMs");
        consensus.scheduleRoundRules(r);
        r = consensus.roundRules();
        r.specHash = 0;
        _outOfBounds("specHash");
        consensus.scheduleRoundRules(r);
        ScoreRules memory s = consensus.scoreRules();
        s.auditBps = 10_001;
        _outOfBounds("auditBps");
        consensus.scheduleScoreRules(s);
        s.auditBps = 99;
        _outOfBounds("auditBps");
        consensus.scheduleScoreRules(s);
        s = consensus.scoreRules();
        s.delistAfterEpochs = 16;
        _outOfBounds("delistAfterEpochs");
        consensus.scheduleScoreRules(s);
        Emission memory e = defaultEmission();
        e.perEpoch = 10_000_001 ether;
        _outOfBounds("perEpoch");
        vault.scheduleEmission(e);
        e = defaultEmission();
        e.checkerBps = 5_001;
        _outOfBounds("checkerBps");
        vault.scheduleEmission(e);
        e = defaultEmission();
        e.keeperBps = 1_001;
        _outOfBounds("keeperBps");
        vault.scheduleEmission(e);
        e = defaultEmission();
        e.maxPrice = 1 gwei - 1;
        _outOfBounds("maxPrice");
        vault.scheduleEmission(e);
        e = defaultEmission();
        e.perEpoch = 1 ether - 1;
        _outOfBounds("perEpoch");
        vault.scheduleEmission(e);
        SeatRules memory q = defaultSeatRules();
        q.slashBps = 5_001;
        _outOfBounds("slashBps");
        seats.scheduleSeatRules(q);
        q = defaultSeatRules();
        q.unopenedBps = 0;
        _outOfBounds("unopenedBps");
        seats.scheduleSeatRules(q);
        q.unopenedBps = 1_001;
        _outOfBounds("unopenedBps");
        seats.scheduleSeatRules(q);
        q = defaultSeatRules();
        q.strikesToJail = 0;
        _outOfBounds("strikesToJail");
        seats.scheduleSeatRules(q);
        q = defaultSeatRules();
        q.jailEpochs = 1_000_001;
        _outOfBounds("jailEpochs");
        seats.scheduleSeatRules(q);
        vm.stopPrank();
    }

    function test_ownerGuardianAndPause() public {
        IGoverned g = IGoverned(address(vault));
        assertEq(g.owner(), owner);
        assertEq(g.guardian(), guardian);
        vm.expectPartialRevert(IGovernedReports.NotOwner.selector);
        g.offerOwnership(device);
        vm.expectPartialRevert(IGovernedReports.NotOwner.selector);
        g.setGuardian(device);
        vm.prank(owner);
        g.offerOwnership(device);
        vm.expectPartialRevert(IGovernedReports.NotOwner.selector);
        g.takeOwnership();
        vm.startPrank(device);
        g.takeOwnership();
        assertEq(g.owner(), device);
        g.setGuardian(device);
        _outOfBounds("bit");
        g.pause(4);
        g.pause(3);
        uint64 until = g.pausedUntil(3);
        assertEq(until, block.timestamp + 7 days);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.PauseResting.selector, 3, until + 7 days));
        g.pause(3);
        vm.warp(until - 1);
        g.pause(2);
        assertEq(g.pausedUntil(2), until, "another bit ends with the first");
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.PauseResting.selector, 1, until + 7 days));
        g.pause(1);
        vm.warp(until + 7 days);
        g.pause(3);
        vm.stopPrank();
        vm.expectPartialRevert(IGovernedReports.NotGuardian.selector);
        g.pause(0);
    }


    function _outOfBounds(bytes32 name) private {
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, name));
    }

    function _signCommitment(address who, Commitment memory m) private view returns (bytes memory) {
        return _sign(who, keccak256(abi.encode(keccak256("Commitment(uint64 epoch,bytes32 round,bytes32 deviceId,uint32 generation,bytes32 specHash,uint64 rows,bytes32 root,bytes32 environmentHash)"), m)));
    }

    function _signReceipt(address who, SeatReceipt memory m) private view returns (bytes memory) {
        return _sign(who, keccak256(abi.encode(keccak256("Receipt(uint64 epoch,uint32 cohort,uint8 lane,bytes32 deviceId,uint32 generation,uint16 rate,uint16 uptime,uint8 flags)"), m)));
    }

    function _sign(address who, bytes32 structHash) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(keyOf[who], keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), structHash)));
        return abi.encodePacked(r, s, v);
    }
}
