// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Σ 2 × standing of the epoch being settled, the present and the following one, see {Cohorts}.
/// @param next Number of the epoch `following` is about.
struct CapSums {
    uint256 next;
    uint256 settling;
    uint256 present;
    uint256 following;
}

/// @notice Totals of an epoch, see {EpochTotals}. @param waiting Cohorts with a revealed quorum that are not resolved yet.
/// @param depth Of its commitment trees. @param begun A first cohort was resolved or revealed.
struct Sums {
    uint256 credits;
    uint256 openCaps;
    uint256 resolvedLanes;
    uint256 lanes;
    uint256 unpaid;
    uint256 waiting;
    uint256 depth;
    bool begun;
}

/// @title Both in one word, read and written at once
/// @dev 2^24 lanes of at most 2^43 stay below 2^72.
library SumsWord {
    uint256 private constant MASK = (1 << 72) - 1;

    /// @dev next 40 | settling 72 | present 72 | following 72.
    function pack(CapSums memory s) internal pure returns (uint256) {
        return s.next | s.settling << 40 | s.present << 112 | s.following << 184;
    }

    function toCapSums(uint256 word) internal pure returns (CapSums memory) {
        return CapSums(uint40(word), word >> 40 & MASK, word >> 112 & MASK, word >> 184);
    }

    /// @dev credits 72 | openCaps 72 | resolvedLanes 28 | lanes 28 | unpaid 24 | waiting 24 | depth 7 | begun.
    function pack(Sums memory s) internal pure returns (uint256) {
        uint256 word = s.credits | s.openCaps << 72 | s.resolvedLanes << 144 | s.lanes << 172 | s.unpaid << 200
            | s.waiting << 224 | s.depth << 248;
        return s.begun ? word | 1 << 255 : word;
    }

    function toSums(uint256 word) internal pure returns (Sums memory) {
        return Sums(
            word & MASK,
            word >> 72 & MASK,
            word >> 144 & 0xfffffff,
            word >> 172 & 0xfffffff,
            uint24(word >> 200),
            uint24(word >> 224),
            word >> 248 & 0x7f,
            word >> 255 != 0
        );
    }
}
