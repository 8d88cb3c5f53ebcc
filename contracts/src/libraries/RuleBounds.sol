// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {RoundRules, ScoreRules, Timeline} from "../interfaces/IEpochConsensus.sol";
import {IGovernedReports} from "../interfaces/IGoverned.sol";
import {SLOT_KINDS} from "./Constants.sol";

/// @title Hard-coded bounds of every rule
library RuleBounds {
    uint256 private constant MOST_ROUNDS = 128;

    function checkConstants(Timeline memory t, ScoreRules memory s) internal pure {
        _refuse(t.epochSeconds < 8 || t.epochSeconds > 30 days, "epochSeconds");
        _refuse(t.firstEpochAt != 0, "firstEpochAt");
        // No score reaches 2^41, so a larger bound would only widen the sums.
        _refuse(s.firstStanding == 0 || s.firstStanding > 1 << 41, "firstStanding");
        _refuse(s.uptimeTolerance == 0 || s.uptimeTolerance > 2_500, "uptimeTolerance");
    }

    function checkTimeline(Timeline memory t, uint256 epochSeconds) internal pure {
        // Shorter, and whoever orders transactions could keep others out of a phase.
        uint256 least = epochSeconds < 200 ? 2 : epochSeconds / 100;
        _refuse(t.commitSeconds < least, "commitSeconds");
        _refuse(t.openSeconds < least, "openSeconds");
        _refuse(t.revealSeconds < least, "revealSeconds");
        _refuse(t.finalizeSeconds < least, "finalizeSeconds");
        // In the rest of the epoch what was revealed can still be finalized, and devices and Checkers are paid.
        uint256 sum = uint256(t.commitSeconds) + t.openSeconds + t.revealSeconds + t.finalizeSeconds;
        _refuse(sum >= epochSeconds, "phases");
        _refuse(t.auditSeconds < least || t.auditSeconds > epochSeconds, "auditSeconds");
    }

    function checkRounds(RoundRules memory r, uint256 epochSeconds) internal pure {
        _refuse(r.slots == 0 || r.slots > MOST_ROUNDS / SLOT_KINDS, "slots");
        _refuse(r.maxRounds < SLOT_KINDS * r.slots + r.beats || r.maxRounds > MOST_ROUNDS, "maxRounds");
        _refuse(r.windowMs == 0 || uint256(r.windowMs) + r.graceMs > uint256(r.samplingSeconds) * 1000, "windowMs");
        // A window is over when the next of its slot may begin: else each would have a part of the card.
        bool late = r.samplingSeconds > r.refractorySeconds;
        _refuse(late || uint256(r.samplingSeconds) * 1000 > r.openingsMs, "samplingSeconds");
        // A slot's first round is due so early that the others follow by its cutoff.
        uint256 others = (SLOT_KINDS - 1) * uint256(r.refractorySeconds);
        _refuse(r.eligibleFromSeconds + others > r.cutoffSeconds, "eligibleFromSeconds");
        _refuse(uint256(r.cutoffSeconds) * 1000 + r.openingsMs > epochSeconds * 1000 / r.slots, "cutoffSeconds");
        // Without beats nobody would have an uptime. Each is given the time that a whole round's window takes.
        uint256 beatSeconds = r.eligibleFromSeconds + (uint256(r.beats) + 1) * r.samplingSeconds;
        _refuse(r.beats == 0 || beatSeconds * 1000 + r.openingsMs > epochSeconds * 1000, "beats");
        _refuse(r.beatWindowMs == 0 || r.beatWindowMs > r.windowMs, "beatWindowMs");
        _refuse(r.specHash == 0, "specHash");
    }

    function checkScores(ScoreRules memory s) internal pure {
        // Without audits, repeating what others said would be the best that a seat can do.
        _refuse(s.auditBps < 100 || s.auditBps > 10_000, "auditBps");
        _refuse(s.delistAfterEpochs == 0 || s.delistAfterEpochs > 15, "delistAfterEpochs");
    }

    /// @dev In one place, since there are many of them and a contract's code is bounded too.
    function _refuse(bool outside, bytes32 name) private pure {
        if (outside) revert IGovernedReports.OutOfBounds(name);
    }
}
