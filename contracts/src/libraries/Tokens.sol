// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IKaisarToken} from "../interfaces/IKaisarToken.sol";

/// @title Moving KAI, and noticing when it did not move
/// @notice A token that takes a fee on transfer is refused: accounts here are in what was asked, to the wei.
library Tokens {
    error TransferFailed();

    function pull(IKaisarToken token, uint256 amount) internal {
        uint256 before = token.balanceOf(address(this));
        if (!SafeTransferLib.trySafeTransferFrom(address(token), msg.sender, address(this), amount)) revert TransferFailed();
        if (token.balanceOf(address(this)) != before + amount) revert TransferFailed();
    }

    function push(IKaisarToken token, address to, uint256 amount) internal {
        if (!tryPush(token, to, amount)) revert TransferFailed();
    }

    /// @return delivered False when the token refused; nothing moved then.
    function tryPush(IKaisarToken token, address to, uint256 amount) internal returns (bool delivered) {
        bytes4 selector = token.transfer.selector;
        // (bool success, bytes memory answer) = address(token).call(abi.encodeCall(token.transfer, (to, amount)));
        // delivered = success && answer.length == 32 && abi.decode(answer, (uint256)) == 1, without allocating memory for a batch of 64.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 4), and(to, 0xffffffffffffffffffffffffffffffffffffffff))
            mstore(add(free, 36), amount)
            mstore(0, 0)
            delivered := call(gas(), token, 0, free, 68, 0, 32)
            delivered := and(delivered, and(eq(returndatasize(), 32), eq(mload(0), 1)))
        }
    }
}
