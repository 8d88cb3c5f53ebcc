// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title One word that remembers what a value was in the last epochs
/// @notice Sets that are frozen per epoch are read while later changes are already written. A word keeps the newest values with the
/// epochs they count from; a write for an epoch that has an entry replaces it. Entries are written for epoch x + 1 (or x + 2) in x, so
/// three (or four) of them are exact from epoch x − 1 on.
library Frozen64 {
    // newest value | middle value << 64 | oldest value << 128 | from of newest << 192 | from of middle << 224

    /// @notice The value in `epoch`.
    function valueIn(uint256 word, uint256 epoch) internal pure returns (uint64) {
        if (epoch >= uint32(word >> 192)) return uint64(word);
        if (epoch >= word >> 224) return uint64(word >> 64);
        return uint64(word >> 128);
    }

    function newest(uint256 word) internal pure returns (uint64) {
        return uint64(word);
    }

    /// @notice The word with `value` from `from` on. `from` never goes back.
    function set(uint256 word, uint256 from, uint64 value) internal pure returns (uint256) {
        uint256 fromNewest = uint32(word >> 192);
        if (from == fromNewest) return (word >> 64 << 64) | value;
        uint256 values = uint256(uint128(word)) << 64;
        return values | value | (from << 192) | (fromNewest << 224);
    }
}

library Frozen32 {
    // Four entries from low to high, newest first; an entry is value | from << 32.

    function valueIn(uint256 word, uint256 epoch) internal pure returns (uint32) {
        if (epoch >= uint32(word >> 32)) return uint32(word);
        if (epoch >= uint32(word >> 96)) return uint32(word >> 64);
        if (epoch >= uint32(word >> 160)) return uint32(word >> 128);
        return uint32(word >> 192);
    }

    function newest(uint256 word) internal pure returns (uint32) {
        return uint32(word);
    }

    function set(uint256 word, uint256 from, uint32 value) internal pure returns (uint256) {
        if (from == uint32(word >> 32)) return (word >> 32 << 32) | value;
        return (word << 64) | (from << 32) | value;
    }
}
