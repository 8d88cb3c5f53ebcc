// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Philox4x32-10, four blocks at a time
/// @notice The weights of the tensor job and of the memory job, and the numbers that a fill of memory begins with, as a graphics card and a
/// CPU derive them. A block is 16 entries of one byte. Its counter, of four words of 32 bits:
///
///     word 0           word 1   word 2             word 3
///     position ÷ 16    line     matrix or group    layer · 2^8 + domain
///
/// A line runs along the inner dimension of a product: a column of weights, a row of a fill. One word of the EVM holds four lanes of 64
/// bits, one for each of four blocks in succession, so that one multiplication makes four products.
library Philox {
    uint256 private constant WEIGHTS = 1;
    uint256 private constant FILL = 2;

    /// @dev The same 32 bits in every lane.
    uint256 private constant ALL = 0x0000000000000001_0000000000000001_0000000000000001_0000000000000001;
    uint256 private constant MASK = 0x00000000ffffffff_00000000ffffffff_00000000ffffffff_00000000ffffffff;
    /// @dev What the words of a key go up by from round to round.
    uint256 private constant BUMP0 = 0x000000009e3779b9_000000009e3779b9_000000009e3779b9_000000009e3779b9;
    uint256 private constant BUMP1 = 0x00000000bb67ae85_00000000bb67ae85_00000000bb67ae85_00000000bb67ae85;
    /// @dev Blocks 0 to 3 in lanes 0 to 3, the lowest first.
    uint256 private constant SUCCESSION = 0x0000000000000003_0000000000000002_0000000000000001_0000000000000000;

    /// @notice The key that a hash gives: its first 8 bytes as two little-endian words.
    function keyOf(bytes32 hash) internal pure returns (uint32 key0, uint32 key1) {
        uint256 swapped = _swapBytes(uint256(hash) >> 192);
        return (uint32(swapped), uint32(swapped >> 32));
    }

    /// @notice Bytes of the first `entries` positions of a column of weights, (byte mod 128) − 64 each, where −64 is 0, as bytes x + 64.
    /// @param matrix Of the tensor job 0 is E, 1 + l is W_l and 1 + w is R
    /// @param entries A multiple of 64. A column of E is the first 32
    function weights(uint32 key0, uint32 key1, uint32 matrix, uint32 column, uint256 entries)
        internal
        pure
        returns (bytes memory column_)
    {
        column_ = line(key0, key1, [column, matrix, WEIGHTS], entries);
        uint256 low7 = 0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f;
        for (uint256 offset = 32; offset <= entries; offset += 32) {
            assembly ("memory-safe") {
                let word := and(mload(add(column_, offset)), low7)
                // The top bit of each byte that is not zero: 127 + byte reaches 128 from byte 1 on.
                let nonZero := and(shr(7, add(word, low7)), 0x0101010101010101010101010101010101010101010101010101010101010101)
                let zero := xor(nonZero, 0x0101010101010101010101010101010101010101010101010101010101010101)
                mstore(add(column_, offset), or(word, shl(6, zero)))
            }
        }
    }

    /// @notice Bytes of the first `entries` positions of a drawn row of a fill, x + 64 each.
    /// @param entries A multiple of 64
    function fill(uint32 key0, uint32 key1, uint32 group, uint32 layer, uint32 row, uint256 entries)
        internal
        pure
        returns (bytes memory row_)
    {
        row_ = line(key0, key1, [row, group, uint256(layer) << 8 | FILL], entries);
        for (uint256 offset = 32; offset <= entries; offset += 32) {
            assembly ("memory-safe") {
                let place := add(row_, offset)
                mstore(place, and(mload(place), 0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f))
            }
        }
    }

    /// @notice The bytes of a line, as drawn.
    /// @param words Words 1 to 3 of the counter
    /// @param entries How many, a multiple of 64
    function line(uint32 key0, uint32 key1, uint256[3] memory words, uint256 entries)
        internal
        pure
        returns (bytes memory drawn)
    {
        require(entries % 64 == 0);
        drawn = new bytes(entries);
        for (uint256 offset; offset < entries; offset += 64) {
            uint256 c0;
            uint256 c1;
            uint256 c2;
            uint256 c3;
            unchecked {
                (c0, c1, c2, c3) =
                    blocks(key0, key1, SUCCESSION + ALL * (offset >> 4), words[0] * ALL, words[1] * ALL, words[2] * ALL);
            }
            // In each lane its block's words, first two and last two, the first byte of each on top.
            uint256 first = _swapWords((c0 & MASK) << 32 | (c1 & MASK));
            uint256 last = _swapWords((c2 & MASK) << 32 | (c3 & MASK));
            assembly ("memory-safe") {
                let lane := 0xffffffffffffffff
                let place := add(add(drawn, 32), offset)
                let low := or(shl(192, first), shl(128, and(last, lane)))
                mstore(place, or(low, or(and(first, shl(64, lane)), and(shr(64, last), lane))))
                let high := or(shl(64, and(first, shl(128, lane))), and(last, shl(128, lane)))
                mstore(add(place, 32), or(high, or(shl(64, shr(192, first)), shr(192, last))))
            }
        }
    }

    /// @notice Words 0 to 3 of four blocks, one in each lane of 64 bits, of which the low 32 count.
    /// @dev A product takes a whole lane. Only what is multiplied is cut to 32 bits: what a product leaves in the high half of a lane is
    /// carried along, and cut with the sum it enters. A key goes up ten times and stays below 2^36, so lanes do not meet.
    function blocks(uint32 key0, uint32 key1, uint256 c0, uint256 c1, uint256 c2, uint256 c3)
        internal
        pure
        returns (uint256, uint256, uint256, uint256)
    {
        unchecked {
            uint256 k0 = ALL * key0;
            uint256 k1 = ALL * key1;
            assembly ("memory-safe") {
                // Two rounds a pass, so that no variable changes places.
                for { let round := 0 } lt(round, 5) { round := add(round, 1) } {
                    let p0 := mul(c0, 0xd2511f53)
                    let p1 := mul(c2, 0xcd9e8d57)
                    c0 := and(xor(xor(shr(32, p1), c1), k0), MASK)
                    c2 := and(xor(xor(shr(32, p0), c3), k1), MASK)
                    k0 := add(k0, BUMP0)
                    k1 := add(k1, BUMP1)
                    c3 := mul(c0, 0xd2511f53)
                    c1 := mul(c2, 0xcd9e8d57)
                    c0 := and(xor(xor(shr(32, c1), p1), k0), MASK)
                    c2 := and(xor(xor(shr(32, c3), p0), k1), MASK)
                    k0 := add(k0, BUMP0)
                    k1 := add(k1, BUMP1)
                }
            }
            return (c0, c1, c2, c3);
        }
    }

    /// @dev Turns round the bytes of each of the eight words of 32 bits.
    function _swapWords(uint256 words) private pure returns (uint256) {
        uint256 bytes_ = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        words = (words & bytes_) << 8 | (words >> 8 & bytes_);
        uint256 pairs = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        return (words & pairs) << 16 | (words >> 16 & pairs);
    }

    /// @dev Turns round the bytes of 64 bits.
    function _swapBytes(uint256 value) private pure returns (uint256) {
        value = _swapWords(value);
        return (value & 0xffffffff) << 32 | value >> 32;
    }
}
