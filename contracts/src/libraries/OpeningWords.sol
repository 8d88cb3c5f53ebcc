// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    ALL_FLAGS,
    FLAG_BITS,
    FLAGS_WORD,
    JUDGED_BIT,
    LANE_BITS,
    LANES_PER_WORD,
    OPENING_WORDS,
    RATE_WORDS
} from "./Constants.sol";

/// @title What the words of an opening say of one lane. The layout is drawn in src/core/protocol/constants.ts
library OpeningWords {
    function rate(uint256[OPENING_WORDS] calldata words, uint256 lane) internal pure returns (uint256) {
        return uint16(words[lane / LANES_PER_WORD] >> (LANE_BITS * (lane % LANES_PER_WORD)));
    }

    function uptime(uint256[OPENING_WORDS] calldata words, uint256 lane) internal pure returns (uint256) {
        return uint16(words[RATE_WORDS + lane / LANES_PER_WORD] >> (LANE_BITS * (lane % LANES_PER_WORD)));
    }

    function flags(uint256[OPENING_WORDS] calldata words, uint256 lane) internal pure returns (uint256) {
        return words[FLAGS_WORD] >> (FLAG_BITS * lane) & ALL_FLAGS;
    }

    /// @return 1 where the seat judged the lane, else 0.
    function judged(uint256[OPENING_WORDS] calldata words, uint256 lane) internal pure returns (uint256) {
        return words[FLAGS_WORD] >> (FLAG_BITS * lane + JUDGED_BIT) & 1;
    }
}
