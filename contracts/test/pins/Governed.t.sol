// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Governed} from "../../src/base/Governed.sol";
import {IGovernedReports} from "../../src/interfaces/IGoverned.sol";

contract Switch is Governed {
    constructor(address owner_, address guardian_) Governed(owner_, guardian_) {}

    function use() external view whenNotPaused(2) returns (bool) {
        return true;
    }
}

/// @title Owners, guardians and pauses, to the second and to the last argument
contract GovernedPins is Test {
    address private owner = makeAddr("owner");
    address private guardian = makeAddr("guardian");
    address private heir = makeAddr("heir");
    Switch private governed;

    function setUp() public {
        vm.warp(1_000_000);
        vm.expectEmit();
        emit IGovernedReports.OwnershipTaken(owner);
        vm.expectEmit();
        emit IGovernedReports.GuardianChanged(guardian);
        governed = new Switch(owner, guardian);
    }

    function test_nobodyCannotOwnIt() public {
        assertEq(governed.owner(), owner);
        assertEq(governed.guardian(), guardian);
        assertEq(new Switch(owner, address(0)).guardian(), address(0), "a guardian may be missing");
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        new Switch(address(0), guardian);
    }

    function test_ownershipIsOfferedAndTakenOnce() public {
        vm.prank(heir);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotOwner.selector, heir));
        governed.offerOwnership(heir);
        vm.expectEmit(address(governed));
        emit IGovernedReports.OwnershipOffered(owner, heir);
        vm.prank(owner);
        governed.offerOwnership(heir);
        assertEq(governed.owner(), owner);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotOwner.selector, owner));
        governed.takeOwnership();
        vm.startPrank(heir);
        vm.expectEmit(address(governed));
        emit IGovernedReports.OwnershipTaken(heir);
        governed.takeOwnership();
        assertEq(governed.owner(), heir);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotOwner.selector, heir));
        governed.takeOwnership();
        vm.expectEmit(address(governed));
        emit IGovernedReports.GuardianChanged(address(7));
        governed.setGuardian(address(7));
        assertEq(governed.guardian(), address(7));
        vm.stopPrank();
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotOwner.selector, owner));
        governed.setGuardian(owner);
    }

    function test_aPauseEndsToTheSecond() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotGuardian.selector, address(this)));
        governed.pause(2);
        uint64 until = 1_000_000 + 7 days;
        _pause(2, until);
        _pause(1, until);
        assertEq(governed.pausedUntil(0), 0);
        assertEq(governed.pausedUntil(1), until);
        assertEq(governed.pausedUntil(3), 0);
        vm.warp(until - 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.Paused.selector, 2, until));
        governed.use();
        vm.warp(until);
        assertTrue(governed.use());
    }

    /// @dev Seven days of rest, for every bit; then a pause of another length of time replaces the old one in its bit alone.
    function test_afterAPauseAllBitsRest() public {
        uint64 until = 1_000_000 + 7 days;
        for (uint256 bit; bit < 4; ++bit) {
            uint256 snapshot = vm.snapshotState();
            _pause(bit, until);
            for (uint256 other; other < 4; ++other) {
                vm.warp(until);
                _rests(other, until + 7 days);
                vm.warp(until + 7 days - 1);
                _rests(other, until + 7 days);
                vm.warp(until + 7 days);
                uint256 rested = vm.snapshotState();
                _pause(other, until + 14 days);
                assertEq(governed.pausedUntil(other), until + 14 days);
                if (other != bit) assertEq(governed.pausedUntil(bit), until);
                assertTrue(vm.revertToState(rested));
            }
            assertTrue(vm.revertToState(snapshot));
        }
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, bytes32("bit")));
        governed.pause(4);
    }

    function _pause(uint256 bit, uint64 until) private {
        vm.expectEmit(address(governed));
        emit IGovernedReports.PauseSet(bit, until);
        vm.prank(guardian);
        governed.pause(bit);
    }

    function _rests(uint256 bit, uint64 until) private {
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.PauseResting.selector, bit, until));
        governed.pause(bit);
    }
}
