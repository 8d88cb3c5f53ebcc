// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title What the thief of an operator key can take: nothing
contract StolenOperatorTest is Fixture {
    address private thief = makeAddr("thief");

    /// @dev The thief takes the device out, has its deposit returned, and registers it again with a wallet of its own: the standing would come
    /// back with it, and with that the pay.
    function test_aReturningDeviceIsPaidWhereItAlwaysWas() public {
        deployAll();
        bondCheckers(5, 1);
        bytes32 id = registerDevice("victim");
        startEpochs();
        settleHonestly(0, uniformClaim(1, 3000, 10_000));
        vault.payCohort(0, 0, 64);
        vault.payCheckers(0, 0);
        (address key, address wallet) = (makeAddr("victim"), payoutOf(makeAddr("victim")));
        vm.prank(key);
        registry.requestExit(id);
        vm.warp(consensus.epochStart(6));
        registry.withdrawDeposit(id);
        uint256 standing = consensus.standing(id);
        assertGt(standing, 0);
        vm.prank(key);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, key, wallet));
        registry.register(keccak256("victim"), thief, "record", "certificate", 0);
        vm.prank(key);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, key, wallet));
        registry.setPayout(id, thief);
        // The wallet may move while the device is out; the device then returns to it.
        vm.prank(wallet);
        registry.setPayout(id, address(0xbeef));
        vm.prank(key);
        registry.register(keccak256("victim"), address(0xbeef), "record", "certificate", 0);
        assertEq(registry.getDevice(id).payout, address(0xbeef));
        assertEq(consensus.standing(id), standing);
    }
}
