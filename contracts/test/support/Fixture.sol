// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {CheckerSeats} from "../../src/CheckerSeats.sol";
import {DeviceRegistry} from "../../src/DeviceRegistry.sol";
import {EpochConsensus} from "../../src/EpochConsensus.sol";
import {KaisarLens} from "../../src/KaisarLens.sol";
import {KaisarToken} from "../../src/KaisarToken.sol";
import {RewardVault} from "../../src/RewardVault.sol";
import {EpochExtension} from "../../src/EpochExtension.sol";
import {ICheckerSeats, SeatRules} from "../../src/interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {
    IEpochConsensus,
    Opening,
    Phase,
    RoundRules,
    ScoreRules,
    Timeline
} from "../../src/interfaces/IEpochConsensus.sol";
import {IKaisarToken} from "../../src/interfaces/IKaisarToken.sol";
import {Emission, IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {MerklePath} from "../../src/libraries/MerklePath.sol";
import {Makers} from "./Makers.sol";

/// @title The six contracts on a devnet's timeline, and what a Provider, a seat or a keeper does with them
abstract contract Fixture is Makers, Test {
    /// @dev What a seat says of each lane of a cohort, unpacked.
    struct Claim {
        uint16[64] rates;
        uint16[64] uptimes;
        uint8[64] flags;
        bytes32 evidenceRoot;
    }

    uint256 internal constant DEPOSIT = 100 ether;
    uint256 internal constant SEAT_BOND = 1_000 ether;
    uint64 internal constant GENESIS = 1_000_000;
    uint8 internal constant ALL_FLAGS = 15;

    address internal owner = makeAddr("timelock");
    address internal guardian = makeAddr("guardian");
    address internal treasury = makeAddr("treasury");
    address internal keeper = makeAddr("keeper");

    IKaisarToken internal token;
    IDeviceRegistry internal registry;
    ICheckerSeats internal seats;
    IEpochConsensus internal consensus;
    IRewardVault internal vault;
    KaisarLens internal lens;

    uint64 internal firstEpochAt;
    /// @dev Private keys of operators, so that they can sign.
    mapping(address operator => uint256 key) internal keyOf;
    address[] internal operators;
    bytes32[] internal deviceIds;

    // --- deployment

    function defaultTimeline() internal pure returns (Timeline memory) {
        return Timeline({
            firstEpochAt: 0,
            epochSeconds: 16,
            commitSeconds: 4,
            openSeconds: 3,
            revealSeconds: 2,
            finalizeSeconds: 2,
            auditSeconds: 8,
            firstPaidEpoch: 0
        });
    }

    function defaultRounds() internal pure returns (RoundRules memory) {
        return RoundRules({
            slots: 1,
            maxRounds: 4,
            beats: 2,
            windowMs: 1000,
            graceMs: 500,
            eligibleFromSeconds: 2,
            cutoffSeconds: 4,
            threshold: 1 << 63,
            refractorySeconds: 2,
            samplingSeconds: 2,
            openingsMs: 3500,
            beatWindowMs: 250,
            specHash: keccak256("spec")
        });
    }

    function defaultScores() internal pure returns (ScoreRules memory) {
        return ScoreRules({firstStanding: 1 << 20, auditBps: 10_000, delistAfterEpochs: 3, uptimeTolerance: 500});
    }

    function defaultEmission() internal pure returns (Emission memory) {
        return Emission({perEpoch: 1_000 ether, checkerBps: 2_000, keeperBps: 500, bounty: 0.1 ether, maxPrice: 1 ether});
    }

    function defaultSeatRules() internal pure returns (SeatRules memory) {
        return SeatRules({slashBps: 1_000, unopenedBps: 100, strikesToJail: 3, jailEpochs: 5});
    }

    function deployToken() internal virtual returns (IKaisarToken) {
        return IKaisarToken(address(new KaisarToken(address(this), 1_000_000_000 ether)));
    }

    function deployAll(Timeline memory timeline, ScoreRules memory scores, Emission memory emission) internal {
        vm.warp(GENESIS);
        vm.roll(100);
        token = deployToken();
        uint64 nonce = vm.getNonce(address(this));
        IEpochConsensus futureConsensus = IEpochConsensus(vm.computeCreateAddress(address(this), nonce + 3));
        IRewardVault futureVault = IRewardVault(vm.computeCreateAddress(address(this), nonce + 4));
        registry = new DeviceRegistry(token, futureConsensus, owner, guardian, treasury, DEPOSIT);
        seats = new CheckerSeats(token, futureConsensus, owner, guardian, treasury, SEAT_BOND, defaultSeatRules());
        EpochExtension extension =
            new EpochExtension(registry, seats, futureVault, timeline.epochSeconds, timeline.firstPaidEpoch);
        consensus = IEpochConsensus(
            address(
                new EpochConsensus(
                    registry, seats, futureVault, extension, owner, guardian, timeline, defaultRounds(), scores
                )
            )
        );
        vault = new RewardVault(token, registry, seats, consensus, owner, guardian, emission);
        lens = new KaisarLens(token, consensus);
        token.approve(address(vault), type(uint256).max);
        vault.fund(10_000_000 ether);
    }

    function deployAll() internal {
        deployAll(defaultTimeline(), defaultScores(), defaultEmission());
    }

    // --- actors

    function bondChecker(string memory name, uint16 seatCount) internal returns (address operator) {
        uint256 key;
        (operator, key) = makeAddrAndKey(name);
        keyOf[operator] = key;
        token.transfer(operator, 100 * SEAT_BOND);
        vm.startPrank(operator);
        token.approve(address(seats), type(uint256).max);
        seats.bond(payoutOf(operator), seatCount, "wss://checker.example", keccak256(bytes(name)));
        vm.stopPrank();
        operators.push(operator);
    }

    function bondCheckers(uint256 count, uint16 seatCount) internal {
        for (uint256 i; i < count; ++i) {
            bondChecker(string.concat("checker-", vm.toString(i)), seatCount);
        }
    }

    function payoutOf(address operator) internal pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode("payout", operator)))));
    }

    function registerDevice(string memory name) internal returns (bytes32 id) {
        return registerDevice(name, bytes32(0));
    }

    function registerDevice(string memory name, bytes32 identity) internal returns (bytes32 id) {
        (address operator, uint256 key) = makeAddrAndKey(name);
        keyOf[operator] = key;
        if (token.balanceOf(operator) < DEPOSIT) token.transfer(operator, 10 * DEPOSIT);
        vm.startPrank(operator);
        token.approve(address(registry), type(uint256).max);
        id = registry.register(keccak256(bytes(name)), payoutOf(operator), keccak256("device"), keccak256("cert"), identity);
        vm.stopPrank();
        deviceIds.push(id);
    }

    function registerDevices(uint256 count) internal {
        uint256 before = deviceIds.length;
        for (uint256 i; i < count; ++i) {
            registerDevice(string.concat("device-", vm.toString(before + i)));
        }
    }

    // --- time

    function startEpochs() internal {
        firstEpochAt = uint64(block.timestamp + 100);
        vm.prank(owner);
        consensus.start(firstEpochAt);
    }

    /// @dev Goes there by way of epochs 0 and 1, which get their seeds in their first second.
    function warpTo(uint64 epoch, Phase phase) internal {
        uint64 time = consensus.phaseStart(epoch, phase);
        for (uint64 early; early < 2 && consensus.epochStart(early) <= time; ++early) {
            if (block.timestamp < consensus.epochStart(early + 1)) rollSeed(early);
        }
        vm.warp(time);
        vm.roll(block.number + 1);
    }

    /// @dev In the epoch, or in its first second where it has not begun.
    function rollSeed(uint64 epoch) internal {
        if (consensus.seedOf(epoch) != 0) return;
        if (block.timestamp < consensus.epochStart(epoch)) vm.warp(consensus.epochStart(epoch));
        vm.startPrank(keeper);
        consensus.pin(epoch);
        vm.roll(block.number + 2);
        consensus.roll(epoch);
        vm.stopPrank();
    }

    // --- openings

    function uniformClaim(uint256 lanes, uint16 rate, uint16 uptime) internal pure returns (Claim memory claim) {
        for (uint256 i; i < lanes; ++i) {
            (claim.rates[i], claim.uptimes[i], claim.flags[i]) = (rate, uptime, ALL_FLAGS);
        }
        claim.evidenceRoot = keccak256("evidence");
    }

    function pack(Claim memory claim) internal pure returns (uint256[10] memory words) {
        for (uint256 i; i < 64; ++i) {
            words[i / 16] |= uint256(claim.rates[i]) << (16 * (i % 16));
            words[4 + i / 16] |= uint256(claim.uptimes[i]) << (16 * (i % 16));
            words[8] |= uint256(claim.flags[i]) << (4 * i);
        }
        words[9] = uint256(claim.evidenceRoot);
    }

    function saltOf(address operator, uint64 epoch) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", operator, epoch));
    }

    function leafOf(uint64 epoch, address operator, uint32 cohort, uint256[10] memory words) internal view returns (bytes32) {
        return keccak256(
            abi.encode(block.chainid, address(consensus), epoch, operator, cohort, saltOf(operator, epoch), words)
        );
    }

    /// @dev Root and the siblings of leaf `index`, of a tree over `leaves` padded with zeros to its depth.
    function merkle(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32 root, bytes32[] memory proof) {
        uint256 depth = MerklePath.depth(leaves.length);
        bytes32[] memory level = new bytes32[](1 << depth);
        for (uint256 i; i < leaves.length; ++i) {
            level[i] = leaves[i];
        }
        proof = new bytes32[](depth);
        for (uint256 d; d < depth; ++d) {
            proof[d] = level[index ^ 1];
            for (uint256 i; i < level.length >> (d + 1); ++i) {
                level[i] = keccak256(abi.encode(level[2 * i], level[2 * i + 1]));
            }
            index >>= 1;
        }
        root = level[0];
    }

    /// @dev Commits the words of each cohort for one operator.
    function commitWords(uint64 epoch, address operator, uint256[10][] memory words) internal {
        (bytes32 root,) = merkle(leavesOf(epoch, operator, words), 0);
        vm.prank(operator);
        consensus.commit(epoch, root);
    }

    function leavesOf(uint64 epoch, address operator, uint256[10][] memory words)
        internal
        view
        returns (bytes32[] memory leaves)
    {
        leaves = new bytes32[](words.length);
        for (uint32 cohort; cohort < words.length; ++cohort) {
            leaves[cohort] = leafOf(epoch, operator, cohort, words[cohort]);
        }
    }

    function openingOf(uint64 epoch, address operator, uint32 cohort, uint8 seat, uint256[10][] memory words)
        internal
        view
        returns (Opening memory)
    {
        (, bytes32[] memory proof) = merkle(leavesOf(epoch, operator, words), cohort);
        return Opening(seat, saltOf(operator, epoch), words[cohort], proof);
    }

    function one(uint256[10] memory words) internal pure returns (uint256[10][] memory list) {
        list = new uint256[10][](1);
        list[0] = words;
    }

    /// @dev Everybody says the same of every cohort: commit in COMMIT, finalize in OPEN. Leaves time at OPEN.
    function settleHonestly(uint64 epoch, Claim memory claim) internal {
        (, uint32 cohorts) = registry.countsOf(epoch);
        uint256[10][] memory words = new uint256[10][](cohorts);
        for (uint256 i; i < cohorts; ++i) {
            words[i] = pack(claim);
        }
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) {
            commitWords(epoch, operators[i], words);
        }
        warpTo(epoch, Phase.Open);
        for (uint32 cohort; cohort < cohorts; ++cohort) {
            Opening[] memory openings = openAll(epoch, cohort, words);
            vm.prank(keeper);
            consensus.finalize(epoch, cohort, openings);
        }
    }

    function openAll(uint64 epoch, uint32 cohort, uint256[10][] memory words) internal view returns (Opening[] memory list) {
        address[5] memory committee = consensus.seatsOf(epoch, cohort);
        list = new Opening[](5);
        for (uint8 i; i < 5; ++i) {
            list[i] = openingOf(epoch, committee[i], cohort, i, words);
        }
    }
}
