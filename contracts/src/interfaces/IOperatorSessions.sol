// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Which run of an operator is the present one
/// @notice Two machines with one operator key would sign two answers to one question. Each run claims a session of its own as it starts;
/// the run whose session was replaced yields. Nothing on chain depends on it: no call is refused, nothing moves.
interface IOperatorSessions {
    /// @param previous The session that has to yield; zero where there was none.
    event SessionClaimed(address indexed operator, bytes32 indexed session, bytes32 previous);

    /// @notice Makes `session` the present one of the caller, whoever it is. Zero gives the present one up.
    function claimSession(bytes32 session) external;

    /// @notice The present session of an operator and the block time of its claim; both zero where none was ever claimed.
    function sessionOf(address operator) external view returns (bytes32 session, uint64 claimedAt);
}
