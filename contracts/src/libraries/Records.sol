// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COMMITTEE, FULL_COHORT} from "./Constants.sol";
import {CohortRecord, CohortState} from "../interfaces/IEpochConsensus.sol";

/// @title A cohort's outcome in one word
/// @dev epoch 32 | state 2 | opened 5 | checkersPaid 1 | lanesPaid 7 | agreed 5 × 7 | owners 5 × 32: 242 bits.
library Records {
    uint256 private constant PAID = 1 << 39;
    uint256 private constant LANES_SHIFT = 40;
    uint256 private constant LANES_MASK = 127 << 40;

    function pack(uint64 epoch, CohortState state, uint256 opened, uint32[COMMITTEE] memory owners, uint8[COMMITTEE] memory agreed)
        internal
        pure
        returns (uint256 word)
    {
        word = uint32(epoch) | uint256(state) << 32 | opened << 34;
        // for each seat: word |= agreed[i] << (47 + 7 * i) | owners[i] << (82 + 32 * i)
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, COMMITTEE) { i := add(i, 1) } {
                let place := shl(5, i)
                word := or(word, shl(add(47, mul(7, i)), mload(add(agreed, place))))
                word := or(word, shl(add(82, place), mload(add(owners, place))))
            }
        }
    }

    function unpack(uint256 word) internal pure returns (CohortRecord memory record) {
        record.state = stateOf(word);
        record.opened = uint8(word >> 34 & 31);
        record.checkersPaid = word & PAID != 0;
        record.lanesPaid = uint8(lanesPaid(word));
        for (uint256 i; i < COMMITTEE; ++i) {
            record.agreed[i] = uint8(word >> (47 + 7 * i) & 127);
            record.owners[i] = uint32(word >> (82 + 32 * i));
        }
    }

    /// @notice Whether the word is about `epoch`.
    function isOf(uint256 word, uint64 epoch) internal pure returns (bool) {
        return word >> 32 & 3 != 0 && uint32(word) == epoch;
    }

    function epochOf(uint256 word) internal pure returns (uint64) {
        return uint32(word);
    }

    function stateOf(uint256 word) internal pure returns (CohortState) {
        return CohortState(word >> 32 & 3);
    }

    function lanesPaid(uint256 word) internal pure returns (uint256) {
        return (word & LANES_MASK) >> LANES_SHIFT;
    }

    function withLanesPaid(uint256 word, uint256 lanes) internal pure returns (uint256) {
        return word & ~LANES_MASK | lanes << LANES_SHIFT;
    }

    function checkersPaid(uint256 word) internal pure returns (bool) {
        return word & PAID != 0;
    }

    function withCheckersPaid(uint256 word) internal pure returns (uint256) {
        return word | PAID;
    }

    /// @notice Final, and nobody is waiting for money.
    function isPaid(uint256 word) internal pure returns (bool) {
        return checkersPaid(word) && lanesPaid(word) == FULL_COHORT;
    }
}
