// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckerSeats, StrikeReason} from "../../src/interfaces/ICheckerSeats.sol";
import {
    CohortRecord,
    CohortState,
    EpochTotals,
    IEpochReports,
    Opening,
    Phase,
    Timeline
} from "../../src/interfaces/IEpochConsensus.sol";
import {IGoverned, IGovernedReports} from "../../src/interfaces/IGoverned.sol";
import {IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {Stage} from "../support/Stage.sol";

/// @title A cohort from commitment to verdict, in the second cohort of the fifth epoch
contract CohortPins is Stage {
    /// @dev What nobody has a standing counts with.
    uint256 private constant FIRST = 1 << 20;

    function setUp() public {
        setStage();
    }

    // --- commitments

    function test_commitments() public {
        vm.warp(consensus.epochStart(EPOCH));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, EPOCH, Phase.Work, Phase.Commit));
        consensus.commit(EPOCH, "root");
        vm.warp(consensus.epochStart(EPOCH + 1));
        vm.expectRevert(IEpochReports.EmptyRoot.selector);
        consensus.commit(EPOCH, bytes32(uint256(0xffffffff)));
        bytes32 root = bytes32(uint256(1) << 32 | 5);
        vm.expectEmit(address(consensus));
        emit IEpochReports.Committed(EPOCH, address(this), root);
        consensus.commit(EPOCH, root);
        assertEq(consensus.commitmentOf(EPOCH, address(this)), bytes28(root));
        assertEq(consensus.commitmentOf(EPOCH + 4, address(this)), 0, "the same place, another epoch");
        assertEq(consensus.commitmentOf(EPOCH, keeper), 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.AlreadyCommitted.selector, address(this), EPOCH));
        consensus.commit(EPOCH, "other");
        vm.warp(consensus.epochStart(EPOCH + 5));
        consensus.commit(EPOCH + 4, keccak256("later"));
        assertEq(consensus.commitmentOf(EPOCH + 4, address(this)), bytes28(keccak256("later")));
        assertEq(consensus.commitmentOf(EPOCH, address(this)), 0, "overwritten");
    }

    /// @dev A leaf of a cohort beyond the tree opens nothing, though its path would end at the root.
    function test_aCohortBeyondTheTree() public {
        warpTo(EPOCH, Phase.Commit);
        uint256[10] memory words = pack(uniformClaim(6, 1000, 9000));
        Opening memory opening = Opening(1, "salt", words, new bytes32[](1));
        opening.proof[0] = "sibling";
        bytes32 leaf = keccak256(abi.encode(block.chainid, address(consensus), EPOCH, address(this), uint32(2), bytes32("salt"), words));
        assertEq(consensus.openingLeaf(EPOCH, address(this), 2, "salt", words), leaf);
        consensus.commit(EPOCH, keccak256(abi.encode(leaf, bytes32("sibling"))));
        assertFalse(consensus.isCommitted(EPOCH, address(this), 2, opening));
        bytes32 first = consensus.openingLeaf(EPOCH, operators[0], 1, "salt", words);
        vm.prank(operators[0]);
        consensus.commit(EPOCH, keccak256(abi.encode(bytes32("sibling"), first)));
        assertTrue(consensus.isCommitted(EPOCH, operators[0], 1, opening));
        assertFalse(consensus.isCommitted(EPOCH, operators[0], 0, opening));
        assertFalse(consensus.isCommitted(EPOCH, operators[1], 1, opening));
        assertFalse(consensus.isCommitted(EPOCH + 4, operators[0], 1, opening));
        opening.salt = "pepper";
        assertFalse(consensus.isCommitted(EPOCH, operators[0], 1, opening));
    }

    // --- final

    /// @dev Two epochs: in the first nobody has a standing, in the second everybody is credited the same.
    function test_final() public {
        for (uint64 epoch = EPOCH - 1; epoch <= EPOCH; ++epoch) {
            commitAll(epoch);
            warpTo(epoch, Phase.Open);
            uint256 sum;
            uint256 caps = epoch == EPOCH ? _caps() : 0;
            uint256 open = epoch == EPOCH ? caps : FIRST * 70;
            for (uint32 k; k < 2; ++k) {
                uint32 cohort = 1 - k;
                assertEq(uint256(consensus.cohortState(epoch, cohort)), uint256(CohortState.Pending));
                Opening[] memory openings = openingsOf(epoch, cohort);
                if (k == 0) {
                    vm.expectEmit(address(consensus));
                    emit IEpochReports.EpochCounted(epoch, 70, caps);
                }
                (uint256 credits, uint256 before) = _expectFinal(epoch, cohort);
                vm.prank(keeper);
                consensus.finalize(epoch, cohort, openings);
                (sum, open) = (sum + credits, open - before);
                EpochTotals memory want = EpochTotals(sum, open, k == 0 ? 6 : 70, 70, k + 1);
                assertEq(abi.encode(consensus.totalsOf(epoch)), abi.encode(want));
                _checkRecord(epoch, cohort);
                assertEq(consensus.isPayable(epoch), k == 1);
            }
            (uint256 lanes,) = consensus.keeperCalls(epoch, keeper);
            assertEq(lanes, 128 + 70, "pinned, rolled, two cohorts");
            rollSeed(epoch + 1);
        }
    }

    function _caps() private view returns (uint256 sum) {
        for (uint32 lane; lane < 70; ++lane) sum += 2 * consensus.standingAtLane(lane);
    }

    /// @dev What {Stage.wordsOf} makes of a lane.
    function _creditOf(uint32 cohort, uint256 i) private pure returns (uint256) {
        return _rateOf(cohort, i) * (9000 + i) / 10_000;
    }

    function _rateOf(uint32 cohort, uint256 i) private pure returns (uint256) {
        return 1000 + 10 * i + cohort;
    }

    /// @return credits Of the cohort. @return before Its caps before.
    function _expectFinal(uint64 epoch, uint32 cohort) private returns (uint256 credits, uint256 before) {
        uint256[4] memory rates;
        uint256[4] memory uptimes;
        uint256[11] memory words;
        (uint256 flags, uint256 certain) = (0, 0);
        uint256 members = cohort == 0 ? 64 : SECOND;
        for (uint32 i; i < members; ++i) {
            rates[i / 16] |= _rateOf(cohort, i) << (16 * (i % 16));
            uptimes[i / 16] |= (9000 + uint256(i)) << (16 * (i % 16));
            flags |= uint256(15) << (4 * i);
            certain |= uint256(1) << (4 * i);
            words[i / 6] |= _creditOf(cohort, i) << (42 * (i % 6));
            credits += _creditOf(cohort, i);
            before += epoch == EPOCH ? 2 * consensus.standingAtLane(64 * cohort + i) : FIRST;
        }
        bytes32[5] memory roots;
        address[5] memory committee = consensus.seatsOf(epoch, cohort);
        for (uint256 seat; seat < 5; ++seat) roots[seat] = keccak256(abi.encode("evidence", committee[seat], cohort));
        vm.expectEmit(address(consensus));
        emit IEpochReports.CohortFinalized(epoch, cohort, keeper, 31, rates, uptimes, flags, certain, words, roots);
    }

    function _checkRecord(uint64 epoch, uint32 cohort) private view {
        CohortRecord memory want;
        (want.state, want.opened) = (CohortState.Final, 31);
        uint8 all = cohort == 0 ? 64 : uint8(SECOND);
        want.agreed = [all, all, all, all - 1, all - 3];
        (, want.owners) = seats.committee(epoch, consensus.seedOf(epoch), cohort);
        assertEq(abi.encode(consensus.cohortRecord(epoch, cohort)), abi.encode(want));
        assertEq(consensus.cohortRecord(epoch + 4, cohort).opened, 0);
        assertEq(uint256(consensus.cohortState(epoch, cohort)), uint256(CohortState.Final));
        for (uint32 i; i < 64; ++i) {
            uint256 credit = cohort == 0 || i < SECOND ? _creditOf(cohort, i) : 0;
            assertEq(consensus.creditOf(epoch, 64 * cohort + i), credit);
            assertEq(consensus.creditOf(epoch + 4, 64 * cohort + i), 0);
            assertEq(consensus.standingAtLane(64 * cohort + i), credit, "what it was paid for");
        }
    }

    function test_refusals() public {
        Opening[] memory none = new Opening[](0);
        warpTo(EPOCH, Phase.Open);
        bytes memory unseeded = abi.encodeWithSelector(IEpochReports.NoSeed.selector, EPOCH);
        vm.expectRevert(unseeded);
        consensus.finalize(EPOCH, COHORT, none);
        vm.expectRevert(unseeded);
        consensus.seatsOf(EPOCH, COHORT);
        vm.warp(consensus.epochStart(EPOCH));
        commitAll(EPOCH);
        Opening[] memory openings = openingsOf(EPOCH, COHORT);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, EPOCH, Phase.Commit, Phase.Open));
        consensus.finalize(EPOCH, COHORT, openings);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, EPOCH, Phase.Commit, Phase.Reveal));
        consensus.reveal(EPOCH, COHORT, openings);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, EPOCH, Phase.Commit, Phase.Open));
        consensus.voidCohort(EPOCH, COHORT);
        warpTo(EPOCH, Phase.Open);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.EmptyCohort.selector, EPOCH, 2));
        consensus.finalize(EPOCH, 2, openings);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.QuorumPossible.selector, EPOCH, COHORT));
        consensus.voidCohort(EPOCH, COHORT);
        Opening[] memory four = new Opening[](4);
        for (uint256 i; i < 4; ++i) four[i] = openings[i + 1];
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongSeats.selector, 30, 31));
        consensus.finalize(EPOCH, COHORT, four);
        four[1] = four[0];
        vm.expectRevert(IEpochReports.SeatOrder.selector);
        consensus.finalize(EPOCH, COHORT, four);
        four[3].seat = 5;
        vm.expectRevert(IEpochReports.SeatOrder.selector);
        consensus.finalize(EPOCH, COHORT, four);
        address[5] memory committee = consensus.seatsOf(EPOCH, COHORT);
        openings = openingsOf(EPOCH, COHORT);
        openings[3].salt = 0;
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, committee[3]));
        consensus.finalize(EPOCH, COHORT, openings);
        openings = openingsOf(EPOCH, COHORT);
        consensus.finalize(EPOCH, COHORT, openings);
        bytes memory resolved = abi.encodeWithSelector(IEpochReports.CohortResolved.selector, EPOCH, COHORT);
        vm.expectRevert(resolved);
        consensus.finalize(EPOCH, COHORT, openings);
        vm.expectRevert(resolved);
        consensus.voidCohort(EPOCH, COHORT);
        warpTo(EPOCH, Phase.Reveal);
        vm.expectRevert(resolved);
        consensus.reveal(EPOCH, COHORT, openings);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, EPOCH, Phase.Reveal, Phase.Open));
        consensus.finalize(EPOCH, 0, openings);
        vm.warp(consensus.epochStart(EPOCH + 2));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, EPOCH, Phase.Pay, Phase.Open));
        consensus.voidCohort(EPOCH, 0);
    }

    /// @dev One word too few and one too many, at a depth of one.
    function test_lengths() public {
        commitAll(EPOCH);
        Opening[] memory openings = openingsOf(EPOCH, COHORT);
        bytes memory call = abi.encodeCall(consensus.finalize, (EPOCH, COHORT, openings));
        assertEq(call.length, 4 + 32 * (4 + 5 * 16));
        for (uint256 i; i < 2; ++i) {
            warpTo(EPOCH, i == 0 ? Phase.Open : Phase.Reveal);
            if (i == 1) call = abi.encodeCall(consensus.reveal, (EPOCH, COHORT, openings));
            bytes memory longer = bytes.concat(call, "x");
            vm.expectRevert(abi.encodeWithSelector(IEpochReports.CalldataLength.selector, longer.length, call.length));
            (bool done,) = address(consensus).call(longer);
            assertTrue(done);
        }
        bytes memory short = abi.encodeCall(consensus.commit, (EPOCH, "root"));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.CalldataLength.selector, 69, 68));
        (bool over,) = address(consensus).call(bytes.concat(short, "x"));
        assertTrue(over);
    }

    // --- revealed

    function test_revealed() public {
        commitAll(EPOCH);
        Opening[] memory openings = openingsOf(EPOCH, COHORT);
        address[5] memory committee = consensus.seatsOf(EPOCH, COHORT);
        warpTo(EPOCH, Phase.Reveal);
        uint8[3] memory parts = [uint8(3), 6, 8]; // seats 0 and 1, then 1 and 2, then 3
        uint8 mask;
        for (uint256 part; part < 3; ++part) {
            vm.expectEmit(address(consensus));
            emit IEpochReports.Revealed(EPOCH, COHORT, _pick(openings, parts[part]));
            // Whoever brings it, the first part is its second seat's, the second its first one's, which is on record, the third a stranger's.
            vm.prank(part == 2 ? keeper : committee[1]);
            consensus.reveal(EPOCH, COHORT, _pick(openings, parts[part]));
            mask |= parts[part];
            assertEq(consensus.revealedSeats(EPOCH, COHORT), mask);
            assertEq(consensus.totalsOf(EPOCH).lanes, part == 0 ? 0 : 70, "counted with the quorum");
        }
        assertEq(consensus.revealedSeats(EPOCH + 1, COHORT), 0);
        (uint256 lanes,) = consensus.keeperCalls(EPOCH, committee[1]);
        assertEq(lanes, SECOND / 5, "a fifth for one's own, once");
        (lanes,) = consensus.keeperCalls(EPOCH, keeper);
        assertEq(lanes, 128, "nothing for what is somebody else's");
        warpTo(EPOCH, Phase.Pay);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.QuorumPossible.selector, EPOCH, COHORT));
        consensus.voidCohort(EPOCH, COHORT);
        consensus.voidCohort(EPOCH, 0);
        assertFalse(consensus.isPayable(EPOCH));
        assertEq(uint256(consensus.cohortState(EPOCH, COHORT)), uint256(CohortState.Pending));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongSeats.selector, 7, 15));
        consensus.finalize(EPOCH, COHORT, _pick(openings, 7));
        vm.expectEmit(address(seats));
        emit ICheckerSeats.Struck(committee[4], EPOCH, COHORT, StrikeReason.Unopened, seats.checker(committee[4]).strikes + 1);
        consensus.finalize(EPOCH, COHORT, _pick(openings, 15));
        assertTrue(consensus.isPayable(EPOCH));
        assertEq(consensus.cohortRecord(EPOCH, COHORT).opened, 15);
        assertEq(consensus.totalsOf(EPOCH).unpaid, 1);
        vm.warp(consensus.epochStart(EPOCH + 2));
        assertTrue(consensus.isPayable(EPOCH));
    }

    /// @dev What was revealed and is final is waited for no more, though the other cohort was never resolved.
    function test_nobodyWaitsForWhatIsFinal() public {
        commitAll(EPOCH);
        Opening[] memory openings = openingsOf(EPOCH, COHORT);
        warpTo(EPOCH, Phase.Reveal);
        consensus.reveal(EPOCH, COHORT, openings);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, EPOCH, Phase.Reveal, Phase.Open));
        consensus.finalize(EPOCH, COHORT, openings); // others may still reveal
        warpTo(EPOCH, Phase.Finalize);
        consensus.finalize(EPOCH, COHORT, openings);
        assertFalse(consensus.isPayable(EPOCH));
        warpTo(EPOCH, Phase.Pay);
        assertTrue(consensus.isPayable(EPOCH));
    }

    /// @dev Revealed by two alone: void when FINALIZE closes; those who stayed silent are struck, and only they.
    function test_void() public {
        commitAll(EPOCH);
        address[5] memory committee = consensus.seatsOf(EPOCH, COHORT);
        Opening[] memory two = _pick(openingsOf(EPOCH, COHORT), 9);
        warpTo(EPOCH, Phase.Reveal);
        consensus.reveal(EPOCH, COHORT, two);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.QuorumPossible.selector, EPOCH, COHORT));
        consensus.voidCohort(EPOCH, COHORT);
        vm.warp(consensus.phaseStart(EPOCH, Phase.Finalize) - 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.QuorumPossible.selector, EPOCH, COHORT));
        consensus.voidCohort(EPOCH, COHORT);
        warpTo(EPOCH, Phase.Finalize);
        for (uint256 seat; seat < 5; ++seat) {
            if (9 >> seat & 1 != 0) continue;
            vm.expectEmit(address(seats));
            emit ICheckerSeats.Struck(committee[seat], EPOCH, COHORT, StrikeReason.Unopened, 1);
        }
        vm.expectEmit(address(consensus));
        emit IEpochReports.CohortVoided(EPOCH, COHORT, keeper);
        vm.prank(keeper);
        consensus.voidCohort(EPOCH, COHORT);
        for (uint256 seat; seat < 5; ++seat) assertEq(seats.checker(committee[seat]).strikes, 9 >> seat & 1 == 0 ? 1 : 0);
        CohortRecord memory want;
        want.state = CohortState.Void;
        (, want.owners) = seats.committee(EPOCH, consensus.seedOf(EPOCH), COHORT);
        assertEq(abi.encode(consensus.cohortRecord(EPOCH, COHORT)), abi.encode(want));
        assertEq(abi.encode(consensus.totalsOf(EPOCH)), abi.encode(EpochTotals(0, 70 * FIRST, 6, 70, 0)));
        (uint256 lanes,) = consensus.keeperCalls(EPOCH, keeper);
        assertEq(lanes, 128 + 6);
        assertEq(consensus.commitmentDepth(EPOCH), 1);
    }

    /// @dev Two commitments are too few; who may still open is not struck before FINALIZE, and nobody where no one opened.
    function test_voidWithTwoCommitments() public {
        rollSeed(EPOCH);
        warpTo(EPOCH, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(EPOCH, COHORT);
        for (uint256 seat = 2; seat < 4; ++seat) commitWords(EPOCH, committee[seat], wordsOf(EPOCH, committee[seat]));
        Opening[] memory third = new Opening[](1);
        third[0] = openingOf(EPOCH, committee[2], COHORT, 2, wordsOf(EPOCH, committee[2]));
        for (uint256 i; i < 3; ++i) {
            uint256 snapshot = vm.snapshotState();
            warpTo(EPOCH, i == 0 ? Phase.Open : Phase.Reveal);
            if (i == 2) consensus.reveal(EPOCH, COHORT, third);
            if (i != 0) warpTo(EPOCH, Phase.Finalize);
            consensus.voidCohort(EPOCH, COHORT);
            for (uint256 seat; seat < 5; ++seat) assertEq(seats.checker(committee[seat]).strikes, i == 2 && seat == 3 ? 1 : 0);
            assertTrue(vm.revertToState(snapshot));
        }
    }

    /// @dev An opening out of range counts as missing; three of them leave no quorum.
    function test_malformed() public {
        rollSeed(EPOCH);
        warpTo(EPOCH, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(EPOCH, COHORT);
        uint256[10][] memory good = wordsOf(EPOCH, committee[0]);
        uint256[10][] memory bad = wordsOf(EPOCH, committee[0]);
        bad[1][4] = 10_001;
        Opening[] memory openings = new Opening[](5);
        for (uint8 i; i < 5; ++i) {
            commitWords(EPOCH, committee[i], i == 3 ? bad : good);
            openings[i] = openingOf(EPOCH, committee[i], COHORT, i, i == 3 ? bad : good);
        }
        warpTo(EPOCH, Phase.Reveal);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.OpeningMalformed.selector, committee[3]));
        consensus.reveal(EPOCH, COHORT, openings);
        warpTo(EPOCH, Phase.Open);
        vm.expectEmit(address(seats));
        emit ICheckerSeats.Struck(committee[3], EPOCH, COHORT, StrikeReason.Malformed, 1);
        consensus.finalize(EPOCH, COHORT, openings);
        CohortRecord memory record = consensus.cohortRecord(EPOCH, COHORT);
        assertEq(record.opened, 23);
        assertEq(abi.encode(record.agreed), abi.encode([uint8(6), 6, 6, 0, 6]));
    }

    // --- pauses

    /// @dev A pause that ends with COMMIT's last second took nothing from OPEN.
    function test_aPauseThatEndsWhereOpenBegins() public {
        uint64 epoch = EPOCH + uint64(7 days / 16);
        for (uint64 late; late < 2; ++late) {
            uint256 snapshot = vm.snapshotState();
            vm.warp(consensus.phaseStart(EPOCH, Phase.Open) + late);
            vm.prank(guardian);
            IGoverned(address(consensus)).pause(1);
            commitAll(epoch);
            address[5] memory committee = consensus.seatsOf(epoch, COHORT);
            Opening[] memory first = new Opening[](1);
            first[0] = openingOf(epoch, committee[0], COHORT, 0, wordsOf(epoch, committee[0]));
            warpTo(epoch, Phase.Reveal);
            consensus.reveal(epoch, COHORT, first);
            warpTo(epoch, Phase.Finalize);
            consensus.voidCohort(epoch, COHORT);
            for (uint256 seat; seat < 5; ++seat) assertEq(seats.checker(committee[seat]).strikes, seat == 0 ? 0 : 1 - late);
            assertTrue(vm.revertToState(snapshot));
        }
    }

    function test_pauses() public {
        bytes memory paused = abi.encodeWithSelector(IGovernedReports.Paused.selector, 1, block.timestamp + 7 days);
        vm.prank(guardian);
        IGoverned(address(consensus)).pause(1);
        vm.expectRevert(paused);
        consensus.finalize(EPOCH, COHORT, new Opening[](0));
        vm.expectRevert(paused);
        consensus.reveal(EPOCH, COHORT, new Opening[](0));
        rollSeed(EPOCH); // another bit
    }

    // --- money

    function test_unpaidEpochs() public {
        Timeline memory later = defaultTimeline();
        later.firstPaidEpoch = uint32(EPOCH);
        deployAll(later, defaultScores(), defaultEmission());
        delete operators;
        delete deviceIds;
        bondCheckers(6, 2);
        registerDevices(64 + SECOND);
        startEpochs();
        settle(EPOCH - 1);
        settle(EPOCH);
        assertEq(consensus.timelineOf(EPOCH).firstPaidEpoch, EPOCH);
        assertEq(consensus.totalsOf(EPOCH - 1).unpaid, 0);
        assertEq(consensus.totalsOf(EPOCH).unpaid, 2);
        CohortRecord memory record = consensus.cohortRecord(EPOCH - 1, COHORT);
        assertEq(record.lanesPaid, 64);
        assertTrue(record.checkersPaid);
        record = consensus.cohortRecord(EPOCH, COHORT);
        assertEq(record.lanesPaid, 0);
        assertFalse(record.checkersPaid);
        bytes memory unpaid = abi.encodeWithSelector(IRewardVault.UnpaidEpoch.selector, EPOCH - 1);
        vm.expectRevert(unpaid);
        vault.payCohort(EPOCH - 1, COHORT, 64);
        vm.expectRevert(unpaid);
        vault.payCheckers(EPOCH - 1, COHORT);
        assertEq(vault.moneyOf(EPOCH - 1).emission, 0);
        assertGt(vault.payCohort(EPOCH, COHORT, 64), 0);
        assertEq(consensus.totalsOf(EPOCH).unpaid, 2);
        vault.payCheckers(EPOCH, COHORT);
        assertEq(consensus.totalsOf(EPOCH).unpaid, 1);
    }

    function test_unpaidLanes() public {
        settle(EPOCH);
        vault.payCohort(EPOCH, COHORT, 2);
        uint64[2] memory untils = [EPOCH - 1, EPOCH];
        for (uint32 lane = 64; lane < 68; ++lane) {
            for (uint256 i; i < 2; ++i) {
                (bool any, uint64 epoch) = consensus.unpaidEpoch(lane, untils[i]);
                assertEq(any, i == 1 && lane > 65);
                assertEq(epoch, any ? EPOCH : 0);
            }
        }
        (bool none,) = consensus.unpaidEpoch(200, EPOCH);
        assertFalse(none);
    }

    // --- what became of it, and for how long the chain says so

    /// @dev A void cohort, a final one and one that nobody resolved: each is told until an epoch four later has its place.
    function test_aCohortIsForgottenOnceALaterEpochHasItsPlace() public {
        settle(EPOCH);
        warpTo(EPOCH + 1, Phase.Pay);
        assertEq(uint256(consensus.cohortState(EPOCH + 1, COHORT)), uint256(CohortState.Void), "nobody resolved it");
        for (uint64 epoch = EPOCH + 2; epoch < EPOCH + 4; ++epoch) {
            settle(epoch);
            assertEq(uint256(consensus.cohortState(EPOCH, COHORT)), uint256(CohortState.Final));
        }
        commitAll(EPOCH + 4);
        warpTo(EPOCH + 4, Phase.Open);
        assertEq(uint256(consensus.cohortState(EPOCH, COHORT)), uint256(CohortState.Final), "until then");
        consensus.finalize(EPOCH + 4, COHORT, openingsOf(EPOCH + 4, COHORT));
        assertEq(uint256(consensus.cohortState(EPOCH, COHORT)), uint256(CohortState.Forgotten));
        assertEq(uint256(consensus.cohortState(EPOCH, 0)), uint256(CohortState.Final), "another cohort");
        assertEq(uint256(consensus.cohortState(EPOCH + 4, COHORT)), uint256(CohortState.Final));
        assertEq(uint256(consensus.cohortState(EPOCH + 8, COHORT)), uint256(CohortState.Pending), "not yet");
        assertEq(uint256(consensus.cohortState(EPOCH + 1, COHORT)), uint256(CohortState.Void), "nothing has its place");
    }

    // --- errands

    /// @dev For the epoch that is being settled; before there is one, for none.
    function test_errands() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotKaisarContract.selector, address(this)));
        consensus.countErrand(keeper, 64);
        address[2] memory callers = [address(registry), address(seats)];
        for (uint64 i; i < 2; ++i) {
            vm.prank(callers[i]);
            consensus.countErrand(keeper, 64);
            (uint256 lanes, uint256 errands) = consensus.keeperCalls(EPOCH - 2, keeper);
            assertEq(lanes, 0);
            assertEq(errands, 64 * (i + 1));
        }
        vm.warp(consensus.epochStart(0));
        vm.prank(address(registry));
        consensus.countErrand(address(8), 64);
        vm.warp(consensus.epochStart(1));
        vm.prank(address(registry));
        consensus.countErrand(address(9), 1);
        (, uint256 first) = consensus.keeperCalls(0, address(9));
        assertEq(first, 1);
        for (uint64 epoch; epoch < 3; ++epoch) {
            (, first) = consensus.keeperCalls(epoch, address(8));
            assertEq(first, 0);
        }
    }

    // --- what is settled

    /// @dev Sixteen seconds after the seed two epochs later, or at the start of the third where there is none.
    function test_settled() public {
        // Epoch 5 gets its seed in its fifth second, so do 7 and 8; 6 gets none.
        uint64[7] memory epochs = [uint64(5), 6, 6, 7, 7, 8, 8];
        uint64[7] memory seconds_ = [uint64(0), 4, 5, 0, 4, 4, 5];
        uint64[7] memory settled = [uint64(2), 2, 3, 4, 4, 4, 5];
        for (uint256 i; i < 7; ++i) {
            vm.warp(consensus.epochStart(epochs[i]) + seconds_[i]);
            _settledIs(settled[i]);
            if (i == 3) {
                vm.warp(block.timestamp - 1);
                _settledIs(3);
            }
            if (epochs[i] == 6) continue;
            vm.warp(consensus.epochStart(epochs[i]) + 5);
            rollSeed(epochs[i]);
        }
        vm.warp(consensus.epochStart(1_000));
        _settledIs(997);
        vm.warp(consensus.epochStart(2) + 15);
        (bool any,) = consensus.settledThrough();
        assertFalse(any);
        vm.warp(consensus.epochStart(3));
        _settledIs(0);
    }

    function _settledIs(uint64 want) private view {
        (bool any, uint64 epoch) = consensus.settledThrough();
        assertTrue(any);
        assertEq(epoch, want);
    }

    // --- Σ caps

    /// @dev Who leaves counts until its last epoch, who comes back brings its standing along, from its first on.
    function test_capsFollowWhoLeavesAndReturns() public {
        settle(EPOCH);
        uint256 all = _caps();
        uint256 own = 2 * consensus.standingAtLane(66);
        vm.prank(device(66));
        registry.requestExit(deviceIds[66]); // in epoch 6, its last
        vm.prank(device(3));
        registry.requestExit(deviceIds[3]);
        uint256 other = 2 * consensus.standingAtLane(3);
        assertTrue(own != other);
        _counted(6, 70, all);
        for (uint32 cohort; cohort < 2; ++cohort) vault.payCohort(EPOCH, cohort, 64);
        _counted(7, 68, all - own - other);
        vm.warp(consensus.epochStart(9));
        registry.withdrawDeposit(deviceIds[66]);
        registerDevice("device-66");
        assertEq(registry.getDevice(deviceIds[66]).since, 10);
        _counted(9, 68, all - own - other);
        _counted(10, 69, all - other);
        _counted(12, 69, all - other);
    }

    /// @dev Voids a cohort, which counts the epoch.
    function _counted(uint64 epoch, uint32 members, uint256 caps) private {
        rollSeed(epoch);
        warpTo(epoch, Phase.Open);
        vm.expectEmit(address(consensus));
        emit IEpochReports.EpochCounted(epoch, members, caps);
        consensus.voidCohort(epoch, 0);
    }

    function _pick(Opening[] memory openings, uint256 mask) private pure returns (Opening[] memory picked) {
        picked = new Opening[](5);
        uint256 count;
        for (uint256 i; i < 5; ++i) if (mask >> i & 1 != 0) picked[count++] = openings[i];
        assembly ("memory-safe") {
            mstore(picked, count)
        }
    }
}
