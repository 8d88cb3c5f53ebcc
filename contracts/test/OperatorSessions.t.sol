// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IOperatorSessions} from "../src/interfaces/IOperatorSessions.sol";
import {Fixture} from "./support/Fixture.sol";

/// @title One present session per operator and role
contract OperatorSessionsTest is Fixture {
    address private operator = makeAddr("operator");

    function setUp() public {
        deployAll();
    }

    function test_theLastClaimIsThePresentSession() public {
        IOperatorSessions[2] memory roles = [IOperatorSessions(registry), seats];
        for (uint256 i; i < 2; ++i) {
            IOperatorSessions role = roles[i];
            _expect(role, operator, 0, 0);
            _claim(role, operator, "first", 0);
            _expect(role, operator, "first", block.timestamp);
            skip(7);
            _claim(role, operator, "second", "first");
            _expect(role, operator, "second", block.timestamp);
            skip(7);
            _claim(role, operator, 0, "second");
            _expect(role, operator, 0, block.timestamp);
        }
    }

    /// @dev A claim is about its caller and its role alone, and no balance moves.
    function testFuzz_claimsDisturbNobody(address[4] memory callers, bytes32[4] memory sessions, bool[4] memory asChecker) public {
        _claim(registry, operator, "provider", 0);
        _claim(seats, operator, "checker", 0);
        uint256 claimedAt = block.timestamp;
        uint256 held = token.balanceOf(address(registry)) + token.balanceOf(address(seats));
        skip(1);
        for (uint256 i; i < 4; ++i) {
            vm.assume(callers[i] != operator);
            IOperatorSessions role = asChecker[i] ? IOperatorSessions(seats) : registry;
            vm.prank(callers[i]);
            role.claimSession(sessions[i]);
            _expect(role, callers[i], sessions[i], block.timestamp);
        }
        _expect(registry, operator, "provider", claimedAt);
        _expect(seats, operator, "checker", claimedAt);
        assertEq(token.balanceOf(address(registry)) + token.balanceOf(address(seats)), held);
    }

    /// @dev A run may claim before it has registered anything, and what it does afterwards needs no session.
    function test_aSessionGatesNothing() public {
        bytes32 id = registerDevice("device");
        address device = makeAddr("device");
        _claim(registry, device, "elsewhere", 0);
        vm.prank(device);
        registry.requestExit(id);
        address checker = bondChecker("checker", 1);
        _claim(seats, checker, "elsewhere", 0);
        vm.prank(checker);
        seats.setEndpoint("wss://other.example", "hash");
    }

    function _claim(IOperatorSessions role, address who, bytes32 session, bytes32 previous) private {
        vm.expectEmit(address(role));
        emit IOperatorSessions.SessionClaimed(who, session, previous);
        vm.prank(who);
        role.claimSession(session);
    }

    function _expect(IOperatorSessions role, address who, bytes32 session, uint256 claimedAt) private view {
        (bytes32 present, uint64 since) = role.sessionOf(who);
        assertEq(present, session);
        assertEq(since, claimedAt);
    }
}
