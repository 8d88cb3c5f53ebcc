// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Checker, ICheckerSeats} from "../../src/interfaces/ICheckerSeats.sol";
import {IDeviceRegistry, LaneMember} from "../../src/interfaces/IDeviceRegistry.sol";
import {Opening, Phase, ScoreRules} from "../../src/interfaces/IEpochConsensus.sol";
import {Emission} from "../../src/interfaces/IRewardVault.sol";
import {StolenCalls} from "./StolenCalls.sol";

/// @title What the thief of an operator key can take: nothing
/// @notice The thief may spend money of its own, which it keeps on the stolen key; bounties, which pay whoever calls, are zero here. Bond and
/// deposit may be lost to the treasury, since a key can sign what is slashed. In a role that the key never had, the thief is a stranger with
/// money of its own.
contract StolenOperatorTest is StolenCalls {
    uint256 private constant BROUGHT = 1_000 * DEPOSIT;

    address private wallet;
    bytes32 private bystander;
    bool private isProvider;
    bool private isChecker;
    address[] private others;
    mapping(address target => mapping(bytes4 selector => bool)) private succeeded;

    function setUp() public {
        (Emission memory emission, ScoreRules memory scores) = (defaultEmission(), defaultScores());
        (emission.bounty, scores.auditBps) = (0, 100);
        deployAll(defaultTimeline(), scores, emission);
        (, keyOf[key]) = makeAddrAndKey("victim");
        (id, wallet) = (registry.deviceIdOf(key, keccak256("victim")), payoutOf(key));
        bondCheckers(5, 1);
        bystander = registerDevice("bystander");
        others = [address(this), address(registry), address(seats), address(vault), treasury, wallet];
        others.push(makeAddr("bystander"));
        others.push(payoutOf(makeAddr("bystander")));
        for (uint256 i; i < 5; ++i) {
            others.push(operators[i]);
            others.push(payoutOf(operators[i]));
        }
    }

    /// @dev The thief takes the device out, has its deposit returned, and registers it again with a wallet of its own: the standing would come
    /// back with it, and with that the pay.
    function test_aReturningDeviceIsPaidWhereItAlwaysWas() public {
        registerDevice("victim");
        startEpochs();
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        vault.payCohort(0, 0, 64);
        vault.payCheckers(0, 0);
        vm.prank(key);
        registry.requestExit(id);
        vm.warp(consensus.epochStart(6));
        registry.withdrawDeposit(id);
        uint256 standing = consensus.standing(id);
        assertGt(standing, 0);
        vm.startPrank(key);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, key, wallet));
        registry.register(keccak256("victim"), thief, "record", "certificate", 0);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, key, wallet));
        registry.setPayout(id, thief);
        vm.stopPrank();
        // The wallet may move while the device is out; the device then returns to it.
        vm.prank(wallet);
        registry.setPayout(id, address(0xbeef));
        vm.prank(key);
        registry.register(keccak256("victim"), address(0xbeef), "record", "certificate", 0);
        assertEq(registry.getDevice(id).payout, address(0xbeef));
        assertEq(consensus.standing(id), standing);
    }

    /// @dev Every call in every phase of eight epochs: long enough to leave, have the deposit returned, and come back.
    function test_everyCallWithAProvidersKey() public {
        _begin(true, false);
        _everyCallInEveryPhase(8);
        _expectSuccess(address(registry), IDeviceRegistry.requestExit.selector);
        _expectSuccess(address(registry), IDeviceRegistry.withdrawDeposit.selector);
        _expectSuccess(address(registry), IDeviceRegistry.slashEquivocation.selector);
        assertGt(uint256(registry.recordOf(id, 3).deviceHash), 0, "left and came back");
        assertGt(token.balanceOf(wallet), 0);
    }

    function test_everyCallWithACheckersKey() public {
        _begin(false, true);
        _everyCallInEveryPhase(8);
        _expectSuccess(address(consensus), consensus.commit.selector);
        _expectSuccess(address(consensus), consensus.reveal.selector);
        _expectSuccess(address(seats), ICheckerSeats.setEndpoint.selector);
        _expectSuccess(address(seats), ICheckerSeats.slashReceipt.selector);
        _expectSuccess(address(seats), ICheckerSeats.jail.selector);
        // What is left of the bond goes where it belongs.
        Checker memory left = seats.checker(key);
        vm.prank(wallet);
        seats.unbond(key, left.seats);
        vm.warp(consensus.epochStart(20));
        seats.withdrawBond(key);
        assertGt(left.bond, 0);
        assertEq(token.balanceOf(wallet), left.bond);
        _check();
    }

    /// @dev Any order of any calls, with the key of a Provider, of a Checker, or of both. Few runs, since each is about twelve epochs (0.2 s).
    /// forge-config: default.fuzz.runs = 10
    /// forge-config: deep.fuzz.runs = 50
    function testFuzz_noSequenceOfCallsPaysTheThief(uint256 seed) public {
        _begin(seed % 3 != 0, seed % 3 != 1);
        Calls memory calls = stolenCalls();
        for (uint256 i; i < 120; ++i) {
            uint256 pick = uint256(keccak256(abi.encode(seed, i)));
            if (pick % 2 == 0) {
                _passPhase();
                calls = stolenCalls();
            } else {
                _steal(calls.rows[(pick >> 8) % calls.count]);
            }
        }
    }

    function _begin(bool provider, bool checker) private {
        vm.pauseGasMetering();
        (isProvider, isChecker) = (provider, checker);
        if (provider) registerDevice("victim");
        if (checker) bondChecker("victim", 2);
        vm.startPrank(key);
        token.transfer(address(1), token.balanceOf(key));
        token.approve(address(registry), type(uint256).max);
        token.approve(address(seats), type(uint256).max);
        token.approve(address(vault), type(uint256).max);
        vm.stopPrank();
        others.push(address(1));
        token.transfer(key, BROUGHT);
        startEpochs();
        rollSeed(0);
    }

    function _everyCallInEveryPhase(uint64 epochs) private {
        while (consensus.currentEpoch() < epochs) {
            Calls memory calls = stolenCalls();
            for (uint256 i; i < calls.count; ++i) {
                _steal(calls.rows[i]);
            }
            _passPhase();
        }
    }

    function _steal(Call memory stolen) private {
        vm.prank(key);
        (bool success,) = stolen.target.call(stolen.data);
        if (!success) return;
        succeeded[stolen.target][bytes4(stolen.data)] = true;
        _check();
    }

    /// @dev Nothing went to the thief, nothing to a stranger, and the victim's wallet is what it was.
    function _check() private view {
        assertLe(token.balanceOf(thief) + token.balanceOf(key), BROUGHT, "the thief gained");
        uint256 sum = token.balanceOf(thief) + token.balanceOf(key);
        for (uint256 i; i < others.length; ++i) {
            sum += token.balanceOf(others[i]);
        }
        assertEq(sum, token.totalSupply(), "a stranger gained");
        if (isProvider) assertEq(registry.payoutOf(id), wallet, "the device's wallet moved");
        if (isChecker) assertEq(seats.checker(key).payout, wallet, "the Checker's wallet moved");
    }

    function _expectSuccess(address target, bytes4 selector) private view {
        assertTrue(succeeded[target][selector], "a call that should have been possible never was");
    }

    // --- what the others do meanwhile

    function _passPhase() private {
        uint64 present = consensus.currentEpoch();
        Phase phase = present == 0 ? Phase.Pay : consensus.phaseOf(present - 1);
        uint64 epoch = phase == Phase.Pay ? present : present - 1;
        if (phase == Phase.Pay) {
            warpTo(epoch, Phase.Commit);
            rollSeed(epoch + 1);
            for (uint256 i; i < 5; ++i) {
                if (consensus.seedOf(epoch) != 0) commitWords(epoch, operators[i], _honestWords(epoch));
            }
        } else if (phase == Phase.Commit) {
            warpTo(epoch, Phase.Open);
        } else if (phase == Phase.Open) {
            warpTo(epoch, Phase.Reveal);
            _reveal(epoch);
        } else if (phase == Phase.Reveal) {
            warpTo(epoch, Phase.Finalize);
            _finalize(epoch);
        } else {
            warpTo(epoch, Phase.Pay);
            try vault.payCohort(epoch, 0, 64) {} catch {}
            try vault.payCheckers(epoch, 0) {} catch {}
        }
        _check();
    }

    /// @dev The thief's own devices do no work.
    function _honestWords(uint64 epoch) private view returns (uint256[10][] memory) {
        LaneMember[64] memory members = registry.devicesOf(epoch, 0);
        Claim memory claim;
        for (uint256 i; i < 64; ++i) {
            if (members[i].id != bystander && !(isProvider && members[i].id == id)) continue;
            (claim.rates[i], claim.uptimes[i]) = (3000, 10_000);
        }
        for (uint256 i; i < 64; ++i) {
            claim.flags[i] = ALL_FLAGS;
        }
        return one(pack(claim));
    }

    function _reveal(uint64 epoch) private {
        if (consensus.seedOf(epoch) == 0) return;
        address[5] memory committee = consensus.seatsOf(epoch, 0);
        for (uint8 i; i < 5; ++i) {
            if (committee[i] == key) continue;
            Opening[] memory opening = new Opening[](1);
            opening[0] = openingOf(epoch, committee[i], 0, i, _honestWords(epoch));
            consensus.reveal(epoch, 0, opening);
        }
    }

    function _finalize(uint64 epoch) private {
        if (consensus.seedOf(epoch) == 0) return;
        address[5] memory committee = consensus.seatsOf(epoch, 0);
        uint256 mask = consensus.revealedSeats(epoch, 0);
        Opening[] memory openings = new Opening[](5);
        uint256 count;
        for (uint8 i; i < 5; ++i) {
            if (mask >> i & 1 == 0) continue;
            uint256[10][] memory words = committee[i] == key ? greedyWords() : _honestWords(epoch);
            openings[count++] = openingOf(epoch, committee[i], 0, i, words);
        }
        assembly ("memory-safe") {
            mstore(openings, count)
        }
        consensus.finalize(epoch, 0, openings);
    }
}
