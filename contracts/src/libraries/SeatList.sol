// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COMMITTEE} from "./Constants.sol";
import {Frozen32} from "./Frozen.sol";

/// @title The list of seats, as it is and as it was frozen for the last epochs
/// @notice A seat is the number of its owner at a position. Removing a seat moves the last one into its place; who owned a position in an
/// earlier epoch stays readable ({Frozen32}), so a move never changes a committee that is drawn.
library SeatList {
    using Frozen32 for uint256;

    struct List {
        uint256 count;
        mapping(uint256 position => uint256 frozen) owners;
        mapping(uint32 owner => uint32[]) positions;
        mapping(uint256 position => uint256) rank; // place of the position in its owner's `positions`
    }

    function add(List storage list, uint32 owner, uint256 seats, uint256 from) internal {
        uint32 count = list.count.newest();
        uint32[] storage positions = list.positions[owner];
        for (uint256 i; i < seats; ++i) {
            list.owners[count] = list.owners[count].set(from, owner);
            list.rank[count] = positions.length;
            positions.push(count);
            ++count;
        }
        list.count = list.count.set(from, count);
    }

    function remove(List storage list, uint32 owner, uint256 seats, uint256 from) internal {
        uint32 count = list.count.newest();
        uint32[] storage positions = list.positions[owner];
        for (uint256 i; i < seats; ++i) {
            uint32 position = positions[positions.length - 1];
            positions.pop();
            --count;
            if (position != count) {
                uint32 moved = list.owners[count].newest();
                uint256 rank = list.rank[count];
                list.positions[moved][rank] = position;
                list.rank[position] = rank;
                list.owners[position] = list.owners[position].set(from, moved);
            }
            list.owners[count] = list.owners[count].set(from, 0);
        }
        list.count = list.count.set(from, count);
    }

    function countIn(List storage list, uint256 epoch) internal view returns (uint32) {
        return list.count.valueIn(epoch);
    }

    function ownerIn(List storage list, uint256 epoch, uint256 position) internal view returns (uint32) {
        return list.owners[position].valueIn(epoch);
    }

    /// @notice As many different owners as a committee has, or false where the list has fewer.
    /// @dev Draw i starts at hash mod count, where hash = keccak256(abi.encode(seed, cohort, i)). While the owner there was drawn before, it goes
    /// on by a stride, (hash >> 128) mod (count − 1) + 1; back at its start, it goes on one beside it. By steps of one it would end, far more
    /// often than at any other seat, at the one behind many of one owner.
    function draw(List storage list, uint256 epoch, bytes32 seed, uint32 cohort)
        internal
        view
        returns (bool complete, uint32[COMMITTEE] memory drawn)
    {
        uint256 count = countIn(list, epoch);
        if (count < COMMITTEE) return (false, drawn);
        unchecked {
            for (uint256 i; i < COMMITTEE; ++i) {
                uint256 hash = _hash(seed, cohort, i);
                uint256 first = hash % count;
                uint256 position = first;
                uint32 owner = ownerIn(list, epoch, position);
                for (uint256 steps = 1; _among(drawn, owner); ++steps) {
                    if (steps == count) return (false, drawn);
                    position = (position + (hash >> 128) % (count - 1) + 1) % count;
                    if (position == first) position = first = (position + 1) % count;
                    owner = ownerIn(list, epoch, position);
                }
                drawn[i] = owner;
            }
        }
        return (true, drawn);
    }

    /// @dev uint256(keccak256(abi.encode(seed, cohort, i))), in memory that is not kept.
    function _hash(bytes32 seed, uint32 cohort, uint256 i) private pure returns (uint256 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, seed)
            mstore(add(free, 32), and(cohort, 0xffffffff))
            mstore(add(free, 64), i)
            hash := keccak256(free, 96)
        }
    }

    /// @dev Owners count from 1, so places not drawn yet match nobody.
    function _among(uint32[COMMITTEE] memory drawn, uint32 owner) private pure returns (bool among) {
        // among = drawn[0] == owner || … || drawn[4] == owner
        // A uint32 cut from a wider word may carry that word's bits; assembly compares all 256.
        assembly ("memory-safe") {
            owner := and(owner, 0xffffffff)
            among := or(eq(mload(drawn), owner), eq(mload(add(drawn, 32)), owner))
            among := or(among, or(eq(mload(add(drawn, 64)), owner), eq(mload(add(drawn, 96)), owner)))
            among := or(among, eq(mload(add(drawn, 128)), owner))
        }
    }
}
