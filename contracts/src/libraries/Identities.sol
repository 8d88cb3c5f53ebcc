// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDeviceRegistry} from "../interfaces/IDeviceRegistry.sol";

/// @title Which device an attested identity belongs to
/// @notice A device names an identity by registering with it, and owns it by claiming it after a credit that confirms it. The older credit has
/// it; of two as old, who named it first.
library Identities {
    /// @dev Which registration first named an identity for a device, counted over all of them, and whether a claim of it has earned.
    struct Naming {
        uint64 number;
        bool earned;
    }

    struct Book {
        mapping(bytes32 identity => bytes32 deviceId) owner;
        mapping(bytes32 identity => uint64 epoch) since; // of the credit that confirmed the owner
        mapping(bytes32 identity => mapping(bytes32 deviceId => Naming)) namings;
        uint64 named;
    }

    function name(Book storage book, bytes32 identity, bytes32 deviceId) internal {
        Naming storage naming = book.namings[identity][deviceId];
        if (naming.number == 0) naming.number = ++book.named;
    }

    /// @notice Nobody owns the identity any more, where this device did.
    function drop(Book storage book, bytes32 identity, bytes32 deviceId) internal {
        if (book.owner[identity] == deviceId) delete book.owner[identity];
    }

    /// @param since Epoch of the device's oldest credit with the identity.
    /// @return earns True for the first claim of the identity for this device: its operator can give it up, and have it claimed again, as often
    /// as it likes.
    function claim(Book storage book, bytes32 identity, bytes32 deviceId, uint64 since) internal returns (bool earns) {
        Naming storage naming = book.namings[identity][deviceId];
        bytes32 other = book.owner[identity];
        if (other != 0) {
            uint64 otherSince = book.since[identity];
            bool older = since < otherSince
                || (since == otherSince && naming.number < book.namings[identity][other].number);
            if (!older) revert IDeviceRegistry.IdentityTaken(identity, other);
        }
        (book.owner[identity], book.since[identity]) = (deviceId, since);
        earns = !naming.earned;
        if (earns) naming.earned = true;
    }
}
