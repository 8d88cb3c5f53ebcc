// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibBit} from "solady/utils/LibBit.sol";
import {Checker, ICheckerSeats} from "../../src/interfaces/ICheckerSeats.sol";
import {Device, IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {CohortState, IEpochConsensus, IEpochReports, Opening, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {IKaisarToken} from "../../src/interfaces/IKaisarToken.sol";
import {IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {IGoverned} from "../../src/interfaces/IGoverned.sol";
import {EpochDuties} from "./EpochDuties.sol";
import {EpochWorld} from "./EpochWorld.sol";

/// @title What anybody may do, in any order, with ghost accounts of what must follow
/// @notice Every action is valid when it is called (`fail_on_revert`), or expected to be refused. Honest Checkers do their duty as time
/// passes, as daemons do; everything else is chosen by the fuzzer.
contract EpochHandler is EpochDuties {
    constructor(uint32 firstPaidEpoch_) EpochWorld(70, true, firstPaidEpoch_) {
        (clock, height) = (vm.getBlockTimestamp(), vm.getBlockNumber());
        ghostDeposits = deviceIds.length * DEPOSIT;
        ghostBonds = operators.length * 2 * SEAT_BOND;
        setMannersOf(0, 0);
    }

    // --- time: honest duties are done before a phase ends

    /// @notice On to the next phase. Two of three actions should be this one, so it has three names.
    function pass(uint256 seed) external onItsClock {
        passPhase(seed);
    }

    function passPhase(uint256 seed) private {
        (uint64 epoch, Phase phase) = settling();
        if (phase == Phase.Future) {
            vm.warp(consensus.epochStart(consensus.currentEpoch() + 1));
            seedPresent();
            (epoch, phase) = settling();
            setMannersOf(epoch, seed);
            fixEvidence(epoch);
        } else if (phase == Phase.Commit) {
            commitAll(epoch);
            warpTo(epoch, Phase.Open);
        } else if (phase == Phase.Open) {
            if (seed % 3 != 0) keep(seed >> 8);
            if (seed % 5 != 0) keep((seed >> 8) + 1);
            warpTo(epoch, Phase.Reveal);
        } else if (phase == Phase.Reveal) {
            for (uint32 cohort; cohort < COHORTS; ++cohort) {
                revealHonest(epoch, cohort);
            }
            warpTo(epoch, Phase.Finalize);
        } else if (phase == Phase.Finalize) {
            if (seed % 3 != 0) keep(seed >> 8);
            if (seed % 7 < 3) tryVoid(uint32(seed % 7) % 2);
            // Of the seeds that were not there at once, half come late.
            if (seed % 2 == 0) seedPresent();
            warpTo(epoch, Phase.Pay);
        } else {
            if (seed % 2 == 0) reportUnanswered(uint32(seed >> 8) % 2);
            vm.warp(consensus.epochStart(epoch + 2));
            // One epoch in eight finds no keeper at its seed.
            if (seed % 8 != 0) seedPresent();
            setMannersOf(epoch + 1, seed);
            fixEvidence(epoch + 1);
        }
    }

    function passAgain(uint256 seed) external onItsClock {
        passPhase(seed);
    }

    function passOnceMore(uint256 seed) external onItsClock {
        passPhase(seed);
    }

    /// @notice Nobody is there for up to three years (invariant 26). Not while an honest commitment waits to be opened.
    function sleep(uint256 seed) external onItsClock {
        (uint64 epoch, Phase phase) = settling();
        if (phase != Phase.Pay || seed % 4 != 0) return;
        uint64 epochs = uint64(seed >> 8) % (seed & 16 == 0 ? 8 : 5_000_000) + 2;
        vm.warp(consensus.epochStart(epoch + 1 + epochs));
        vm.roll(block.number + 20_000);
        setMannersOf(epoch + epochs, seed);
        fixEvidence(epoch + epochs);
    }

    // --- devices

    function register(uint256 seed) external onItsClock {
        if (registryPaused) return;
        string memory name = seed % 2 == 0 ? deviceNames[(seed >> 8) % deviceNames.length] : string.concat("new-", vm.toString(seed >> 8));
        bytes32 id = registry.deviceIdOf(makeAddr(name), keccak256(bytes(name)));
        if (registry.payoutOf(id) != address(0)) {
            vm.expectPartialRevert(IDeviceRegistry.NotPayout.selector);
            vm.prank(makeAddr(name));
            registry.register(keccak256(bytes(name)), makeAddr("thief"), "record", "certificate", 0);
        }
        bool known = registry.isRegistered(id);
        if (!known && deviceIds.length > 40) return;
        if (known && registry.getDevice(id).until != type(uint32).max) return;
        uint32 generation = known ? registry.generationAt(id, consensus.currentEpoch()) : 0;
        registerDevice(name);
        assertEq(registry.generationAt(id, consensus.currentEpoch()), generation, "22: the present epoch keeps its generation");
        if (known) {
            deviceIds.pop();
        } else {
            ghostDeposits += DEPOSIT;
            if (seed % 2 == 1) deviceNames.push(name);
        }
    }

    function depart(uint256 seed) external onItsClock {
        bytes32 id = deviceIds[seed % deviceIds.length];
        if (!registry.isRegistered(id)) return;
        Device memory device = registry.getDevice(id);
        if (device.until == type(uint32).max) {
            if (seed >> 8 & 3 != 0) return;
            vm.prank(device.payout);
            registry.requestExit(id);
            ghostLastEpoch[id] = device.since > consensus.currentEpoch() ? 0 : consensus.currentEpoch() + 1;
            return;
        }
        uint64 last = ghostLastEpoch[id];
        // Left before it counted: free once the epoch has passed in which it did so.
        bool free = last == 0
            ? consensus.currentEpoch() >= device.since
            : (isAudited(last - 1) && isPaid(last - 1, device.lane / 64, device.lane % 64 + 1));
        try registry.withdrawDeposit(id) {
            assertTrue(free, "28: a deposit left before its last epoch was audited and its lane paid");
            ghostDeposits -= DEPOSIT;
            ++depositsReturned;
        } catch {
            assertFalse(free, "a deposit that is free must leave");
        }
    }

    // --- seats

    function changeSeats(uint256 seed) external onItsClock {
        address who = wild(seed);
        uint16 held = seats.checker(who).seats;
        uint256 unbonding = seats.checker(who).unbonding;
        uint256 kind = seed >> 8 & 3;
        if (kind == 0 && held < 6 && !seats.checker(who).jailed && !registryPaused) {
            uint256 before = seats.checker(who).bond;
            vm.prank(who);
            seats.addSeats(1);
            ghostBonds += seats.checker(who).bond - before;
        } else if (kind == 1 && held > 0) {
            vm.prank(payoutOf(who));
            seats.unbond(who, uint16(1 + (seed >> 16) % held));
            Checker memory left = seats.checker(who);
            bool covered = left.bond >= left.seats * SEAT_BOND || left.unbonding == unbonding;
            assertTrue(covered, "28: a bond left a seat that stays");
            ghostLastFrozen[who] = consensus.currentEpoch() + 1;
        } else if (seats.checker(who).unbonding != 0) {
            uint256 amount = seats.checker(who).unbonding;
            bool free = isAudited(ghostLastFrozen[who]);
            try seats.withdrawBond(who) {
                assertTrue(free, "28: a bond left before the last epoch it was frozen in was audited");
                ghostBonds -= amount;
                ++bondsReturned;
            } catch {
                assertFalse(free, "a bond that is free must leave");
            }
        }
    }

    /// @notice An unanswered audit is reported, whoever has strikes enough is jailed, whoever sat is out again.
    function punish(uint256 seed) external onItsClock {
        address who = wild(seed);
        reportUnanswered(uint32(seed >> 8) % 2);
        try seats.jail(who) {
            ++jailings;
        } catch {}
        vm.prank(who);
        try seats.unjail() {} catch {}
    }

    // --- resolving

    function finalize(uint256 seed) external onItsClock {
        keep(seed);
    }

    /// @dev One call of a keeper.
    function keep(uint256 seed) private {
        (uint64 epoch, Phase phase) = settling();
        uint32 cohort = uint32(seed) % 2;
        if (phase < Phase.Open || phase == Phase.Reveal || !isOpenCohort(epoch, cohort)) return;
        if (phase == Phase.Pay && LibBit.popCount(consensus.revealedSeats(epoch, cohort)) < 3) return;
        noteCaps(epoch);
        address[5] memory committee = consensus.seatsOf(epoch, cohort);
        (bool possible, uint256 mask, uint256 count) = neededSeats(epoch, cohort, committee);
        if (!possible) return;
        Opening[] memory openings = openingsOf(epoch, cohort, committee, mask, count);
        uint256[64] memory standings = standingsOf(cohort);
        if (count > 0 && seed >> 8 & 1 == 1) {
            // A keeper that drops an opening is refused.
            Opening[] memory fewer = openingsOf(epoch, cohort, committee, mask & mask - 1, count - 1);
            vm.expectPartialRevert(IEpochReports.WrongSeats.selector);
            consensus.finalize(epoch, cohort, fewer);
        }
        uint256 fined = token.balanceOf(treasury);
        vm.prank(keeper);
        consensus.finalize(epoch, cohort, openings);
        ghostBonds -= token.balanceOf(treasury) - fined;
        noteResolved(epoch, cohort);
        vm.expectPartialRevert(IEpochReports.CohortResolved.selector);
        consensus.finalize(epoch, cohort, openings);
        checkCredits(epoch, cohort, committee, standings);
    }

    function revealWild(uint256 seed) external onItsClock {
        (uint64 epoch, Phase phase) = settling();
        uint32 cohort = uint32(seed) % 2;
        if (phase != Phase.Reveal || !isOpenCohort(epoch, cohort)) return;
        address[5] memory committee = consensus.seatsOf(epoch, cohort);
        for (uint256 i; i < 5; ++i) {
            if (isHonest[committee[i]] || consensus.commitmentOf(epoch, committee[i]) == 0) continue;
            Manner manner = mannerOf[epoch][committee[i]];
            if (manner == Manner.Silent) continue;
            Opening[] memory openings = openingsOf(epoch, cohort, committee, 1 << i, 1);
            if (manner == Manner.GarbageRoot) vm.expectPartialRevert(IEpochReports.ProofInvalid.selector);
            else if (!isWellFormed(manner)) vm.expectPartialRevert(IEpochReports.OpeningMalformed.selector);
            consensus.reveal(epoch, cohort, openings);
        }
    }

    function voidCohort(uint256 seed) external onItsClock {
        tryVoid(uint32(seed) % 2);
    }

    function tryVoid(uint32 cohort) private {
        (uint64 epoch, Phase phase) = settling();
        if (phase < Phase.Open || !isOpenCohort(epoch, cohort)) return;
        noteCaps(epoch);
        uint256[64] memory standings = standingsOf(cohort);
        uint256 fined = token.balanceOf(treasury);
        try consensus.voidCohort(epoch, cohort) {
            ghostBonds -= token.balanceOf(treasury) - fined;
            noteResolved(epoch, cohort);
            vm.expectPartialRevert(IEpochReports.CohortResolved.selector);
            consensus.voidCohort(epoch, cohort);
            assertEq(keccak256(abi.encode(standings)), keccak256(abi.encode(standingsOf(cohort))), "19: void moves no standing");
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), IEpochReports.QuorumPossible.selector);
        }
    }

    // --- money

    function pay(uint256 seed) external onItsClock {
        uint64 now_ = consensus.currentEpoch();
        uint64 epoch = now_ - uint64(seed % 6 < now_ ? seed % 6 : now_);
        if (!consensus.isPayable(epoch)) return;
        uint32 cohort = uint32(seed >> 8) % 2;
        if (epoch < firstPaidEpoch) {
            vm.expectRevert(abi.encodeWithSelector(IRewardVault.UnpaidEpoch.selector, epoch));
            if (seed >> 16 & 3 == 0) vault.payCheckers(epoch, cohort);
            else vault.payCohort(epoch, cohort, uint8(seed >> 24) % 65);
            return;
        }
        uint256 before = token.balanceOf(address(vault));
        if (seed >> 16 & 3 == 0) vault.payCheckers(epoch, cohort);
        else if (seed >> 16 & 3 == 1 && vault.moneyOf(epoch).opened && !vault.moneyOf(epoch).closed) vault.payKeeper(epoch, keeper);
        else vault.payCohort(epoch, cohort, uint8(seed >> 24) % 65);
        uint256 delivered = before - token.balanceOf(address(vault));
        if (ghostPaid[epoch] == 0 && delivered != 0) paidEpochs.push(epoch);
        ghostPaid[epoch] += delivered;
    }

    function close(uint256 seed) external onItsClock {
        uint64 now_ = consensus.currentEpoch();
        uint64 epoch = now_ - uint64(seed % 8 < now_ ? seed % 8 : now_);
        if (!vault.moneyOf(epoch).opened || vault.moneyOf(epoch).closed || !isSettled(epoch)) return;
        vault.closeEpoch(epoch);
    }

    function fund(uint256 seed) external onItsClock {
        vault.fund(1 + seed % 1_000 ether);
    }

    /// @notice Bits of the consensus would stop time for the honest; all others are tried, and must stop no payment (invariant 20).
    function pause(uint256 seed) external onItsClock {
        if (seed % 16 != 0 || registryPaused) return;
        registryPaused = true;
        vm.startPrank(guardian);
        for (uint256 bit; bit < 4; ++bit) {
            IGoverned(address(vault)).pause(bit);
            IGoverned(address(registry)).pause(bit);
            IGoverned(address(seats)).pause(bit);
        }
        vm.stopPrank();
    }

    // --- views for the invariants

    function toItsTime() external onItsClock {}

    function theToken() external view returns (IKaisarToken) {
        return token;
    }

    function theVault() external view returns (IRewardVault) {
        return vault;
    }

    function theSeats() external view returns (ICheckerSeats) {
        return seats;
    }

    function theRegistry() external view returns (IDeviceRegistry) {
        return registry;
    }

    function theConsensus() external view returns (IEpochConsensus) {
        return consensus;
    }

    function resolvedCount() external view returns (uint256) {
        return resolved.length;
    }


    /// @notice Whether a resolution was tried: a reveal alone fixes the totals too, and moves nothing.
    function isCounted(uint64 epoch) external view returns (bool) {
        return ghostCaps[epoch] != 0;
    }

    function paidEpochCount() external view returns (uint256) {
        return paidEpochs.length;
    }

    /// @notice The sum of caps that {EpochTotals.openCaps} must be, lane by lane.
    function openCapsOf(uint64 epoch) external view returns (uint256 sum) {
        for (uint32 cohort; cohort < COHORTS; ++cohort) {
            sum += ghostUncredited[epoch][cohort];
            if (consensus.cohortRecord(epoch, cohort).state == CohortState.Final) continue;
            uint64 members = registry.occupancy(epoch, cohort);
            for (uint32 lane; lane < 64; ++lane) {
                if (members >> lane & 1 == 0) continue;
                uint256 standing = consensus.standingAtLane(64 * cohort + lane);
                sum += capOf(epoch, standing);
            }
        }
    }

    function honestStrikes() external view returns (uint256 sum) {
        for (uint256 i; i < HONEST; ++i) {
            sum += seats.checker(operators[i]).strikes;
        }
    }
}
