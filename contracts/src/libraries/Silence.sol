// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {PackedMedian} from "./PackedMedian.sol";

/// @title How many judged epochs in a row each lane of a cohort earned nothing, 4 bits a lane, at most 15
library Silence {
    /// @param judged Low bit of each nibble: judged in this epoch. @param earned Low bit of each nibble: has a credit.
    function next(uint256 word, uint256 judged, uint256 earned) internal pure returns (uint256) {
        unchecked {
            uint256 full = word & word >> 1 & word >> 2 & word >> 3 & PackedMedian.ONES;
            return (word + (judged & ~earned & ~full)) & ~(earned * 15);
        }
    }

    /// @notice Low bit of each nibble: the lane's last judged epoch earned nothing.
    function silent(uint256 word) internal pure returns (uint256) {
        return (word | word >> 1 | word >> 2 | word >> 3) & PackedMedian.ONES;
    }

    function get(uint256 word, uint256 lane) internal pure returns (uint256) {
        return word >> (4 * lane) & 15;
    }

    function clear(uint256 word, uint256 lane) internal pure returns (uint256) {
        return word & ~(uint256(15) << (4 * lane));
    }
}
