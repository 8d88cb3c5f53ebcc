// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckerSeats} from "../../src/interfaces/ICheckerSeats.sol";
import {IEpochConsensus} from "../../src/interfaces/IEpochConsensus.sol";
import {IKaisarToken} from "../../src/interfaces/IKaisarToken.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title A Checker that is a contract: it moves its seats in the very transactions that pin and roll a seed
contract Grinder {
    ICheckerSeats private immutable seats;
    IEpochConsensus private immutable consensus;

    constructor(IKaisarToken token, ICheckerSeats seats_, IEpochConsensus consensus_) {
        (seats, consensus) = (seats_, consensus_);
        token.approve(address(seats_), type(uint256).max);
    }

    function bond(uint16 count) public {
        seats.bond(address(this), count, "wss://grinder.example", "hash");
    }

    function pin(uint64 epoch, int256 before, int256 later) external {
        _move(before);
        consensus.pin(epoch);
        _move(later);
    }

    function roll(uint64 epoch, int256 before, int256 later) external {
        _move(before);
        consensus.roll(epoch);
        _move(later);
    }

    function _move(int256 by) private {
        if (seats.checker(address(this)).index == 0) bond(4);
        if (by > 0) seats.addSeats(uint16(uint256(by)));
        else if (by < 0) seats.unbond(address(this), uint16(uint256(-by)));
    }
}

/// @title Whoever rolls a seed chooses nothing by it
contract GrindingTest is Fixture {
    Grinder private known;
    Grinder private stranger;

    function setUp() public {
        deployAll();
        bondCheckers(5, 2);
        registerDevices(2);
        known = new Grinder(token, seats, consensus);
        stranger = new Grinder(token, seats, consensus);
        token.transfer(address(known), 100 * SEAT_BOND);
        token.transfer(address(stranger), 100 * SEAT_BOND);
        known.bond(8);
        startEpochs();
        vm.warp(consensus.epochStart(2));
    }

    /// @dev Seats bonded, added and removed around `pin` and around `roll`, before and after, by an old owner or a new one: the committees of
    /// the present epoch are drawn as if nothing had moved. The moves count from the epoch after the next. Each run is
    /// about 4 ms.
    /// forge-config: default.fuzz.runs = 100
    /// forge-config: deep.fuzz.runs = 1000
    function testFuzz_seatsMovedWhileRollingMoveNoDraw(int8[4] memory moves, bool isNew) public {
        Grinder grinder = isNew ? stranger : known;
        int256 sum;
        for (uint256 i; i < 4; ++i) {
            sum += moves[i] = int8(bound(moves[i], -1, 2));
        }
        uint256 snapshot = vm.snapshotState();
        consensus.pin(2);
        vm.roll(block.number + 2);
        consensus.roll(2);
        (bytes32 plain, uint256 seatsAfter) = (_draws(), seats.seatCount(4));
        assertTrue(vm.revertToState(snapshot));
        grinder.pin(2, moves[0], moves[1]);
        vm.roll(block.number + 2);
        grinder.roll(2, moves[2], moves[3]);
        assertEq(_draws(), plain);
        assertEq(int256(uint256(seats.seatCount(4))), int256(seatsAfter) + sum + (isNew ? int256(4) : int256(0)));
    }

    function _draws() private view returns (bytes32 digest) {
        for (uint32 cohort; cohort < 8; ++cohort) {
            digest = keccak256(abi.encode(digest, consensus.seatsOf(2, cohort)));
        }
    }
}
