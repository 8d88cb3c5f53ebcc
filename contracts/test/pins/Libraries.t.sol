// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {CohortRecord, CohortState} from "../../src/interfaces/IEpochConsensus.sol";
import {IKaisarToken} from "../../src/interfaces/IKaisarToken.sol";
import {MerklePath} from "../../src/libraries/MerklePath.sol";
import {Minifloat} from "../../src/libraries/Minifloat.sol";
import {
    Answers,
    AnswersWord,
    Calls,
    CallsWord,
    COMMITMENT_ROOT_AT,
    CommitmentWord,
    RevealedSeats,
    RevealedWord
} from "../../src/libraries/EpochWords.sol";
import {Records, RecordWord} from "../../src/libraries/Records.sol";
import {SilenceWord} from "../../src/libraries/Silence.sol";
import {Standings} from "../../src/libraries/Standings.sol";
import {CapSums, Sums, SumsWord} from "../../src/libraries/Sums.sol";
import {Tokens} from "../../src/libraries/Tokens.sol";

/// @dev Answers every call with what it was given, or refuses; with each call one wei arrives.
contract AnsweringToken {
    bytes private answer;
    bool private refuses;
    uint256 private balance;
    bytes public asked;

    constructor(bytes memory answer_, bool refuses_) {
        (answer, refuses) = (answer_, refuses_);
    }

    function balanceOf(address) external view returns (uint256) {
        return balance;
    }

    fallback(bytes calldata call) external returns (bytes memory) {
        require(!refuses);
        (asked, balance) = (call, balance + 1);
        return answer;
    }
}

/// @title Words that hold many values, and transfers of any token
contract LibraryPins is Test {
    function testFuzz_records(uint32 epoch, uint8 opened, uint32[5] memory owners, uint8[5] memory agreed, uint8 lanes) public pure {
        opened %= 32;
        lanes %= 65;
        for (uint256 i; i < 5; ++i) agreed[i] %= 65;
        for (uint256 state; state < 3; ++state) {
            RecordWord word = Records.pack(epoch, CohortState(state), opened, owners, agreed);
            CohortRecord memory want = CohortRecord(CohortState(state), opened, owners, agreed, 0, false);
            assertEq(abi.encode(word.unpack()), abi.encode(want));
            assertEq(word.epochOf(), epoch);
            assertEq(uint256(word.stateOf()), state);
            assertEq(word.isOf(epoch), state != 0);
            assertFalse(word.isOf(epoch ^ 1));
            assertFalse(word.isPaid());
            assertFalse(word.checkersPaid());
            RecordWord paid = word.withLanesPaid(1).withLanesPaid(lanes).withCheckersPaid();
            assertEq(paid.lanesPaid(), lanes);
            assertTrue(paid.checkersPaid());
            assertEq(paid.isPaid(), lanes == 64);
            (want.lanesPaid, want.checkersPaid) = (lanes, true);
            assertEq(abi.encode(paid.unpack()), abi.encode(want));
            assertFalse(word.withLanesPaid(64).isPaid());
        }
    }

    function testFuzz_sums(uint72 a, uint72 b, uint72 c, uint40 next, uint24 d, uint24 e, uint256 small) public pure {
        CapSums memory caps = CapSums(next, a, b, c);
        assertEq(abi.encode(caps.pack().unpack()), abi.encode(caps));
        Sums memory sums = Sums(b, a, small % (1 << 28), (small >> 28) % (1 << 28), d, e, (small >> 56) % 128, small >> 255 != 0);
        assertEq(abi.encode(sums.pack().unpack()), abi.encode(sums));
    }

    function test_emptyWordsAreNobodys() public pure {
        assertFalse(RecordWord.wrap(0).isOf(0));
        assertFalse(SumsWord.wrap(0).unpack().begun);
        assertEq(RevealedWord.wrap(0).seatsIn(0), 0);
        assertFalse(CommitmentWord.wrap(0).matches(0), "what is not there matches nothing, a root of zero included");
        assertFalse(AnswersWord.wrap(0).only(0).has(type(uint256).max));
        (uint256 lanes, uint256 errands) = CallsWord.wrap(0).unpack(0);
        assertEq(lanes + errands, 0);
    }

    /// @dev Each end of each exponent, against two to its power.
    function test_minifloats() public pure {
        assertEq(Minifloat.decode(0), 0);
        assertEq(Minifloat.decode(1023), 1023);
        for (uint256 exponent = 1; exponent < 32; ++exponent) {
            assertEq(Minifloat.decode(exponent << 10), 1024 * 2 ** (exponent - 1));
            assertEq(Minifloat.decode(exponent << 10 | 1023), 2047 * 2 ** (exponent - 1));
        }
    }

    function test_depths() public pure {
        uint8[10] memory leaves = [0, 1, 2, 3, 4, 5, 8, 9, 16, 17];
        uint8[10] memory depths = [0, 0, 1, 2, 2, 3, 3, 4, 4, 5];
        for (uint256 i; i < 10; ++i) assertEq(MerklePath.depth(leaves[i]), depths[i]);
    }

    function testFuzz_silence(uint256 bits, uint8 lane) public pure {
        lane %= 64;
        SilenceWord word = SilenceWord.wrap(bits);
        SilenceWord cleared = word.clear(lane);
        for (uint256 i; i < 64; ++i) {
            uint256 nibble = bits >> (4 * i) & 15;
            assertEq(word.get(i), nibble);
            assertEq(cleared.get(i), i == lane ? 0 : nibble);
            assertEq(word.silent() >> (4 * i) & 15, nibble == 0 ? 0 : 1);
        }
    }

    /// @dev 28 bytes of a root are kept; the other four bytes of the word say other things.
    function testFuzz_commitments(bytes32 root, uint32 rest) public pure {
        vm.assume(bytes28(root) != 0);
        CommitmentWord word = CommitmentWord.wrap(uint256(root) >> COMMITMENT_ROOT_AT << COMMITMENT_ROOT_AT | rest);
        assertTrue(word.matches(root));
        assertTrue(word.matches(root ^ bytes32(uint256(1))), "the last four bytes are cut");
        assertFalse(word.matches(root ^ bytes32(uint256(1) << 32)));
    }

    function testFuzz_answers(uint32 epoch, uint8 seat, uint8 other) public pure {
        (seat, other) = (seat % 5, other % 5);
        AnswersWord word = AnswersWord.wrap(0).only(epoch).with(Answers.answer(seat)).with(Answers.strike(other));
        assertEq(AnswersWord.unwrap(word.only(epoch)), AnswersWord.unwrap(word));
        for (uint256 i; i < 5; ++i) {
            assertEq(word.has(Answers.answer(i)), i == seat);
            assertEq(word.has(Answers.strike(i)), i == other);
            assertFalse(word.only(uint64(epoch) + 4).has(Answers.answer(i)), "nothing of another epoch");
        }
    }

    function testFuzz_calls(uint32 epoch, uint32 lanes, uint32 errands) public pure {
        CallsWord word = Calls.pack(epoch, lanes, errands);
        (uint256 gotLanes, uint256 gotErrands) = word.unpack(epoch);
        assertEq(gotLanes, lanes);
        assertEq(gotErrands, errands);
        assertEq(word.epochOf(), epoch);
        (gotLanes, gotErrands) = word.unpack(uint64(epoch) + 4);
        assertEq(gotLanes + gotErrands, 0);
    }

    function testFuzz_revealedSeats(uint32 epoch, uint8 seats) public pure {
        RevealedWord word = RevealedSeats.pack(epoch, seats);
        assertEq(word.seatsIn(epoch), seats);
        assertEq(word.seatsIn(uint64(epoch) + 4), 0);
    }

    /// @dev A quarter of the way, and one more where that leaves a rest; all of it above the cap; of zeros in a row a quarter, rounded down.
    function testFuzz_standings(uint40 standing, uint40 credit, bool silent, bool certain) public pure {
        _checkMoved(standing, credit, silent, certain);
        _checkMoved(standing % 7, credit % 7, silent, certain);
        _checkMoved(standing, 0, silent, certain);
        _checkMoved(0, credit, silent, certain);
        _checkMoved(standing, uint256(standing) + credit % 9, silent, certain);
        _checkMoved(standing, 2 * uint256(standing) + credit % 3, silent, certain);
    }

    function _checkMoved(uint256 standing, uint256 credit, bool silent, bool certain) private pure {
        int256 way = int256(credit) - int256(standing);
        if (credit <= 2 * standing) way = way / 4 + (credit == 0 || way % 4 == 0 ? int256(0) : way > 0 ? int256(1) : -1);
        if (credit == 0 && !(silent && certain)) way = 0;
        if (credit != 0 && silent && way > 0) way = 0;
        uint256 want = standing == 0 ? credit : uint256(int256(standing) + way);
        assertEq(Standings.moved(standing, credit, silent, certain), want);
    }

    // --- transfers

    function push(IKaisarToken token, address to, uint256 amount) external {
        Tokens.push(token, to, amount);
    }

    function pull(IKaisarToken token, uint256 amount) external {
        Tokens.pull(token, amount);
    }

    /// @dev Exactly one word that says true is a transfer.
    function test_pushing() public {
        bytes[7] memory answers =
            [abi.encode(true), abi.encode(false), abi.encode(2), bytes(""), abi.encode(1, 0), hex"01", abi.encode(true)];
        for (uint256 i; i < 7; ++i) {
            AnsweringToken token = new AnsweringToken(answers[i], i == 6);
            bool delivered = Tokens.tryPush(IKaisarToken(address(token)), address(0xbeef), 77);
            assertEq(delivered, i == 0);
            if (i == 0) assertEq(token.asked(), abi.encodeCall(IKaisarToken.transfer, (address(0xbeef), 77)));
            if (i != 0) vm.expectRevert(Tokens.TransferFailed.selector);
            this.push(IKaisarToken(address(token)), address(0xbeef), 77);
        }
        assertFalse(Tokens.tryPush(IKaisarToken(address(0xdead)), address(0xbeef), 77), "nobody is there");
    }

    /// @dev What does not arrive was not pulled, whatever the token says; here one wei does.
    function test_pulling() public {
        AnsweringToken token = new AnsweringToken(abi.encode(true), false);
        this.pull(IKaisarToken(address(token)), 1);
        assertEq(token.asked(), abi.encodeCall(IKaisarToken.transferFrom, (address(this), address(this), 1)));
        vm.expectRevert(Tokens.TransferFailed.selector);
        this.pull(IKaisarToken(address(token)), 2);
        vm.expectRevert(Tokens.TransferFailed.selector);
        this.pull(IKaisarToken(address(token)), 0);
        token = new AnsweringToken(abi.encode(false), false);
        vm.expectRevert(Tokens.TransferFailed.selector);
        this.pull(IKaisarToken(address(token)), 1);
    }
}
