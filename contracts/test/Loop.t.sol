// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CohortState, Phase} from "../src/interfaces/IEpochConsensus.sol";
import {Fixture} from "./support/Fixture.sol";

/// @title The whole loop: register, bond, start, two epochs judged and paid
contract LoopTest is Fixture {
    function setUp() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(2);
        startEpochs();
    }

    function test_twoEpochsArePaidToPayoutWallets() public {
        for (uint64 epoch; epoch < 2; ++epoch) {
            settleHonestly(epoch, uniformClaim(2, 3000, 10_000));
            assertEq(uint256(consensus.cohortState(epoch, 0)), uint256(CohortState.Final));
            assertTrue(consensus.isPayable(epoch));
            uint256 before = token.balanceOf(payoutOf(makeAddr("device-0")));
            vault.payCohort(epoch, 0, 64);
            vault.payCheckers(epoch, 0);
            uint256 paid = token.balanceOf(payoutOf(makeAddr("device-0"))) - before;
            assertEq(paid, 375 ether, "half of the device pool");
            assertEq(token.balanceOf(payoutOf(operators[0])), (epoch + 1) * 40 ether, "a fifth of the checker pool");
            warpTo(epoch, Phase.Finalize);
            rollSeed(epoch + 2);
        }
        vm.warp(consensus.epochStart(4));
        (bool any, uint64 settled) = consensus.settledThrough();
        assertTrue(any);
        assertEq(settled, 1);
    }
}
