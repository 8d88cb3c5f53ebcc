// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title Who is paid for a device: what its first registration names, until that wallet names another
contract PayoutsTest is Fixture {
    bytes32[2] private ids;
    address[2] private keys;
    address[3] private wallets = [makeAddr("wallet-0"), makeAddr("wallet-1"), makeAddr("thief")];
    /// @dev What {IDeviceRegistry.payoutOf} must be.
    address[2] private payouts;

    function setUp() public {
        deployAll();
        for (uint256 i; i < 2; ++i) {
            keys[i] = makeAddr(string.concat("operator-", vm.toString(i)));
            ids[i] = registry.deviceIdOf(keys[i], "device");
            token.transfer(keys[i], 100 * DEPOSIT);
            vm.prank(keys[i]);
            token.approve(address(registry), type(uint256).max);
        }
    }

    /// @dev Two devices take turns in one lane, in any order of registering, leaving, returning and changing wallets.
    function testFuzz_onlyThePayoutWalletChangesThePayout(uint256 seed) public {
        for (uint256 i; i < 24; ++i) {
            uint256 pick = uint256(keccak256(abi.encode(seed, i)));
            (uint256 device, address from, address to) = (pick & 1, wallets[(pick >> 8) % 3], wallets[(pick >> 16) % 3]);
            uint256 kind = (pick >> 24) % 6;
            if (kind < 3) _register(device, to);
            else if (kind == 3) _setPayout(device, from, to);
            else _leave(device);
            assertEq(registry.payoutOf(ids[0]), payouts[0]);
            assertEq(registry.payoutOf(ids[1]), payouts[1]);
        }
    }

    function _register(uint256 device, address to) private {
        bool refused = payouts[device] != address(0) && to != payouts[device];
        if (refused) vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, keys[device], payouts[device]));
        vm.prank(keys[device]);
        registry.register("device", to, "record", "certificate", 0);
        if (payouts[device] == address(0)) payouts[device] = to;
    }

    function _setPayout(uint256 device, address from, address to) private {
        if (payouts[device] == address(0)) vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.UnknownDevice.selector, ids[device]));
        else if (from != payouts[device]) vm.expectPartialRevert(IDeviceRegistry.NotPayout.selector);
        vm.prank(from);
        registry.setPayout(ids[device], to);
        if (from == payouts[device]) payouts[device] = to;
    }

    /// @dev Before the first epoch nothing holds a deposit, so that leaving takes no time.
    function _leave(uint256 device) private {
        if (!registry.isRegistered(ids[device])) return;
        uint256 before = token.balanceOf(payouts[device]);
        vm.prank(keys[device]);
        registry.requestExit(ids[device]);
        registry.withdrawDeposit(ids[device]);
        assertEq(token.balanceOf(payouts[device]), before + DEPOSIT);
    }
}
