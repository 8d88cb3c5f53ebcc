// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CheckerSeats} from "../../src/CheckerSeats.sol";
import {Checker, ICheckerSeats, Receipt as SeatReceipt, SeatRules, StrikeReason} from "../../src/interfaces/ICheckerSeats.sol";
import {IEpochConsensus, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {IGoverned, IGovernedReports} from "../../src/interfaces/IGoverned.sol";
import {IKaisarToken} from "../../src/interfaces/IKaisarToken.sol";
import {SignedTypes} from "../../src/libraries/SignedTypes.sol";
import {Stage} from "../support/Stage.sol";

/// @title Seats from bond to withdrawal: each event, each field, each refusal in full
contract SeatsPins is Stage {
    uint64 private audited;
    address private who; // the third owner
    address private wallet;

    function setUp() public {
        setStage();
        (who, wallet) = (operators[2], payoutOf(operators[2]));
    }

    // --- construction

    function test_construction() public {
        (IKaisarToken t, IEpochConsensus c, SeatRules memory rules) = (token, consensus, defaultSeatRules());
        bytes memory refused = abi.encodeWithSelector(IGovernedReports.ZeroAddress.selector);
        vm.expectRevert(refused);
        this.makeSeats(IKaisarToken(address(0)), c, owner, guardian, treasury, 1, rules);
        vm.expectRevert(refused);
        this.makeSeats(t, IEpochConsensus(address(0)), owner, guardian, treasury, 1, rules);
        vm.expectRevert(refused);
        this.makeSeats(t, c, owner, guardian, address(0), 1, rules);
        bytes memory outside = abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, bytes32("seatBond"));
        vm.expectRevert(outside);
        this.makeSeats(t, c, owner, guardian, treasury, 0, rules);
        vm.expectRevert(outside);
        this.makeSeats(t, c, owner, guardian, treasury, 1_000_000 ether + 1, rules);
        CheckerSeats made = new CheckerSeats(t, c, owner, guardian, treasury, 1_000_000 ether, rules);
        assertEq(address(made.token()), address(t));
        assertEq(address(made.consensus()), address(c));
        assertEq(made.owner(), owner);
        assertEq(made.guardian(), guardian);
        assertEq(made.treasury(), treasury);
        assertEq(made.seatBond(), 1_000_000 ether);
        assertEq(made.PAUSE_BOND(), 0);
        assertEq(made.maxSeatsPerOwner(), 16);
        assertEq(abi.encode(made.seatRules()), abi.encode(rules));
        assertEq(new CheckerSeats(t, c, owner, guardian, treasury, 1, rules).seatBond(), 1);
        rules.jailEpochs = 1_000_001;
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, bytes32("jailEpochs")));
        this.makeSeats(t, c, owner, guardian, treasury, 1, rules);
    }

    // --- rules

    function test_rulesAtTheirBounds() public {
        SeatRules[2] memory ends = [SeatRules(1, 1, 1, 0), SeatRules(5_000, 1_000, 100, 1_000_000)];
        bytes32[4] memory names = [bytes32("slashBps"), "unopenedBps", "strikesToJail", "jailEpochs"];
        vm.startPrank(owner);
        for (uint256 end; end < 2; ++end) {
            for (uint256 field; field < 4; ++field) {
                if (end == 0 && field == 3) continue;
                SeatRules memory beyond = abi.decode(abi.encode(ends[end]), (SeatRules));
                if (field == 0) beyond.slashBps = end == 0 ? 0 : 5_001;
                if (field == 1) beyond.unopenedBps = end == 0 ? 0 : 1_001;
                if (field == 2) beyond.strikesToJail = end == 0 ? 0 : 101;
                if (field == 3) beyond.jailEpochs = 1_000_001;
                vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, names[field]));
                seats.scheduleSeatRules(beyond);
            }
            uint256 snapshot = vm.snapshotState();
            vm.expectEmit(address(seats));
            emit ICheckerSeats.SeatRulesScheduled(6, ends[end]);
            seats.scheduleSeatRules(ends[end]);
            vm.warp(consensus.epochStart(6) - 1);
            assertEq(abi.encode(seats.seatRules()), abi.encode(defaultSeatRules()));
            vm.warp(consensus.epochStart(6));
            assertEq(abi.encode(seats.seatRules()), abi.encode(ends[end]));
            assertTrue(vm.revertToState(snapshot));
        }
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotOwner.selector, address(this)));
        seats.scheduleSeatRules(ends[0]);
    }

    function test_rulesChangeOneAtATime() public {
        (SeatRules memory first, SeatRules memory second) = (defaultSeatRules(), defaultSeatRules());
        (first.slashBps, second.slashBps) = (11, 12);
        vm.startPrank(owner);
        seats.scheduleSeatRules(first); // from 6 on
        vm.warp(consensus.epochStart(6) - 1);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.ChangePending.selector, 6));
        seats.scheduleSeatRules(second);
        vm.warp(consensus.epochStart(6));
        vm.expectEmit(address(seats));
        emit ICheckerSeats.SeatRulesScheduled(8, second);
        seats.scheduleSeatRules(second);
        assertEq(seats.seatRules().slashBps, 11);
        vm.warp(consensus.epochStart(8));
        assertEq(seats.seatRules().slashBps, 12);
        vm.stopPrank();
    }

    // --- bonding

    function test_bonding() public {
        address next = makeAddr("next");
        token.transfer(next, 20 * SEAT_BOND);
        uint256 held = token.balanceOf(address(seats));
        vm.startPrank(next);
        token.approve(address(seats), type(uint256).max);
        assertEq(abi.encode(seats.checker(next)), abi.encode(_nobody()));
        vm.expectEmit(address(seats));
        emit ICheckerSeats.EndpointChanged(next, "wss://next", "its certificate");
        vm.expectEmit(address(seats));
        emit ICheckerSeats.Bonded(next, address(0xbeef), 7, 3, 3 * SEAT_BOND, 6);
        assertEq(seats.bond(address(0xbeef), 3, "wss://next", "its certificate"), 7);
        assertEq(token.balanceOf(address(seats)), held + 3 * SEAT_BOND);
        assertEq(seats.ownerCount(), 7);
        assertEq(seats.activeOwners(), 7);
        assertEq(seats.ownerOf(7), next);
        assertEq(seats.payoutOf(7), address(0xbeef));
        Checker memory want = _nobody();
        (want.operator, want.payout, want.index, want.seats) = (next, address(0xbeef), 7, 3);
        (want.bond, want.certificateHash, want.endpoint) = (uint128(3 * SEAT_BOND), "its certificate", "wss://next");
        assertEq(abi.encode(seats.checker(next)), abi.encode(want));
        assertEq(seats.seatCount(5), 12);
        assertEq(seats.seatCount(6), 15);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.AlreadyBonded.selector, next));
        seats.bond(next, 1, "wss://next", "its certificate");
        vm.warp(consensus.epochStart(5));
        vm.expectEmit(address(seats));
        emit ICheckerSeats.SeatsAdded(next, 13, 16, 16 * SEAT_BOND, 7);
        seats.addSeats(13);
        assertEq(token.balanceOf(address(seats)), held + 16 * SEAT_BOND);
        assertEq(seats.checker(next).seats, 16);
        assertEq(seats.activeOwners(), 7);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InvalidSeatCount.selector, 17));
        seats.addSeats(1);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InvalidSeatCount.selector, 0));
        seats.addSeats(0);
        vm.stopPrank();
    }

    function _nobody() private pure returns (Checker memory none) {}

    function test_bondingIsPausedByItsBit() public {
        vm.prank(guardian);
        IGoverned(address(seats)).pause(1);
        bondChecker("free", 1);
        vm.prank(guardian);
        IGoverned(address(seats)).pause(0);
        bytes memory paused = abi.encodeWithSelector(IGovernedReports.Paused.selector, 0, block.timestamp + 7 days);
        vm.startPrank(who);
        vm.expectRevert(paused);
        seats.bond(who, 1, "wss://x", "c");
        vm.expectRevert(paused);
        seats.addSeats(1);
        vm.stopPrank();
    }

    function test_endpoints() public {
        string memory longest = string(new bytes(256));
        vm.startPrank(who);
        vm.expectEmit(address(seats));
        emit ICheckerSeats.EndpointChanged(who, longest, "hash");
        seats.setEndpoint(longest, "hash");
        assertEq(seats.checker(who).endpoint, longest);
        assertEq(seats.checker(who).certificateHash, "hash");
        vm.expectRevert(ICheckerSeats.InvalidEndpoint.selector);
        seats.setEndpoint(string(new bytes(257)), "hash");
        seats.setEndpoint("x", "hash");
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.UnknownChecker.selector, address(this)));
        seats.setEndpoint("x", "hash");
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.NotPayout.selector, address(this), wallet));
        seats.setPayout(who, who);
        vm.expectEmit(address(seats));
        emit ICheckerSeats.PayoutChanged(who, wallet, address(0xbeef));
        vm.prank(wallet);
        seats.setPayout(who, address(0xbeef));
        assertEq(seats.payoutOf(3), address(0xbeef));
    }

    // --- leaving

    function test_unbonding() public {
        bytes memory stranger = abi.encodeWithSelector(ICheckerSeats.UnknownChecker.selector, address(7));
        vm.expectRevert(stranger);
        seats.unbond(address(7), 1);
        vm.expectRevert(stranger);
        seats.withdrawBond(address(7));
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.NothingToWithdraw.selector, who));
        seats.withdrawBond(who);
        vm.startPrank(wallet);
        vm.expectEmit(address(seats));
        emit ICheckerSeats.Unbonding(who, 1, 1, SEAT_BOND, 6);
        seats.unbond(who, 1);
        assertEq(seats.checker(who).bond, SEAT_BOND);
        assertEq(seats.checker(who).unbonding, SEAT_BOND);
        assertEq(seats.checker(who).unbondingUntil, 5);
        assertEq(seats.activeOwners(), 6);
        vm.warp(consensus.epochStart(5));
        vm.expectEmit(address(seats));
        emit ICheckerSeats.Unbonding(who, 1, 0, SEAT_BOND, 7);
        seats.unbond(who, 1);
        vm.stopPrank();
        assertEq(seats.activeOwners(), 5);
        assertEq(seats.seatCount(5), 12);
        assertEq(seats.seatCount(6), 11);
        assertEq(seats.seatCount(7), 10);
        assertEq(seats.checker(who).unbonding, 2 * SEAT_BOND);
        assertEq(seats.checker(who).unbondingUntil, 6);
        vm.warp(consensus.epochStart(9) - 1);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.BondHeld.selector, who, 6, 5));
        seats.withdrawBond(who);
        vm.warp(consensus.epochStart(9));
        vm.expectEmit(address(seats));
        emit ICheckerSeats.BondReturned(who, wallet, 2 * SEAT_BOND);
        seats.withdrawBond(who);
        assertEq(token.balanceOf(wallet), 2 * SEAT_BOND);
        assertEq(seats.checker(who).unbonding, 0);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.NothingToWithdraw.selector, who));
        seats.withdrawBond(who);
    }

    /// @dev Before the first epoch nothing is held.
    function test_unbondingBeforeTheStart() public {
        deployAll();
        delete operators;
        bondCheckers(5, 2);
        address first = operators[0];
        uint256 before = token.balanceOf(payoutOf(first));
        vm.prank(payoutOf(first));
        seats.unbond(first, 1);
        assertEq(seats.checker(first).unbondingUntil, 0);
        seats.withdrawBond(first);
        assertEq(token.balanceOf(payoutOf(first)), before + SEAT_BOND);
        assertEq(abi.encode(seats.seatRules()), abi.encode(defaultSeatRules()));
    }

    // --- strikes

    /// @dev What was not opened, or not well formed, costs a hundredth of a seat, rounded up; the second unanswered audit a tenth of everything.
    function test_strikes() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotKaisarContract.selector, address(this)));
        seats.strike(who, 5, 1, StrikeReason.Malformed);
        _strike(StrikeReason.Malformed, 5, 1, 10 ether);
        assertEq(token.balanceOf(treasury), 10 ether);
        _strike(StrikeReason.Unopened, 5, 1, 10 ether); // the same epoch counts once
        assertEq(token.balanceOf(treasury), 20 ether);
        assertEq(seats.checker(who).bond, 2 * SEAT_BOND - 20 ether);
        _strike(StrikeReason.AuditUnanswered, 5, 1, 0);
        assertEq(token.balanceOf(treasury), 20 ether);
        _strike(StrikeReason.AuditUnanswered, 5, 1, 198 ether);
        assertEq(token.balanceOf(treasury), 218 ether);
        _strike(StrikeReason.AuditUnanswered, 5, 1, 0);
        _strike(StrikeReason.AuditUnanswered, 5, 1, 0); // once an epoch
        _strike(StrikeReason.AuditUnanswered, 6, 2, 178.2 ether);
        _strike(StrikeReason.Malformed, 5, 2, 10 ether); // an earlier epoch counts no more
        assertEq(seats.checker(who).bond, 2 * SEAT_BOND - 30 ether - 198 ether - 178.2 ether);
    }

    function _strike(StrikeReason reason, uint64 epoch, uint16 strikes, uint256 taken) private {
        vm.expectEmit(address(seats));
        emit ICheckerSeats.Struck(who, epoch, 1, reason, strikes);
        if (taken != 0) {
            vm.expectEmit(address(seats));
            emit ICheckerSeats.Slashed(who, keccak256(abi.encode(reason, who, epoch, uint32(1))), taken);
        }
        vm.prank(address(consensus));
        seats.strike(who, epoch, 1, reason);
        assertEq(seats.checker(who).strikes, strikes);
    }

    /// @dev Parts are rounded up, and taken from the bond before what is on its way out; never more than there is.
    function test_whatIsTaken() public {
        deployOdd();
        address odd = operators[0];
        _unopened(odd);
        assertEq(token.balanceOf(treasury), 2, "a hundredth of 101, rounded up");
        _audit(odd);
        _audit(odd);
        assertEq(token.balanceOf(treasury), 2 + 20, "a tenth of 200, exactly");
        _audit(odd);
        _audit(odd);
        assertEq(token.balanceOf(treasury), 22 + 18);
        _audit(odd);
        _audit(odd);
        assertEq(token.balanceOf(treasury), 40 + 17, "a tenth of 162, rounded up");
        vm.prank(payoutOf(odd));
        seats.unbond(odd, 1); // 101 stay for the other seat
        assertEq(seats.checker(odd).bond, 101);
        assertEq(seats.checker(odd).unbonding, 44);
        for (uint256 i; i < 60; ++i) _unopened(odd);
        assertEq(seats.checker(odd).bond, 0);
        assertEq(seats.checker(odd).unbonding, 44 - 19);
        for (uint256 i; i < 20; ++i) _unopened(odd);
        assertEq(seats.checker(odd).unbonding, 0);
        assertEq(token.balanceOf(treasury), 202, "everything, and no more");
    }

    /// @dev Seats of 101 wei.
    function deployOdd() private {
        deployAll();
        seats = new CheckerSeats(token, IEpochConsensus(address(this)), owner, guardian, treasury, 101, defaultSeatRules());
        delete operators;
        bondCheckers(1, 2);
    }

    // What the seats ask of their consensus, where this contract is it.
    function nextEpoch() external pure returns (uint64) {
        return 0;
    }

    function seatsEffectiveFrom() external pure returns (uint64) {
        return 0;
    }

    function _unopened(address operator) private {
        seats.strike(operator, 1, 1, StrikeReason.Unopened);
    }

    /// @dev Each in an epoch of its own.
    function _audit(address operator) private {
        seats.strike(operator, ++audited, 1, StrikeReason.AuditUnanswered);
    }

    // --- jail

    function test_jail() public {
        bytes memory few = abi.encodeWithSelector(ICheckerSeats.TooFewStrikes.selector, who, 2, 3);
        for (uint256 i; i < 3; ++i) {
            if (i == 2) {
                vm.expectRevert(few);
                seats.jail(who);
            }
            vm.prank(address(consensus));
            seats.strike(who, 5 + uint64(i), 1, StrikeReason.Malformed);
        }
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.UnknownChecker.selector, address(7)));
        seats.jail(address(7));
        vm.expectEmit(address(seats));
        emit ICheckerSeats.Jailed(who, 10);
        vm.prank(keeper);
        seats.jail(who);
        (, uint256 errands) = consensus.keeperCalls(3, keeper);
        assertEq(errands, 64);
        Checker memory jailed = seats.checker(who);
        assertEq(jailed.seats, 0);
        assertEq(jailed.strikes, 0);
        assertTrue(jailed.jailed);
        assertEq(jailed.jailedUntil, 10);
        assertEq(jailed.bond, 2 * SEAT_BOND - 30 ether);
        assertEq(seats.activeOwners(), 5);
        assertEq(seats.seatCount(5), 12);
        assertEq(seats.seatCount(6), 10);
        bytes memory inside = abi.encodeWithSelector(ICheckerSeats.InJail.selector, who, 10);
        vm.expectRevert(inside);
        seats.jail(who);
        vm.startPrank(who);
        vm.expectRevert(inside);
        seats.addSeats(1);
        vm.warp(consensus.epochStart(10) - 1);
        vm.expectRevert(inside);
        seats.unjail();
        vm.warp(consensus.epochStart(10));
        vm.expectEmit(address(seats));
        emit ICheckerSeats.Unjailed(who, 1);
        seats.unjail();
        assertEq(seats.activeOwners(), 6);
        assertEq(seats.seatCount(12), 11);
        assertFalse(seats.checker(who).jailed);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.NotInJail.selector, who));
        seats.unjail();
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.UnknownChecker.selector, address(this)));
        seats.unjail();
    }

    /// @dev A bond that lacks a tenth is enough for jail, one wei more is not; seats come back as far as it reaches.
    function test_jailForALackingBond() public {
        bytes memory few = abi.encodeWithSelector(ICheckerSeats.TooFewStrikes.selector, who, 0, 3);
        vm.expectRevert(few);
        seats.jail(who);
        for (uint16 i; i < 20; ++i) {
            bool covered = i < 20 && seats.checker(who).bond * 10 > 2 * SEAT_BOND * 9;
            assertTrue(covered);
            vm.prank(address(consensus));
            seats.strike(who, 5, i, StrikeReason.Unopened);
            uint256 snapshot = vm.snapshotState();
            SeatRules memory lenient = defaultSeatRules();
            lenient.strikesToJail = 100;
            vm.prank(owner);
            seats.scheduleSeatRules(lenient);
            vm.warp(consensus.epochStart(6));
            if (i < 19) vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.TooFewStrikes.selector, who, 1, 100));
            seats.jail(who);
            assertTrue(vm.revertToState(snapshot));
        }
        seats.jail(who);
        vm.warp(consensus.epochStart(10));
        vm.prank(who);
        seats.unjail();
        assertEq(seats.checker(who).seats, 1, "what 1800 of 2000 KAI cover");
        vm.prank(wallet);
        seats.unbond(who, 1);
        vm.expectRevert(few);
        seats.jail(who); // no seats, nothing to cover
    }

    /// @dev After the jail an owner without seats takes what is left.
    function test_anOwnerWithoutSeatsTakesTheRest() public {
        for (uint256 i; i < 3; ++i) {
            vm.prank(address(consensus));
            seats.strike(who, 5 + uint64(i), 1, StrikeReason.Malformed);
        }
        seats.jail(who);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.InvalidSeatCount.selector, 1));
        vm.prank(wallet);
        seats.unbond(who, 1);
        vm.expectEmit(address(seats));
        emit ICheckerSeats.Unbonding(who, 0, 0, 2 * SEAT_BOND - 30 ether, 6);
        vm.prank(wallet);
        seats.unbond(who, 0);
        assertEq(seats.activeOwners(), 5);
        vm.warp(consensus.epochStart(10));
        vm.expectEmit(address(seats));
        emit ICheckerSeats.Unjailed(who, 0);
        vm.prank(who);
        seats.unjail();
        assertEq(seats.checker(who).seats, 0);
    }

    // --- receipts

    /// @dev A receipt about any lane: its rate, uptime or flags differ from what was committed to, each alone.
    function test_receipts() public {
        rollSeed(EPOCH);
        warpTo(EPOCH, Phase.Commit);
        uint256[10][] memory words = wordsOf(EPOCH, who);
        commitWords(EPOCH, who, words);
        for (uint8 lane = 0; lane < 64; lane += 21) {
            Opening memory opening = openingOf(EPOCH, who, 0, 0, words);
            for (uint256 i; i < 6; ++i) {
                SeatReceipt memory receipt = SeatReceipt(EPOCH, 0, lane, deviceIds[lane], 1, 0, uint16(9000 + lane), 15);
                receipt.rate = uint16(words[0][lane / 16] >> (16 * (lane % 16)));
                if (i == 1) receipt.rate += 1;
                if (i == 2) receipt.uptime += 1;
                if (i == 3) receipt.flags = 14;
                if (i == 4) receipt.lane = 64;
                if (i == 5) receipt.epoch = EPOCH + 1;
                bool slashed = i != 0 && i < 4;
                bytes memory signature = _sign(who, receipt);
                if (!slashed) vm.expectRevert(ICheckerSeats.NotEquivocation.selector);
                uint256 snapshot = vm.snapshotState();
                if (slashed) {
                    bytes32 offence = keccak256(abi.encode("receipt", who, EPOCH));
                    vm.expectEmit(address(seats));
                    emit ICheckerSeats.Slashed(who, offence, 200 ether);
                }
                seats.slashReceipt(who, receipt, signature, opening);
                if (slashed) {
                    assertEq(token.balanceOf(treasury), 200 ether);
                    vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.AlreadySlashed.selector, keccak256(abi.encode("receipt", who, EPOCH))));
                    seats.slashReceipt(who, receipt, signature, opening);
                }
                assertTrue(vm.revertToState(snapshot));
            }
        }
        SeatReceipt memory said = SeatReceipt(EPOCH, 0, 0, deviceIds[0], 1, 9, 9000, 15);
        bytes memory forged = _sign(operators[0], said);
        Opening memory shown = openingOf(EPOCH, who, 0, 0, words);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.WrongSigner.selector, operators[0], who));
        seats.slashReceipt(who, said, forged, shown);
        vm.expectRevert(abi.encodeWithSelector(ICheckerSeats.UnknownChecker.selector, address(7)));
        seats.slashReceipt(address(7), said, forged, shown);
    }

    function _sign(address signer, SeatReceipt memory receipt) private view returns (bytes memory) {
        bytes32 message = keccak256(abi.encode(SignedTypes.RECEIPT_TYPEHASH, receipt));
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), message));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[signer], digest);
        return abi.encodePacked(r, s, v);
    }

    // --- views

    function test_seatLists() public view {
        address[] memory all = seats.seatOwners(EPOCH, 0, 100);
        assertEq(all.length, 12);
        uint256[6] memory held;
        for (uint256 i; i < 12; ++i) {
            for (uint256 k; k < 6; ++k) if (all[i] == operators[k]) ++held[k];
        }
        for (uint256 k; k < 6; ++k) assertEq(held[k], 2);
        for (uint32 from; from < 14; ++from) {
            for (uint32 count; count < 4; ++count) {
                address[] memory part = seats.seatOwners(EPOCH, from, count);
                uint256 left = from < 12 ? 12 - from : 0;
                assertEq(part.length, left < count ? left : count);
                for (uint256 i; i < part.length; ++i) assertEq(part[i], all[from + i]);
            }
        }
        assertEq(seats.ownerOf(0), address(0));
    }
}
