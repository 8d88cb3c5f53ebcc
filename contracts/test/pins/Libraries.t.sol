// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {CohortRecord, CohortState} from "../../src/interfaces/IEpochConsensus.sol";
import {IKaisarToken} from "../../src/interfaces/IKaisarToken.sol";
import {MerklePath} from "../../src/libraries/MerklePath.sol";
import {Minifloat} from "../../src/libraries/Minifloat.sol";
import {Records} from "../../src/libraries/Records.sol";
import {Silence} from "../../src/libraries/Silence.sol";
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
    using Records for uint256;
    using SumsWord for uint256;
    using SumsWord for Sums;
    using SumsWord for CapSums;

    function testFuzz_records(uint32 epoch, uint8 opened, uint32[5] memory owners, uint8[5] memory agreed, uint8 lanes) public pure {
        opened %= 32;
        lanes %= 65;
        for (uint256 i; i < 5; ++i) agreed[i] %= 65;
        for (uint256 state; state < 3; ++state) {
            uint256 word = Records.pack(epoch, CohortState(state), opened, owners, agreed);
            CohortRecord memory want = CohortRecord(CohortState(state), opened, owners, agreed, 0, false);
            assertEq(abi.encode(word.unpack()), abi.encode(want));
            assertEq(word.epochOf(), epoch);
            assertEq(uint256(word.stateOf()), state);
            assertEq(word.isOf(epoch), state != 0);
            assertFalse(word.isOf(epoch ^ 1));
            assertFalse(word.isPaid());
            assertFalse(word.checkersPaid());
            uint256 paid = word.withLanesPaid(1).withLanesPaid(lanes).withCheckersPaid();
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
        assertEq(abi.encode(caps.pack().toCapSums()), abi.encode(caps));
        Sums memory sums = Sums(b, a, small % (1 << 28), (small >> 28) % (1 << 28), d, e, (small >> 56) % 128, small >> 255 != 0);
        assertEq(abi.encode(sums.pack().toSums()), abi.encode(sums));
    }

    function test_emptyWordsAreNobodys() public pure {
        assertFalse(uint256(0).isOf(0));
        assertFalse(uint256(0).toSums().begun);
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

    function testFuzz_silence(uint256 word, uint8 lane) public pure {
        lane %= 64;
        uint256 cleared = Silence.clear(word, lane);
        for (uint256 i; i < 64; ++i) {
            uint256 nibble = word >> (4 * i) & 15;
            assertEq(Silence.get(word, i), nibble);
            assertEq(Silence.get(cleared, i), i == lane ? 0 : nibble);
            assertEq(Silence.silent(word) >> (4 * i) & 15, nibble == 0 ? 0 : 1);
        }
    }

    /// @dev A quarter of the way, towards the present standing where that leaves a rest.
    function testFuzz_standings(uint40 standing, uint40 credit, bool silent, bool certain) public pure {
        _checkMoved(standing, credit, silent, certain);
        _checkMoved(standing % 7, credit % 7, silent, certain);
        _checkMoved(standing, 0, silent, certain);
        _checkMoved(0, credit, silent, certain);
        _checkMoved(standing, uint256(standing) + credit % 9, silent, certain);
    }

    function _checkMoved(uint256 standing, uint256 credit, bool silent, bool certain) private pure {
        int256 way = (int256(credit) - int256(standing)) / 4;
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
