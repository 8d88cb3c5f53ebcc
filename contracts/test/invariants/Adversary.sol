// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibBit} from "solady/utils/LibBit.sol";
import {Checker} from "../../src/interfaces/ICheckerSeats.sol";
import {Commitment, Device} from "../../src/interfaces/IDeviceRegistry.sol";
import {CohortState, Evidence, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {AdversaryBooks} from "./AdversaryBooks.sol";
import {EpochWorld} from "./EpochWorld.sol";

/// @title Somebody who owns four of nine Checkers and eight devices, and does with them what the contracts let it
/// @notice It chooses lanes, trees, bonds, calls and moments. Honest Checkers and one honest keeper do their duty in the last second there is
/// for it; what is refused stays without an effect, and what succeeds must not be more than the docs say.
contract Adversary is AdversaryBooks {
    /// @dev The tree behind an owner's root.
    enum Shape {
        Plain,
        Deeper, // the last cohort is opened at the right depth, and once more one level deeper
        Shallow // one leaf is the whole tree
    }

    uint256 private constant DEVICES = 8;
    uint64 private constant ANSWERS = 8;

    mapping(uint64 epoch => mapping(address owner => Shape)) private _shapeOf;
    mapping(uint64 epoch => bool) private _committed;
    mapping(uint64 epoch => bool) private _censored;
    /// @dev The epoch in which a lane was taken and left, plus one.
    mapping(uint32 lane => uint64) private _touched;
    bytes32[] private _gone;

    uint256 public forgeriesRefused;
    uint256 public secondAnswersRefused;
    uint256 public lanesTakenAgain;
    uint256 public deeperOpenings;
    uint256 public calls;
    uint256 public claims;
    uint256 public delistings;
    uint256 public depositsKept;
    uint256 public oneBefore;
    uint256 public oneAfter;

    /// @dev Two lanes below a third cohort; most were left before the first epoch, and are free whenever somebody takes their deposits.
    constructor(uint32 firstPaidEpoch_) EpochWorld(126, false, firstPaidEpoch_) {
        (clock, height) = (vm.getBlockTimestamp(), vm.getBlockNumber());
        depositsHeld = 126 * DEPOSIT;
        bondsHeld = operators.length * 2 * SEAT_BOND;
        for (uint256 i; i < 126; ++i) {
            bytes32 id = learn(string.concat("device-", vm.toString(i)));
            if (registry.getDevice(id).until == type(uint32).max) continue;
            _gone.push(id);
        }
        // Those that never counted are no news: what is frozen is checked of the others.
        delete known;
        for (uint256 i; i < deviceIds.length; ++i) known.push(deviceIds[i]);
        for (uint256 i; i < operators.length; ++i) payees.push(payoutOf(operators[i]));
        freeze(0);
    }

    /// @dev An action in a block of its own; afterwards the epochs that have begun are what they were, and outcomes are booked.
    modifier watched() {
        vm.warp(clock);
        vm.roll(height + 1);
        _;
        uint64 present = consensus.currentEpoch();
        checkFrozen(present);
        if (present != 0) {
            checkFrozen(present - 1);
            noteOutcomes(present - 1);
        }
        (clock, height) = (vm.getBlockTimestamp(), vm.getBlockNumber());
    }

    // --- time

    /// @notice To one of the next boundaries, or one second before or after it.
    function wait(uint256 seed) external watched {
        uint256 to = block.timestamp;
        for (uint256 hops = 1 + seed % 2; hops != 0; --hops) to = _nextBoundary(to);
        uint256 moment = (seed >> 8) % 3;
        if (moment == 0) ++oneBefore;
        if (moment == 2) ++oneAfter;
        to = to + moment - 1;
        if (to <= block.timestamp) to = block.timestamp + 1;
        _advance(to, seed >> 16);
        _answerAll();
    }

    function waitAgain(uint256 seed) external {
        this.wait(seed);
    }

    function _advance(uint256 to, uint256 seed) private {
        for (;;) {
            uint256 boundary = _nextBoundary(block.timestamp);
            if (boundary > to) break;
            vm.warp(boundary - 1);
            _duties(boundary, seed);
            uint64 ended = consensus.currentEpoch();
            if (ended != 0) noteOutcomes(ended - 1);
            vm.warp(boundary);
            vm.roll(vm.getBlockNumber() + 1);
            if (consensus.currentEpoch() != ended) _enter(ended + 1, uint256(keccak256(abi.encode(seed, ended))));
        }
        vm.warp(to);
        // The honest act in this second too, before whatever comes next.
        if (_nextBoundary(to) == to + 1 && seed & 1 == 0) _duties(to + 1, seed);
    }

    /// @dev Of phases, of epochs, of the time for answers and of that for reports.
    function _nextBoundary(uint256 time) private view returns (uint256 next) {
        uint64 epoch = uint64((time - firstEpochAt) / 16);
        next = consensus.epochStart(epoch + 1);
        if (epoch == 0) return next;
        for (uint256 phase = uint256(Phase.Open); phase <= uint256(Phase.Pay); ++phase) {
            next = _sooner(next, consensus.phaseStart(epoch - 1, Phase(phase)), time);
        }
        for (uint64 back = 2; back <= 3 && back <= epoch; ++back) {
            uint64 closes = consensus.auditOf(epoch - back, 0, 0).closesAt;
            next = _sooner(_sooner(next, closes, time), closes + ANSWERS, time);
        }
    }

    function _sooner(uint256 next, uint256 candidate, uint256 time) private pure returns (uint256) {
        return candidate > time && candidate < next ? candidate : next;
    }

    /// @dev What the honest have to do by `boundary`, which is one second away.
    function _duties(uint256 boundary, uint256 seed) private {
        uint64 present = consensus.currentEpoch();
        if (present == 0) return;
        uint64 epoch = present - 1;
        if (boundary == consensus.phaseStart(epoch, Phase.Open)) {
            if (!_censored[present]) _seed(present);
            if (!_committed[epoch]) commitAll(epoch);
            _committed[epoch] = true;
        }
        for (uint32 cohort; cohort < cohortsAtCommit[epoch]; ++cohort) {
            if (boundary == consensus.phaseStart(epoch, Phase.Reveal) && seed >> (8 + cohort) & 1 == 0) _keep(epoch, cohort);
            if (boundary == consensus.phaseStart(epoch, Phase.Finalize)) revealHonest(epoch, cohort);
            if (boundary == consensus.phaseStart(epoch, Phase.Pay) && seed >> (16 + cohort) & 3 != 0) _keep(epoch, cohort);
            // What nobody finalized in time, in the last second of the epoch.
            if (boundary != consensus.epochStart(present + 1)) continue;
            _keep(epoch, cohort);
            if (seed >> (25 + cohort) & 1 == 0) _pay(epoch, cohort);
        }
        for (uint64 back = 2; back <= 3 && back <= present; ++back) {
            uint64 closes = consensus.auditOf(present - back, 0, 0).closesAt;
            if (boundary == closes) answerHonest(present - back);
            if (boundary == closes + ANSWERS && seed >> 24 & 1 == 0) _report(present - back);
        }
    }

    function _enter(uint64 present, uint256 seed) private {
        uint64 epoch = present - 1;
        for (uint32 cohort; epoch != 0 && cohort < cohortsAtCommit[epoch - 1]; ++cohort) _checkJudged(epoch - 1, cohort);
        setMannersOf(epoch, seed);
        for (uint256 i; i < WILD; ++i) {
            Shape shape = Shape((seed >> (8 * i)) % 3);
            _shapeOf[epoch][operators[HONEST + i]] = shape;
            if (shape == Shape.Deeper) mannerOf[epoch][operators[HONEST + i]] = seed >> (8 * i + 4) & 1 == 0 ? Manner.Truthful : Manner.Greedy;
        }
        fixEvidence(epoch);
        noteStandings(epoch);
        freeze(present);
        _censored[present] = seed >> 40 & 15 == 0;
        if (!_censored[present] && seed >> 44 & 3 != 0) _seed(present);
    }

    /// @dev Where three of five are honest nothing keeps a cohort from its result, nor changes it.
    function _checkJudged(uint64 epoch, uint32 cohort) private view {
        if (consensus.seedOf(epoch) == 0 || membersAtCommit[epoch][cohort] == 0) return;
        address[5] memory committee = consensus.seatsOf(epoch, cohort);
        uint256 honest;
        for (uint256 i; i < 5; ++i) if (isHonest[committee[i]]) ++honest;
        if (honest < 3) return;
        assertEq(uint256(consensus.cohortRecord(epoch, cohort).state), uint256(CohortState.Final), "23: a minority stopped a cohort");
    }

    function _seed(uint64 epoch) private {
        if (consensus.seedOf(epoch) != 0) return;
        rollSeed(epoch);
        ghostSeededAt[epoch] = vm.getBlockTimestamp();
    }

    function _keep(uint64 epoch, uint32 cohort) private {
        noteOutcomes(epoch);
        if (!isOpenCohort(epoch, cohort)) return;
        if (consensus.phaseOf(epoch) == Phase.Pay && LibBit.popCount(consensus.revealedSeats(epoch, cohort)) < 3) return;
        address[5] memory committee = consensus.seatsOf(epoch, cohort);
        (bool possible, uint256 mask, uint256 count) = neededSeats(epoch, cohort, committee);
        if (!possible) return;
        Opening[] memory openings = openingsOf(epoch, cohort, committee, mask, count);
        vm.prank(keeper);
        consensus.finalize(epoch, cohort, openings);
    }

    function _pay(uint64 epoch, uint32 cohort) private {
        vm.startPrank(keeper);
        try vault.payCohort(epoch, cohort, 64) {} catch {}
        try vault.payCheckers(epoch, cohort) {} catch {}
        vm.stopPrank();
    }

    function _report(uint64 epoch) private {
        for (uint32 cohort; cohort < COHORTS; ++cohort) {
            for (uint8 seat; seat < 5; ++seat) {
                try consensus.strikeUnanswered(epoch, cohort, seat) {
                    ++auditsReported;
                } catch {}
            }
        }
    }

    // --- lanes

    /// @notice Takes a lane or renews in it, one to three times.
    function takeLanes(uint256 seed) external watched {
        for (uint256 i; i <= seed % 3; ++i) _take(seed >> (16 * (i + 1)));
    }

    function _take(uint256 seed) private {
        string memory name = string.concat("evil-", vm.toString(seed % DEVICES));
        bytes32 id = learn(name);
        bool joins = !registry.isRegistered(id);
        if (!joins && registry.getDevice(id).until != type(uint32).max) return;
        bytes32 identity = seed >> 8 & 3 == 0 ? bytes32(0) : keccak256(abi.encode("card", seed >> 10 & 1));
        bytes32 other = registry.identityOwner(identity);
        if (other != 0 && other != id) identity = 0;
        registerDevice(name, identity);
        if (!joins) return;
        depositsHeld += DEPOSIT;
        uint32 lane = registry.getDevice(id).lane;
        assertTrue(_touched[lane] != consensus.currentEpoch() + 1, "a lane was taken, left and taken again in one epoch");
        if (_touched[lane] != 0) ++lanesTakenAgain;
    }

    function leaveLanes(uint256 seed) external watched {
        for (uint256 i; i <= seed % 3; ++i) {
            bytes32 id = learn(string.concat("evil-", vm.toString((seed >> (16 * (i + 1))) % DEVICES)));
            if (!registry.isRegistered(id) || registry.getDevice(id).until != type(uint32).max) continue;
            vm.prank(seed >> 8 & 1 == 0 ? operatorOf[id] : payoutOf(operatorOf[id]));
            registry.requestExit(id);
            _left(id);
        }
    }

    function _left(bytes32 id) private {
        Device memory device = registry.getDevice(id);
        uint64 present = consensus.currentEpoch();
        ghostLastEpoch[id] = device.since > present ? 0 : present + 1;
        if (device.since > present) _touched[device.lane] = present + 1;
    }

    /// @notice Every deposit that is free leaves, and no other; lanes become free with it.
    function freeLanes(uint256 seed) external watched {
        for (uint256 i; i < DEVICES; ++i) _withdraw(learn(string.concat("evil-", vm.toString((seed % DEVICES + i) % DEVICES))));
        for (uint256 i; i < seed % 4; ++i) _withdraw(_gone[(seed >> (8 * i)) % _gone.length]);
    }

    function _withdraw(bytes32 id) private {
        if (!registry.isRegistered(id)) return;
        Device memory device = registry.getDevice(id);
        if (device.until == type(uint32).max) return;
        uint64 last = ghostLastEpoch[id];
        bool free = last == 0
            ? consensus.currentEpoch() >= device.since
            : (isAudited(last - 1) && isPaid(last - 1, device.lane / 64, device.lane % 64 + 1));
        try registry.withdrawDeposit(id) {
            assertTrue(free, "28: a deposit left before its last epoch was audited and its lane paid");
            depositsHeld -= DEPOSIT;
            returnedTo[device.payout] += DEPOSIT;
            ++depositsReturned;
        } catch {
            assertFalse(free, "a deposit that is free must leave");
            ++depositsKept;
        }
    }

    // --- bonds

    function moveSeats(uint256 seed) external watched {
        address who = wild(seed);
        Checker memory before = seats.checker(who);
        uint256 kind = seed >> 8 & 3;
        uint16 some = uint16((seed >> 16) % 18);
        if (kind == 0) {
            token.transfer(who, uint256(some) * SEAT_BOND);
            vm.prank(who);
            try seats.addSeats(some) {
                bondsHeld += seats.checker(who).bond - before.bond;
                assertGe(seats.checker(who).bond, seats.checker(who).seats * SEAT_BOND, "a seat without its bond");
            } catch {}
        } else if (kind == 1) {
            vm.prank(before.payout);
            try seats.unbond(who, some) {
                Checker memory left = seats.checker(who);
                bool covered = left.bond >= left.seats * SEAT_BOND || left.unbonding == before.unbonding;
                assertTrue(covered, "28: a bond left a seat that stays");
                ghostLastFrozen[who] = consensus.currentEpoch() + 1;
            } catch {}
        } else if (kind == 2 && before.unbonding != 0) {
            bool free = isAudited(ghostLastFrozen[who]);
            try seats.withdrawBond(who) {
                assertTrue(free, "28: a bond left before the last epoch it was frozen in was audited");
                bondsHeld -= before.unbonding;
                returnedTo[before.payout] += before.unbonding;
                ++bondsReturned;
            } catch {
                assertFalse(free, "a bond that is free must leave");
            }
        } else {
            vm.prank(who);
            try seats.unjail() {} catch {}
        }
    }

    // --- trees

    /// @notice Openings that are none: of a second root, of another place, or longer by a level. And one that is, where it has been kept back.
    function open(uint256 seed) external watched {
        (uint64 epoch, Phase phase) = settling();
        uint32 cohort = uint32(seed) % COHORTS;
        if (phase < Phase.Commit || !isOpenCohort(epoch, cohort)) return;
        address[5] memory committee = consensus.seatsOf(epoch, cohort);
        uint8 seat = uint8(seed >> 8) % 5;
        address who = committee[seat];
        if (isHonest[who]) return;
        if (phase != Phase.Commit || _committed[epoch]) _recommit(epoch, who);
        Opening[] memory list = new Opening[](1);
        list[0] = openingBy(epoch, who, cohort, seat);
        bool sound = canOpen(epoch, who, cohort) && isWellFormed(mannerOf[epoch][who]);
        if (phase == Phase.Reveal && sound && consensus.commitmentOf(epoch, who) != 0) consensus.reveal(epoch, cohort, list);
        _forge(epoch, cohort, list);
    }

    function _forge(uint64 epoch, uint32 cohort, Opening[] memory list) private {
        list[0].words[0] ^= 1;
        _refused(abi.encodeCall(consensus.reveal, (epoch, cohort, list)), "17: an opening of no root was taken");
        _refused(abi.encodeCall(consensus.finalize, (epoch, cohort, list)), "17: an opening of no root was counted");
        list[0].words[0] ^= 1;
        list[0].proof = new bytes32[](list[0].proof.length + 1);
        _refused(abi.encodeCall(consensus.reveal, (epoch, cohort, list)), "17: an opening of another depth was taken");
    }

    function _recommit(uint64 epoch, address who) private {
        if (consensus.commitmentOf(epoch, who) == 0 && consensus.phaseOf(epoch) == Phase.Commit) return;
        vm.prank(who);
        _refused(abi.encodeCall(consensus.commit, (epoch, keccak256("another root"))), "17: a second root");
    }

    /// @notice Answers to audits that show no evidence: with the opening that was counted, and with the one a level deeper that judges nobody.
    function answerWithout(uint256) external watched {
        _answerAll();
    }

    function _answerAll() private {
        uint64 present = consensus.currentEpoch();
        for (uint64 back = 2; back <= 3 && back <= present; ++back) {
            uint64 epoch = present - back;
            if (block.timestamp >= consensus.auditOf(epoch, 0, 0).closesAt) continue;
            for (uint32 cohort; cohort < cohortsAtCommit[epoch]; ++cohort) {
                for (uint8 seat; seat < 5; ++seat) _answerWithout(epoch, cohort, seat);
            }
        }
    }

    function _answerWithout(uint64 epoch, uint32 cohort, uint8 seat) private {
        address who = seats.ownerOf(consensus.cohortRecord(epoch, cohort).owners[seat]);
        if (who == address(0) || isHonest[who] || mannerOf[epoch][who] == Manner.Random) return;
        if (!consensus.auditOf(epoch, cohort, seat).drawn) return;
        _answerBy(epoch, cohort, openingBy(epoch, who, cohort, seat), "an audit answered by nothing");
        if (_shapeOf[epoch][who] != Shape.Deeper) return;
        Opening memory opening = _deeper(epoch, who, cohort, seat);
        bytes32 root = leafOf(epoch, who, cohort, opening.words);
        for (uint256 i; i < opening.proof.length; ++i) {
            bytes32 other = opening.proof[i];
            root = keccak256(cohort >> i & 1 == 0 ? abi.encode(root, other) : abi.encode(other, root));
        }
        assertEq(bytes28(root), consensus.commitmentOf(epoch, who), "it is under the same root");
        _answerBy(epoch, cohort, opening, "an audit answered by a second opening");
        ++secondAnswersRefused;
    }

    function _answerBy(uint64 epoch, uint32 cohort, Opening memory opening, string memory why) private {
        Commitment memory none;
        _refused(abi.encodeCall(consensus.answerAudit, (epoch, cohort, opening, new Evidence[](0), none, "")), why);
    }

    function _refused(bytes memory data, string memory why) private {
        (bool done,) = address(consensus).call(data);
        assertFalse(done, why);
        ++forgeriesRefused;
    }

    function noteOpened(uint64 epoch, uint32 cohort, address who) internal override {
        if (_shapeOf[epoch][who] == Shape.Deeper && cohort + 1 == cohortsAtCommit[epoch]) ++deeperOpenings;
    }

    function canOpen(uint64 epoch, address who, uint32 cohort) internal view override returns (bool) {
        if (isHonest[who] || _shapeOf[epoch][who] == Shape.Plain) return super.canOpen(epoch, who, cohort);
        return _shapeOf[epoch][who] == Shape.Deeper && cohort + 1 == cohortsAtCommit[epoch];
    }

    function rootOf(uint64 epoch, address who) internal view override returns (bytes32 root) {
        if (isHonest[who] || _shapeOf[epoch][who] == Shape.Plain) return super.rootOf(epoch, who);
        if (_shapeOf[epoch][who] == Shape.Shallow) return leafOf(epoch, who, 0, wordsOf(epoch, who)[0]);
        (bytes32[] memory inner, bytes32[] memory right, uint32 place) = _halves(epoch, who);
        (bytes32 left,) = merkle(inner, cohortsAtCommit[epoch] - 1);
        (root,) = merkle(right, place);
        root = keccak256(abi.encode(left, root));
    }

    function openingBy(uint64 epoch, address who, uint32 cohort, uint8 seat) internal view override returns (Opening memory opening) {
        opening = super.openingBy(epoch, who, cohort, seat);
        if (isHonest[who] || _shapeOf[epoch][who] != Shape.Deeper || cohort + 1 != cohortsAtCommit[epoch]) return opening;
        opening.words[9] = uint256(keccak256("no evidence"));
        (bytes32[] memory inner, bytes32[] memory right, uint32 place) = _halves(epoch, who);
        (bytes32 left,) = merkle(inner, cohort);
        (, bytes32[] memory proof) = merkle(right, place);
        opening.proof = _with(proof, left);
    }

    /// @dev The other opening under the same root.
    function _deeper(uint64 epoch, address who, uint32 cohort, uint8 seat) private view returns (Opening memory opening) {
        (bytes32[] memory inner, bytes32[] memory right, uint32 place) = _halves(epoch, who);
        (, bytes32[] memory proof) = merkle(inner, cohort);
        (bytes32 root,) = merkle(right, place);
        uint256[10] memory nothing;
        opening = Opening(seat, saltOf(who, epoch), nothing, _with(proof, root));
    }

    /// @dev The right half of a tree holds the last cohort where it belongs. The left half, of a level more, holds words that judge nobody at the
    /// same number.
    function _halves(uint64 epoch, address who)
        private
        view
        returns (bytes32[] memory inner, bytes32[] memory right, uint32 place)
    {
        uint32 last = cohortsAtCommit[epoch] - 1;
        uint32 half = 1;
        while (2 * half <= last) half *= 2;
        place = last - half;
        (inner, right) = (new bytes32[](2 * half), new bytes32[](half));
        uint256[10] memory words;
        inner[last] = leafOf(epoch, who, last, words);
        words = wordsOf(epoch, who)[last];
        words[9] = uint256(keccak256("no evidence"));
        right[place] = leafOf(epoch, who, last, words);
    }

    function _with(bytes32[] memory proof, bytes32 node) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](proof.length + 1);
        for (uint256 i; i < proof.length; ++i) longer[i] = proof[i];
        longer[proof.length] = node;
    }

    // --- calls that anybody may make

    function meddle(uint256 seed) external watched {
        uint64 present = consensus.currentEpoch();
        // Half of them about the epoch that is being settled, where most can be done.
        uint64 back = uint64((seed >> 8) % 16);
        if (back > 7) back = 2;
        uint64 epoch = back < present + 1 ? present + 1 - back : 0;
        uint8 part = uint8(seed >> 24);
        bytes32 id = known[(seed >> 32) % known.length];
        vm.startPrank(farmer);
        bool done = _call(seed % 12, epoch, uint32(seed >> 16) % (COHORTS + 1), part, id);
        vm.stopPrank();
        if (!done) return;
        ++calls;
        if (seed % 12 < 2) _checkSeed(epoch, present);
        if (seed % 12 == 8) _checkPaid(epoch, part & 1 == 0 ? farmer : keeper);
        if (seed % 12 == 2) {
            assertFalse(isHonest[operators[part % operators.length]], "an honest owner went to jail");
            ++jailings;
        }
        if (seed % 12 == 3) {
            assertGe(finalsSinceCredit[id], 3, "a device that earned was delisted");
            _left(id);
            ++delistings;
        }
        if (seed % 12 == 4) {
            assertTrue(creditedAs[id][identityIn(id, registry.getDevice(id).generation)], "an identity without a credit");
            ++claims;
        }
    }

    /// @dev What was done is paid once.
    function _checkPaid(uint64 epoch, address who) private {
        assertEq(vault.payKeeper(epoch, who), 0, "a keeper was paid twice");
    }

    /// @dev Outside its epoch a call does nothing: the seed is there already.
    function _checkSeed(uint64 epoch, uint64 present) private {
        if (epoch > present) assertEq(consensus.pinnedBlockOf(epoch), 0, "18: a block pinned before its epoch");
        if (consensus.seedOf(epoch) == 0 || ghostSeededAt[epoch] != 0 || epoch == 0) return;
        assertEq(epoch, present, "18: a seed outside its epoch");
        ghostSeededAt[epoch] = vm.getBlockTimestamp();
    }

    function _call(uint256 kind, uint64 epoch, uint32 cohort, uint8 part, bytes32 id) private returns (bool done) {
        address target = address(vault);
        bytes memory data;
        if (kind == 2) (target, data) = (address(seats), abi.encodeCall(seats.jail, (operators[part % operators.length])));
        else if (kind == 3) (target, data) = (address(registry), abi.encodeCall(registry.delist, (id)));
        else if (kind == 4) (target, data) = (address(registry), abi.encodeCall(registry.claimIdentity, (id)));
        else if (kind < 7) (target, data) = (address(consensus), _consensusCall(kind, epoch, cohort, part));
        else if (kind == 7) data = abi.encodeCall(vault.payCheckers, (epoch, cohort));
        else if (kind == 8) data = abi.encodeCall(vault.payKeeper, (epoch, part & 1 == 0 ? farmer : keeper));
        else if (kind == 9) data = abi.encodeCall(vault.closeEpoch, (epoch));
        else data = abi.encodeCall(vault.payCohort, (epoch, cohort, part % 70));
        (done,) = target.call(data);
    }

    function _consensusCall(uint256 kind, uint64 epoch, uint32 cohort, uint8 part) private view returns (bytes memory) {
        if (kind == 0) return abi.encodeCall(consensus.pin, (epoch));
        if (kind == 1) return abi.encodeCall(consensus.roll, (epoch));
        if (kind == 5) return abi.encodeCall(consensus.voidCohort, (epoch, cohort));
        return abi.encodeCall(consensus.strikeUnanswered, (epoch, cohort, part % 6));
    }

    // --- views

    function toItsTime() external onItsClock {}

    function sums() external view returns (uint256 registryHolds, uint256 seatsHold, uint256 vaultHolds, uint256 liability, uint256 due) {
        registryHolds = token.balanceOf(address(registry));
        seatsHold = token.balanceOf(address(seats)) + token.balanceOf(treasury);
        (vaultHolds, liability) = (token.balanceOf(address(vault)), vault.liability());
        due = vault.funded() - vault.lifetimePaid();
    }
}
