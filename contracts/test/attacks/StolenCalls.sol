// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICheckerSeats, Receipt as SeatReceipt, StrikeReason} from "../../src/interfaces/ICheckerSeats.sol";
import {Commitment, IDeviceRegistry, Registration, SignedRegistration} from "../../src/interfaces/IDeviceRegistry.sol";
import {Evidence, IEpochCore, IEpochExtension, Opening} from "../../src/interfaces/IEpochConsensus.sol";
import {IGoverned} from "../../src/interfaces/IGoverned.sol";
import {IKaisarToken, IKaisarTokenOwn} from "../../src/interfaces/IKaisarToken.sol";
import {IOperatorSessions} from "../../src/interfaces/IOperatorSessions.sol";
import {IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {SignedTypes} from "../../src/libraries/SignedTypes.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title Every function that writes, as the thief of an operator key would call it
/// @notice Wherever a wallet can be named, it is the thief's. `test/unit/chain/stolen-calls.test.ts` compares the rows with the ABIs, so a new
/// function cannot be forgotten here.
abstract contract StolenCalls is Fixture {
    struct Call {
        address target;
        bytes data;
    }

    struct Calls {
        Call[] rows;
        uint256 count;
    }

    address internal thief = makeAddr("thief");
    address internal key = makeAddr("victim");
    bytes32 internal id;

    /// @dev As of now: most arguments name the epoch that is being settled.
    function stolenCalls() internal view returns (Calls memory calls) {
        calls.rows = new Call[](100);
        uint64 present = consensus.currentEpoch();
        uint64 epoch = present == 0 ? 0 : present - 1;
        _tokenCalls(calls, address(token));
        _registryCalls(calls, address(registry), epoch);
        _seatsCalls(calls, address(seats), epoch);
        _consensusCalls(calls, address(consensus), epoch);
        _vaultCalls(calls, address(vault), epoch);
    }

    /// @dev What the thief says of every lane.
    function greedyWords() internal pure returns (uint256[10][] memory) {
        return one(pack(uniformClaim(64, 0x7000, 10_000)));
    }

    function _tokenCalls(Calls memory calls, address target) private view {
        (address[] memory payees, uint256[] memory amounts) = (new address[](1), new uint256[](1));
        (payees[0], amounts[0]) = (thief, DEPOSIT);
        _row(calls, target, abi.encodeCall(IKaisarToken.transfer, (thief, DEPOSIT)));
        _row(calls, target, abi.encodeCall(IKaisarToken.transferFrom, (payoutOf(key), thief, 1)));
        _row(calls, target, abi.encodeCall(IKaisarToken.transferFrom, (address(registry), thief, 1)));
        _row(calls, target, abi.encodeCall(IKaisarTokenOwn.transferMany, (payees, amounts)));
        _row(calls, target, abi.encodeCall(IKaisarToken.approve, (thief, type(uint256).max)));
        bytes32 permit = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 message = keccak256(abi.encode(permit, key, thief, DEPOSIT, token.nonces(key), type(uint256).max));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(keyOf[key], keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), message)));
        _row(calls, target, abi.encodeCall(IKaisarToken.permit, (key, thief, DEPOSIT, type(uint256).max, v, r, s)));
    }

    function _registryCalls(Calls memory calls, address target, uint64 epoch) private view {
        _row(calls, target, abi.encodeCall(IDeviceRegistry.register, (keccak256("victim"), thief, "record", "certificate", 0)));
        _row(calls, target, abi.encodeCall(IDeviceRegistry.register, (keccak256("victim"), payoutOf(key), "record", "certificate", 0)));
        _row(calls, target, abi.encodeCall(IDeviceRegistry.register, ("another", thief, "record", "certificate", 0)));
        uint32 next = 1;
        while (registry.recordOf(id, next).deviceHash != 0) ++next;
        Registration memory consent = Registration(key, key, keccak256("victim"), thief, next, "record", "certificate", 0);
        bytes memory consented = _sign(keccak256(abi.encode(SignedTypes.REGISTRATION_TYPEHASH, consent)));
        _row(calls, target, abi.encodeCall(IDeviceRegistry.registerSigned, (consent, consented)));
        SignedRegistration[] memory many = new SignedRegistration[](1);
        many[0] = SignedRegistration(consent, consented);
        _row(calls, target, abi.encodeCall(IDeviceRegistry.registerMany, (many)));
        _row(calls, target, abi.encodeCall(IDeviceRegistry.setPayout, (id, thief)));
        _row(calls, target, abi.encodeCall(IDeviceRegistry.requestExit, (id)));
        _row(calls, target, abi.encodeCall(IDeviceRegistry.delist, (id)));
        _row(calls, target, abi.encodeCall(IDeviceRegistry.withdrawDeposit, (id)));
        _row(calls, target, abi.encodeCall(IDeviceRegistry.claimIdentity, (id)));
        Commitment memory a = Commitment(epoch, "round", id, 1, "spec", 1, "root", "environment");
        Commitment memory b = Commitment(epoch, "round", id, 1, "spec", 2, "root", "environment");
        bytes memory signedA = _sign(keccak256(abi.encode(SignedTypes.COMMITMENT_TYPEHASH, a)));
        bytes memory signedB = _sign(keccak256(abi.encode(SignedTypes.COMMITMENT_TYPEHASH, b)));
        _row(calls, target, abi.encodeCall(IDeviceRegistry.slashEquivocation, (a, signedA, b, signedB)));
        _row(calls, target, abi.encodeCall(IOperatorSessions.claimSession, ("thief")));
        _governedCalls(calls, target);
    }

    function _seatsCalls(Calls memory calls, address target, uint64 epoch) private view {
        _row(calls, target, abi.encodeCall(ICheckerSeats.bond, (thief, 1, "wss://thief.example", "hash")));
        _row(calls, target, abi.encodeCall(ICheckerSeats.addSeats, (1)));
        _row(calls, target, abi.encodeCall(ICheckerSeats.setEndpoint, ("wss://thief.example", "hash")));
        _row(calls, target, abi.encodeCall(ICheckerSeats.setPayout, (key, thief)));
        _row(calls, target, abi.encodeCall(ICheckerSeats.unbond, (key, 1)));
        _row(calls, target, abi.encodeCall(ICheckerSeats.unbond, (key, 0)));
        _row(calls, target, abi.encodeCall(ICheckerSeats.withdrawBond, (key)));
        _row(calls, target, abi.encodeCall(ICheckerSeats.jail, (key)));
        _row(calls, target, abi.encodeCall(ICheckerSeats.unjail, ()));
        _row(calls, target, abi.encodeCall(ICheckerSeats.strike, (key, epoch, 0, StrikeReason.AuditUnanswered)));
        _row(calls, target, abi.encodeCall(ICheckerSeats.scheduleSeatRules, (defaultSeatRules())));
        SeatReceipt memory receipt = SeatReceipt(epoch, 0, 0, id, 1, 1, 1, 15);
        bytes memory signature = _sign(keccak256(abi.encode(SignedTypes.RECEIPT_TYPEHASH, receipt)));
        Opening memory opening = openingOf(epoch, key, 0, 0, greedyWords());
        _row(calls, target, abi.encodeCall(ICheckerSeats.slashReceipt, (key, receipt, signature, opening)));
        _row(calls, target, abi.encodeCall(IOperatorSessions.claimSession, ("thief")));
        _governedCalls(calls, target);
    }

    function _consensusCalls(Calls memory calls, address target, uint64 epoch) private view {
        _row(calls, target, abi.encodeCall(IEpochCore.start, (uint64(block.timestamp + 100))));
        _row(calls, target, abi.encodeCall(IEpochCore.pin, (epoch + 1)));
        _row(calls, target, abi.encodeCall(IEpochCore.roll, (epoch + 1)));
        (bytes32 root,) = merkle(leavesOf(epoch, key, greedyWords()), 0);
        _row(calls, target, abi.encodeCall(IEpochCore.commit, (epoch, root)));
        Opening[] memory openings = new Opening[](1);
        openings[0] = openingOf(epoch, key, 0, _seatOf(epoch), greedyWords());
        _row(calls, target, abi.encodeCall(IEpochCore.finalize, (epoch, 0, openings)));
        _row(calls, target, abi.encodeCall(IEpochExtension.reveal, (epoch, 0, openings)));
        _row(calls, target, abi.encodeCall(IEpochCore.voidCohort, (epoch, 0)));
        Commitment memory none;
        _row(calls, target, abi.encodeCall(IEpochExtension.answerAudit, (epoch, 0, openings[0], new Evidence[](0), none, "")));
        _row(calls, target, abi.encodeCall(IEpochExtension.strikeUnanswered, (epoch, 0, 0)));
        _row(calls, target, abi.encodeCall(IEpochCore.joinLane, (0, id)));
        _row(calls, target, abi.encodeCall(IEpochCore.leaveLane, (0)));
        _row(calls, target, abi.encodeCall(IEpochCore.releaseLane, (0, id)));
        _row(calls, target, abi.encodeCall(IEpochCore.takeCredits, (epoch, 0, 64)));
        _row(calls, target, abi.encodeCall(IEpochCore.takeAgreements, (epoch, 0)));
        _row(calls, target, abi.encodeCall(IEpochCore.takeKeeperCalls, (epoch, key)));
        _row(calls, target, abi.encodeCall(IEpochCore.countErrand, (thief, 64)));
        _row(calls, target, abi.encodeCall(IEpochExtension.scheduleTimeline, (defaultTimeline())));
        _row(calls, target, abi.encodeCall(IEpochExtension.scheduleRoundRules, (defaultRounds())));
        _row(calls, target, abi.encodeCall(IEpochExtension.scheduleScoreRules, (defaultScores())));
        _governedCalls(calls, target);
    }

    function _vaultCalls(Calls memory calls, address target, uint64 epoch) private view {
        _row(calls, target, abi.encodeCall(IRewardVault.fund, (1)));
        _row(calls, target, abi.encodeCall(IRewardVault.payCohort, (epoch, 0, 64)));
        _row(calls, target, abi.encodeCall(IRewardVault.payCheckers, (epoch, 0)));
        _row(calls, target, abi.encodeCall(IRewardVault.payKeeper, (epoch, thief)));
        _row(calls, target, abi.encodeCall(IRewardVault.payKeeper, (epoch, key)));
        _row(calls, target, abi.encodeCall(IRewardVault.closeEpoch, (epoch == 0 ? 0 : epoch - 1)));
        _row(calls, target, abi.encodeCall(IRewardVault.withdraw, (thief)));
        _row(calls, target, abi.encodeCall(IRewardVault.withdraw, (payoutOf(key))));
        _row(calls, target, abi.encodeCall(IRewardVault.scheduleEmission, (defaultEmission())));
        _governedCalls(calls, target);
    }

    function _governedCalls(Calls memory calls, address target) private view {
        _row(calls, target, abi.encodeCall(IGoverned.offerOwnership, (thief)));
        _row(calls, target, abi.encodeCall(IGoverned.takeOwnership, ()));
        _row(calls, target, abi.encodeCall(IGoverned.setGuardian, (thief)));
        _row(calls, target, abi.encodeCall(IGoverned.pause, (0)));
    }

    function _row(Calls memory calls, address target, bytes memory data) private pure {
        calls.rows[calls.count++] = Call(target, data);
    }

    function _seatOf(uint64 epoch) private view returns (uint8) {
        if (consensus.seedOf(epoch) == 0) return 0;
        address[5] memory committee = consensus.seatsOf(epoch, 0);
        for (uint8 i; i < 5; ++i) {
            if (committee[i] == key) return i;
        }
        return 0;
    }

    function _sign(bytes32 message) private view returns (bytes memory) {
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), message));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[key], digest);
        return abi.encodePacked(r, s, v);
    }
}
