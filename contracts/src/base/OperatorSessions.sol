// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorSessions} from "../interfaces/IOperatorSessions.sol";

/// @title The present session of each operator. See {IOperatorSessions}.
/// @dev Inherited once per role, so that a Provider and a Checker behind one address replace only their own.
abstract contract OperatorSessions is IOperatorSessions {
    struct OperatorSession {
        bytes32 session;
        uint64 claimedAt;
    }

    mapping(address operator => OperatorSession) private _sessions;

    /// @inheritdoc IOperatorSessions
    function claimSession(bytes32 session) external {
        emit SessionClaimed(msg.sender, session, _sessions[msg.sender].session);
        _sessions[msg.sender] = OperatorSession(session, uint64(block.timestamp));
    }

    /// @inheritdoc IOperatorSessions
    function sessionOf(address operator) external view returns (bytes32 session, uint64 claimedAt) {
        OperatorSession storage present = _sessions[operator];
        return (present.session, present.claimedAt);
    }
}
