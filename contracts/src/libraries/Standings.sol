// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

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
/// bound while there is none. standing moves a quarter of the way to the credit, in epochs with a credit only. All divisions round down
/// (towards the present standing). 64 values of 42 bits fill eleven words, six to a word.
library Standings {
    /// @dev Where a pass stands. `place` is the memory address of the lane's median rate (see {_cursor}); `total` is
    /// Σ credits | Σ caps before << 64 | Σ caps after << 128.
    struct Cursor {
        uint256 lane;
        uint256 members;
        uint256 judged;
        uint256 scored;
        uint256 place;
        uint256 firstStanding;
        uint256 total;
        uint256 earned;
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

    /// @notice A quarter of the way to a credit above zero.
    function moved(uint256 standing, uint256 credit) internal pure returns (uint256) {
        unchecked {
            if (standing == 0) return credit;
            return credit > standing ? standing + (credit - standing) / 4 : standing - (standing - credit) / 4;
        }
    }

    /// @param standings Read and updated. @param credits Overwritten.
    /// @param members Occupancy of this epoch, the next and the one after.
    function pass(
        uint256[11] storage standings,
        uint256[11] storage credits,
        CohortResult memory result,
        uint64[3] memory members,
        uint256 firstStanding
    ) internal returns (PassSums memory sums, uint256[11] memory creditWords) {
        unchecked {
            Cursor memory cursor = _cursor(result, members[0], firstStanding);
            uint256[11] memory before;
            for (uint256 word; word < WORDS; ++word) {
                uint256 old;
                assembly ("memory-safe") {
                    // old = before[word] = standings[word]
                    old := sload(add(standings.slot, word))
                    mstore(add(before, shl(5, word)), old)
                }
                (bool full, uint256 fresh, uint256 credit) = _passFullWord(old, cursor);
                if (!full) (fresh, credit) = _passWord(old, cursor);
                assembly ("memory-safe") {
                    // credits[word] = creditWords[word] = credit; standings[word] = fresh
                    mstore(add(creditWords, shl(5, word)), credit)
                    sstore(add(credits.slot, word), credit)
                    if xor(old, fresh) { sstore(add(standings.slot, word), fresh) }
                }
            }
            sums.earned = cursor.earned;
            sums.credits = uint64(cursor.total);
            sums.caps = uint64(cursor.total >> 64);
            sums.presentDelta = int256(cursor.total >> 128) - int256(sums.caps);
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
        (cursor.members, cursor.judged, cursor.scored) = (members, result.judged, result.scored);
        cursor.firstStanding = firstStanding;
        assembly ("memory-safe") {
            mstore(add(cursor, 128), add(buffer, 96))
        }
    }

    /// @dev {_passWord} for the common case: every lane of the word scored, all with a credit. Otherwise returns false and moves nothing.
    function _passFullWord(uint256 old, Cursor memory cursor)
        private
        pure
        returns (bool full, uint256 fresh, uint256 creditWord)
    {
        // The last word holds four lanes.
        (uint256 lanes, uint256 bits) = cursor.lane == 60 ? (0x1111, uint256(168)) : (0x111111, uint256(252));
        if (cursor.scored >> (4 * cursor.lane) & lanes != lanes) return (false, 0, 0);
        assembly ("memory-safe") {
            let place := mload(add(cursor, 128))
            let first := mload(add(cursor, 160))
            let part := 0
            full := 1
            for { let shift := 0 } lt(shift, bits) { shift := add(shift, 42) } {
                let credit := and(mload(place), 0x7fff)
                if gt(credit, 0x3ff) { credit := shl(sub(shr(10, credit), 1), or(and(credit, 0x3ff), 0x400)) }
                credit := div(mul(credit, and(mload(add(place, 128)), 0x7fff)), 10000)
                let standing := and(shr(shift, old), 0x3ffffffffff)
                let cap := shl(1, standing)
                if iszero(standing) { cap := first }
                if gt(credit, cap) { credit := cap }
                if iszero(credit) { full := 0 }
                if iszero(standing) { standing := credit }
                standing := add(standing, sdiv(sub(credit, standing), 4))
                creditWord := or(creditWord, shl(shift, credit))
                fresh := or(fresh, shl(shift, standing))
                part := add(part, or(credit, or(shl(64, cap), shl(129, standing))))
                place := sub(place, 2)
            }
            if full {
                mstore(add(cursor, 128), place)
                mstore(add(cursor, 192), add(mload(add(cursor, 192)), part))
                let lane := mload(cursor)
                mstore(add(cursor, 224), or(mload(add(cursor, 224)), shl(shl(2, lane), lanes)))
                mstore(cursor, add(lane, 6))
            }
        }
    }

    /// @dev Up to six lanes from the cursor on: their standings after, and their credits. The same in Solidity, for each member:
    ///   standing = old >> shift & MASK; cap = capOf(standing, firstStanding);
    ///   if not judged: credits += cap, capsAfter += cap;
    ///   else: score = scored ? Minifloat.decode(rate) * uptime / 10000 : 0; credit = min(score, cap); credits += credit;
    ///         if credit != 0: next = moved(standing, credit), capsAfter += 2 * next; else capsAfter += cap.
    function _passWord(uint256 old, Cursor memory cursor) private pure returns (uint256 fresh, uint256 creditWord) {
        assembly ("memory-safe") {
            let lane := mload(cursor)
            let place := mload(add(cursor, 128))
            fresh := old
            for { let shift := 0 } and(lt(shift, 252), lt(lane, 64)) { shift := add(shift, 42) } {
                if and(shr(lane, mload(add(cursor, 32))), 1) {
                    let standing := and(shr(shift, old), 0x3ffffffffff)
                    let cap := shl(1, standing)
                    if iszero(standing) { cap := mload(add(cursor, 160)) }
                    let part := mul(cap, 0x100000000000000010000000000000000)
                    let nibble := shl(2, lane)
                    switch and(shr(nibble, mload(add(cursor, 64))), 1)
                    case 0 { part := add(part, cap) }
                    default {
                        let credit := 0
                        if and(shr(nibble, mload(add(cursor, 96))), 1) {
                            credit := and(mload(place), 0x7fff)
                            if gt(credit, 0x3ff) { credit := shl(sub(shr(10, credit), 1), or(and(credit, 0x3ff), 0x400)) }
                            credit := div(mul(credit, and(mload(add(place, 128)), 0x7fff)), 10000)
                        }
                        if credit {
                            if gt(credit, cap) { credit := cap }
                            let next := credit
                            if standing { next := add(standing, sdiv(sub(credit, standing), 4)) }
                            creditWord := or(creditWord, shl(shift, credit))
                            fresh := xor(fresh, shl(shift, xor(standing, next)))
                            part := or(credit, or(shl(64, cap), shl(129, next)))
                            mstore(add(cursor, 224), or(mload(add(cursor, 224)), shl(nibble, 1)))
                        }
                    }
                    mstore(add(cursor, 192), add(mload(add(cursor, 192)), part))
                }
                lane := add(lane, 1)
                place := sub(place, 2)
            }
            mstore(cursor, lane)
            mstore(add(cursor, 128), place)
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
            if (sums.earned >> (4 * lane) & 1 == 0) continue;
            uint256 old = before[lane / PER_WORD] >> (BITS * (lane % PER_WORD)) & MASK;
            int256 move = int256(2 * get(standings, lane)) - int256(capOf(old, firstStanding));
            if (members[1] >> lane & 1 == 0) sums.presentDelta -= move;
            if (members[2] >> lane & 1 == 0) sums.followingDelta -= move;
        }
    }
}
