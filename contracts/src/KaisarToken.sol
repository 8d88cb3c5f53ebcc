// SPDX-License-Identifier: MIT
// Why: docs/why/contracts.md
pragma solidity 0.8.37;

import {ERC20} from "solady/tokens/ERC20.sol";
import {IKaisarTokenOwn} from "./interfaces/IKaisarToken.sol";

/// @title KAI
/// @notice Capped, minted once, no hooks, no owner. The whole interface is {IKaisarToken}.
contract KaisarToken is IKaisarTokenOwn, ERC20 {
    /// @inheritdoc IKaisarTokenOwn
    uint256 public constant cap = 1_000_000_000 ether;

    /// @dev solady's ERC20: a balance is at keccak256(holder ‖ seed), and this is its Transfer event.
    uint256 private constant BALANCE_SLOT_SEED = 0x87a211a2;
    uint256 private constant TRANSFER_EVENT = 0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef;

    /// @param treasury Receives all of `supply` (wei of KAI).
    constructor(address treasury, uint256 supply) {
        if (treasury == address(0) || supply > cap) revert InvalidSupply(supply, cap);
        _mint(treasury, supply);
    }

    /// @inheritdoc IKaisarTokenOwn
    /// @dev for each i: if (amounts[i] != 0) transfer(payees[i], amounts[i]), with one write to the caller's balance.
    function transferMany(address[] calldata payees, uint256[] calldata amounts) external {
        if (payees.length != amounts.length) revert LengthMismatch();
        assembly ("memory-safe") {
            mstore(12, BALANCE_SLOT_SEED)
            mstore(0, caller())
            let fromSlot := keccak256(12, 32)
            let balance_ := sload(fromSlot)
            for { let i := 0 } lt(i, payees.length) { i := add(i, 1) } {
                let amount := calldataload(add(amounts.offset, shl(5, i)))
                if iszero(amount) { continue }
                if gt(amount, balance_) {
                    mstore(0, 0xf4d678b8) // InsufficientBalance()
                    revert(28, 4)
                }
                let to := and(calldataload(add(payees.offset, shl(5, i))), 0xffffffffffffffffffffffffffffffffffffffff)
                mstore(0, to)
                let toSlot := keccak256(12, 32)
                if iszero(eq(toSlot, fromSlot)) {
                    balance_ := sub(balance_, amount)
                    sstore(toSlot, add(sload(toSlot), amount))
                }
                mstore(32, amount)
                log3(32, 32, TRANSFER_EVENT, caller(), to)
                mstore(12, BALANCE_SLOT_SEED)
            }
            sstore(fromSlot, balance_)
        }
    }

    /// @inheritdoc ERC20
    function name() public pure override returns (string memory) {
        return "Kaisar";
    }

    /// @inheritdoc ERC20
    function symbol() public pure override returns (string memory) {
        return "KAI";
    }

    /// @dev Permit2 gets no standing allowance: nobody moves KAI without its holder's approval.
    function _givePermit2InfiniteAllowance() internal pure override returns (bool) {
        return false;
    }
}
