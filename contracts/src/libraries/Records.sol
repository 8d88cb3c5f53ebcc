// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COMMITTEE, FULL_COHORT} from "./Constants.sol";
import {CohortRecord, CohortState} from "../interfaces/IEpochConsensus.sol";

/// @dev A cohort's outcome.
///
///      241       82 81        47 46      40        39  38     34 33   32 31     0
///     | 5 owners   | 5 × agreed | lanesPaid | checkersPaid | opened | state | epoch |
///       32 bits     7 bits
type RecordWord is uint256;

using Records for RecordWord global;

/// @title A cohort's outcome in one word
library Records {
    uint256 private constant STATE_AT = 32;
    uint256 private constant OPENED_AT = 34;
    uint256 private constant PAID = 1 << 39;
    uint256 private constant LANES_AT = 40;
    uint256 private constant LANES_MASK = 127 << 40;
    uint256 private constant AGREED_AT = 47;
    uint256 private constant AGREED_BITS = 7;
    uint256 private constant OWNERS_AT = 82;
    uint256 private constant OWNER_BITS = 32;

    function pack(uint64 epoch, CohortState state, uint256 opened, uint32[COMMITTEE] memory owners, uint8[COMMITTEE] memory agreed)
        internal
        pure
        returns (RecordWord word)
    {
        word = RecordWord.wrap(uint32(epoch) | uint256(state) << STATE_AT | opened << OPENED_AT);
        // for each seat: word |= agreed[i] << (AGREED_AT + AGREED_BITS * i) | owners[i] << (OWNERS_AT + OWNER_BITS * i)
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, COMMITTEE) { i := add(i, 1) } {
                let place := shl(5, i)
                word := or(word, shl(add(AGREED_AT, mul(AGREED_BITS, i)), mload(add(agreed, place))))
                word := or(word, shl(add(OWNERS_AT, place), mload(add(owners, place)))) // OWNER_BITS bits are as many as bytes of a word
            }
        }
    }

    function unpack(RecordWord word) internal pure returns (CohortRecord memory record) {
        record.state = stateOf(word);
        record.opened = uint8(RecordWord.unwrap(word) >> OPENED_AT & 31);
        record.checkersPaid = RecordWord.unwrap(word) & PAID != 0;
        record.lanesPaid = uint8(lanesPaid(word));
        unchecked {
            for (uint256 i; i < COMMITTEE; ++i) {
                record.agreed[i] = uint8(RecordWord.unwrap(word) >> (AGREED_AT + AGREED_BITS * i) & 127);
                record.owners[i] = uint32(RecordWord.unwrap(word) >> (OWNERS_AT + OWNER_BITS * i));
            }
        }
    }

    /// @notice Whether the word is about `epoch`.
    function isOf(RecordWord word, uint64 epoch) internal pure returns (bool) {
        return RecordWord.unwrap(word) >> STATE_AT & 3 != 0 && uint32(RecordWord.unwrap(word)) == epoch;
    }

    function epochOf(RecordWord word) internal pure returns (uint64) {
        return uint32(RecordWord.unwrap(word));
    }

    function stateOf(RecordWord word) internal pure returns (CohortState) {
        return CohortState(RecordWord.unwrap(word) >> STATE_AT & 3);
    }

    function lanesPaid(RecordWord word) internal pure returns (uint256) {
        return (RecordWord.unwrap(word) & LANES_MASK) >> LANES_AT;
    }

    function withLanesPaid(RecordWord word, uint256 lanes) internal pure returns (RecordWord) {
        return RecordWord.wrap(RecordWord.unwrap(word) & ~LANES_MASK | lanes << LANES_AT);
    }

    function checkersPaid(RecordWord word) internal pure returns (bool) {
        return RecordWord.unwrap(word) & PAID != 0;
    }

    function withCheckersPaid(RecordWord word) internal pure returns (RecordWord) {
        return RecordWord.wrap(RecordWord.unwrap(word) | PAID);
    }

    /// @notice Final, and nobody is waiting for money.
    function isPaid(RecordWord word) internal pure returns (bool) {
        return checkersPaid(word) && lanesPaid(word) == FULL_COHORT;
    }
}
