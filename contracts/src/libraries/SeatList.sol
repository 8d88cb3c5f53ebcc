// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

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

    /// @notice Five different owners, or false where the list has fewer.
    /// @dev Draw i starts at keccak256(abi.encode(seed, cohort, i)) mod count and walks on while the owner was drawn before.
    function draw(List storage list, uint256 epoch, bytes32 seed, uint32 cohort)
        internal
        view
        returns (bool complete, uint32[5] memory drawn)
    {
        uint256 count = countIn(list, epoch);
        if (count < 5) return (false, drawn);
        for (uint256 i; i < 5; ++i) {
            uint256 position = uint256(keccak256(abi.encode(seed, cohort, i))) % count;
            uint256 steps;
            uint32 owner = ownerIn(list, epoch, position);
            while (_among(drawn, i, owner)) {
                if (++steps == count) return (false, drawn);
                if (++position == count) position = 0;
                owner = ownerIn(list, epoch, position);
            }
            drawn[i] = owner;
        }
        return (true, drawn);
    }

    function _among(uint32[5] memory drawn, uint256 count, uint32 owner) private pure returns (bool) {
        for (uint256 i; i < count; ++i) {
            if (drawn[i] == owner) return true;
        }
        return false;
    }
}
