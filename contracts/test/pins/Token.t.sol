// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {KaisarToken} from "../../src/KaisarToken.sol";
import {IKaisarToken, IKaisarTokenOwn} from "../../src/interfaces/IKaisarToken.sol";
import {Makers} from "../support/Makers.sol";

/// @title KAI: its names, its supply, and many transfers in one
contract TokenPins is Makers, Test {
    IKaisarToken private token;

    function setUp() public {
        token = IKaisarToken(address(new KaisarToken(address(this), 100)));
    }

    function test_names() public {
        assertEq(token.name(), "Kaisar");
        assertEq(token.symbol(), "KAI");
        assertEq(token.decimals(), 18);
        assertEq(token.cap(), 1_000_000_000 ether);
        assertEq(token.totalSupply(), 100);
        assertEq(token.balanceOf(address(this)), 100);
        assertEq(new KaisarToken(address(this), 1_000_000_000 ether).totalSupply(), 1_000_000_000 ether);
        vm.expectRevert(abi.encodeWithSelector(IKaisarTokenOwn.InvalidSupply.selector, 1_000_000_000 ether + 1, 1_000_000_000 ether));
        this.makeToken(address(this), 1_000_000_000 ether + 1);
        vm.expectRevert(abi.encodeWithSelector(IKaisarTokenOwn.InvalidSupply.selector, 7, 1_000_000_000 ether));
        this.makeToken(address(0), 7);
        vm.prank(0x000000000022D473030F116dDEE9F6B43aC78BA3);
        vm.expectRevert(bytes4(keccak256("InsufficientAllowance()")));
        token.transferFrom(address(this), address(1), 1);
    }

    /// @dev In their order, to the last wei, one of them to oneself and one of nothing; an address may have dirt above it.
    function test_manyTransfers() public {
        address[] memory payees = new address[](5);
        uint256[] memory amounts = new uint256[](5);
        (payees[0], payees[1], payees[2], payees[3], payees[4]) =
            (address(11), address(12), address(this), address(11), address(13));
        (amounts[0], amounts[1], amounts[2], amounts[3], amounts[4]) = (40, 0, 60, 59, 1);
        for (uint256 i; i < 5; ++i) {
            if (amounts[i] == 0) continue;
            vm.expectEmit(address(token));
            emit IKaisarToken.Transfer(address(this), payees[i], amounts[i]);
        }
        vm.recordLogs();
        bytes memory call = abi.encodeCall(token.transferMany, (payees, amounts));
        call[4 + 4 * 32] = 0xff; // above the second payee
        call[4 + 3 * 32] = 0xff; // above the first
        (bool done,) = address(token).call(call);
        assertTrue(done);
        assertEq(vm.getRecordedLogs().length, 4);
        assertEq(token.balanceOf(address(this)), 0);
        assertEq(token.balanceOf(address(11)), 99);
        assertEq(token.balanceOf(address(12)), 0);
        assertEq(token.balanceOf(address(13)), 1);
        assertEq(token.totalSupply(), 100);
    }

    function test_notOneMoreThanThereIs() public {
        address[] memory payees = new address[](2);
        uint256[] memory amounts = new uint256[](2);
        (payees[0], payees[1], amounts[0], amounts[1]) = (address(11), address(12), 40, 61);
        vm.expectRevert(abi.encodeWithSignature("InsufficientBalance()"));
        token.transferMany(payees, amounts);
        (payees[1], amounts[1]) = (address(this), 61);
        vm.expectRevert(abi.encodeWithSignature("InsufficientBalance()"));
        token.transferMany(payees, amounts);
        vm.expectRevert(IKaisarTokenOwn.LengthMismatch.selector);
        token.transferMany(payees, new uint256[](1));
        vm.expectRevert(IKaisarTokenOwn.LengthMismatch.selector);
        token.transferMany(new address[](1), amounts);
    }
}
