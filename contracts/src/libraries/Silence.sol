// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PackedMedian} from "./PackedMedian.sol";

/// @dev How many judged epochs in a row each lane of a cohort earned nothing, at most 15: lane i is 4 bits at 4 × i.
type SilenceWord is uint256;

using Silence for SilenceWord global;

/// @title The silence of a cohort's lanes
library Silence {
    /// @param judged Low bit of each nibble: judged in this epoch. @param earned Low bit of each nibble: has a credit.
    function next(SilenceWord word, uint256 judged, uint256 earned) internal pure returns (SilenceWord) {
        unchecked {
            uint256 full = SilenceWord.unwrap(word) & SilenceWord.unwrap(word) >> 1 & SilenceWord.unwrap(word) >> 2
                & SilenceWord.unwrap(word) >> 3 & PackedMedian.ONES;
            return SilenceWord.wrap((SilenceWord.unwrap(word) + (judged & ~earned & ~full)) & ~(earned * 15));
        }
    }

    /// @notice Low bit of each nibble: the lane's last judged epoch earned nothing.
    function silent(SilenceWord word) internal pure returns (uint256) {
        return (SilenceWord.unwrap(word) | SilenceWord.unwrap(word) >> 1 | SilenceWord.unwrap(word) >> 2
                | SilenceWord.unwrap(word) >> 3) & PackedMedian.ONES;
    }

    function get(SilenceWord word, uint256 lane) internal pure returns (uint256) {
        return SilenceWord.unwrap(word) >> (4 * lane) & 15;
    }

    function clear(SilenceWord word, uint256 lane) internal pure returns (SilenceWord) {
        return SilenceWord.wrap(SilenceWord.unwrap(word) & ~(uint256(15) << (4 * lane)));
    }
}
