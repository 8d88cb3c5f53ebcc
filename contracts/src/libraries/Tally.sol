// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ALL_FLAGS, COMMITTEE, FLAGS_WORD, FULL_COHORT, JUDGED_BIT, OPENING_WORDS, RATE_WORDS} from "./Constants.sol";
import {PackedMedian} from "./PackedMedian.sol";

/// @notice The committee's result for a cohort.
/// @param rates Medians. @param uptimes Medians. @param flags Majorities, zero in empty lanes.
/// @param judged Low bit of each nibble: a quorum of seats judged the lane, and it has a member.
/// @param certain Low bit of each nibble: at least CERTAIN seats judged the lane.
/// @param scored Low bit of each nibble: device, environment and work hold as well.
/// @param agreed Lanes in which a seat's rate is the median, its uptime close to the median, and its flags are the majority; none of a
/// seat that judges a lane without a member.
struct CohortResult {
    uint256[RATE_WORDS] rates;
    uint256[RATE_WORDS] uptimes;
    uint256 flags;
    uint256 judged;
    uint256 certain;
    uint256 scored;
    uint8[COMMITTEE] agreed;
}

/// @title From a committee's openings to one result
/// @notice A seat that is missing, or does not judge a lane, counts as rate 0, uptime 0 and no flags there: it can lower a
/// median, never raise it.
library Tally {
    using PackedMedian for uint256;

    /// @param openings The words of each seat, all zero where it is missing. Must be in range.
    /// @param occupancy Bit i: lane i has a member.
    /// @param tolerance How far from the median an uptime agrees, in 1/10000.
    function tally(uint256[OPENING_WORDS][COMMITTEE] memory openings, uint64 occupancy, uint256 tolerance)
        internal
        pure
        returns (CohortResult memory result)
    {
        unchecked {
            uint256[COMMITTEE] memory flags;
            for (uint256 seat; seat < COMMITTEE; ++seat) {
                uint256[OPENING_WORDS] memory words = openings[seat];
                uint256 own = words[FLAGS_WORD].judgedOnly();
                flags[seat] = own;
                // The common case, every lane judged, needs no masks.
                if (own >> JUDGED_BIT & PackedMedian.ONES != PackedMedian.ONES) _dropUnjudged(words, own);
            }
            for (uint256 word; word < RATE_WORDS; ++word) {
                result.rates[word] = _medianOf(openings, word);
                result.uptimes[word] = _medianOf(openings, word + RATE_WORDS);
            }
            (uint256 majority, uint256 four) = PackedMedian.majority(flags[0], flags[1], flags[2], flags[3], flags[4]);
            uint256 empty;
            if (occupancy != type(uint64).max) empty = ~(PackedMedian.spreadOccupancy(occupancy) * ALL_FLAGS);
            majority &= ~empty;
            uint256 judged = majority >> JUDGED_BIT & PackedMedian.ONES;
            result.flags = majority;
            result.judged = judged;
            result.certain = four >> JUDGED_BIT & judged;
            result.scored = majority & majority >> 1 & majority >> 2 & judged;
            for (uint256 seat; seat < COMMITTEE; ++seat) {
                // An audit may ask about any lane that a seat judged: those of nobody would answer for the others.
                if (flags[seat] & empty == 0) result.agreed[seat] = _agreed(openings[seat], flags[seat], result, tolerance);
            }
        }
    }

    /// @dev PackedMedian.median over openings[0][word] … openings[4][word], without bounds checks.
    function _medianOf(uint256[OPENING_WORDS][COMMITTEE] memory openings, uint256 word) private pure returns (uint256) {
        uint256 a;
        uint256 b;
        uint256 c;
        uint256 d;
        uint256 e;
        assembly ("memory-safe") {
            let offset := shl(5, word)
            a := mload(add(mload(openings), offset))
            b := mload(add(mload(add(openings, 32)), offset))
            c := mload(add(mload(add(openings, 64)), offset))
            d := mload(add(mload(add(openings, 96)), offset))
            e := mload(add(mload(add(openings, 128)), offset))
        }
        return PackedMedian.median(a, b, c, d, e);
    }

    /// @dev Clears the rates and uptimes of lanes without `judged`.
    function _dropUnjudged(uint256[OPENING_WORDS] memory words, uint256 flags) private pure {
        unchecked {
            uint256 judged = flags >> JUDGED_BIT & PackedMedian.ONES;
            for (uint256 quarter; quarter < RATE_WORDS; ++quarter) {
                uint256 kept = PackedMedian.spreadQuarter(uint64(judged >> (64 * quarter))) * 0xffff;
                words[quarter] &= kept;
                words[quarter + RATE_WORDS] &= kept;
            }
        }
    }

    function _agreed(uint256[OPENING_WORDS] memory words, uint256 flags, CohortResult memory result, uint256 tolerance)
        private
        pure
        returns (uint8)
    {
        unchecked {
            uint256 sameFlags = flags.equalFlags(result.flags) & result.judged;
            if (sameFlags == 0) return 0;
            // Honest seats judge the same numbers: most agree on every lane.
            if (sameFlags == PackedMedian.ONES && _isSame(words, result)) return uint8(FULL_COHORT);
            uint256 count;
            for (uint256 quarter; quarter < RATE_WORDS; ++quarter) {
                uint256 same = PackedMedian.spreadQuarter(uint64(sameFlags >> (64 * quarter)));
                same &= words[quarter + RATE_WORDS].closeLanes(result.uptimes[quarter], tolerance);
                count += (words[quarter].equalLanes(result.rates[quarter]) & same).countLanes();
            }
            return uint8(count);
        }
    }

    /// @dev Whether all rates and uptimes are the medians.
    function _isSame(uint256[OPENING_WORDS] memory words, CohortResult memory result) private pure returns (bool same) {
        // same = words[i] == result.rates[i] && words[i + 4] == result.uptimes[i] for all i < 4
        assembly ("memory-safe") {
            let rates := mload(result)
            let uptimes := mload(add(result, 32))
            let differ := xor(mload(words), mload(rates))
            differ := or(differ, xor(mload(add(words, 32)), mload(add(rates, 32))))
            differ := or(differ, xor(mload(add(words, 64)), mload(add(rates, 64))))
            differ := or(differ, xor(mload(add(words, 96)), mload(add(rates, 96))))
            differ := or(differ, xor(mload(add(words, 128)), mload(uptimes)))
            differ := or(differ, xor(mload(add(words, 160)), mload(add(uptimes, 32))))
            differ := or(differ, xor(mload(add(words, 192)), mload(add(uptimes, 64))))
            differ := or(differ, xor(mload(add(words, 224)), mload(add(uptimes, 96))))
            same := iszero(differ)
        }
    }
}
