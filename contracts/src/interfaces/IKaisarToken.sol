// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title KAI, the token rewards and bonds are counted in
/// @notice A plain ERC-20 with permit: no hooks, no fee, no mint after construction, no owner.
interface IKaisarToken {
    /// @notice The construction asked for a supply above {cap}, or for a treasury that is the zero address.
    error InvalidSupply(uint256 supply, uint256 cap);

    /// @notice The lists differ in length.
    error LengthMismatch();

    /// @notice Transfers `amounts[i]` from the caller to `payees[i]`, for all i, or reverts. Zero amounts are skipped.
    function transferMany(address[] calldata payees, uint256[] calldata amounts) external;

    /// @notice Hard limit of the supply, in wei of KAI.
    function cap() external view returns (uint256);

    function name() external view returns (string memory);
    function symbol() external view returns (string memory);
    function decimals() external view returns (uint8);
    function totalSupply() external view returns (uint256);
    function balanceOf(address holder) external view returns (uint256);
    function allowance(address holder, address spender) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
    function approve(address spender, uint256 amount) external returns (bool);
    function permit(address holder, address spender, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;
    function nonces(address holder) external view returns (uint256);
    function DOMAIN_SEPARATOR() external view returns (bytes32);

    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Approval(address indexed holder, address indexed spender, uint256 amount);
}
