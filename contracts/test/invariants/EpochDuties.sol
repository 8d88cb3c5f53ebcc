// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibBit} from "solady/utils/LibBit.sol";
import {CohortRecord, CohortState, IEpochReports, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {Minifloat} from "../../src/libraries/Minifloat.sol";
import {EpochWorld} from "./EpochWorld.sol";

/// @title What honest Checkers and keepers do in time, and the ghost accounts beside it
abstract contract EpochDuties is EpochWorld {
    struct Resolved {
        uint64 epoch;
        uint32 cohort;
        CohortState state;
    }

    /// @dev Ghosts.
    uint256 public ghostDeposits;
    uint256 public ghostBonds;
    mapping(uint64 epoch => uint256) public ghostPaid;
    mapping(uint64 epoch => mapping(uint32 cohort => uint256)) public ghostResolutions;
    /// @dev Σ caps of an epoch before any of its cohorts was resolved, plus one; and of the members of a final cohort without a credit.
    mapping(uint64 epoch => uint256) internal ghostCaps;
    mapping(uint64 epoch => mapping(uint32 cohort => uint256)) internal ghostUncredited;
    mapping(address owner => uint64) public ghostLastFrozen;
    mapping(uint64 epoch => uint256) internal ghostSeededAt;
    mapping(bytes32 deviceId => uint64) public ghostLastEpoch;
    Resolved[] public resolved;
    uint64[] public paidEpochs;
    bool public registryPaused;
    uint256 internal clock;
    uint256 internal height;
    uint256 public depositsReturned;
    uint256 public bondsReturned;
    uint256 public auditsAnswered;
    uint256 public auditsReported;
    uint256 public jailings;
    /// @dev First credits that were held while nobody had a standing.
    uint256 public firstsHeld;

    /// @dev Time belongs to the network: it goes on where the last action left it, whatever block the fuzzer calls from.
    modifier onItsClock() {
        vm.warp(clock);
        vm.roll(height);
        _;
        (clock, height) = (vm.getBlockTimestamp(), vm.getBlockNumber());
    }

    /// @dev The epoch between COMMIT and PAY, and its phase; Future while epoch 0 works.
    function settling() public view returns (uint64 epoch, Phase phase) {
        uint64 now_ = consensus.currentEpoch();
        return now_ == 0 ? (0, Phase.Future) : (now_ - 1, consensus.phaseOf(now_ - 1));
    }

    function wild(uint256 seed) internal view returns (address) {
        return operators[HONEST + seed % WILD];
    }

    function setMannersOf(uint64 epoch, uint256 seed) internal {
        for (uint256 i; i < WILD; ++i) {
            mannerOf[epoch][operators[HONEST + i]] = Manner(uint256(keccak256(abi.encode(seed, i))) % 8);
        }
    }

    /// @dev In the second half of an epoch: audits of the last but one that nobody answered.
    function reportUnanswered(uint32 cohort) internal {
        uint64 epoch = consensus.currentEpoch();
        if (epoch < 2) return;
        uint256 before = token.balanceOf(treasury);
        for (uint8 seat; seat < 5; ++seat) {
            try consensus.strikeUnanswered(epoch - 2, cohort, seat) {
                ++auditsReported;
            } catch {}
        }
        ghostBonds -= token.balanceOf(treasury) - before;
    }

    /// @dev Pending, seeded, and with members.
    function isOpenCohort(uint64 epoch, uint32 cohort) internal view returns (bool) {
        bool pending = ghostResolutions[epoch][cohort] == 0;
        return pending && consensus.seedOf(epoch) != 0 && registry.occupancy(epoch, cohort) != 0;
    }

    function commitAll(uint64 epoch) internal {
        if (consensus.seedOf(epoch) == 0) return;
        for (uint256 i; i < operators.length; ++i) {
            address who = operators[i];
            Manner manner = mannerOf[epoch][who];
            if (!isHonest[who] && manner == Manner.Absent) continue;
            if (!isHonest[who] && manner == Manner.GarbageRoot) {
                vm.prank(who);
                consensus.commit(epoch, keccak256("garbage"));
            } else {
                vm.prank(who);
                consensus.commit(epoch, rootOf(epoch, who));
            }
        }
        vm.prank(operators[epoch % HONEST]);
        vm.expectPartialRevert(IEpochReports.AlreadyCommitted.selector);
        consensus.commit(epoch, keccak256("17: write-once"));
    }

    function rootOf(uint64 epoch, address who) internal view virtual returns (bytes32 root) {
        (root,) = merkle(leavesOf(epoch, who, wordsOf(epoch, who)), 0);
    }

    /// @dev What {finalize} needs now; not possible in OPEN while a committed seat keeps its opening.
    function neededSeats(uint64 epoch, uint32 cohort, address[5] memory committee)
        internal
        view
        returns (bool possible, uint256 mask, uint256 count)
    {
        bool open = consensus.phaseOf(epoch) == Phase.Open;
        uint256 revealed = consensus.revealedSeats(epoch, cohort);
        for (uint256 i; i < 5; ++i) {
            address who = committee[i];
            if (open ? consensus.commitmentOf(epoch, who) == 0 : revealed >> i & 1 == 0) continue;
            if (open && !canOpen(epoch, who, cohort)) return (false, 0, 0);
            mask |= 1 << i;
            ++count;
        }
        possible = true;
    }

    function revealHonest(uint64 epoch, uint32 cohort) internal {
        if (!isOpenCohort(epoch, cohort)) return;
        address[5] memory committee = consensus.seatsOf(epoch, cohort);
        uint256 mask;
        uint256 count;
        for (uint256 i; i < 5; ++i) {
            if (!isHonest[committee[i]]) continue;
            mask |= 1 << i;
            ++count;
        }
        consensus.reveal(epoch, cohort, openingsOf(epoch, cohort, committee, mask, count));
    }

    function answerHonest(uint64 epoch) internal {
        for (uint32 cohort; cohort < COHORTS; ++cohort) {
            if (consensus.cohortState(epoch, cohort) != CohortState.Final) continue;
            uint32[5] memory drawn = consensus.cohortRecord(epoch, cohort).owners;
            for (uint8 seat; seat < 5; ++seat) {
                address who = seats.ownerOf(drawn[seat]);
                if (!isHonest[who] || !consensus.auditOf(epoch, cohort, seat).drawn) continue;
                if (!consensus.auditOf(epoch, cohort, seat).answered) {
                    answer(epoch, cohort, seat, who);
                    ++auditsAnswered;
                }
            }
        }
    }

    function canOpen(uint64 epoch, address who, uint32) internal view virtual returns (bool) {
        return isHonest[who] || isOpenable(mannerOf[epoch][who]);
    }

    function openingBy(uint64 epoch, address who, uint32 cohort, uint8 seat) internal view virtual returns (Opening memory) {
        return openingOf(epoch, who, cohort, seat, wordsOf(epoch, who));
    }

    function openingsOf(uint64 epoch, uint32 cohort, address[5] memory committee, uint256 mask, uint256 count)
        internal
        view
        returns (Opening[] memory openings)
    {
        openings = new Opening[](count);
        uint256 next;
        for (uint8 i; i < 5; ++i) {
            if (mask >> i & 1 == 1) openings[next++] = openingBy(epoch, committee[i], cohort, i);
        }
    }

    function standingsOf(uint32 cohort) internal view returns (uint256[64] memory standings) {
        for (uint32 lane; lane < 64; ++lane) {
            standings[lane] = consensus.standingAtLane(64 * cohort + lane);
        }
    }

    function noteResolved(uint64 epoch, uint32 cohort) internal {
        ghostResolutions[epoch][cohort] += 1;
        resolved.push(Resolved(epoch, cohort, consensus.cohortState(epoch, cohort)));
    }

    /// @dev Of all members of the epoch, lane by lane; before the first resolution.
    function noteCaps(uint64 epoch) internal {
        if (ghostCaps[epoch] != 0) return;
        uint256 sum;
        for (uint32 cohort; cohort < COHORTS; ++cohort) {
            uint64 members = registry.occupancy(epoch, cohort);
            for (uint32 lane; lane < 64; ++lane) {
                if (members >> lane & 1 == 1) sum += 2 * consensus.standingAtLane(64 * cohort + lane);
            }
        }
        ghostCaps[epoch] = sum + 1;
    }

    /// @dev Whether a first credit of the epoch is paid: nobody has a standing, and no unpaid epoch was there to set one.
    function paysFirst(uint64 epoch) internal view returns (bool) {
        return ghostCaps[epoch] == 1 && firstPaidEpoch == 0;
    }

    /// @dev What a member counts with while it has no credit.
    function capOf(uint64 epoch, uint256 standing) internal view returns (uint256) {
        return paysFirst(epoch) ? 1 << 20 : 2 * standing;
    }

    /// @dev The most a member can be credited.
    function creditCapOf(uint64 epoch, uint256 standing) internal view returns (uint256) {
        if (standing != 0) return 2 * standing;
        if (ghostCaps[epoch] == 1) return 1 << 20;
        (uint32 members,) = registry.countsOf(epoch);
        uint256 mean = (ghostCaps[epoch] - 1) / 2 / members;
        return mean == 0 ? 1 : mean < 1 << 20 ? mean : 1 << 20;
    }

    function checkCredits(uint64 epoch, uint32 cohort, address[5] memory committee, uint256[64] memory before) internal {
        uint256 opened = consensus.cohortRecord(epoch, cohort).opened;
        uint256 honest;
        for (uint256 i; i < 5; ++i) {
            if (isHonest[committee[i]]) ++honest;
            bool sound = isHonest[committee[i]] || isWellFormed(mannerOf[epoch][committee[i]]);
            assertTrue(opened >> i & 1 == 0 || sound, "5: counted without a well-formed opening");
        }
        uint256[10] memory truth = truthOf(epoch, cohort);
        uint64 members = registry.occupancy(epoch, cohort);
        for (uint32 lane; lane < 64; ++lane) {
            if (members >> lane & 1 == 0 || LibBit.popCount(opened) < 3) {
                assertEq(consensus.creditOf(epoch, 64 * cohort + lane), 0, "5, 18: credit without quorum or membership");
            } else {
                uint256 score = Minifloat.decode(truth[lane / 16] >> (16 * (lane % 16)) & 0x7fff);
                checkCredit(epoch, 64 * cohort + lane, before[lane], score, honest >= 3);
            }
        }
    }

    function checkCredit(uint64 epoch, uint32 lane, uint256 before, uint256 score, bool decided) internal {
        uint256 cap = creditCapOf(epoch, before);
        bool held = before == 0 && !paysFirst(epoch);
        uint256 credit = consensus.creditOf(epoch, lane);
        if (credit == 0) ghostUncredited[epoch][lane / 64] += capOf(epoch, before);
        assertLe(credit, held ? 0 : cap, "24: credit above the cap");
        uint256 given = creditCapOf(epoch, 0);
        assertLe(consensus.standingAtLane(lane), cap > given ? cap : given, "24: standing above the cap, and above a newcomer's");
        if (!decided) return;
        uint256 due = score < cap ? score : cap;
        assertEq(credit, held ? 0 : due, "7: three honest seats decide");
        if (held) assertEq(consensus.standingAtLane(lane), due, "7: a first credit sets the standing");
        if (held && due != 0 && ghostCaps[epoch] == 1) ++firstsHeld;
    }

    /// @dev By its own books: the audits of the epoch are over.
    function isAudited(uint64 epoch) internal view returns (bool) {
        uint256 drawnAt = ghostSeededAt[epoch + 2];
        return block.timestamp >= (drawnAt == 0 ? consensus.epochStart(epoch + 3) : drawnAt + 16);
    }

    /// @dev The seed of the present epoch, and the answers to the audits that it draws.
    function seedPresent() internal {
        uint64 epoch = consensus.currentEpoch();
        if (consensus.seedOf(epoch) != 0) return;
        rollSeed(epoch);
        ghostSeededAt[epoch] = block.timestamp;
        if (epoch >= 2) answerHonest(epoch - 2);
    }

    /// @dev By its own books: every cohort that became final is paid in full, or the lane alone where one is given.
    function isPaid(uint64 epoch, uint32 cohort, uint256 lanes) internal view returns (bool) {
        for (uint256 i; i < resolved.length; ++i) {
            Resolved memory r = resolved[i];
            if (r.epoch > epoch || r.cohort != cohort || r.state != CohortState.Final) continue;
            CohortRecord memory record = consensus.cohortRecord(r.epoch, r.cohort);
            if (record.state == CohortState.Final && record.lanesPaid < lanes) return false;
        }
        return true;
    }

    function isSettled(uint64 epoch) internal view returns (bool) {
        if (!isAudited(epoch)) return false;
        for (uint256 i; i < resolved.length; ++i) {
            Resolved memory r = resolved[i];
            if (r.epoch != epoch || r.state != CohortState.Final) continue;
            CohortRecord memory record = consensus.cohortRecord(r.epoch, r.cohort);
            if (record.state == CohortState.Final && !(record.lanesPaid == 64 && record.checkersPaid)) return false;
        }
        return true;
    }
}
