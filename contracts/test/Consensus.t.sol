// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IEpochReports, CohortState, EpochTotals, Opening, Phase} from "../src/interfaces/IEpochConsensus.sol";

import {IGoverned, IGovernedReports} from "../src/interfaces/IGoverned.sol";

import {Fixture} from "./support/Fixture.sol";

/// @title Commit, open, reveal, finalize, void: every phase, every refusal, and what each attack gains
contract ConsensusTest is Fixture {
    function setUp() public {
        deployAll();
        bondCheckers(7, 1);
        registerDevices(2);
        startEpochs();
    }

    // --- phases and boundaries

    function test_phasesChangeAtTheirFirstSecond() public {
        uint64[6] memory starts = [uint64(0), 16, 20, 23, 25, 27];
        for (uint256 i; i < 6; ++i) {
            vm.warp(firstEpochAt + starts[i]);
            assertEq(uint256(consensus.phaseOf(0)), i + 1);
            vm.warp(firstEpochAt + starts[i] - 1);
            assertEq(uint256(consensus.phaseOf(0)), i);
        }
        assertEq(uint256(consensus.phaseOf(9)), uint256(Phase.Future));
    }

    function test_commitOnlyInCommit() public {
        Phase[5] memory wrong = [Phase.Work, Phase.Open, Phase.Reveal, Phase.Finalize, Phase.Pay];
        for (uint256 i; i < wrong.length; ++i) {
            warpTo(0, wrong[i]);
            vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, 0, wrong[i], Phase.Commit));
            consensus.commit(0, keccak256("root"));
        }
    }

    /// @dev Invariant 17.
    function test_commitIsWriteOnceAndNotEmpty() public {
        warpTo(0, Phase.Commit);
        vm.startPrank(operators[0]);
        vm.expectRevert(IEpochReports.EmptyRoot.selector);
        consensus.commit(0, bytes32(uint256(1)));
        consensus.commit(0, keccak256("root"));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.AlreadyCommitted.selector, operators[0], 0));
        consensus.commit(0, keccak256("other"));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.CalldataLength.selector, 69, 68));
        (bool done,) = address(consensus).call(bytes.concat(abi.encodeCall(consensus.commit, (0, keccak256("x"))), "x"));
        assertTrue(done, "expectRevert turns it");
        vm.stopPrank();
    }

    function test_aCommitmentFromNobodyDrawnChangesNothing() public {
        warpTo(0, Phase.Commit);
        vm.prank(makeAddr("stranger"));
        consensus.commit(0, keccak256("root"));
        (uint256[10][] memory words, Opening[] memory openings) = _everybody(0);
        words;
        warpTo(0, Phase.Open);
        consensus.finalize(0, 0, openings);
        assertEq(uint256(consensus.cohortState(0, 0)), uint256(CohortState.Final));
    }

    // --- finalize

    function test_finalizeRefusesInCommit() public {
        (, Opening[] memory openings) = _everybody(0);
        _refuses(openings, abi.encodeWithSelector(IEpochReports.WrongPhase.selector, 0, Phase.Commit, Phase.Open));
    }

    function test_finalizeRefusesACohortOfNobody() public {
        Opening[] memory openings = _openings();
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.EmptyCohort.selector, 0, 1));
        consensus.finalize(0, 1, openings);
    }

    function test_finalizeRefusesAnEpochWithoutASeed() public {
        Opening[] memory openings = _openings();
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NoSeed.selector, 5));
        consensus.finalize(5, 0, openings);
    }

    function test_finalizeInOpenRefusesWithoutACommittedSeat() public {
        Opening[] memory openings = _openings();
        Opening[] memory four = new Opening[](4);
        for (uint256 i; i < 4; ++i) four[i] = openings[i];
        _refuses(four, abi.encodeWithSelector(IEpochReports.WrongSeats.selector, 15, 31));
    }

    function test_finalizeRefusesSeatsOutOfOrder() public {
        Opening[] memory openings = _openings();
        (openings[0], openings[1]) = (openings[1], openings[0]);
        _refuses(openings, abi.encodeWithSelector(IEpochReports.SeatOrder.selector));
    }

    function test_finalizeRefusesASixthSeat() public {
        Opening[] memory openings = _openings();
        openings[4].seat = 5;
        _refuses(openings, abi.encodeWithSelector(IEpochReports.SeatOrder.selector));
    }

    function test_finalizeRefusesAWordTooMuch() public {
        bytes memory longer = bytes.concat(abi.encodeCall(consensus.finalize, (0, 0, _openings())), bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.CalldataLength.selector, longer.length, longer.length - 32));
        (bool done,) = address(consensus).call(longer);
        assertTrue(done);
    }

    function test_finalizeRefusesAnotherSalt() public {
        Opening[] memory openings = _openings();
        openings[1].salt = openings[0].salt;
        _refuses(openings, abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, consensus.seatsOf(0, 0)[1]));
    }

    function test_finalizeRefusesAnotherWord() public {
        Opening[] memory openings = _openings();
        openings[2] = abi.decode(abi.encode(openings[2]), (Opening)); // the five share their words in memory
        openings[2].words[3] ^= 1;
        _refuses(openings, abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, consensus.seatsOf(0, 0)[2]));
    }

    function test_finalizeRefusesASecondTime() public {
        Opening[] memory openings = _openings();
        consensus.finalize(0, 0, openings);
        _refuses(openings, abi.encodeWithSelector(IEpochReports.CohortResolved.selector, 0, 0));
    }

    function test_voidRefusesWhatIsFinal() public {
        consensus.finalize(0, 0, _openings());
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.CohortResolved.selector, 0, 0));
        consensus.voidCohort(0, 0);
    }

    /// @dev Of everybody, in OPEN.
    function _openings() private returns (Opening[] memory openings) {
        (, openings) = _everybody(0);
        warpTo(0, Phase.Open);
    }

    function _refuses(Opening[] memory openings, bytes memory reason) private {
        vm.expectRevert(reason);
        consensus.finalize(0, 0, openings);
    }

    /// @dev An opening of another epoch is not accepted: the leaf binds the epoch, and there is no commitment.
    function test_anOpeningOfAnotherEpochIsRefused() public {
        (, Opening[] memory openings) = _everybody(0);
        warpTo(0, Phase.Finalize);
        rollSeed(2);
        warpTo(1, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) {
            commitWords(1, operators[i], one(pack(uniformClaim(2, 100, 10_000))));
        }
        warpTo(1, Phase.Open);
        address[5] memory committee = consensus.seatsOf(1, 0);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, committee[0]));
        consensus.finalize(1, 0, openings);
    }

    // --- attacks of the issue

    /// @dev A captured committee that writes the largest rate gains the cap: the first standing at first, then twice the standing.
    function test_capturedCommitteeGainsTheCap() public {
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        uint256 honest = consensus.creditOf(0, 0);
        warpTo(0, Phase.Finalize);
        rollSeed(2);
        Claim memory claim = uniformClaim(2, 3000, 10_000);
        claim.rates[0] = 0x7fff;
        settleHonestly(1, claim);
        assertEq(consensus.creditOf(1, 0), 2 * honest);
        assertEq(consensus.creditOf(1, 1), honest);
        assertLe(consensus.standingAtLane(0), 2 * honest);
    }

    /// @dev A keeper with two seats drops three honest openings: refused in OPEN; after REVEAL it must take what was revealed.
    function test_keeperThatDropsOpeningsGainsNothing() public {
        (, Opening[] memory openings) = _everybody(0);
        warpTo(0, Phase.Open);
        Opening[] memory two = new Opening[](2);
        (two[0], two[1]) = (openings[0], openings[1]);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongSeats.selector, 3, 31));
        consensus.finalize(0, 0, two);
        warpTo(0, Phase.Reveal);
        consensus.reveal(0, 0, openings);
        assertEq(consensus.revealedSeats(0, 0), 31);
        warpTo(0, Phase.Finalize);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongSeats.selector, 3, 31));
        consensus.finalize(0, 0, two);
        consensus.finalize(0, 0, openings);
        assertGt(consensus.creditOf(0, 0), 0);
    }

    /// @dev Two of three write the largest rate: the missing seats count 0, so the median is the third's at most.
    function test_withMissingSeatsTwoLiarsCannotRaiseARate() public {
        warpTo(0, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(0, 0);
        uint256[10][] memory lie = one(pack(uniformClaim(2, 0x7fff, 10_000)));
        uint256[10][] memory truth = one(pack(uniformClaim(2, 500, 10_000)));
        commitWords(0, committee[0], lie);
        commitWords(0, committee[1], lie);
        commitWords(0, committee[2], truth);
        Opening[] memory openings = new Opening[](3);
        openings[0] = openingOf(0, committee[0], 0, 0, lie);
        openings[1] = openingOf(0, committee[1], 0, 1, lie);
        openings[2] = openingOf(0, committee[2], 0, 2, truth);
        warpTo(0, Phase.Open);
        consensus.finalize(0, 0, openings);
        assertEq(consensus.creditOf(0, 0), 500);
    }

    /// @dev A poisoned opening stops nobody: refused at REVEAL, counted missing and struck at OPEN. Invariant 23.
    function test_poisonedOpeningIsStruckAndStopsNobody() public {
        warpTo(0, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(0, 0);
        uint256[10][] memory good = one(pack(uniformClaim(2, 500, 10_000)));
        uint256[10][] memory poison = one(pack(uniformClaim(2, 500, 10_001)));
        Opening[] memory openings = new Opening[](5);
        for (uint8 i; i < 5; ++i) {
            uint256[10][] memory words = i == 2 ? poison : good;
            commitWords(0, committee[i], words);
            openings[i] = openingOf(0, committee[i], 0, i, words);
        }
        warpTo(0, Phase.Reveal);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.OpeningMalformed.selector, committee[2]));
        consensus.reveal(0, 0, openings);
        warpTo(0, Phase.Open);
        consensus.finalize(0, 0, openings);
        assertEq(consensus.creditOf(0, 0), 500);
        assertEq(consensus.cohortRecord(0, 0).opened, 27);
        assertEq(seats.checker(committee[2]).strikes, 1);
        // Invariant 15: nobody else is.
        assertEq(seats.checker(committee[0]).strikes, 0);
    }

    function test_threePoisonedOpeningsVoidTheCohort() public {
        warpTo(0, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(0, 0);
        uint256[10][] memory poison = one(pack(uniformClaim(2, 0x8000, 1)));
        Opening[] memory openings = new Opening[](3);
        for (uint8 i; i < 3; ++i) {
            commitWords(0, committee[i], poison);
            openings[i] = openingOf(0, committee[i], 0, i, poison);
        }
        warpTo(0, Phase.Open);
        consensus.finalize(0, 0, openings);
        assertEq(uint256(consensus.cohortState(0, 0)), uint256(CohortState.Void));
        assertTrue(consensus.isPayable(0));
        assertEq(vault.payCohort(0, 0, 64), 0);
    }

    // --- reveal and void

    function test_committedAndNotOpenedIsStruckWithoutAShare() public {
        (, Opening[] memory openings) = _everybody(0);
        address[5] memory committee = consensus.seatsOf(0, 0);
        Opening[] memory three = new Opening[](3);
        for (uint256 i; i < 3; ++i) three[i] = openings[i + 1];
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, 0, Phase.Commit, Phase.Reveal));
        consensus.reveal(0, 0, three);
        warpTo(0, Phase.Reveal);
        vm.prank(committee[1]);
        consensus.reveal(0, 0, three);
        warpTo(0, Phase.Finalize);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.QuorumPossible.selector, 0, 0));
        consensus.voidCohort(0, 0);
        consensus.finalize(0, 0, three);
        assertEq(seats.checker(committee[0]).strikes, 1);
        assertEq(seats.checker(committee[4]).strikes, 1);
        assertEq(seats.checker(committee[2]).strikes, 0);
        vault.payCheckers(0, 0);
        assertEq(token.balanceOf(payoutOf(committee[0])), 0);
        assertGt(token.balanceOf(payoutOf(committee[2])), 0);
    }

    function test_voidWhenTooFewCommitted() public {
        warpTo(0, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(0, 0);
        commitWords(0, committee[0], one(pack(uniformClaim(2, 1, 1))));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.WrongPhase.selector, 0, Phase.Commit, Phase.Open));
        consensus.voidCohort(0, 0);
        warpTo(0, Phase.Open);
        consensus.voidCohort(0, 0);
        assertEq(uint256(consensus.cohortState(0, 0)), uint256(CohortState.Void));
        assertEq(seats.checker(committee[0]).strikes, 0, "it had no chance to open");
        assertTrue(consensus.isPayable(0));
    }

    /// @dev Three commitments are a quorum: nobody voids the cohort while they can still be opened.
    function test_threeCommitmentsCannotBeVoidedInOpen() public {
        warpTo(0, Phase.Commit);
        address[5] memory committee = consensus.seatsOf(0, 0);
        for (uint256 i; i < 3; ++i) commitWords(0, committee[i], one(pack(uniformClaim(2, 1, 1))));
        warpTo(0, Phase.Open);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.QuorumPossible.selector, 0, 0));
        consensus.voidCohort(0, 0);
    }

    function test_voidAfterRevealStrikesWhoDidNotOpen() public {
        (, Opening[] memory openings) = _everybody(0);
        Opening[] memory third = new Opening[](1);
        third[0] = openings[2];
        warpTo(0, Phase.Reveal);
        consensus.reveal(0, 0, third);
        warpTo(0, Phase.Finalize);
        consensus.voidCohort(0, 0);
        address[5] memory committee = consensus.seatsOf(0, 0);
        for (uint256 i; i < 5; ++i) assertEq(seats.checker(committee[i]).strikes, i == 2 ? 0 : 1);
        vm.warp(consensus.epochStart(2));
        vm.expectRevert();
        consensus.voidCohort(0, 0);
    }

    /// @dev Invariants 6 and 19: void leaves standings and raises nobody's pay; its caps stay in the denominator.
    function test_voidingARivalDoesNotRaiseOnesPay() public {
        registerDevices(63); // lanes 2 to 64: a second cohort from epoch 0 on
        (, uint32 cohorts) = registry.countsOf(0);
        assertEq(cohorts, 2);
        Claim memory claim = uniformClaim(64, 3000, 10_000);
        settleHonestly(0, claim);
        uint256 full = _denominator(0);
        warpTo(0, Phase.Finalize);
        rollSeed(2);
        uint256 credit = consensus.creditOf(0, 0);
        uint256 before = consensus.standingAtLane(64);
        // Epoch 1: nobody opens cohort 1.
        uint256[10][] memory words = new uint256[10][](2);
        (words[0], words[1]) = (pack(claim), pack(claim));
        warpTo(1, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(1, operators[i], words);
        warpTo(1, Phase.Open);
        consensus.finalize(1, 0, openAll(1, 0, words));
        assertFalse(consensus.isPayable(1));
        warpTo(1, Phase.Pay);
        assertEq(uint256(consensus.cohortState(1, 1)), uint256(CohortState.Void));
        assertEq(consensus.standingAtLane(64), before);
        assertEq(_denominator(1), full + credit, "a voided lane counts with its cap, twice its standing");
    }

    // --- seeds

    function test_startRefusesASecondTime() public {
        vm.prank(owner);
        vm.expectRevert(IEpochReports.AlreadyStarted.selector);
        consensus.start(uint64(block.timestamp + 1));
    }

    function test_startRefusesWhoIsNotTheOwner() public {
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotOwner.selector, address(this)));
        consensus.start(uint64(block.timestamp + 1));
    }

    function test_startRefusesThePresent() public {
        deployAll();
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.StartInThePast.selector, block.timestamp));
        consensus.start(uint64(block.timestamp));
    }

    function test_startRefusesWithoutFiveOwners() public {
        deployAll();
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.TooFewOwners.selector, 0));
        consensus.start(uint64(block.timestamp + 1));
    }

    function test_thereIsNoEpochBeforeTheStart() public {
        deployAll();
        vm.expectRevert(IEpochReports.NotStarted.selector);
        consensus.currentEpoch();
        vm.expectRevert(IEpochReports.NotStarted.selector);
        consensus.pin(0);
        vm.expectRevert(IEpochReports.NotStarted.selector);
        consensus.epochStart(0);
    }

    function test_seedOrderAndExpiry() public {
        vm.warp(firstEpochAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.SeedNotDue.selector, 0));
        consensus.pin(0);
        for (uint64 epoch; epoch < 3; ++epoch) {
            vm.warp(consensus.epochStart(epoch));
            _checkSeedOf(epoch);
            vm.warp(consensus.epochStart(epoch + 1));
            vm.expectRevert(abi.encodeWithSelector(IEpochReports.SeedNotDue.selector, epoch));
            consensus.pin(epoch);
        }
    }

    /// @dev In the epoch's first second: pinned, expired, pinned again, rolled half an epoch later.
    function _checkSeedOf(uint64 epoch) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.SeedNotDue.selector, epoch + 1));
        consensus.pin(epoch + 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.SeedNotDue.selector, epoch + 1));
        consensus.roll(epoch + 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.NotPinned.selector, epoch));
        consensus.roll(epoch);
        consensus.pin(epoch);
        uint64 pinned = consensus.pinnedBlockOf(epoch);
        assertEq(pinned, block.number + 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.PinnedBlockAhead.selector, epoch, pinned));
        consensus.roll(epoch);
        consensus.pin(epoch);
        assertEq(consensus.pinnedBlockOf(epoch), pinned, "a usable pin stays");
        vm.roll(block.number + 10_000);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.PinExpired.selector, epoch, pinned));
        consensus.roll(epoch);
        consensus.pin(epoch);
        vm.roll(block.number + 2);
        assertEq(consensus.seededAt(epoch), 0);
        vm.warp(block.timestamp + 8);
        consensus.roll(epoch);
        bytes32 seed = consensus.seedOf(epoch);
        assertTrue(seed != 0);
        assertEq(consensus.seededAt(epoch), consensus.epochStart(epoch) + 8);
        vm.warp(block.timestamp + 1);
        consensus.roll(epoch);
        consensus.pin(epoch);
        assertEq(consensus.seedOf(epoch), seed, "idempotent");
        assertEq(consensus.seededAt(epoch), consensus.epochStart(epoch) + 8);
    }

    /// @dev Invariant 26: a year without keepers costs nothing and blocks nothing.
    function test_aYearNobodyRolled() public {
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        vault.payCohort(0, 0, 64);
        vault.payCheckers(0, 0);
        vm.warp(block.timestamp + 365 days);
        vm.roll(block.number + 1_000_000);
        uint64 now_ = consensus.currentEpoch();
        (bool any, uint64 settled) = consensus.settledThrough();
        assertTrue(any);
        assertGe(settled + 4, now_);
        warpTo(now_ - 1, Phase.Finalize);
        rollSeed(now_ + 1);
        settleHonestly(now_ + 1, uniformClaim(2, 3000, 10_000));
        assertEq(consensus.creditOf(now_ + 1, 0), 3952, "the true score, after a year"); // decoded rate of lane value 3000
        assertGt(vault.payCohort(now_ + 1, 0, 64), 0);
        vm.warp(consensus.epochStart(now_ + 5));
        (, settled) = consensus.settledThrough();
        assertEq(settled, now_ + 2, "audits are over, whoever is paid yet");
    }

    /// @dev Invariant 16; salts of distinct owners move the seed, their order does not (invariant 9).
    function testFuzz_committeesAreFiveDifferentOwners(bytes32 seed, uint32 cohort) public view {
        (address[5] memory drawn, uint32[5] memory indices) = seats.committee(0, seed, cohort);
        for (uint256 i; i < 5; ++i) {
            assertEq(seats.ownerOf(indices[i]), drawn[i]);
            assertGt(seats.checker(drawn[i]).seats, 0);
            for (uint256 j; j < i; ++j) assertTrue(drawn[i] != drawn[j]);
        }
    }

    /// @dev The same where positions changed owners in several epochs, so that their words hold a history. Each run is about 3 ms.
    /// forge-config: default.fuzz.runs = 50
    /// forge-config: deep.fuzz.runs = 500
    function testFuzz_committeesStayDifferentWhileSeatsMove(bytes32 seed, uint256 moves) public {
        for (uint64 epoch; epoch < 6; ++epoch) {
            vm.warp(consensus.epochStart(epoch));
            address who = operators[(moves >> (8 * epoch)) % operators.length];
            if (moves >> (8 * epoch + 7) & 1 == 0 && seats.checker(who).seats > 1) {
                vm.prank(payoutOf(who));
                seats.unbond(who, 1);
            } else {
                vm.prank(who);
                seats.addSeats(1);
            }
            for (uint64 e = epoch; e < epoch + 3; ++e) {
                (address[5] memory drawn,) = seats.committee(e, seed, uint32(e));
                for (uint256 i; i < 5; ++i) {
                    for (uint256 j; j < i; ++j) assertTrue(drawn[i] != drawn[j]);
                }
            }
        }
    }

    /// @dev Seats added or removed in the rolling transaction change no draw of the next two epochs.
    function test_seatChangesDoNotMoveAFrozenDraw() public {
        rollSeed(0);
        address[5] memory before = consensus.seatsOf(0, 0);
        bondChecker("late", 16);
        vm.prank(payoutOf(operators[0]));
        seats.unbond(operators[0], 1);
        assertEq(keccak256(abi.encode(consensus.seatsOf(0, 0))), keccak256(abi.encode(before)));
        assertEq(seats.seatCount(1), 7);
        assertEq(seats.seatCount(2), 22);
    }

    /// @dev The records of four epochs back are paid before they are overwritten.
    function test_unpaidEpochIsPaidBeforeItsRecordIsOverwritten() public {
        for (uint64 epoch; epoch < 4; ++epoch) {
            settleHonestly(epoch, uniformClaim(2, 3000, 10_000));
            warpTo(epoch, Phase.Finalize);
            rollSeed(epoch + 2);
        }
        address payee = payoutOf(makeAddr("device-0"));
        assertEq(token.balanceOf(payee), 0);
        settleHonestly(4, uniformClaim(2, 3000, 10_000));
        assertEq(token.balanceOf(payee), 375 ether, "epoch 0");
        assertEq(consensus.totalsOf(0).unpaid, 0);
    }

    function test_pausedFunctionsSayUntilWhen() public {
        uint64 until = uint64(block.timestamp + 7 days);
        vm.startPrank(guardian);
        IGoverned(address(consensus)).pause(0);
        IGoverned(address(consensus)).pause(1);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.Paused.selector, 0, until));
        consensus.pin(0);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.Paused.selector, 1, until));
        consensus.finalize(0, 0, new Opening[](0));
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.Paused.selector, 1, until));
        consensus.reveal(0, 0, new Opening[](0));
    }

    function test_onlyTheOtherContractsMayCall() public {
        bytes memory no = abi.encodeWithSelector(IGovernedReports.NotKaisarContract.selector, address(this));
        vm.expectRevert(no);
        consensus.joinLane(0, 0);
        vm.expectRevert(no);
        consensus.leaveLane(0);
        vm.expectRevert(no);
        consensus.releaseLane(0, 0);
        vm.expectRevert(no);
        consensus.takeCredits(0, 0, 1);
        vm.expectRevert(no);
        consensus.takeAgreements(0, 0);
        vm.expectRevert(no);
        consensus.takeKeeperCalls(0, address(this));
    }

    /// @dev One standing rises by as much as another falls, whose device leaves: of the present epoch Σ caps stays, of the following one it rises.
    function test_capsOfTheFollowingEpochMoveWhereThoseOfThePresentDoNot() public {
        uint16[2][4] memory rates = [[uint16(400), 400], [uint16(440), 360], [uint16(410), 390], [uint16(410), 0]];
        for (uint64 epoch; epoch < 4; ++epoch) {
            Claim memory claim = uniformClaim(2, rates[epoch][0], 10_000);
            claim.rates[1] = rates[epoch][1];
            warpTo(epoch, Phase.Commit);
            if (epoch == 1) {
                vm.prank(makeAddr("device-1"));
                registry.requestExit(deviceIds[1]);
            }
            settleHonestly(epoch, claim);
            warpTo(epoch, Phase.Finalize);
            rollSeed(epoch + 2);
        }
        assertEq(consensus.standingAtLane(0), 410);
        assertEq(consensus.standingAtLane(1), 390);
        assertEq(consensus.totalsOf(3).lanes, 1);
        assertEq(consensus.totalsOf(3).openCaps, 0, "the cap of the one that is left, less that of the one that was credited");
    }

    function _everybody(uint64 epoch) private returns (uint256[10][] memory words, Opening[] memory openings) {
        words = one(pack(uniformClaim(2, 3000, 10_000)));
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(epoch, operators[i], words);
        openings = openAll(epoch, 0, words);
    }

    function _denominator(uint64 epoch) private view returns (uint256) {
        EpochTotals memory t = consensus.totalsOf(epoch);
        return t.credits + t.openCaps;
    }
}
