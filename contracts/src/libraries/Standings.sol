// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PackedMedian} from "./PackedMedian.sol";
import {CohortResult} from "./Tally.sol";

/// @notice Sums of one cohort's pass.
/// @param credits Σ credits of judged lanes, and caps of members nobody judged.
/// @param caps Σ caps of all members, before the pass.
/// @param presentDelta Change of Σ caps over the members of the following epoch.
/// @param followingDelta The same over the members of the epoch after it.
/// @param earned Low bit of each nibble: the lane has a credit.
struct PassSums {
    uint256 credits;
    uint256 caps;
    int256 presentDelta;
    int256 followingDelta;
    uint256 earned;
}

/// @title Score, credit and standing of a cohort, in one pass
/// @notice score = decoded median rate × median uptime ÷ 10000. credit = min(score, cap), where cap = 2 × standing, or the first standing's
/// bound while there is none. standing moves a quarter of the way to the credit, in epochs with a credit only; up only where the lane's last
/// judged epoch earned something too, so that single captured epochs do not add up. From the second judged epoch in a row without a credit on,
/// where four seats judged, it loses a quarter. All divisions round down (towards the present standing). 64 values of 42 bits fill eleven
/// words, six to a word.
library Standings {
    /// @dev Where a pass stands. `marks` has of each lane in its nibble: 1 scored, 2 silent in its last judged epoch, 4 that and judged by four
    /// seats now. `place` is the memory address of the lane's median rate (see {_cursor}); `total` is Σ credits | Σ caps before << 64 |
    /// Σ caps after << 128 | a bit for each lane with a credit << 192.
    struct Cursor {
        uint256 lane;
        uint256 members;
        uint256 judged;
        uint256 marks;
        uint256 place;
        uint256 firstStanding;
        uint256 total;
    }

    uint256 internal constant WORDS = 11;
    uint256 internal constant PER_WORD = 6;
    uint256 internal constant BITS = 42;
    uint256 internal constant MASK = (1 << 42) - 1;

    /// @notice Value of lane `lane` (0 to 63) of the cohort.
    function get(uint256[11] storage words, uint256 lane) internal view returns (uint256) {
        return words[lane / PER_WORD] >> (BITS * (lane % PER_WORD)) & MASK;
    }

    /// @notice Fills `values` with the lanes from `lane` on.
    function read(uint256[11] storage words, uint256 lane, uint256[] memory values) internal view {
        unchecked {
            uint256 end = lane + values.length;
            uint256 place;
            while (lane < end) {
                uint256 first = lane % PER_WORD;
                uint256 word = words[lane / PER_WORD] >> (BITS * first);
                for (uint256 stop = lane + PER_WORD - first; lane < stop && lane < end; ++lane) {
                    assembly ("memory-safe") {
                        place := add(place, 32)
                        mstore(add(values, place), and(word, 0x3ffffffffff)) // values[i] = word & MASK
                        word := shr(42, word)
                    }
                }
            }
        }
    }

    function set(uint256[11] storage words, uint256 lane, uint256 value) internal {
        uint256 shift = BITS * (lane % PER_WORD);
        uint256 word = words[lane / PER_WORD];
        words[lane / PER_WORD] = (word & ~(MASK << shift)) | (value << shift);
    }

    /// @notice The most a lane with this standing can be credited.
    function capOf(uint256 standing, uint256 firstStanding) internal pure returns (uint256) {
        return standing == 0 ? firstStanding : 2 * standing;
    }

    /// @notice The standing after an epoch.
    /// @param silent The lane's last judged epoch earned nothing. @param certain At least four seats judged it in this one.
    function moved(uint256 standing, uint256 credit, bool silent, bool certain) internal pure returns (uint256) {
        unchecked {
            if (credit == 0) return silent && certain ? standing - standing / 4 : standing;
            if (standing == 0) return credit;
            if (credit <= standing) return standing - (standing - credit) / 4;
            return silent ? standing : standing + (credit - standing) / 4;
        }
    }

    /// @param standings Read and updated. @param credits Overwritten.
    /// @param silent Low bit of each nibble: the lane's last judged epoch earned nothing.
    /// @param members Occupancy of this epoch, the next and the one after.
    function pass(
        uint256[11] storage standings,
        uint256[11] storage credits,
        CohortResult memory result,
        uint256 silent,
        uint64[3] memory members,
        uint256 firstStanding
    ) internal returns (PassSums memory sums, uint256[11] memory creditWords) {
        unchecked {
            Cursor memory cursor = _cursor(result, members[0], firstStanding);
            cursor.marks = result.scored | silent << 1 | (silent & result.certain) << 2;
            uint256[11] memory before;
            for (uint256 word; word < WORDS; ++word) {
                uint256 old;
                assembly ("memory-safe") {
                    // old = before[word] = standings[word]
                    old := sload(add(standings.slot, word))
                    mstore(add(before, shl(5, word)), old)
                }
                (uint256 fresh, uint256 credit) = _passWord(old, cursor);
                assembly ("memory-safe") {
                    // credits[word] = creditWords[word] = credit; standings[word] = fresh
                    mstore(add(creditWords, shl(5, word)), credit)
                    sstore(add(credits.slot, word), credit)
                    if xor(old, fresh) { sstore(add(standings.slot, word), fresh) }
                }
            }
            sums.earned = PackedMedian.spreadOccupancy(uint64(cursor.total >> 192));
            sums.credits = uint64(cursor.total);
            sums.caps = uint64(cursor.total >> 64);
            sums.presentDelta = int256(uint256(uint64(cursor.total >> 128))) - int256(sums.caps);
            sums.followingDelta = sums.presentDelta;
            uint64 leaving = members[0] & ~(members[1] & members[2]);
            if (leaving != 0) _leave(sums, before, standings, members, firstStanding);
        }
    }

    /// @dev Copies the medians to one buffer: rates from word 3 down to word 0, then uptimes alike. Lane i is then the low 16 bits of the
    /// word that starts 2 × i bytes before the last of its four.
    function _cursor(CohortResult memory result, uint64 members, uint256 firstStanding)
        private
        pure
        returns (Cursor memory cursor)
    {
        uint256[8] memory buffer;
        for (uint256 i; i < 4; ++i) {
            buffer[3 - i] = result.rates[i];
            buffer[7 - i] = result.uptimes[i];
        }
        (cursor.members, cursor.judged) = (members, result.judged);
        cursor.firstStanding = firstStanding;
        assembly ("memory-safe") {
            mstore(add(cursor, 128), add(buffer, 96))
        }
    }

    /// @dev Up to six lanes from the cursor on: their standings after, and their credits. The same in Solidity, for each member:
    ///   standing = old >> shift & MASK; cap = capOf(standing, firstStanding);
    ///   score = scored ? Minifloat.decode(rate) * uptime / 10000 : 0; credit = min(score, cap);
    ///   next = moved(standing, credit, silent, certain);
    ///   credits += judged ? credit : cap; capsBefore += cap; capsAfter += capOf(next, firstStanding).
    function _passWord(uint256 old, Cursor memory cursor) private pure returns (uint256 fresh, uint256 creditWord) {
        assembly ("memory-safe") {
            let lane := mload(cursor)
            let place := mload(add(cursor, 128))
            let marks := shr(shl(2, lane), mload(add(cursor, 96)))
            let total := mload(add(cursor, 192))
            fresh := old
            // The last word holds four lanes.
            for { let shift := 0 } and(lt(shift, 252), lt(lane, 64)) { shift := add(shift, 42) } {
                let standing := and(shr(shift, old), 0x3ffffffffff)
                let cap := shl(1, standing)
                if iszero(standing) { cap := mload(add(cursor, 160)) }
                let credit := 0
                if and(marks, 1) {
                    credit := and(mload(place), 0x7fff)
                    if gt(credit, 0x3ff) { credit := shl(sub(shr(10, credit), 1), or(and(credit, 0x3ff), 0x400)) }
                    credit := div(mul(credit, and(mload(add(place, 128)), 0x7fff)), 10000)
                }
                switch credit
                case 0 {
                    if and(shr(lane, mload(add(cursor, 32))), 1) {
                        let next := standing
                        if and(marks, 4) { next := sub(standing, shr(2, standing)) }
                        fresh := xor(fresh, shl(shift, xor(standing, next)))
                        total := add(total, shl(64, cap))
                        if iszero(and(shr(shl(2, lane), mload(add(cursor, 64))), 1)) { total := add(total, cap) }
                        if next { cap := shl(1, next) }
                        total := add(total, shl(128, cap))
                    }
                }
                default {
                    if gt(credit, cap) { credit := cap }
                    let next := credit
                    if standing {
                        next := add(standing, sdiv(sub(credit, standing), 4))
                        if and(marks, 2) { if gt(next, standing) { next := standing } }
                    }
                    creditWord := or(creditWord, shl(shift, credit))
                    fresh := xor(fresh, shl(shift, xor(standing, next)))
                    total := add(total, or(or(credit, shl(64, cap)), or(shl(129, next), shl(add(192, lane), 1))))
                }
                lane := add(lane, 1)
                place := sub(place, 2)
                marks := shr(4, marks)
            }
            mstore(cursor, lane)
            mstore(add(cursor, 128), place)
            mstore(add(cursor, 192), total)
        }
    }

    /// @dev Takes the moves of members who leave out of the sums of the epochs they are no members of.
    function _leave(
        PassSums memory sums,
        uint256[11] memory before,
        uint256[11] storage standings,
        uint64[3] memory members,
        uint256 firstStanding
    ) private view {
        for (uint256 lane; lane < 64; ++lane) {
            if (members[0] >> lane & 1 == 0) continue;
            uint256 old = before[lane / PER_WORD] >> (BITS * (lane % PER_WORD)) & MASK;
            int256 move = int256(capOf(get(standings, lane), firstStanding)) - int256(capOf(old, firstStanding));
            if (members[1] >> lane & 1 == 0) sums.presentDelta -= move;
            if (members[2] >> lane & 1 == 0) sums.followingDelta -= move;
        }
    }
}
