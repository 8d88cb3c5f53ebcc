// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {KaisarToken} from "../../src/KaisarToken.sol";

/// @title A token that takes one wei of every transfer, or calls back once while it moves
/// @dev In a file of its own: forge compiles what inherits from a contract anew with every change of any contract.
contract HostileToken is KaisarToken {
    bool public taking;
    bool public called;
    bool public succeeded;
    bool private insists;
    address private target;
    bytes private data;

    constructor(address treasury) KaisarToken(treasury, cap) {}

    function take(bool on) external {
        taking = on;
    }

    /// @dev With the next transfer, which fails with the call where the token insists on it.
    function callBack(address to, bytes calldata with, bool insist) external {
        (target, data, insists) = (to, with, insist);
        (called, succeeded) = (false, false);
    }

    function _afterTokenTransfer(address, address to, uint256 amount) internal override {
        if (taking && amount != 0) _burn(to, 1);
        if (target == address(0) || called) return;
        called = true;
        (succeeded,) = target.call(data);
        require(succeeded || !insists, "refused");
    }
}
