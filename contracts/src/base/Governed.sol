// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGoverned, IGovernedReports} from "../interfaces/IGoverned.sol";

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

/// @title Owner, guardian and pause bits. See {IGoverned}.
abstract contract Governed is GovernedState, IGoverned {
    uint256 internal constant PAUSE_SECONDS = 7 days;

    constructor(address owner_, address guardian_) {
        if (owner_ == address(0)) revert ZeroAddress();
        _owner = owner_;
        _guardian = guardian_;
        emit OwnershipTaken(owner_);
        emit GuardianChanged(guardian_);
    }

    /// @inheritdoc IGoverned
    function offerOwnership(address successor) external onlyOwner {
        _heir = successor;
        emit OwnershipOffered(_owner, successor);
    }

    /// @inheritdoc IGoverned
    function takeOwnership() external {
        if (msg.sender != _heir) revert NotOwner(msg.sender);
        _owner = msg.sender;
        delete _heir;
        emit OwnershipTaken(msg.sender);
    }

    /// @inheritdoc IGoverned
    function setGuardian(address guardian_) external onlyOwner {
        _guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    /// @inheritdoc IGoverned
    function pause(uint256 bit) external {
        if (msg.sender != _guardian) revert NotGuardian(msg.sender);
        if (bit > 3) revert OutOfBounds("bit");
        // All bits share one pause and one rest: by turns they would be a pause without an end.
        uint64 until;
        for (uint256 i; i < 4; ++i) {
            uint64 other = _pausedUntil(i);
            if (other > until) until = other;
        }
        if (block.timestamp >= until + (until == 0 ? 0 : PAUSE_SECONDS)) until = uint64(block.timestamp + PAUSE_SECONDS);
        else if (block.timestamp >= until || _pausedUntil(bit) == until) revert PauseResting(bit, uint64(until + PAUSE_SECONDS));
        uint256 shift = 64 * bit;
        _pauses = (_pauses & ~(uint256(type(uint64).max) << shift)) | (uint256(until) << shift);
        emit PauseSet(bit, until);
    }

    /// @inheritdoc IGoverned
    function owner() external view returns (address) {
        return _owner;
    }

    /// @inheritdoc IGoverned
    function guardian() external view returns (address) {
        return _guardian;
    }

    /// @inheritdoc IGoverned
    function pausedUntil(uint256 bit) external view returns (uint64) {
        return _pausedUntil(bit);
    }
}
