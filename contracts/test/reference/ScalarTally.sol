// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The tally and the pass, lane by lane, as the protocol describes them. Test only.
library ScalarTally {
    struct Lane {
        uint256 rate;
        uint256 uptime;
        uint256 flags;
        bool judged;
        bool scored;
    }

    struct Outcome {
        Lane[64] lanes;
        uint8[5] agreed;
        uint256[64] credits;
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
        uint256 firstStanding
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
            l.scored = l.flags == 15;
            for (uint256 seat; seat < 5; ++seat) {
                uint256 flags = flagsOf(w[seat], lane);
                bool same = flags & 8 != 0 && l.judged && flags == l.flags && rateOf(w[seat], lane) == l.rate;
                if (same) ++out.agreed[seat];
            }
            _score(out, l, lane, members, standings[lane], firstStanding);
        }
    }

    function _score(
        Outcome memory out,
        Lane memory l,
        uint256 lane,
        uint64[3] memory members,
        uint256 standing,
        uint256 firstStanding
    ) private pure {
        out.standings[lane] = standing;
        if (members[0] >> lane & 1 == 0) return;
        uint256 cap = standing == 0 ? firstStanding : 2 * standing;
        out.capSum += cap;
        if (!l.judged) {
            out.creditSum += cap;
            return;
        }
        uint256 score = l.scored ? decode(l.rate) * l.uptime / 10_000 : 0;
        uint256 credit = score < cap ? score : cap;
        if (credit == 0) return;
        out.credits[lane] = credit;
        out.creditSum += credit;
        uint256 next = credit;
        if (standing != 0) {
            next = credit >= standing ? standing + (credit - standing) / 4 : standing - (standing - credit) / 4;
        }
        out.standings[lane] = next;
        int256 move = int256(2 * next) - int256(cap);
        if (members[1] >> lane & 1 == 1) out.presentDelta += move;
        if (members[2] >> lane & 1 == 1) out.followingDelta += move;
    }
}
