// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Commitment, LaneMember} from "../../src/interfaces/IDeviceRegistry.sol";
import {Audit, Evidence, Opening, ScoreRules, Timeline} from "../../src/interfaces/IEpochConsensus.sol";
import {PackedMedian} from "../../src/libraries/PackedMedian.sol";
import {SignedTypes} from "../../src/libraries/SignedTypes.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title What the invariant campaign plays in: two sparse cohorts, five honest Checkers, four wild ones
/// @notice Honest seats all say the truth of an epoch, open it and answer their audits. A wild one does in each epoch one of {Manner}.
abstract contract EpochWorld is Fixture {
    enum Manner {
        Absent,
        Truthful,
        Greedy, // the largest rate for everybody
        RateOutOfRange,
        UptimeOutOfRange,
        GarbageRoot,
        Random,
        Silent // commits to the truth and never opens it
    }

    uint256 internal constant HONEST = 5;
    uint256 internal constant WILD = 4;
    uint256 internal constant MAX_ROUNDS = 4;
    /// @dev The most there are; an epoch may have fewer.
    uint32 internal constant COHORTS = 3;
    uint256 private constant BELOW_8192 = 0x1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff1fff;

    mapping(uint64 epoch => mapping(address owner => Manner)) internal mannerOf;
    mapping(address owner => bool) internal isHonest;
    /// @dev Evidence roots as of COMMIT. Answers to audits are built anew: re-registrations since then must not have moved anything.
    mapping(uint64 epoch => mapping(uint32 cohort => bytes32)) internal rootAtCommit;
    /// @dev As of COMMIT too: the registry does not know them any more when audits are answered.
    mapping(uint64 epoch => mapping(uint32 cohort => uint64)) internal membersAtCommit;
    mapping(uint64 epoch => uint32) internal cohortsAtCommit;
    string[] internal deviceNames;
    /// @dev Epochs before it are judged and not paid; where there are any, no first credit is.
    uint32 public immutable firstPaidEpoch;

    /// @param lanes That were ever handed out. @param free Whether those that are not taken are free again.
    constructor(uint256 lanes, bool free, uint32 firstPaidEpoch_) {
        firstPaidEpoch = firstPaidEpoch_;
        Timeline memory timeline = defaultTimeline();
        timeline.firstPaidEpoch = firstPaidEpoch_;
        ScoreRules memory scores = defaultScores();
        scores.auditBps = 5_000;
        deployAll(timeline, scores, defaultEmission());
        bondCheckers(HONEST + WILD, 2);
        for (uint256 i; i < HONEST; ++i) {
            isHonest[operators[i]] = true;
        }
        _registerSparsely(lanes, free);
        startEpochs();
        rollSeed(0);
    }

    /// @dev Of 70 lanes nine stay taken: four of cohort 0 with its edges, five of cohort 1.
    function _registerSparsely(uint256 lanes, bool free) private {
        for (uint256 lane; lane < lanes; ++lane) {
            string memory name = string.concat("device-", vm.toString(lane));
            bytes32 id = registerDevice(name);
            if (lane == 0 || lane == 7 || lane == 20 || lane >= 63 && lane < 70 && lane != 66) {
                deviceNames.push(name);
                continue;
            }
            vm.prank(makeAddr(name));
            registry.requestExit(id);
        }
        delete deviceIds;
        for (uint256 lane; lane < lanes; ++lane) {
            string memory name = string.concat("device-", vm.toString(lane));
            bytes32 id = registry.deviceIdOf(makeAddr(name), keccak256(bytes(name)));
            if (registry.getDevice(id).until == type(uint32).max) deviceIds.push(id);
            else if (free) registry.withdrawDeposit(id);
        }
    }

    // --- the truth of an epoch

    /// @dev Rates below 2^12, zero here and there, for members only; everybody up all the time, every flag set.
    function truthOf(uint64 epoch, uint32 cohort) internal view returns (uint256[10] memory words) {
        uint64 members = membersAtCommit[epoch][cohort];
        uint256 flags = PackedMedian.spreadOccupancy(members) * 15;
        for (uint256 quarter; quarter < 4; ++quarter) {
            uint256 lanes = PackedMedian.spreadQuarter(uint64(flags >> (64 * quarter)) & uint64(PackedMedian.ONES));
            uint256 random = uint256(keccak256(abi.encode("rates", epoch, cohort, quarter)));
            words[quarter] = random & (lanes * 0xfff);
            words[4 + quarter] = lanes * 10_000;
        }
        words[8] = flags;
        words[9] = uint256(rootAtCommit[epoch][cohort]);
    }

    /// @dev The words of each cohort that an owner commits to in its manner.
    function wordsOf(uint64 epoch, address operator) internal view returns (uint256[10][] memory list) {
        Manner manner = isHonest[operator] ? Manner.Truthful : mannerOf[epoch][operator];
        list = new uint256[10][](cohortsAtCommit[epoch]);
        for (uint32 cohort; cohort < list.length; ++cohort) {
            uint256[10] memory words = truthOf(epoch, cohort);
            for (uint256 i; i < 8; ++i) {
                uint256 random = uint256(keccak256(abi.encode(operator, epoch, cohort, i)));
                if (manner == Manner.Greedy) words[i] = i < 4 ? ~PackedMedian.TOP : words[i];
                if (manner == Manner.Random) words[i] = random & (i < 4 ? ~PackedMedian.TOP : BELOW_8192);
                if (manner == Manner.RateOutOfRange && i < 4) words[i] = random | PackedMedian.TOP;
                if (manner == Manner.UptimeOutOfRange && i > 3) words[i] = words[i] | 0x4000;
            }
            if (manner == Manner.Random) words[8] = uint256(keccak256(abi.encode(operator, epoch, cohort)));
            list[cohort] = words;
        }
    }

    function isOpenable(Manner manner) internal pure returns (bool) {
        return manner != Manner.GarbageRoot && manner != Manner.Silent;
    }

    function isWellFormed(Manner manner) internal pure returns (bool) {
        return manner == Manner.Truthful || manner == Manner.Greedy || manner == Manner.Random;
    }

    // --- evidence: every member worked in the round of ordinal 0

    function fixEvidence(uint64 epoch) internal {
        (, cohortsAtCommit[epoch]) = registry.countsOf(epoch);
        for (uint32 cohort; cohort < cohortsAtCommit[epoch]; ++cohort) {
            membersAtCommit[epoch][cohort] = registry.occupancy(epoch, cohort);
            (rootAtCommit[epoch][cohort],) = merkle(evidenceLeaves(epoch, cohort), 0);
        }
    }

    function evidenceLeaves(uint64 epoch, uint32 cohort) internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](64 * MAX_ROUNDS);
        uint64 members = membersAtCommit[epoch][cohort];
        bytes32 idle = keccak256(abi.encode(bytes32(0), bytes32(0), bytes32("NO_ROUND")));
        for (uint32 lane; lane < 64; ++lane) {
            if (members >> lane & 1 == 0) continue;
            for (uint256 i = 1; i < MAX_ROUNDS; ++i) {
                leaves[lane * MAX_ROUNDS + i] = idle;
            }
            leaves[lane * MAX_ROUNDS] = keccak256(abi.encode(roundOf(epoch), _digestOf(epoch, 64 * cohort + lane), bytes32("VALID")));
        }
    }

    function roundOf(uint64 epoch) internal pure returns (bytes32) {
        return keccak256(abi.encode("round", epoch));
    }

    function commitmentOf(uint64 epoch, uint32 lane) internal view returns (Commitment memory) {
        bytes32 id = registry.deviceAtLane(lane);
        return Commitment(epoch, roundOf(epoch), id, registry.generationAt(id, epoch), keccak256("spec"), 10, keccak256("rows"), 0);
    }

    function _digestOf(uint64 epoch, uint32 lane) private view returns (bytes32) {
        bytes32 message = keccak256(abi.encode(SignedTypes.COMMITMENT_TYPEHASH, commitmentOf(epoch, lane)));
        return keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), message));
    }

    /// @dev Answers the audit of an honest seat as its daemon does.
    function answer(uint64 epoch, uint32 cohort, uint8 seat, address operator) internal {
        Audit memory audit = consensus.auditOf(epoch, cohort, seat);
        Opening memory opening = openingOf(epoch, operator, cohort, seat, wordsOf(epoch, operator));
        uint32 lane = _pick(membersAtCommit[epoch][cohort], audit.laneDraw);
        bool worked = opening.words[lane / 16] >> (16 * (lane % 16)) & 0xffff != 0;
        lane += 64 * cohort;
        _send(epoch, lane, opening, _shown(epoch, lane, audit.ordinal, worked));
    }

    function _send(uint64 epoch, uint32 lane, Opening memory opening, Evidence[] memory leaves) private {
        consensus.answerAudit(epoch, lane / 64, opening, leaves, commitmentOf(epoch, lane), _signed(epoch, lane));
    }

    function _signed(uint64 epoch, uint32 lane) private view returns (bytes memory) {
        address device = registry.getDevice(registry.deviceAtLane(lane)).operator;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[device], _digestOf(epoch, lane));
        return abi.encodePacked(r, s, v);
    }

    /// @dev From the drawn ordinal on, cyclically, up to the one with work; one leaf where the rate is zero.
    function _shown(uint64 epoch, uint32 lane, uint256 ordinal, bool worked) private view returns (Evidence[] memory leaves) {
        bytes32[] memory tree = evidenceLeaves(epoch, lane / 64);
        leaves = new Evidence[](!worked ? 1 : (MAX_ROUNDS - ordinal) % MAX_ROUNDS + 1);
        for (uint256 i; i < leaves.length; ++i) {
            uint256 shown = (ordinal + i) % MAX_ROUNDS;
            (, bytes32[] memory proof) = merkle(tree, lane % 64 * MAX_ROUNDS + shown);
            leaves[i] = Evidence(0, 0, "NO_ROUND", proof);
            if (shown == 0) leaves[i] = Evidence(roundOf(epoch), _digestOf(epoch, lane), "VALID", proof);
        }
    }

    /// @dev The (draw mod n)-th of the n members: an honest seat judges all of them.
    function _pick(uint64 members, uint256 draw) private pure returns (uint32 lane) {
        uint256 count;
        for (uint256 i; i < 64; ++i) {
            count += members >> i & 1;
        }
        uint256 left = draw % count + 1;
        while (true) {
            if (members >> lane & 1 == 1 && --left == 0) return lane;
            ++lane;
        }
    }
}
