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

/// @dev {CapSums}: 2^24 lanes of at most 2^43 stay below 2^72.
///
///      255     184 183     112 111      40 39   0
///     | following | present   | settling  | next |
type CapSumsWord is uint256;

/// @dev {Sums}.
///
///      255   254 248 247   224 223  200 199 172 171         144 143    72 72    0
///     | begun | depth | waiting | unpaid | lanes | resolvedLanes | openCaps | credits |
type SumsWord is uint256;

using SumsWords for CapSumsWord global;
using SumsWords for SumsWord global;
using SumsWords for CapSums global;
using SumsWords for Sums global;

/// @title Both in one word, read and written at once
library SumsWords {
    uint256 private constant SUM = (1 << 72) - 1;
    uint256 private constant SETTLING_AT = 40;
    uint256 private constant PRESENT_AT = 112;
    uint256 private constant FOLLOWING_AT = 184;

    uint256 private constant COUNT = (1 << 28) - 1;
    uint256 private constant OPEN_CAPS_AT = 72;
    uint256 private constant RESOLVED_AT = 144;
    uint256 private constant LANES_AT = 172;
    uint256 private constant UNPAID_AT = 200;
    uint256 private constant WAITING_AT = 224;
    uint256 private constant DEPTH_AT = 248;
    uint256 private constant BEGUN = 1 << 255;

    function pack(CapSums memory s) internal pure returns (CapSumsWord) {
        return CapSumsWord.wrap(s.next | s.settling << SETTLING_AT | s.present << PRESENT_AT | s.following << FOLLOWING_AT);
    }

    function unpack(CapSumsWord word) internal pure returns (CapSums memory) {
        return CapSums(
            uint40(CapSumsWord.unwrap(word)),
            CapSumsWord.unwrap(word) >> SETTLING_AT & SUM,
            CapSumsWord.unwrap(word) >> PRESENT_AT & SUM,
            CapSumsWord.unwrap(word) >> FOLLOWING_AT
        );
    }

    function pack(Sums memory s) internal pure returns (SumsWord) {
        uint256 bits = s.credits | s.openCaps << OPEN_CAPS_AT | s.resolvedLanes << RESOLVED_AT | s.lanes << LANES_AT
            | s.unpaid << UNPAID_AT | s.waiting << WAITING_AT | s.depth << DEPTH_AT;
        return SumsWord.wrap(s.begun ? bits | BEGUN : bits);
    }

    function unpack(SumsWord word) internal pure returns (Sums memory) {
        return Sums(
            SumsWord.unwrap(word) & SUM,
            SumsWord.unwrap(word) >> OPEN_CAPS_AT & SUM,
            SumsWord.unwrap(word) >> RESOLVED_AT & COUNT,
            SumsWord.unwrap(word) >> LANES_AT & COUNT,
            uint24(SumsWord.unwrap(word) >> UNPAID_AT),
            uint24(SumsWord.unwrap(word) >> WAITING_AT),
            SumsWord.unwrap(word) >> DEPTH_AT & 0x7f,
            SumsWord.unwrap(word) & BEGUN != 0
        );
    }
}
