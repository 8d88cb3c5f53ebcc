// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ALL_FLAGS, JUDGED_BIT, OPENING_WORDS} from "./Constants.sol";

/// @title Median of five and majority of five, over all lanes of a word at once
/// @notice Rates and uptimes: 16 lanes of 16 bits, values below 2^15. Flags: 64 lanes of 4 bits. The free top bit of a 16-bit lane takes the
/// borrow of a subtraction, so lanes never touch each other. `contracts/test/reference/ScalarTally.sol` is the same, lane by lane, and
/// `scripts/prove-exchange.mjs` proves {exchange} for all inputs by SMT.
library PackedMedian {
    /// @notice The top bit of each 16-bit lane.
    uint256 internal constant TOP = 0x8000800080008000800080008000800080008000800080008000800080008000;
    /// @notice The low bit of each 4-bit lane.
    uint256 internal constant ONES = 0x1111111111111111111111111111111111111111111111111111111111111111;
    /// @notice The low bit of each 16-bit lane.
    uint256 internal constant UNITS = 0x0001000100010001000100010001000100010001000100010001000100010001;
    /// @dev 0x7fff − 10000 in each lane: added to a value below 2^15, it reaches the top bit exactly when the value is above 10000.
    uint256 private constant ABOVE_FULL = 0x58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef58ef;

    /// @notice Lane by lane (low, high) = (min, max).
    function exchange(uint256 a, uint256 b) internal pure returns (uint256 low, uint256 high) {
        unchecked {
            uint256 g = ((a | TOP) - b) & TOP; // top bit: a ≥ b
            uint256 t = (a ^ b) & (g - (g >> 15)); // differing bits, in lanes where a ≥ b
            low = a ^ t;
            high = b ^ t;
        }
    }

    /// @notice Lane by lane the third of five, by seven exchanges.
    /// @dev Each step is {exchange}, or the half of it that is needed further. Proven over all 0-1 inputs and fuzzed in Tally.t.sol.
    function median(uint256 a, uint256 b, uint256 c, uint256 d, uint256 e) internal pure returns (uint256 third) {
        assembly ("memory-safe") {
            // Differing bits of x and y, in lanes where x ≥ y.
            function swap(x, y) -> t {
                let top := 0x8000800080008000800080008000800080008000800080008000800080008000
                let g := and(sub(or(x, top), y), top)
                t := and(xor(x, y), sub(g, shr(15, g)))
            }
            let t := swap(a, b)
            a := xor(a, t)
            b := xor(b, t)
            t := swap(d, e)
            d := xor(d, t)
            e := xor(e, t)
            t := swap(a, d)
            d := xor(d, t) // a is among the lowest three's minimum: not needed further
            t := swap(b, e)
            b := xor(b, t) // e likewise
            t := swap(b, c)
            b := xor(b, t)
            c := xor(c, t)
            t := swap(c, d)
            c := xor(c, t)
            t := swap(b, c)
            third := xor(c, t)
        }
    }

    /// @notice Bit by bit, whether at least three of five are set, and whether at least four are.
    function majority(uint256 a, uint256 b, uint256 c, uint256 d, uint256 e)
        internal
        pure
        returns (uint256 three, uint256 four)
    {
        uint256 ab = a ^ b;
        uint256 one = ab ^ c;
        uint256 carry = (a & b) | (ab & c);
        uint256 de = d ^ e;
        uint256 carry2 = (d & e) | (de & one);
        one ^= de;
        four = carry & carry2;
        three = four | ((carry ^ carry2) & one);
    }

    /// @notice Flags without those of lanes the seat did not judge.
    function judgedOnly(uint256 flags) internal pure returns (uint256) {
        unchecked {
            return flags & (((flags >> JUDGED_BIT) & ONES) * ALL_FLAGS);
        }
    }

    /// @notice Whether every rate is below 2^15 and every uptime at most 10000.
    function inRange(uint256[OPENING_WORDS] memory words) internal pure returns (bool) {
        unchecked {
            uint256 rates = words[0] | words[1] | words[2] | words[3];
            uint256 uptimes = words[4] | words[5] | words[6] | words[7];
            if ((rates | uptimes) & TOP != 0) return false;
            // No lane's top bit is set, so no sum below leaves its lane.
            uint256 above = (words[4] + ABOVE_FULL) | (words[5] + ABOVE_FULL);
            above |= (words[6] + ABOVE_FULL) | (words[7] + ABOVE_FULL);
            return above & TOP == 0;
        }
    }

    /// @notice Low bit of each 16-bit lane in which two words of values below 2^15 are equal.
    function equalLanes(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            return (~((a ^ b) + (TOP - UNITS)) & TOP) >> 15;
        }
    }

    /// @notice Low bit of each 16-bit lane in which two words of values of at most 10000 differ by at most `tolerance`, which is no more.
    function closeLanes(uint256 a, uint256 b, uint256 tolerance) internal pure returns (uint256) {
        unchecked {
            uint256 reach = tolerance * UNITS;
            return (((a + reach) | TOP) - b & ((b + reach) | TOP) - a & TOP) >> 15;
        }
    }

    /// @notice Low bit of each 4-bit lane in which two flag words are equal.
    function equalFlags(uint256 a, uint256 b) internal pure returns (uint256) {
        uint256 d = a ^ b;
        d |= d >> 2;
        d |= d >> 1;
        return ~d & ONES;
    }

    /// @notice Bits 0 … 63 to bits 0, 4 … 252: an occupancy in the layout of flags.
    function spreadOccupancy(uint64 lanes) internal pure returns (uint256 x) {
        x = spreadQuarter(lanes);
        x = (x | (x << 6)) & 0x0303030303030303030303030303030303030303030303030303030303030303;
        return (x | (x << 3)) & ONES;
    }

    /// @notice Sum of the low bits of the 16-bit lanes; other bits must be zero.
    function countLanes(uint256 units) internal pure returns (uint256) {
        unchecked {
            return (units * UNITS) >> 240;
        }
    }

    /// @notice Bits 0, 4, 8 … 60 to bits 0, 16, 32 … 240: a quarter of a flags word in the layout of rates. Other bits must be zero.
    function spreadQuarter(uint256 x) internal pure returns (uint256) {
        unchecked {
            x = (x | (x << 96)) & 0x000000000000000000000000ffffffff000000000000000000000000ffffffff;
            x = (x | (x << 48)) & 0x000000000000ffff000000000000ffff000000000000ffff000000000000ffff;
            x = (x | (x << 24)) & 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff;
            return (x | (x << 12)) & 0x000f000f000f000f000f000f000f000f000f000f000f000f000f000f000f000f;
        }
    }
}
