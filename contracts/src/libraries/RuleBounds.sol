// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {RoundRules, ScoreRules, Timeline} from "../interfaces/IEpochConsensus.sol";
import {IGovernedReports} from "../interfaces/IGoverned.sol";

/// @title Hard-coded bounds of every rule
library RuleBounds {
    function checkConstants(Timeline memory t, ScoreRules memory s) internal pure {
        if (t.epochSeconds < 8 || t.epochSeconds > 30 days) revert IGovernedReports.OutOfBounds("epochSeconds");
        if (t.firstEpochAt != 0) revert IGovernedReports.OutOfBounds("firstEpochAt");
        // No score reaches 2^41, so a larger bound would only widen the sums.
        if (s.firstStanding == 0 || s.firstStanding > 1 << 41) revert IGovernedReports.OutOfBounds("firstStanding");
        if (s.uptimeTolerance == 0 || s.uptimeTolerance > 2_500) revert IGovernedReports.OutOfBounds("uptimeTolerance");
    }

    function checkTimeline(Timeline memory t, uint256 epochSeconds) internal pure {
        if (t.commitSeconds == 0) revert IGovernedReports.OutOfBounds("commitSeconds");
        if (t.openSeconds == 0) revert IGovernedReports.OutOfBounds("openSeconds");
        if (t.revealSeconds == 0) revert IGovernedReports.OutOfBounds("revealSeconds");
        if (t.finalizeSeconds == 0) revert IGovernedReports.OutOfBounds("finalizeSeconds");
        // The rest of the epoch is for the seed of the next one.
        uint256 sum = uint256(t.commitSeconds) + t.openSeconds + t.revealSeconds + t.finalizeSeconds;
        if (sum >= epochSeconds) revert IGovernedReports.OutOfBounds("phases");
        if (t.auditSeconds == 0 || t.auditSeconds > epochSeconds) revert IGovernedReports.OutOfBounds("auditSeconds");
    }

    function checkRounds(RoundRules memory r, uint256 epochSeconds) internal pure {
        if (r.slots == 0 || r.slots > 64) revert IGovernedReports.OutOfBounds("slots");
        if (r.maxRounds < r.slots || r.maxRounds > 64) revert IGovernedReports.OutOfBounds("maxRounds");
        if (r.windowMs == 0 || uint256(r.windowMs) + r.graceMs > uint256(r.samplingSeconds) * 1000) revert IGovernedReports.OutOfBounds("windowMs");
        if (uint256(r.samplingSeconds) * 1000 > r.openingsMs) revert IGovernedReports.OutOfBounds("samplingSeconds");
        if (r.eligibleFromSeconds > r.cutoffSeconds) revert IGovernedReports.OutOfBounds("eligibleFromSeconds");
        if (uint256(r.cutoffSeconds) * 1000 + r.openingsMs > epochSeconds * 1000 / r.slots) revert IGovernedReports.OutOfBounds("cutoffSeconds");
        if (r.specHash == 0) revert IGovernedReports.OutOfBounds("specHash");
    }

    function checkScores(ScoreRules memory s) internal pure {
        if (s.auditBps > 10_000) revert IGovernedReports.OutOfBounds("auditBps");
        if (s.delistAfterEpochs == 0 || s.delistAfterEpochs > 15) revert IGovernedReports.OutOfBounds("delistAfterEpochs");
    }
}
