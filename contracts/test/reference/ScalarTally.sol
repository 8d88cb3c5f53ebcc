// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Newcomers} from "../../src/libraries/Standings.sol";

/// @title The tally and the pass, lane by lane, as the protocol describes them. Test only.
library ScalarTally {
    struct Lane {
        uint256 rate;
        uint256 uptime;
        uint256 flags;
        bool judged;
        bool certain;
        bool scored;
    }

    /// @param silent Low bit of each nibble: the lane's last judged epoch earned nothing.
    struct Terms {
        uint256 silent;
        Newcomers newcomers;
        uint256 tolerance;
    }

    struct Outcome {
        Lane[64] lanes;
        uint8[5] agreed;
        uint256[64] credits;
        bool[64] earned;
        uint256[64] standings;
        uint256 creditSum;
        uint256 capSum;
        int256 presentDelta;
        int256 followingDelta;
    }

    function rateOf(uint256[10] memory w, uint256 lane) internal pure returns (uint256) {
        return w[lane / 16] >> (16 * (lane % 16)) & 0xffff;
    }

    function uptimeOf(uint256[10] memory w, uint256 lane) internal pure returns (uint256) {
        return w[4 + lane / 16] >> (16 * (lane % 16)) & 0xffff;
    }

    function flagsOf(uint256[10] memory w, uint256 lane) internal pure returns (uint256) {
        return w[8] >> (4 * lane) & 15;
    }

    function median(uint256[5] memory v) internal pure returns (uint256) {
        for (uint256 i = 1; i < 5; ++i) {
            for (uint256 j = i; j > 0 && v[j - 1] > v[j]; --j) {
                (v[j - 1], v[j]) = (v[j], v[j - 1]);
            }
        }
        return v[2];
    }

    function decode(uint256 lane) internal pure returns (uint256) {
        uint256 exponent = lane / 1024;
        uint256 mantissa = lane % 1024;
        return exponent == 0 ? mantissa : (1024 + mantissa) * 2 ** (exponent - 1);
    }

    function run(
        uint256[10][5] memory w,
        uint64[3] memory members,
        uint256[64] memory standings,
        Terms memory terms
    ) internal pure returns (Outcome memory out) {
        for (uint256 lane; lane < 64; ++lane) {
            uint256[5] memory rates;
            uint256[5] memory uptimes;
            uint256[4] memory votes;
            for (uint256 seat; seat < 5; ++seat) {
                uint256 flags = flagsOf(w[seat], lane);
                if (flags & 8 == 0) continue;
                rates[seat] = rateOf(w[seat], lane);
                uptimes[seat] = uptimeOf(w[seat], lane);
                for (uint256 bit; bit < 4; ++bit) {
                    if (flags >> bit & 1 == 1) ++votes[bit];
                }
            }
            bool member = members[0] >> lane & 1 == 1;
            Lane memory l = out.lanes[lane];
            l.rate = median(rates);
            l.uptime = median(uptimes);
            for (uint256 bit; bit < 4; ++bit) {
                if (member && votes[bit] >= 3) l.flags |= 1 << bit;
            }
            l.judged = l.flags & 8 != 0;
            l.certain = member && votes[3] >= 4;
            l.scored = l.flags == 15;
            for (uint256 seat; seat < 5; ++seat) {
                uint256 flags = flagsOf(w[seat], lane);
                bool same = flags & 8 != 0 && l.judged && flags == l.flags && rateOf(w[seat], lane) == l.rate;
                uint256 up = uptimeOf(w[seat], lane);
                if (same && _apart(up, l.uptime) <= terms.tolerance) ++out.agreed[seat];
            }
            _score(out, l, lane, members, standings[lane], terms);
        }
        for (uint256 seat; seat < 5; ++seat) {
            if (_judgesNobody(w[seat], members[0])) out.agreed[seat] = 0;
        }
    }

    /// @dev In some lane that has no member.
    function _judgesNobody(uint256[10] memory w, uint64 members) private pure returns (bool) {
        for (uint256 lane; lane < 64; ++lane) {
            if (members >> lane & 1 == 0 && flagsOf(w, lane) & 8 != 0) return true;
        }
        return false;
    }

    function _apart(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? b - a : a - b;
    }

    function _score(
        Outcome memory out,
        Lane memory l,
        uint256 lane,
        uint64[3] memory members,
        uint256 standing,
        Terms memory terms
    ) private pure {
        bool silent = terms.silent >> (4 * lane) & 1 == 1;
        out.standings[lane] = standing;
        if (members[0] >> lane & 1 == 0) return;
        uint256 cap = standing == 0 ? terms.newcomers.cap : 2 * standing;
        uint256 rate = decode(l.rate);
        uint256 score = l.scored ? rate * l.uptime / 10_000 : 0;
        uint256 credit = score < cap ? score : cap;
        uint256 shown = standing == 0 ? credit : rate < standing ? rate : credit < standing ? standing : credit;
        uint256 next = standing;
        uint256 given = score < terms.newcomers.cap ? score : terms.newcomers.cap;
        if (credit == 0) {
            if (silent && l.certain) next -= standing / 4;
        } else if (standing == 0) {
            next = shown;
        } else if (shown < standing) {
            next -= (standing - shown + 3) / 4;
        } else if (!silent && given > cap) {
            next = given;
        } else if (!silent) {
            next += (shown - standing + 3) / 4;
        }
        out.earned[lane] = credit != 0;
        if (credit != 0) out.capSum += terms.newcomers.held ? 2 * standing : cap;
        if (standing == 0 && terms.newcomers.held) credit = 0;
        out.credits[lane] = credit;
        out.creditSum += credit;
        out.standings[lane] = next;
        int256 move = 2 * (int256(next) - int256(standing));
        if (members[1] >> lane & 1 == 1) out.presentDelta += move;
        if (members[2] >> lane & 1 == 1) out.followingDelta += move;
    }
}
