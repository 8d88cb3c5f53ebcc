// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Device, IDeviceRegistry} from "../src/interfaces/IDeviceRegistry.sol";
import {CohortState, EpochTotals, Opening, Phase} from "../src/interfaces/IEpochConsensus.sol";
import {EpochMoney} from "../src/interfaces/IRewardVault.sol";
import {Standings} from "../src/libraries/Standings.sol";
import {Fixture} from "./support/Fixture.sol";

/// @title A network in which everybody acts at random, with ghost sums beside it
contract NetworkHandler is Fixture {
    uint256 public ghostDeposits;
    uint256 public ghostBonds;
    uint256 public resolved;
    uint256 private _names;
    bytes32[] private _leaving;
    mapping(uint64 epoch => uint256) public uncredited;

    uint256 private _clock;
    uint256 private _block;

    /// @dev Time belongs to the network: it never goes back between actions.
    modifier onItsClock() {
        vm.warp(_clock);
        vm.roll(_block);
        _;
        (_clock, _block) = (vm.getBlockTimestamp(), vm.getBlockNumber());
    }

    constructor() {
        deployAll();
        bondCheckers(7, 2);
        registerDevices(3);
        startEpochs();
        rollSeed(0);
        (ghostDeposits, ghostBonds) = (3 * DEPOSIT, 14 * SEAT_BOND);
        (_clock, _block) = (vm.getBlockTimestamp(), vm.getBlockNumber());
    }

    function contractsUnderTest() external view returns (address, address, address, address, address) {
        return (address(token), address(registry), address(seats), address(consensus), address(vault));
    }

    function toItsTime() external onItsClock {}

    function epoch() external view returns (uint64) {
        return consensus.currentEpoch();
    }

    /// @dev Goes one epoch on: seeds, random lanes by random seats, sometimes void, sometimes revealed, sometimes unpaid.
    function passEpoch(uint256 random) external onItsClock {
        uint64 e = consensus.currentEpoch();
        if (consensus.seedOf(e) != 0) _judge(e, random);
        else vm.warp(consensus.epochStart(e + 1));
        if (random & 7 != 7) rollSeed(consensus.currentEpoch());
    }

    function skipEpochs(uint8 count) external onItsClock {
        vm.warp(_clock + uint256(count % 6) * 16);
        vm.roll(_block + 50);
    }

    function join(uint256 random) external onItsClock {
        if (_names > 20) return;
        registerDevice(string.concat("extra-", vm.toString(_names++)));
        ghostDeposits += DEPOSIT;
        random;
    }

    function renew(uint256 random) external onItsClock {
        bytes32 id = deviceIds[random % deviceIds.length];
        if (!registry.isRegistered(id) || registry.getDevice(id).until != type(uint32).max) return;
        address operator = registry.getDevice(id).operator;
        uint64 e = consensus.currentEpoch();
        uint32 before = registry.generationAt(id, e);
        for (uint256 i; i < deviceIds.length; ++i) {
            string memory name = i < 3 ? string.concat("device-", vm.toString(i)) : string.concat("extra-", vm.toString(i - 3));
            if (deviceIds[i] != id) continue;
            vm.prank(operator);
            registry.register(keccak256(bytes(name)), payoutOf(operator), "new", "new", 0);
        }
        require(registry.generationAt(id, e) == before, "invariant 22");
    }

    function exit(uint256 random) external onItsClock {
        bytes32 id = deviceIds[random % deviceIds.length];
        if (!registry.isRegistered(id) || registry.getDevice(id).until != type(uint32).max) return;
        vm.prank(registry.getDevice(id).operator);
        registry.requestExit(id);
        _leaving.push(id);
    }

    function release(uint256 random) external onItsClock {
        if (_leaving.length == 0) return;
        bytes32 id = _leaving[random % _leaving.length];
        if (!registry.isRegistered(id)) return;
        (bool any, uint64 settled) = consensus.settledThrough();
        (bool unpaid,) = consensus.unpaidEpoch(registry.getDevice(id).lane, registry.getDevice(id).until);
        Device memory device = registry.getDevice(id);
        bool free = (device.since > device.until && consensus.currentEpoch() >= device.since)
            || (any && settled >= registry.getDevice(id).until && !unpaid);
        if (!free) return;
        registry.withdrawDeposit(id);
        ghostDeposits -= DEPOSIT;
    }

    function seatsMove(uint256 random) external onItsClock {
        address who = operators[random % operators.length];
        if (random & 256 == 0 && seats.checker(who).seats > 1) {
            vm.prank(payoutOf(who));
            seats.unbond(who, 1);
        } else if (seats.checker(who).seats < 16) {
            uint256 bonded = seats.checker(who).bond;
            vm.prank(who);
            seats.addSeats(1); // fills up what a strike took, too
            ghostBonds += seats.checker(who).bond - bonded;
        }
        uint64 until = seats.checker(who).unbondingUntil;
        (bool any, uint64 settled) = consensus.settledThrough();
        if (seats.checker(who).unbonding == 0 || !any || settled < until) return;
        ghostBonds -= seats.checker(who).unbonding;
        seats.withdrawBond(who);
    }

    function pay(uint256 random) external onItsClock {
        uint64 e = consensus.currentEpoch();
        for (uint64 back = 1; back < 4 && back <= e; ++back) {
            if (!consensus.isPayable(e - back)) continue;
            vault.payCohort(e - back, 0, uint8(random % 65));
            if (random & 1 == 0) vault.payCheckers(e - back, 0);
            EpochMoney memory money = vault.moneyOf(e - back);
            if (random & 2 == 0 && money.opened && !money.closed) vault.payKeeper(e - back, keeper);
        }
    }

    function close(uint256 random) external onItsClock {
        (bool any, uint64 settled) = consensus.settledThrough();
        if (!any) return;
        uint64 e = uint64(random % (settled + 1));
        if (consensus.totalsOf(e).unpaid != 0) return;
        if (vault.moneyOf(e).opened && !vault.moneyOf(e).closed) vault.closeEpoch(e);
    }

    /// @dev Every seat says something of its own; some do not commit; whoever commits is opened or revealed.
    function _judge(uint64 e, uint256 random) private {
        warpTo(e, Phase.Commit);
        if (registry.occupancy(e, 0) == 0) return;
        address[5] memory committee = consensus.seatsOf(e, 0);
        Opening[] memory openings = new Opening[](5);
        uint256 count;
        for (uint8 i; i < 5; ++i) {
            uint256 own = uint256(keccak256(abi.encode(random, e, i)));
            if (own & 7 == 0) continue;
            Claim memory claim = uniformClaim(64, uint16(own >> 8) & 0x3fff, 9_000);
            if (own & 24 == 0) claim.flags[own >> 32 & 3] = 7; // abstains from one lane
            if (own & 96 == 0) claim.uptimes[63] = 10_001; // poison
            uint256[10][] memory words = one(pack(claim));
            commitWords(e, committee[i], words);
            openings[count++] = openingOf(e, committee[i], 0, i, words);
        }
        assembly ("memory-safe") {
            mstore(openings, count)
        }
        warpTo(e, Phase.Open);
        if (random & 8 == 0) {
            uint256[64] memory before;
            bool any;
            for (uint32 i; i < 64; ++i) {
                before[i] = consensus.standingAtLane(i);
                if (before[i] != 0 && registry.occupancy(e, 0) >> i & 1 == 1) any = true;
            }
            vm.prank(keeper);
            consensus.finalize(e, 0, openings);
            for (uint32 i; i < 64; ++i) {
                if (registry.occupancy(e, 0) >> i & 1 == 0 || consensus.creditOf(e, i) != 0) continue;
                uncredited[e] += any ? 2 * before[i] : 1 << 20;
            }
            ++resolved;
        } else if (count < 3) {
            consensus.voidCohort(e, 0);
            ++resolved;
        }
    }
}

/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: deep.invariant.fail-on-revert = true
contract InvariantsTest is Fixture {
    NetworkHandler private network;

    function setUp() public {
        network = new NetworkHandler();
        address t;
        address r;
        address s;
        address c;
        address v;
        (t, r, s, c, v) = network.contractsUnderTest();
        assembly ("memory-safe") {
            sstore(token.slot, t)
            sstore(registry.slot, r)
            sstore(seats.slot, s)
            sstore(consensus.slot, c)
            sstore(vault.slot, v)
        }
        bytes4[] memory actions = new bytes4[](9);
        actions[0] = network.passEpoch.selector;
        actions[1] = network.skipEpochs.selector;
        actions[2] = network.join.selector;
        actions[3] = network.exit.selector;
        actions[4] = network.release.selector;
        actions[5] = network.seatsMove.selector;
        actions[6] = network.pay.selector;
        actions[7] = network.close.selector;
        actions[8] = network.renew.selector;
        targetContract(address(network));
        targetSelector(FuzzSelector(address(network), actions));
    }

    /// @dev Invariants 1 to 4, 2 for every recent epoch, and the exactness of Σ caps.
    function invariant_sums() public {
        network.toItsTime();
        assertGe(token.balanceOf(address(vault)), vault.liability(), "1: balance covers the liability");
        assertLe(vault.lifetimePaid() + vault.liability(), vault.funded(), "3: never beyond what was funded");
        assertEq(token.balanceOf(address(registry)), network.ghostDeposits(), "4: deposits");
        assertEq(token.balanceOf(address(seats)) + token.balanceOf(treasury), network.ghostBonds(), "4: bonds, with what strikes took");
        uint64 e = network.epoch();
        for (uint64 back = 1; back <= 4 && back <= e; ++back) {
            EpochMoney memory money = vault.moneyOf(e - back);
            if (money.opened) assertLe(money.paid, money.emission, "2: an epoch never pays beyond its emission");
            EpochTotals memory t = consensus.totalsOf(e - back);
            if (t.resolvedLanes == t.lanes && consensus.cohortState(e - back, 0) == CohortState.Final) {
                assertEq(t.openCaps, network.uncredited(e - back), "sum of caps is exact: what has no credit is left when all is final");
            }
            if (consensus.cohortState(e - back, 0) == CohortState.Final) {
                uint256 sum;
                for (uint32 lane; lane < 64; ++lane) sum += consensus.creditOf(e - back, lane);
                assertLe(sum, t.credits, "credits are in the denominator");
                uint256 opened = consensus.cohortRecord(e - back, 0).opened;
                uint256 count;
                for (uint256 i; i < 5; ++i) count += opened >> i & 1;
                assertGe(count, 3, "5: no score without a quorum");
            }
        }
        uint256 held;
        for (uint256 i = 1; i <= seats.ownerCount(); ++i) held += _bondOf(uint32(i));
        assertEq(held, token.balanceOf(address(seats)), "4: bonds and unbonding are the balance");
    }

    function _bondOf(uint32 index) private view returns (uint256) {
        address who = seats.ownerOf(index);
        return uint256(seats.checker(who).bond) + seats.checker(who).unbonding;
    }
}
