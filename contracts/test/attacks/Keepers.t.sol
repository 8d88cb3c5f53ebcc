// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {StrikeReason} from "../../src/interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {IGovernedReports} from "../../src/interfaces/IGoverned.sol";
import {Opening, Phase, Timeline} from "../../src/interfaces/IEpochConsensus.sol";
import {Emission, EpochMoney} from "../../src/interfaces/IRewardVault.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title What keepers earn: by lanes, for whatever somebody has to call, with the seeds' and resolutions' half for them alone
contract KeepersTest is Fixture {
    uint256 private constant BOUNTY = 0.1 ether;

    address private farmer = makeAddr("farmer");
    uint256[10][] private words;

    function setUp() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(65); // cohort 0 is full, cohort 1 has one device
        startEpochs();
        words.push(pack(uniformClaim(64, 3000, 10_000)));
        words.push(pack(uniformClaim(1, 3000, 10_000)));
    }

    /// @dev A cohort of one device is worth a sixty-fourth of a full one, for each kind of call; one that is offline is paid to nobody.
    function test_bountiesFollowLanes() public {
        uint256[2] memory resolved;
        uint256[2] memory paid;
        uint256[2] memory checkers;
        _commit();
        warpTo(0, Phase.Open);
        for (uint32 cohort; cohort < 2; ++cohort) {
            Opening[] memory openings = openAll(0, cohort, words);
            address who = makeAddr(cohort == 0 ? "large" : "small");
            vm.prank(who);
            consensus.finalize(0, cohort, openings);
            (resolved[cohort],) = consensus.keeperCalls(0, who);
        }
        for (uint32 cohort; cohort < 2; ++cohort) {
            paid[cohort] = _gain(abi.encodeCall(vault.payCohort, (0, cohort, 64)));
            checkers[cohort] = _gain(abi.encodeCall(vault.payCheckers, (0, cohort)));
        }
        assertEq(resolved[0], 64);
        assertEq(resolved[1], 1);
        assertEq(paid[0], BOUNTY);
        assertEq(paid[1], BOUNTY / 64);
        assertEq(checkers[0], BOUNTY);
        assertEq(checkers[1], BOUNTY / 64);
    }

    function test_anOfflineDeviceIsPaidForByNobody() public {
        words[1] = pack(uniformClaim(1, 0, 0));
        _commit();
        _finalizeAll();
        assertEq(_gain(abi.encodeCall(vault.payCohort, (0, 1, 64))), 0);
    }

    /// @dev Splitting a cohort into many payments earns what one payment does.
    function test_splittingAPaymentEarnsNothingMore() public {
        _commit();
        _finalizeAll();
        uint256 snapshot = vm.snapshotState();
        uint256 whole = _gain(abi.encodeCall(vault.payCohort, (0, 0, 64)));
        assertTrue(vm.revertToState(snapshot));
        uint256 sum;
        for (uint256 i; i < 80; ++i) sum += _gain(abi.encodeCall(vault.payCohort, (0, 0, 1)));
        assertEq(sum, whole);
    }

    /// @dev One's own reveal, reports of unanswered audits and closing earn; who reveals what is on record already, or somebody else's, earns nothing.
    function test_whatSomebodyHasToCallEarns() public {
        _commit();
        Opening[] memory openings = openAll(0, 0, words);
        Opening[] memory first = new Opening[](1);
        first[0] = openings[0];
        warpTo(0, Phase.Reveal);
        address owner = consensus.seatsOf(0, 0)[0];
        for (uint256 again; again < 2; ++again) {
            vm.recordLogs();
            vm.prank(owner);
            consensus.reveal(0, 0, first);
            (uint256 lanes,) = consensus.keeperCalls(0, owner);
            assertEq(lanes, 12, "a fifth of 64");
            assertEq(vm.getRecordedLogs().length, again == 0 ? 1 : 0, "told once");
        }
        vm.prank(farmer);
        consensus.reveal(0, 0, openings);
        (uint256 ofOthers,) = consensus.keeperCalls(0, farmer);
        assertEq(ofOthers, 0);
        warpTo(0, Phase.Finalize);
        consensus.finalize(0, 0, openings);
        consensus.voidCohort(0, 1);
        rollSeed(2);
        vault.payCohort(0, 0, 64);
        vault.payCheckers(0, 0);
        vm.warp(consensus.auditOf(0, 0, 0).closesAt);
        vm.prank(farmer);
        consensus.strikeUnanswered(0, 0, 0);
        (, uint256 errands) = consensus.keeperCalls(0, farmer);
        assertEq(errands, 64);
        uint256 before = token.balanceOf(farmer);
        assertEq(vault.payKeeper(0, farmer), BOUNTY);
        assertEq(token.balanceOf(farmer) - before, BOUNTY);
        assertEq(vault.payKeeper(0, owner), BOUNTY * 12 / uint256(64));
        assertEq(vault.payKeeper(0, farmer), 0);
        vm.warp(consensus.epochStart(3));
        assertEq(_gain(abi.encodeCall(vault.closeEpoch, (0))), BOUNTY);
    }

    /// @dev Jail, delisting and claims count for the epoch that is being settled; before there is one, for none.
    function test_jailDelistAndClaimEarn() public {
        bytes32 attested = registerDevice("attested", keccak256("card"));
        words[1] = pack(uniformClaim(2, 3000, 10_000));
        for (uint64 epoch; epoch < 3; ++epoch) {
            vm.prank(address(consensus));
            seats.strike(operators[0], epoch, 0, StrikeReason.Unopened);
        }
        _commit();
        _finalizeAll();
        vm.startPrank(farmer);
        seats.jail(operators[0]);
        registry.claimIdentity(attested);
        vm.stopPrank();
        (, uint256 errands) = consensus.keeperCalls(0, farmer);
        assertEq(errands, 2 * 64);
        vm.expectRevert(abi.encodeWithSelector(IGovernedReports.NotKaisarContract.selector, address(this)));
        consensus.countErrand(farmer, 64);
    }

    /// @dev One word counts a keeper's lanes and errands of an epoch: a resolution after an errand adds to it.
    function test_anErrandOutlastsTheResolutionAfterIt() public {
        for (uint64 epoch; epoch < 3; ++epoch) {
            vm.prank(address(consensus));
            seats.strike(operators[0], epoch, 0, StrikeReason.Unopened);
        }
        _commit();
        warpTo(0, Phase.Open);
        Opening[] memory openings = openAll(0, 0, words);
        vm.startPrank(farmer);
        seats.jail(operators[0]);
        consensus.finalize(0, 0, openings);
        vm.stopPrank();
        (uint256 lanes, uint256 errands) = consensus.keeperCalls(0, farmer);
        assertEq(lanes, 64);
        assertEq(errands, 64);
    }

    /// @dev Its operator gives the identity up and has it claimed again: the second claim earns nothing.
    function test_claimingAnIdentityEarnsOnce() public {
        bytes32 card = keccak256("card");
        bytes32 attested = registerDevice("attested", card);
        words[1] = pack(uniformClaim(2, 3000, 10_000));
        _commit();
        _finalizeAll();
        vm.prank(farmer);
        registry.claimIdentity(attested);
        for (uint256 i; i < 3; ++i) {
            registerDevice("attested");
            assertEq(registry.identityOwner(card), 0);
            registerDevice("attested", card);
            vm.prank(farmer);
            registry.claimIdentity(attested);
            assertEq(registry.identityOwner(card), attested);
        }
        (, uint256 errands) = consensus.keeperCalls(0, farmer);
        assertEq(errands, 64);
    }

    /// @dev Four epochs later another epoch has its place: a report of the last moment does not wipe out what its seed earns.
    function test_aLateReportLeavesTheSeedsOfFourEpochsLater() public {
        delete operators;
        delete deviceIds;
        Timeline memory timeline = defaultTimeline();
        timeline.auditSeconds = timeline.epochSeconds;
        deployAll(timeline, defaultScores(), defaultEmission());
        bondCheckers(5, 1);
        registerDevices(65);
        startEpochs();
        words[0] = pack(uniformClaim(64, 3000, 10_000));
        _commit();
        _finalizeAll();
        vm.warp(consensus.epochStart(3) - 1);
        rollSeed(2);
        vm.warp(consensus.epochStart(4));
        vm.startPrank(farmer);
        consensus.pin(4);
        vm.roll(block.number + 2);
        consensus.roll(4);
        consensus.strikeUnanswered(0, 0, 0);
        vm.stopPrank();
        (uint256 lanes,) = consensus.keeperCalls(4, farmer);
        assertEq(lanes, 128);
    }

    /// @dev Whoever registers devices that are never there, to delist them: a whole cohort of them earns what paying a cohort does, and each
    /// earns once.
    function test_delistingEarnsTheDevicesOwnLane() public {
        _keepSilent();
        vm.startPrank(farmer);
        for (uint256 i; i < 64; ++i) {
            registry.delist(deviceIds[i]);
            uint64 last = uint64(registry.getDevice(deviceIds[i]).until);
            vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.DeviceLeaving.selector, deviceIds[i], last));
            registry.delist(deviceIds[i]);
        }
        vm.stopPrank();
        (uint256 lanes, uint256 errands) = consensus.keeperCalls(4, farmer);
        assertEq(lanes, 0);
        assertEq(errands, 64, "one lane each");
        words[0] = pack(uniformClaim(64, 0, 0));
        _settle(4);
        vault.payCohort(4, 1, 64);
        assertEq(vault.payKeeper(4, farmer), BOUNTY);
    }

    /// @dev The half of payments is reserved for each lane three times over: both payments of everybody are worth what they were, although
    /// everybody that can be delisted was.
    function test_delistingEverybodyLeavesPaymentsTheirBounty() public {
        Emission memory emission = defaultEmission();
        emission.bounty = type(uint64).max;
        vm.prank(owner);
        vault.scheduleEmission(emission);
        _keepSilent();
        vm.startPrank(farmer);
        for (uint256 i; i < 64; ++i) registry.delist(deviceIds[i]);
        vm.stopPrank();
        _settle(4);
        uint256 each = vault.moneyOf(4).keeperPool / 2 / (3 * 65 + 64);
        vault.payCohort(4, 1, 64);
        assertEq(vault.payKeeper(4, farmer), 64 * each);
        assertEq(_gain(abi.encodeCall(vault.payCohort, (4, 0, 64))), 64 * each);
        assertEq(_gain(abi.encodeCall(vault.payCheckers, (4, 0))), 64 * each);
        assertEq(_gain(abi.encodeCall(vault.payCheckers, (4, 1))), each);
    }

    /// @dev However large a bounty is set: each half lasts for all that can be done once, and payments cannot eat what deadlines need.
    function test_theSliceLastsForEveryLane() public {
        Emission memory emission = defaultEmission();
        emission.bounty = type(uint64).max;
        vm.prank(owner);
        vault.scheduleEmission(emission); // from epoch 2 on
        for (uint64 epoch; epoch < 2; ++epoch) {
            warpTo(epoch, Phase.Finalize);
            rollSeed(epoch + 2);
        }
        warpTo(2, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(2, operators[i], words);
        Opening[] memory zeroth = openAll(2, 0, words);
        Opening[] memory first = openAll(2, 1, words);
        warpTo(2, Phase.Reveal);
        vm.startPrank(keeper);
        consensus.reveal(2, 0, zeroth);
        consensus.reveal(2, 1, first);
        warpTo(2, Phase.Finalize);
        consensus.finalize(2, 0, zeroth);
        consensus.finalize(2, 1, first);
        vm.stopPrank();
        for (uint32 cohort; cohort < 2; ++cohort) {
            vault.payCohort(2, cohort, 64);
            vault.payCheckers(2, cohort);
        }
        EpochMoney memory money = vault.moneyOf(2);
        uint256 half = money.keeperPool / 2;
        assertLe(money.keeperPaid, half);
        uint256 deadlines = vault.payKeeper(2, keeper);
        assertLe(deadlines, half);
        assertGt(deadlines, half / 2, "pin, roll, reveals and resolutions of everything are most of their half");
    }

    function _commit() private {
        warpTo(0, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(0, operators[i], words);
    }

    /// @dev Cohort 0 works in epoch 0 and then earns nothing for three. Leaves time where epoch 4 is being settled, in which all work.
    function _keepSilent() private {
        words[1] = pack(uniformClaim(1, 3000, 10_000));
        for (uint64 epoch; epoch < 4; ++epoch) {
            words[0] = pack(uniformClaim(64, epoch == 0 ? 3000 : 0, 10_000));
            _settle(epoch);
        }
        words[0] = pack(uniformClaim(64, 3000, 10_000));
    }

    /// @dev Ends in FINALIZE, with the seed of the epoch that follows the next.
    function _settle(uint64 epoch) private {
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < operators.length; ++i) commitWords(epoch, operators[i], words);
        _finalizeAll(epoch);
        warpTo(epoch, Phase.Finalize);
        rollSeed(epoch + 2);
    }

    function _finalizeAll() private {
        _finalizeAll(0);
    }

    function _finalizeAll(uint64 epoch) private {
        warpTo(epoch, Phase.Open);
        for (uint32 cohort; cohort < 2; ++cohort) consensus.finalize(epoch, cohort, openAll(epoch, cohort, words));
    }

    /// @dev What the farmer gains by a call to the vault.
    function _gain(bytes memory call) private returns (uint256) {
        uint256 before = token.balanceOf(farmer);
        vm.prank(farmer);
        (bool done,) = address(vault).call(call);
        assertTrue(done);
        return token.balanceOf(farmer) - before;
    }
}
