// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CREDIT_WORDS, FROZEN_EPOCHS, FULL_COHORT, FULL_UPTIME, MAX_RATE_LANE, RATE_WORDS} from "./Constants.sol";
import {LibBit} from "solady/utils/LibBit.sol";
import {PackedMedian} from "./PackedMedian.sol";
import {CohortResult} from "./Tally.sol";

/// @notice What a device without a standing is credited, and where one stands whose own cap is below that.
/// @param cap At most. @param held Its first credit sets its standing and is not paid.
struct Newcomers {
    uint256 cap;
    bool held;
}

/// @notice Sums of one cohort's pass.
/// @param credits Σ credits.
/// @param caps Σ caps of the credited lanes, as {Cohorts} counted them before the pass.
/// @param presentDelta Change of Σ 2 × standing over the members of the following epoch.
/// @param followingDelta The same over the members of the epoch after it.
/// @param earned Low bit of each nibble: the lane has a credit, or one that is held.
struct PassSums {
    uint256 credits;
    uint256 caps;
    int256 presentDelta;
    int256 followingDelta;
    uint256 earned;
}

/// @title Score, credit and standing of a cohort, in one pass
/// @notice score = decoded median rate × median uptime ÷ 10000. credit = min(score, cap), where cap = 2 × standing, or what {Newcomers} are
/// given where there is none. standing moves a quarter of the way, in epochs with a credit only: down to the decoded median rate where that is
/// less, so that absence costs the pay of that epoch alone; up to the credit, so that a device has no higher standing than it was paid for, and
/// only where the lane's last judged epoch earned something too, so that single captured epochs do not add up. From the second judged epoch in
/// a row without a credit on, where CERTAIN seats judged, it loses a quarter. A quarter of the way is rounded up, so that a standing
/// arrives; all other divisions round down. Whose cap is below what a newcomer is given stands, where it scores more than the cap, where a
/// newcomer would: else a first epoch that went wrong, or was captured, would cost a device dozens. 64 values of 42 bits fill eleven words,
/// six to a word.
library Standings {
    /// @dev Where a pass stands. The nibble of the next lane is the lowest of `scored`. `place` is the memory address of the next lane's median rate (see {_cursor}). `total` is of the lanes that earned: Σ credits |
    /// Σ 2 × standing before << 64 | the same after << 128 | their number << 192.
    struct Cursor {
        uint256 scored;
        uint256 place;
        uint256 newcomerCap;
        bool held;
        uint256 total;
    }

    /// @dev The top bit of each field. No credit and no standing reaches it: scores are below 2^41.
    uint256 private constant TOPS = 0x800000000020000000000800000000020000000000800000000020000000000;
    uint256 internal constant WORDS = CREDIT_WORDS;
    uint256 internal constant PER_WORD = 6;
    uint256 internal constant BITS = 42;
    uint256 internal constant MASK = (1 << 42) - 1;

    /// @notice Value of lane `lane` (0 to 63) of the cohort.
    function get(uint256[CREDIT_WORDS] storage words, uint256 lane) internal view returns (uint256) {
        return words[lane / PER_WORD] >> (BITS * (lane % PER_WORD)) & MASK;
    }

    /// @notice Fills `values` with the lanes from `lane` on.
    function read(uint256[CREDIT_WORDS] storage words, uint256 lane, uint256[] memory values) internal view {
        unchecked {
            uint256 end = lane + values.length;
            uint256 place;
            while (lane < end) {
                uint256 first = lane % PER_WORD;
                uint256 word = words[lane / PER_WORD] >> (BITS * first);
                uint256 stop = lane + PER_WORD - first;
                if (stop > end) stop = end;
                for (; lane < stop; ++lane) {
                    assembly ("memory-safe") {
                        place := add(place, 32)
                        mstore(add(values, place), and(word, 0x3ffffffffff)) // values[i] = word & MASK
                        word := shr(42, word)
                    }
                }
            }
        }
    }

    function set(uint256[CREDIT_WORDS] storage words, uint256 lane, uint256 value) internal {
        uint256 shift = BITS * (lane % PER_WORD);
        uint256 word = words[lane / PER_WORD];
        words[lane / PER_WORD] = (word & ~(MASK << shift)) | (value << shift);
    }

    /// @notice The standing after an epoch.
    /// @param shown What it moves towards, zero in an epoch without a credit; above the cap what a newcomer is given, which it takes at once.
    /// @param silent The lane's last judged epoch earned nothing. @param certain At least CERTAIN seats judged it in this one.
    function moved(uint256 standing, uint256 shown, bool silent, bool certain) internal pure returns (uint256) {
        unchecked {
            if (shown == 0) return silent && certain ? standing - standing / 4 : standing;
            if (standing == 0) return shown;
            if (shown <= standing) return standing - (standing - shown + 3) / 4;
            if (silent) return standing;
            return shown > 2 * standing ? shown : standing + (shown - standing + 3) / 4;
        }
    }

    /// @param standings Read and updated. @param credits Overwritten.
    /// @param silent Low bit of each nibble: the lane's last judged epoch earned nothing.
    /// @param members Occupancy of this epoch, the next and the one after.
    function pass(
        uint256[CREDIT_WORDS] storage standings,
        uint256[CREDIT_WORDS] storage credits,
        CohortResult memory result,
        uint256 silent,
        uint64[FROZEN_EPOCHS] memory members,
        Newcomers memory newcomers
    ) internal returns (PassSums memory sums, uint256[CREDIT_WORDS] memory creditWords) {
        unchecked {
            Cursor memory cursor = _cursor(result, newcomers);
            cursor.scored = result.scored;
            uint256[CREDIT_WORDS] memory before;
            for (uint256 word; word < WORDS; ++word) {
                uint256 old;
                assembly ("memory-safe") {
                    // old = before[word] = standings[word]
                    old := sload(add(standings.slot, word))
                    mstore(add(before, shl(5, word)), old)
                }
                (uint256 fresh, uint256 credit) = _passWord(old, cursor, word == WORDS - 1 ? FULL_COHORT % PER_WORD * BITS : PER_WORD * BITS);
                assembly ("memory-safe") {
                    // credits[word] = creditWords[word] = credit; standings[word] = fresh
                    mstore(add(creditWords, shl(5, word)), credit)
                    sstore(add(credits.slot, word), credit)
                    if xor(old, fresh) { sstore(add(standings.slot, word), fresh) }
                }
            }
            sums.credits = uint64(cursor.total);
            sums.caps = uint64(cursor.total >> 64);
            sums.presentDelta = int256(uint256(uint64(cursor.total >> 128))) - int256(sums.caps);
            uint256 count = cursor.total >> 192;
            sums.earned = count == FULL_COHORT ? PackedMedian.ONES : _earned(before, standings, creditWords);
            if (silent != 0) sums.presentDelta -= _quieten(standings, before, silent & sums.earned, silent & result.certain);
            sums.followingDelta = sums.presentDelta;
            // While nobody in the network has a standing, each member counts with what it can be credited.
            if (!newcomers.held) sums.caps += count * newcomers.cap;
            uint64 leaving = members[0] & ~(members[1] & members[2]);
            if (leaving != 0) _leave(sums, before, standings, members);
        }
    }

    /// @dev Low bit of each nibble: credited something, or given a first standing.
    function _earned(uint256[CREDIT_WORDS] memory before, uint256[CREDIT_WORDS] storage standings, uint256[CREDIT_WORDS] memory credits)
        private
        view
        returns (uint256 nibbles)
    {
        unchecked {
            for (uint256 word; word < WORDS; ++word) {
                uint256 tops = _filled(credits[word]);
                if (tops != TOPS) tops |= _filled(standings[word]) & ~_filled(before[word]);
                uint256 lanes = 0x111111;
                if (tops != TOPS) {
                    lanes = 0;
                    for (uint256 lane; lane < PER_WORD; ++lane) {
                        lanes |= (tops >> (BITS * lane + BITS - 1) & 1) << (4 * lane);
                    }
                }
                nibbles |= lanes << (4 * PER_WORD * word);
            }
        }
    }

    /// @dev The top bit of each field that is not zero.
    function _filled(uint256 word) private pure returns (uint256) {
        unchecked {
            return (word + (TOPS - (TOPS >> (BITS - 1)))) & TOPS;
        }
    }

    /// @dev For lanes that were silent in their last judged epoch: no rise where they earned now, a quarter less where CERTAIN seats judged them
    /// and they did not.
    /// @return less What Σ 2 × standing loses by that.
    function _quieten(uint256[CREDIT_WORDS] storage standings, uint256[CREDIT_WORDS] memory before, uint256 earned, uint256 certain)
        private
        returns (int256 less)
    {
        for (uint256 lane; lane < FULL_COHORT; ++lane) {
            if ((earned | certain) >> (4 * lane) & 1 == 0) continue;
            uint256 old = before[lane / PER_WORD] >> (BITS * (lane % PER_WORD)) & MASK;
            uint256 standing = get(standings, lane);
            uint256 next = old - old / 4;
            if (earned >> (4 * lane) & 1 != 0) next = old != 0 && standing > old ? old : standing;
            if (next == standing) continue;
            set(standings, lane, next);
            less += 2 * (int256(standing) - int256(next));
        }
    }

    /// @dev Copies the medians to one buffer: rates from word 3 down to word 0, then uptimes alike. Lane i is then the low 16 bits of the
    /// word that starts 2 × i bytes before the last of its four.
    function _cursor(CohortResult memory result, Newcomers memory newcomers) private pure returns (Cursor memory cursor) {
        uint256[8] memory buffer;
        for (uint256 i; i < RATE_WORDS; ++i) {
            buffer[3 - i] = result.rates[i];
            buffer[7 - i] = result.uptimes[i];
        }
        (cursor.newcomerCap, cursor.held) = (newcomers.cap, newcomers.held);
        assembly ("memory-safe") {
            mstore(add(cursor, 32), add(buffer, 96))
        }
    }

    /// @dev The lanes of a word, whose fields end at `bits`: their standings after, and their credits. The same in Solidity, for each lane:
    ///   standing = old >> shift & MASK; cap = standing == 0 ? newcomerCap : 2 * standing;
    ///   rate = Minifloat.decode(lane rate); score = scored ? rate * uptime / 10000 : 0; credit = min(score, cap);
    ///   shown = standing == 0 ? credit : rate > standing ? max(credit, standing) : rate;
    ///   given = min(score, newcomerCap); if (standing != 0 && given > cap) shown = given;
    ///   next = credit == 0 ? standing : moved(standing, shown, false, certain), see {_quieten};
    ///   if standing == 0 && held: credit = 0.
    /// A lane without a member is not scored.
    function _passWord(uint256 old, Cursor memory cursor, uint256 bits)
        private
        pure
        returns (uint256 fresh, uint256 creditWord)
    {
        assembly ("memory-safe") {
            let scored := mload(cursor)
            let place := mload(add(cursor, 32))
            let total := mload(add(cursor, 128))
            for { let shift := 0 } lt(shift, bits) { shift := add(shift, 42) } {
                let next := and(shr(shift, old), 0x3ffffffffff)
                if and(scored, 1) {
                    let shown := and(mload(place), MAX_RATE_LANE)
                    if gt(shown, 0x3ff) { shown := shl(sub(shr(10, shown), 1), or(and(shown, 0x3ff), 0x400)) }
                    let credit := div(mul(shown, and(mload(add(place, 128)), MAX_RATE_LANE)), FULL_UPTIME)
                    if credit {
                        let standing := next
                        let move := sub(credit, standing)
                        // Above the cap, or below the standing, where it wraps around.
                        if gt(move, standing) {
                            move := sub(mul(lt(shown, standing), sub(shown, standing)), 3)
                            if gt(credit, standing) {
                                shown := mload(add(cursor, 64))
                                if lt(credit, shown) { shown := credit }
                                credit := shl(1, standing)
                                move := standing
                                // The whole way.
                                if gt(shown, credit) { move := shl(2, sub(shown, standing)) }
                                // First credits are paid only while nobody has a standing.
                                if iszero(mload(add(cursor, 96))) { credit := shown }
                            }
                        }
                        // A quarter, rounded away from zero.
                        next := add(standing, sar(2, add(move, 3)))
                        creditWord := or(creditWord, shl(shift, credit))
                        credit := or(or(credit, shl(65, standing)), or(shl(129, next), shl(192, 1)))
                        total := add(total, credit)
                    }
                }
                fresh := or(fresh, shl(shift, next))
                place := sub(place, 2)
                scored := shr(4, scored)
            }
            mstore(cursor, scored)
            mstore(add(cursor, 32), place)
            mstore(add(cursor, 128), total)
        }
    }

    /// @dev Takes the moves of members who leave out of the sums of the epochs they are no members of.
    function _leave(
        PassSums memory sums,
        uint256[CREDIT_WORDS] memory before,
        uint256[CREDIT_WORDS] storage standings,
        uint64[FROZEN_EPOCHS] memory members
    ) private view {
        for (uint256 lane; lane < FULL_COHORT; ++lane) {
            if (members[0] >> lane & 1 == 0) continue;
            uint256 old = before[lane / PER_WORD] >> (BITS * (lane % PER_WORD)) & MASK;
            int256 move = 2 * (int256(get(standings, lane)) - int256(old));
            if (members[1] >> lane & 1 == 0) sums.presentDelta -= move;
            if (members[2] >> lane & 1 == 0) sums.followingDelta -= move;
        }
    }
}
