// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGovernedReports} from "../interfaces/IGoverned.sol";

/// @title Owner, guardian and pause bits: storage and guards
abstract contract GovernedState is IGovernedReports {
    address internal _owner;
    address internal _guardian;
    address internal _heir;
    /// @dev Four pause times of 64 bits, by bit number.
    uint256 internal _pauses;

    modifier onlyOwner() {
        if (msg.sender != _owner) revert NotOwner(msg.sender);
        _;
    }

    modifier whenNotPaused(uint256 bit) {
        uint64 until = _pausedUntil(bit);
        if (block.timestamp < until) revert Paused(bit, until);
        _;
    }

    function _pausedUntil(uint256 bit) internal view returns (uint64) {
        return uint64(_pauses >> (64 * bit));
    }
}
