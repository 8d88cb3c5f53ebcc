// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "solady/tokens/ERC20.sol";

/// @title KAI
/// @notice Capped, minted once, no hooks, no owner. The interface is IKaisarToken.
contract KaisarToken is ERC20 {
    /// @notice Hard limit of the supply: 1,000,000,000 KAI.
    uint256 public constant cap = 1_000_000_000 ether;

    error InvalidSupply(uint256 supply, uint256 cap);

    /// @param treasury Receives all of `supply` (wei of KAI).
    constructor(address treasury, uint256 supply) {
        if (treasury == address(0) || supply > cap) revert InvalidSupply(supply, cap);
        _mint(treasury, supply);
    }

    function name() public pure override returns (string memory) {
        return "Kaisar";
    }

    function symbol() public pure override returns (string memory) {
        return "KAI";
    }

    /// @dev Permit2 gets no standing allowance: nobody moves KAI without its holder's approval.
    function _givePermit2InfiniteAllowance() internal pure override returns (bool) {
        return false;
    }
}
