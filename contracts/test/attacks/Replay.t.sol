// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckerSeats, Receipt as SeatReceipt} from "../../src/interfaces/ICheckerSeats.sol";
import {Commitment, IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {SignedTypes} from "../../src/libraries/SignedTypes.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title Offences that are shown again, or about things that do not exist
contract ReplayTest is Fixture {
    function setUp() public {
        deployAll();
        bondCheckers(6, 16);
        registerDevices(2);
        startEpochs();
    }

    /// @dev One old pair of commitments takes one deposit, not those of all later stays of the device.
    function test_anOldEquivocationTakesNoLaterDeposit() public {
        bytes32 id = deviceIds[0];
        vm.warp(firstEpochAt + 1);
        Commitment memory a = Commitment(0, keccak256("round"), id, 1, keccak256("spec"), 99, keccak256("rows"), bytes32(0));
        Commitment memory b = Commitment(0, keccak256("round"), id, 1, keccak256("spec"), 98, keccak256("other"), bytes32(0));
        (bytes memory signedA, bytes memory signedB) = (_signWork(a), _signWork(b));
        registerDevice("device-0"); // a renewal in the same stay saves nobody
        registry.slashEquivocation(a, signedA, b, signedB);
        assertEq(token.balanceOf(treasury), DEPOSIT);
        vm.warp(block.timestamp + 365 days);
        registry.withdrawDeposit(id);
        registerDevice("device-0");
        assertEq(registry.getDevice(id).generation, 3);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.GenerationOver.selector, id, 1, 3));
        registry.slashEquivocation(a, signedA, b, signedB);
        assertEq(registry.getDevice(id).deposit, DEPOSIT);
        // What it signs in this stay costs the deposit of this stay.
        (a.generation, b.generation) = (3, 3);
        (signedA, signedB) = (_signWork(a), _signWork(b));
        registry.slashEquivocation(a, signedA, b, signedB);
        assertEq(token.balanceOf(treasury), 2 * DEPOSIT);
    }

    /// @dev The key of a Checker can sign what is slashed, but not more than one offence an epoch, about cohorts that exist.
    function test_aStolenKeyCannotBurnABondInOneEpoch() public {
        registerDevices(63); // a second cohort
        address who = operators[0];
        uint256 whole = seats.checker(who).bond;
        warpTo(0, Phase.Commit);
        uint256[10][] memory words = new uint256[10][](2);
        (words[0], words[1]) = (pack(uniformClaim(64, 3000, 10_000)), pack(uniformClaim(64, 3000, 10_000)));
        commitWords(0, who, words);
        _contradict(who, 0, words, false);
        assertEq(seats.checker(who).bond, whole - whole / 10);
        _contradict(who, 1, words, true);
        assertEq(seats.checker(who).bond, whole - whole / 10);
    }

    /// @dev A leaf may name any cohort; one beyond those of the epoch is nothing that anybody committed to.
    function test_aCohortThatDoesNotExistIsNotCommittedTo() public {
        address who = operators[0];
        warpTo(0, Phase.Commit);
        uint256[10] memory words = pack(uniformClaim(2, 3000, 10_000));
        bytes32 leaf = leafOf(0, who, 77, words);
        vm.prank(who);
        consensus.commit(0, leaf);
        assertFalse(consensus.isCommitted(0, who, 77, Opening(0, saltOf(who, 0), words, new bytes32[](0))));
    }

    /// @dev The seats that stay keep their bond, also after a slash: none is drawn with nothing behind it.
    function test_noSeatStaysWithoutItsBondAfterASlash() public {
        address who = operators[0];
        warpTo(0, Phase.Commit);
        uint256[10][] memory words = one(pack(uniformClaim(2, 3000, 10_000)));
        commitWords(0, who, words);
        _contradict(who, 0, words, false); // 14.4 seats' worth is left
        vm.startPrank(payoutOf(who));
        seats.unbond(who, 14);
        seats.unbond(who, 1);
        vm.stopPrank();
        assertEq(seats.checker(who).seats, 1);
        assertEq(seats.checker(who).bond, SEAT_BOND);
        assertEq(seats.checker(who).unbonding, 13.4 ether * 1_000);
        vm.prank(payoutOf(who));
        seats.unbond(who, 1);
        assertEq(seats.checker(who).bond, 0, "with the last seat goes the last of the bond");
    }

    /// @dev Taken out before the slash, the bond of the other seats does not cover the one that stays: it is jailed at once, and further offences
    /// are paid from what is on its way out.
    function test_aSeatWhoseBondASlashTookIsJailedAtOnce() public {
        address who = operators[0];
        vm.prank(payoutOf(who));
        seats.unbond(who, 15);
        warpTo(0, Phase.Commit);
        uint256[10][] memory words = one(pack(uniformClaim(2, 3000, 10_000)));
        commitWords(0, who, words);
        _contradict(who, 0, words, false);
        assertEq(seats.checker(who).bond, 0);
        assertEq(seats.checker(who).unbonding, 14.4 ether * 1_000, "a tenth of all sixteen");
        vm.expectPartialRevert(ICheckerSeats.BondHeld.selector);
        seats.withdrawBond(who);
        uint64 from = consensus.seatsEffectiveFrom();
        seats.jail(who);
        assertEq(seats.checker(who).seats, 0);
        address[] memory owners = seats.seatOwners(from, 0, seats.seatCount(from));
        for (uint256 i; i < owners.length; ++i) assertNotEq(owners[i], who);
    }

    function _contradict(address who, uint32 cohort, uint256[10][] memory words, bool refused) private {
        SeatReceipt memory receipt = SeatReceipt(0, cohort, 0, deviceIds[0], 1, 2999, 10_000, 15);
        bytes memory signature = _sign(who, keccak256(abi.encode(SignedTypes.RECEIPT_TYPEHASH, receipt)));
        Opening memory opening = openingOf(0, who, cohort, 0, words);
        if (refused) vm.expectPartialRevert(ICheckerSeats.AlreadySlashed.selector);
        seats.slashReceipt(who, receipt, signature, opening);
    }

    function _signWork(Commitment memory work) private returns (bytes memory) {
        return _sign(makeAddr("device-0"), keccak256(abi.encode(SignedTypes.COMMITMENT_TYPEHASH, work)));
    }

    function _sign(address who, bytes32 message) private view returns (bytes memory) {
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), message));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[who], digest);
        return abi.encodePacked(r, s, v);
    }
}
