// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Commitment} from "../../src/interfaces/IDeviceRegistry.sol";
import {Evidence, IEpochReports, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {IGoverned} from "../../src/interfaces/IGoverned.sol";
import {SignedTypes} from "../../src/libraries/SignedTypes.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title What is bound to what: seeds to salts, leaves to cohorts and depths, audits to epochs, rounds and generations
contract BindingsTest is Fixture {
    uint256 private constant ROUNDS = 4;

    function setUp() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(65); // two cohorts, depth 1
        startEpochs();
    }

    // --- seeds

    /// @dev The salts of all opened owners are in the seed, whether they were opened to a keeper or revealed.
    function test_theSeedIsMadeOfTheSaltsThatWereOpened() public {
        _checkSeed(false);
    }

    function test_theSeedIsMadeOfTheSaltsThatWereRevealed() public {
        _checkSeed(true);
    }

    function _checkSeed(bool revealed) private {
        uint256[10][] memory words = _words();
        warpTo(0, Phase.Commit);
        for (uint256 i; i < 5; ++i) commitWords(0, operators[i], words);
        warpTo(0, revealed ? Phase.Reveal : Phase.Open);
        if (revealed) consensus.reveal(0, 0, openAll(0, 0, words));
        else consensus.finalize(0, 0, openAll(0, 0, words));
        bytes32 salts;
        for (uint256 i; i < 5; ++i) salts ^= keccak256(abi.encode(operators[i], saltOf(operators[i], 0)));
        warpTo(0, Phase.Finalize);
        rollSeed(2);
        bytes32 hash = blockhash(consensus.pinnedBlockOf(2));
        assertTrue(hash != 0);
        assertEq(consensus.seedOf(2), keccak256(abi.encode(consensus.seedOf(1), salts, hash)));
    }

    // --- openings

    /// @dev A leaf that names another cohort, and one that stands in another's place, open nothing, though their roots hold them.
    function test_aLeafIsBoundToItsCohortAndItsPlace() public {
        uint256[10][] memory words = _words();
        rollSeed(0);
        address[5] memory committee = consensus.seatsOf(0, 0);
        bytes32 one_ = leafOf(0, committee[0], 1, words[0]); // cohort 1 in the place of cohort 0
        bytes32 zero = leafOf(0, committee[1], 0, words[0]); // cohort 0 in the place of cohort 1
        warpTo(0, Phase.Commit);
        for (uint256 i; i < 5; ++i) {
            if (operators[i] == committee[0]) _commit(committee[0], keccak256(abi.encode(one_, bytes32(0))));
            else if (operators[i] == committee[1]) _commit(committee[1], keccak256(abi.encode(bytes32(0), zero)));
            else commitWords(0, operators[i], words);
        }
        warpTo(0, Phase.Open);
        Opening[] memory openings = openAll(0, 0, words);
        openings[0].proof[0] = 0;
        openings[1].proof[0] = 0;
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, committee[0]));
        consensus.finalize(0, 0, openings);
        Opening[] memory second = new Opening[](1);
        second[0] = openings[1];
        warpTo(0, Phase.Reveal);
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, committee[1]));
        consensus.reveal(0, 0, second);
    }

    /// @dev Two seats whose trees have other depths: together their calldata is as long as it should be, and each proves its root.
    function test_aTreeOfAnotherDepthOpensNothing() public {
        uint256[10][] memory words = _words();
        rollSeed(0);
        address[5] memory committee = consensus.seatsOf(0, 0);
        bytes32 flat = leafOf(0, committee[0], 0, words[0]);
        bytes32 deep = leafOf(0, committee[1], 0, words[0]);
        warpTo(0, Phase.Commit);
        for (uint256 i; i < 5; ++i) {
            if (operators[i] == committee[0]) _commit(committee[0], flat);
            else if (operators[i] == committee[1]) {
                _commit(committee[1], keccak256(abi.encode(keccak256(abi.encode(deep, bytes32(0))), bytes32(0))));
            } else commitWords(0, operators[i], words);
        }
        warpTo(0, Phase.Open);
        Opening[] memory openings = openAll(0, 0, words);
        (openings[0].proof, openings[1].proof) = (new bytes32[](0), new bytes32[](2));
        vm.expectRevert(abi.encodeWithSelector(IEpochReports.ProofInvalid.selector, committee[0]));
        consensus.finalize(0, 0, openings);
    }

    // --- audits

    /// @dev A Commitment that the device signed for another epoch, another round or another generation answers no audit.
    function test_anAuditIsAnsweredByWorkOfItsEpochRoundAndGenerationAlone() public {
        Commitment memory work = Commitment(0, "round", deviceIds[0], 1, "spec", 99, "rows", 0);
        uint256 snapshot = vm.snapshotState();
        for (uint256 i; i < 5; ++i) {
            Commitment memory signed = abi.decode(abi.encode(work), (Commitment));
            if (i == 1) signed.epoch = 1;
            if (i == 2) signed.round = "another";
            if (i == 3) signed.generation = 2;
            if (i == 4) signed.deviceId = deviceIds[1];
            _answer(signed, 1, i != 0);
            assertTrue(vm.revertToState(snapshot));
            snapshot = vm.snapshotState();
        }
    }

    /// @dev Exactly up to the first leaf with work: what follows it was not asked for.
    function test_leavesAfterTheFirstWithWorkAreRefused() public {
        _answer(Commitment(0, "round", deviceIds[0], 1, "spec", 99, "rows", 0), 2, true);
    }

    /// @dev Every round of every lane shows `signed`; answers with `count` leaves.
    function _answer(Commitment memory signed, uint256 count, bool refused) private {
        bytes32 digest = _digest(signed);
        bytes32[] memory leaves = new bytes32[](64 * ROUNDS);
        for (uint256 i; i < leaves.length; ++i) {
            leaves[i] = keccak256(abi.encode(bytes32("round"), digest, bytes32("ROWS_MATCH")));
        }
        Opening memory opening = _settle(leaves);
        uint256 ordinal = consensus.auditOf(0, 0, 0).ordinal;
        Evidence[] memory shown = new Evidence[](count);
        for (uint256 i; i < count; ++i) {
            (, bytes32[] memory proof) = merkle(leaves, (ordinal + i) % ROUNDS);
            shown[i] = Evidence("round", digest, "ROWS_MATCH", proof);
        }
        bytes memory signature = _signed(digest);
        if (refused) vm.expectRevert(IEpochReports.AnswerInvalid.selector);
        consensus.answerAudit(0, 0, opening, shown, signed, signature);
    }

    function _signed(bytes32 digest) private returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[makeAddr("device-0")], digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Epoch 0 with this evidence for a lane that works, and the seed that draws its audits. @return opening Of seat 0.
    function _settle(bytes32[] memory leaves) private returns (Opening memory opening) {
        Claim memory claim;
        (claim.rates[0], claim.uptimes[0], claim.flags[0]) = (3000, 10_000, ALL_FLAGS);
        (claim.evidenceRoot,) = merkle(leaves, 0);
        uint256[10][] memory words = new uint256[10][](2);
        (words[0], words[1]) = (pack(claim), pack(claim));
        warpTo(0, Phase.Commit);
        for (uint256 i; i < 5; ++i) commitWords(0, operators[i], words);
        warpTo(0, Phase.Open);
        Opening[] memory openings = openAll(0, 0, words);
        consensus.finalize(0, 0, openings);
        warpTo(0, Phase.Finalize);
        rollSeed(2);
        return openings[0];
    }

    // --- pauses

    /// @dev A pause that ends while OPEN lasts took time from it, and excuses who did not open.
    function test_aPauseThatEndsInOpenExcuses() public {
        uint64 epoch = uint64(7 days / defaultTimeline().epochSeconds) + 10;
        vm.warp(consensus.phaseStart(epoch, Phase.Open) + 1 - 7 days);
        vm.prank(guardian);
        IGoverned(address(consensus)).pause(1);
        warpTo(epoch - 2, Phase.Finalize);
        rollSeed(epoch);
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < 5; ++i) commitWords(epoch, operators[i], _words());
        warpTo(epoch, Phase.Finalize);
        consensus.voidCohort(epoch, 0);
        for (uint256 i; i < 5; ++i) assertEq(seats.checker(operators[i]).strikes, 0);
    }

    function _words() private pure returns (uint256[10][] memory words) {
        words = new uint256[10][](2);
        (words[0], words[1]) = (pack(uniformClaim(64, 3000, 10_000)), pack(uniformClaim(64, 3000, 10_000)));
    }

    function _commit(address who, bytes32 root) private {
        vm.prank(who);
        consensus.commit(0, root);
    }

    function _digest(Commitment memory work) private view returns (bytes32) {
        bytes32 message = keccak256(abi.encode(SignedTypes.COMMITMENT_TYPEHASH, work));
        return keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), message));
    }
}
