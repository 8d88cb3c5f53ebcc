// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {RoundRules, ScoreRules, Timeline} from "../../src/interfaces/IEpochConsensus.sol";
import {IGovernedReports} from "../../src/interfaces/IGoverned.sol";
import {RuleBounds} from "../../src/libraries/RuleBounds.sol";

/// @title Each rule at its bounds, and one beyond them
contract RuleBoundsPins is Test {
    function checkConstants(Timeline memory t, ScoreRules memory s) external pure {
        RuleBounds.checkConstants(t, s);
    }

    function checkTimeline(Timeline memory t) external pure {
        RuleBounds.checkTimeline(t, t.epochSeconds);
    }

    function checkRounds(RoundRules memory r, uint256 epochSeconds) external pure {
        RuleBounds.checkRounds(r, epochSeconds);
    }

    function checkScores(ScoreRules memory s) external pure {
        RuleBounds.checkScores(s);
    }

    function test_constants() public {
        uint32[4] memory epochs = [uint32(7), 8, 30 days, 30 days + 1];
        for (uint256 i; i < 4; ++i) {
            (Timeline memory t, ScoreRules memory s) = (_timeline(), _scores());
            t.epochSeconds = epochs[i];
            if (i == 0 || i == 3) _refused("epochSeconds");
            this.checkConstants(t, s);
        }
        uint48[4] memory standings = [uint48(0), 1, 1 << 41, (1 << 41) + 1];
        uint16[4] memory tolerances = [uint16(0), 1, 2_500, 2_501];
        for (uint256 i; i < 4; ++i) {
            (Timeline memory t, ScoreRules memory s) = (_timeline(), _scores());
            s.firstStanding = standings[i];
            if (i == 0 || i == 3) _refused("firstStanding");
            this.checkConstants(t, s);
            s = _scores();
            s.uptimeTolerance = tolerances[i];
            if (i == 0 || i == 3) _refused("uptimeTolerance");
            this.checkConstants(t, s);
        }
        (Timeline memory started, ScoreRules memory scores) = (_timeline(), _scores());
        started.firstEpochAt = 1;
        _refused("firstEpochAt");
        this.checkConstants(started, scores);
    }

    /// @dev Two seconds at least, or a hundredth of an epoch that has two hundred seconds.
    function test_phases() public {
        uint32[5] memory epochs = [uint32(16), 199, 200, 399, 100_000];
        uint32[5] memory least = [uint32(2), 2, 2, 3, 1000];
        bytes32[5] memory names = [bytes32("commitSeconds"), "openSeconds", "revealSeconds", "finalizeSeconds", "auditSeconds"];
        for (uint256 i; i < 5; ++i) {
            for (uint256 field; field < 5; ++field) {
                Timeline memory t = Timeline(0, epochs[i], least[i], least[i], least[i], least[i], least[i], 0);
                this.checkTimeline(t);
                _set(t, field, least[i] - 1);
                _refused(names[field]);
                this.checkTimeline(t);
            }
        }
    }

    /// @dev Phases leave a second of the epoch at least, each of them alike; audits may last a whole epoch.
    function test_sums() public {
        for (uint256 field; field < 4; ++field) {
            Timeline memory t = _timeline();
            _set(t, field, 9);
            this.checkTimeline(t);
            _set(t, field, 10);
            _refused("phases");
            this.checkTimeline(t);
        }
        Timeline memory longest = _timeline();
        longest.auditSeconds = 16;
        this.checkTimeline(longest);
        longest.auditSeconds = 17;
        _refused("auditSeconds");
        this.checkTimeline(longest);
    }

    function test_rounds() public {
        RoundRules memory r = _rounds();
        this.checkRounds(r, 16);
        (r.slots, r.maxRounds, r.cutoffSeconds, r.eligibleFromSeconds) = (32, 66, 4, 0);
        this.checkRounds(r, 640);
        (r.slots, r.maxRounds) = (33, 67);
        _refused("maxRounds");
        this.checkRounds(r, 640);
        (r.slots, r.maxRounds) = (65, 128);
        _refused("slots");
        this.checkRounds(r, 640);
        r.slots = 0;
        _refused("slots");
        this.checkRounds(r, 640);
        r = _rounds();
        // One of each kind in each of two slots, and two beats.
        r.maxRounds = 6;
        this.checkRounds(r, 16);
        r.maxRounds = 128;
        this.checkRounds(r, 16);
        r.maxRounds = 129;
        _refused("maxRounds");
        this.checkRounds(r, 16);
        r.maxRounds = 5;
        _refused("maxRounds");
        this.checkRounds(r, 16);
    }

    function test_beats() public {
        RoundRules memory r = _rounds();
        r.maxRounds = 128;
        r.beats = 4; // from the second second on, five times two, and three and a half: fifteen and a half
        this.checkRounds(r, 16);
        r.beats = 5;
        _refused("beats");
        this.checkRounds(r, 16);
        r.beats = 0;
        _refused("beats");
        this.checkRounds(r, 16);
        r = _rounds();
        r.beatWindowMs = r.windowMs;
        this.checkRounds(r, 16);
        r.beatWindowMs = r.windowMs + 1;
        _refused("beatWindowMs");
        this.checkRounds(r, 16);
        r.beatWindowMs = 0;
        _refused("beatWindowMs");
        this.checkRounds(r, 16);
    }

    function test_windows() public {
        RoundRules memory r = _rounds();
        (r.windowMs, r.graceMs, r.beatWindowMs) = (1, 0, 1);
        this.checkRounds(r, 16);
        r.windowMs = 0;
        _refused("windowMs");
        this.checkRounds(r, 16);
        (r.windowMs, r.graceMs) = (1500, 500); // two seconds together, as the sampling block
        this.checkRounds(r, 16);
        r.graceMs = 501;
        _refused("windowMs");
        this.checkRounds(r, 16);
        r = _rounds();
        (r.samplingSeconds, r.openingsMs) = (3, 3000);
        (r.refractorySeconds, r.eligibleFromSeconds) = (3, 1);
        this.checkRounds(r, 16);
        r.openingsMs = 2999;
        _refused("samplingSeconds");
        this.checkRounds(r, 16);
        r = _rounds(); // a window is over when the next one may begin
        r.refractorySeconds = r.samplingSeconds - 1;
        _refused("samplingSeconds");
        this.checkRounds(r, 16);
    }

    function test_cutoffs() public {
        RoundRules memory r = _rounds();
        r.eligibleFromSeconds = 2; // and the second round two seconds later, at the cutoff
        this.checkRounds(r, 16);
        r.refractorySeconds = 3;
        _refused("eligibleFromSeconds");
        this.checkRounds(r, 16);
        (r.refractorySeconds, r.eligibleFromSeconds) = (2, 3);
        _refused("eligibleFromSeconds");
        this.checkRounds(r, 16);
        (r.refractorySeconds, r.eligibleFromSeconds) = (type(uint32).max, 0);
        _refused("eligibleFromSeconds");
        this.checkRounds(r, 16);
        r = _rounds();
        r.openingsMs = 4000; // four seconds after the cutoff: a slot of eight
        this.checkRounds(r, 16);
        r.openingsMs = 4001;
        _refused("cutoffSeconds");
        this.checkRounds(r, 16);
        r.openingsMs = 4500; // of nine
        this.checkRounds(r, 17);
        r = _rounds();
        r.specHash = bytes32(uint256(1));
        this.checkRounds(r, 16);
        r.specHash = 0;
        _refused("specHash");
        this.checkRounds(r, 16);
    }

    function test_scores() public {
        uint16[4] memory audits = [uint16(99), 100, 10_000, 10_001];
        uint8[4] memory silences = [0, 1, 15, 16];
        for (uint256 i; i < 4; ++i) {
            ScoreRules memory s = _scores();
            s.auditBps = audits[i];
            if (i == 0 || i == 3) _refused("auditBps");
            this.checkScores(s);
            s = _scores();
            s.delistAfterEpochs = silences[i];
            if (i == 0 || i == 3) _refused("delistAfterEpochs");
            this.checkScores(s);
        }
    }

    function _set(Timeline memory t, uint256 field, uint32 value) private pure {
        if (field == 0) t.commitSeconds = value;
        if (field == 1) t.openSeconds = value;
        if (field == 2) t.revealSeconds = value;
        if (field == 3) t.finalizeSeconds = value;
        if (field == 4) t.auditSeconds = value;
    }

    function _timeline() private pure returns (Timeline memory) {
        return Timeline(0, 16, 2, 2, 2, 2, 2, 0);
    }

    function _rounds() private pure returns (RoundRules memory) {
        return RoundRules(2, 6, 2, 1000, 500, 2, 4, 1 << 63, 2, 2, 3500, 250, "spec");
    }

    function _scores() private pure returns (ScoreRules memory) {
        return ScoreRules(1 << 20, 10_000, 3, 500);
    }

    function _refused(bytes32 name) private {
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.OutOfBounds.selector, name));
    }
}
