// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IKaisarToken} from "../interfaces/IKaisarToken.sol";

/// @title Moving KAI, and noticing when it did not move
/// @notice A token that takes a fee on transfer is refused: accounts here are in what was asked, to the wei.
library Tokens {
    error TransferFailed();

    function pull(IKaisarToken token, uint256 amount) internal {
        uint256 before = token.balanceOf(address(this));
        if (!_call(token, abi.encodeCall(token.transferFrom, (msg.sender, address(this), amount)))) revert TransferFailed();
        if (token.balanceOf(address(this)) != before + amount) revert TransferFailed();
    }

    function push(IKaisarToken token, address to, uint256 amount) internal {
        if (!tryPush(token, to, amount)) revert TransferFailed();
    }

    /// @return delivered False when the token refused; nothing moved then.
    function tryPush(IKaisarToken token, address to, uint256 amount) internal returns (bool delivered) {
        return _call(token, abi.encodeCall(token.transfer, (to, amount)));
    }

    function _call(IKaisarToken token, bytes memory data) private returns (bool) {
        (bool success, bytes memory answer) = address(token).call(data);
        return success && answer.length == 32 && abi.decode(answer, (uint256)) == 1;
    }
}
