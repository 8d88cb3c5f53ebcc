// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title A fake that names a genuine card's identity, in a cohort that its owner captured
contract IdentityTest is Fixture {
    bytes32 private constant CARD = keccak256("a genuine card");
    bytes32 private genuine;
    bytes32 private fake;

    function setUp() public {
        deployAll();
        bondCheckers(5, 1);
        genuine = registerDevice("genuine", CARD);
    }

    /// @dev Credited in the same epoch, claimed first: who named the identity first takes it back.
    function test_whoNamedTheIdentityFirstTakesItBack() public {
        fake = registerDevice("fake", CARD);
        startEpochs();
        settleHonestly(0, uniformClaim(2, 3000, 10_000));
        registry.claimIdentity(fake);
        assertEq(registry.identityOwner(CARD), fake);
        registry.claimIdentity(genuine);
        assertEq(registry.identityOwner(CARD), genuine);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityTaken.selector, CARD, genuine));
        registry.claimIdentity(fake);
        // It may renew with it again.
        registerDevice("genuine", CARD);
    }

    /// @dev The older credit has it, whoever claims first.
    function test_theOlderCreditTakesItBack() public {
        fake = registerDevice("fake", CARD);
        startEpochs();
        Claim memory claim = uniformClaim(2, 3000, 10_000);
        claim.flags[0] = 8; // the genuine one is offline in epoch 0
        settleHonestly(0, claim);
        warpTo(0, Phase.Finalize);
        rollSeed(2);
        // Its first credit is held where others have a standing: the second one, of epoch 2, confirms it.
        settleHonestly(1, uniformClaim(2, 3000, 10_000));
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityUnconfirmed.selector, genuine));
        registry.claimIdentity(genuine);
        warpTo(1, Phase.Finalize);
        rollSeed(3);
        settleHonestly(2, uniformClaim(2, 3000, 10_000));
        registry.claimIdentity(genuine);
        assertEq(registry.identityOwner(CARD), genuine);
        registry.claimIdentity(fake);
        assertEq(registry.identityOwner(CARD), fake);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.IdentityTaken.selector, CARD, fake));
        registry.claimIdentity(genuine);
    }
}
