// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Minifloat} from "./Minifloat.sol";
import {CohortResult} from "./Tally.sol";

/// @notice Sums of one cohort's pass.
/// @param credits Σ credits of judged lanes and caps of members nobody judged.
/// @param caps Σ caps of all members, before the pass.
/// @param currentDelta Change of Σ caps over the members of the following epoch.
/// @param nextDelta The same over the members of the epoch after it.
/// @param earned Low bit of each nibble: the lane has a credit.
struct PassSums {
    uint256 credits;
    uint256 caps;
    int256 currentDelta;
    int256 nextDelta;
    uint256 earned;
}

/// @title Score, credit and standing of a cohort, in one pass
/// @notice score = decoded median rate × median uptime ÷ 10000. credit = min(score, cap), where cap = 2 × standing, or the first standing's
/// bound while there is none. standing moves a quarter of the way to the credit, in epochs with a credit only. All divisions round down
/// (towards the present standing). 64 values of 42 bits fill eleven words, six to a word.
library Standings {
    uint256 internal constant WORDS = 11;
    uint256 internal constant PER_WORD = 6;
    uint256 internal constant BITS = 42;
    uint256 internal constant MASK = (1 << 42) - 1;

    /// @notice Value of lane `lane` (0 to 63) of the cohort.
    function get(uint256[11] storage words, uint256 lane) internal view returns (uint256) {
        return words[lane / PER_WORD] >> (BITS * (lane % PER_WORD)) & MASK;
    }

    function set(uint256[11] storage words, uint256 lane, uint256 value) internal {
        uint256 shift = BITS * (lane % PER_WORD);
        uint256 word = words[lane / PER_WORD];
        words[lane / PER_WORD] = (word & ~(MASK << shift)) | (value << shift);
    }

    /// @notice The most a lane with this standing can be credited.
    function capOf(uint256 standing, uint256 firstStanding) internal pure returns (uint256) {
        return standing == 0 ? firstStanding : 2 * standing;
    }

    /// @notice A quarter of the way to a credit above zero.
    function moved(uint256 standing, uint256 credit) internal pure returns (uint256) {
        unchecked {
            if (standing == 0) return credit;
            return credit > standing ? standing + (credit - standing) / 4 : standing - (standing - credit) / 4;
        }
    }

    /// @param standings Read and updated. @param credits Overwritten.
    /// @param members Occupancy of this epoch, the next and the one after.
    function pass(
        uint256[11] storage standings,
        uint256[11] storage credits,
        CohortResult memory result,
        uint64[3] memory members,
        uint256 firstStanding
    ) internal returns (PassSums memory sums, uint256[11] memory creditWords) {
        unchecked {
            uint256 lane;
            for (uint256 word; word < WORDS; ++word) {
                uint256 old = standings[word];
                uint256 fresh = old;
                uint256 creditWord;
                for (uint256 shift; shift < BITS * PER_WORD; shift += BITS) {
                    if (lane == 64) break;
                    if (members[0] >> lane & 1 != 0) {
                        uint256 standing = old >> shift & MASK;
                        uint256 cap = capOf(standing, firstStanding);
                        sums.caps += cap;
                        if (result.judged >> (4 * lane) & 1 == 0) {
                            sums.credits += cap;
                        } else {
                            uint256 credit = _score(result, lane);
                            if (credit > cap) credit = cap;
                            if (credit != 0) {
                                creditWord |= credit << shift;
                                sums.credits += credit;
                                sums.earned |= 1 << (4 * lane);
                                uint256 next = moved(standing, credit);
                                fresh = fresh ^ ((standing ^ next) << shift);
                                int256 delta = int256(2 * next) - int256(cap);
                                if (members[1] >> lane & 1 != 0) sums.currentDelta += delta;
                                if (members[2] >> lane & 1 != 0) sums.nextDelta += delta;
                            }
                        }
                    }
                    ++lane;
                }
                if (fresh != old) standings[word] = fresh;
                credits[word] = creditWord;
                creditWords[word] = creditWord;
            }
        }
    }

    function _score(CohortResult memory result, uint256 lane) private pure returns (uint256) {
        unchecked {
            if (result.scored >> (4 * lane) & 1 == 0) return 0;
            uint256 shift = 16 * (lane & 15);
            uint256 rate = result.rates[lane >> 4] >> shift & 0x7fff;
            uint256 uptime = result.uptimes[lane >> 4] >> shift & 0x7fff;
            return Minifloat.decode(rate) * uptime / 10_000;
        }
    }
}
