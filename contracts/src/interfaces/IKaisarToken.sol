// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title What KAI has beside an ERC-20 with permit
interface IKaisarTokenOwn {
    /// @notice The construction asked for a supply above {cap}, or for a treasury that is the zero address.
    error InvalidSupply(uint256 supply, uint256 cap);

    /// @notice The lists differ in length.
    error LengthMismatch();

    /// @notice Transfers `amounts[i]` from the caller to `payees[i]`, for all i, or reverts. Zero amounts are skipped.
    function transferMany(address[] calldata payees, uint256[] calldata amounts) external;

    /// @notice Hard limit of the supply, in wei of KAI.
    function cap() external view returns (uint256);
}

/// @title KAI, the token rewards and bonds are counted in
/// @notice A plain ERC-20 with permit: no hooks, no fee, no mint after construction, no owner.
interface IKaisarToken is IKaisarTokenOwn {
    /// @notice Kaisar
    function name() external view returns (string memory);
    /// @notice KAI
    function symbol() external view returns (string memory);
    /// @notice 18
    function decimals() external view returns (uint8);
    /// @notice All KAI there is, in wei; only burning could lower it, and nothing burns.
    function totalSupply() external view returns (uint256);
    /// @notice KAI (wei) of a holder.
    function balanceOf(address holder) external view returns (uint256);
    /// @notice What `spender` may move of the holder's KAI.
    function allowance(address holder, address spender) external view returns (uint256);
    /// @notice Moves KAI of the caller. Never false: it reverts.
    function transfer(address to, uint256 amount) external returns (bool);
    /// @notice Moves KAI within an allowance to the caller.
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
    /// @notice Sets what `spender` may move.
    function approve(address spender, uint256 amount) external returns (bool);
    /// @notice Sets an allowance by the holder's signature (EIP-2612).
    function permit(address holder, address spender, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;
    /// @notice The next permit's.
    function nonces(address holder) external view returns (uint256);
    /// @notice Of permits.
    function DOMAIN_SEPARATOR() external view returns (bytes32);

    /// @notice KAI moved.
    event Transfer(address indexed from, address indexed to, uint256 amount);
    /// @notice An allowance was set.
    event Approval(address indexed holder, address indexed spender, uint256 amount);
}
