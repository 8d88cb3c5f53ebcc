// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checker, ICheckerSeats, Receipt as SeatReceipt, SeatRules} from "../../src/interfaces/ICheckerSeats.sol";
import {Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {SignedTypes} from "../../src/libraries/SignedTypes.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title What a slash takes: bounded, rounded up, once per offence, to the treasury
contract SlashingTest is Fixture {
    address private who;

    function setUp() public {
        deployAll();
        bondCheckers(6, 4);
        registerDevices(2);
        startEpochs();
        who = operators[0];
    }

    /// @dev Invariants 4, 13 and 14: whatever was slashed, unbonded and withdrawn before, one more offence takes ⌈held × bps ÷ 10000⌉ of what is
    /// held, from the bond first; it never takes more than is there, and a second report of it nothing. Each run is about 2 ms.
    /// forge-config: default.fuzz.runs = 100
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_13_14_aSlashIsBoundedAndRoundedUp(uint16 bps, uint8 unbonded, uint8 offences) public {
        SeatRules memory rules = defaultSeatRules();
        rules.slashBps = uint16(bound(bps, 1, 5_000));
        vm.prank(owner);
        seats.scheduleSeatRules(rules);
        vm.warp(consensus.epochStart(2));
        if (unbonded % 5 != 0) {
            vm.prank(payoutOf(who));
            seats.unbond(who, unbonded % 5);
        }
        for (uint64 i = 2; i <= 2 + offences % 6; ++i) {
            Checker memory before = seats.checker(who);
            uint256 treasuryBefore = token.balanceOf(treasury);
            _equivocate(i);
            Checker memory later = seats.checker(who);
            uint256 held = before.bond + before.unbonding;
            uint256 taken = token.balanceOf(treasury) - treasuryBefore;
            assertEq(taken, (held * rules.slashBps + 9_999) / 10_000, "14: rounded up");
            assertLe(taken, held, "13: never beyond what is held");
            assertGt(taken, 0, "13: never rounds to nothing");
            assertEq(later.bond + later.unbonding, held - taken, "4");
            assertTrue(later.unbonding == before.unbonding || later.bond == 0, "the bond goes first");
            assertEq(token.balanceOf(address(seats)) + token.balanceOf(treasury), 24 * SEAT_BOND, "4: to the treasury");
            _expectSlashedAlready(i);
        }
    }

    /// @dev A receipt is punished exactly when it contradicts the committed opening, in rate, uptime or flags of its lane.
    function testFuzz_13_aReceiptIsPunishedWhenItContradicts(uint8 lane, uint16 rate, uint16 uptime, uint8 flags, uint8 equal) public {
        lane %= 64;
        Claim memory claim = uniformClaim(64, 3000, 9_000);
        if (equal & 1 != 0) rate = 3000;
        if (equal & 2 != 0) uptime = 9_000;
        if (equal & 4 != 0) flags = 15;
        warpTo(0, Phase.Commit);
        uint256[10][] memory words = one(pack(claim));
        commitWords(0, who, words);
        SeatReceipt memory receipt = SeatReceipt(0, 0, lane, deviceIds[0], 1, rate, uptime, flags);
        bytes memory signature = _sign(keccak256(abi.encode(SignedTypes.RECEIPT_TYPEHASH, receipt)));
        Opening memory opening = openingOf(0, who, 0, 0, words);
        bool same = rate == 3000 && uptime == 9_000 && flags == 15;
        if (same) vm.expectRevert(ICheckerSeats.NotEquivocation.selector);
        seats.slashReceipt(who, receipt, signature, opening);
        assertEq(token.balanceOf(treasury), same ? 0 : 4 * SEAT_BOND / 10);
    }

    /// @dev A receipt of epoch `epoch` that says another rate than what was committed to.
    function _contradiction(uint64 epoch) private view returns (SeatReceipt memory receipt, bytes memory signature, Opening memory opening) {
        receipt = SeatReceipt(epoch, 0, 0, deviceIds[0], 1, 2999, 9_000, 15);
        signature = _sign(keccak256(abi.encode(SignedTypes.RECEIPT_TYPEHASH, receipt)));
        opening = openingOf(epoch, who, 0, 0, one(pack(uniformClaim(2, 3000, 9_000))));
    }

    function _equivocate(uint64 epoch) private {
        warpTo(epoch, Phase.Commit);
        commitWords(epoch, who, one(pack(uniformClaim(2, 3000, 9_000))));
        (SeatReceipt memory receipt, bytes memory signature, Opening memory opening) = _contradiction(epoch);
        seats.slashReceipt(who, receipt, signature, opening);
    }

    function _expectSlashedAlready(uint64 epoch) private {
        (SeatReceipt memory receipt, bytes memory signature, Opening memory opening) = _contradiction(epoch);
        vm.expectPartialRevert(ICheckerSeats.AlreadySlashed.selector);
        seats.slashReceipt(who, receipt, signature, opening);
    }

    function _sign(bytes32 message) private view returns (bytes memory) {
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), message));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[who], digest);
        return abi.encodePacked(r, s, v);
    }
}
