// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Device, IDeviceRegistry, Registration, SignedRegistration} from "../../src/interfaces/IDeviceRegistry.sol";
import {IGoverned, IGovernedReports} from "../../src/interfaces/IGoverned.sol";
import {SignedTypes} from "../../src/libraries/SignedTypes.sol";
import {Fixture} from "../support/Fixture.sol";

/// @title An operator consents, somebody else pays: what a consent allows, and what nobody gets out of one
contract ConsentTest is Fixture {
    address private payer = makeAddr("payer");
    address private wallet = makeAddr("wallet");

    function setUp() public {
        deployAll();
        token.transfer(payer, 100 * DEPOSIT);
        vm.prank(payer);
        token.approve(address(registry), type(uint256).max);
    }

    function test_payerPaysAndTheOperatorNeedsNothing() public {
        SignedRegistration[] memory many = consents(3);
        many[2] = signed(consentOf("host-0", "second card"));
        vm.prank(payer);
        registry.registerMany(many);
        for (uint256 i; i < 3; ++i) {
            Registration memory consent = many[i].registration;
            Device memory device = registry.getDevice(registry.deviceIdOf(consent.operator, consent.localId));
            assertEq(device.operator, consent.operator);
            assertEq(device.payout, wallet);
            assertEq(device.lane, i);
            assertEq(device.generation, 1);
            assertEq(device.deposit, DEPOSIT);
            assertEq(device.record.deviceHash, consent.deviceHash);
            assertEq(device.record.certificateHash, consent.certificateHash);
            assertEq(consent.operator.balance + token.balanceOf(consent.operator), 0);
        }
        assertEq(token.balanceOf(payer), 97 * DEPOSIT);
        assertEq(token.balanceOf(address(registry)), 3 * DEPOSIT);
    }

    /// @dev What the payer gets for the deposit is nothing: payout wallet and operator alone decide, and the deposit goes to the wallet.
    function test_payerHasNoRightToTheDevice() public {
        SignedRegistration memory consent = signed(consentOf("host", "card"));
        vm.startPrank(payer);
        bytes32 id = registry.registerSigned(consent.registration, consent.signature);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, payer, wallet));
        registry.setPayout(id, payer);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotOperatorOrPayout.selector, payer));
        registry.requestExit(id);
        vm.stopPrank();
        vm.prank(wallet);
        registry.requestExit(id);
        registry.withdrawDeposit(id);
        assertEq(token.balanceOf(wallet), DEPOSIT);
    }

    /// @dev Who copies the payer's transaction, or finds the file of a host, can neither use it nor stand in its way.
    function test_strangerCannotUseAConsent() public {
        SignedRegistration[] memory many = consents(2);
        address stranger = makeAddr("stranger");
        token.transfer(stranger, 10 * DEPOSIT);
        vm.startPrank(stranger);
        token.approve(address(registry), type(uint256).max);
        bytes memory reason = abi.encodeWithSelector(IDeviceRegistry.NotPayer.selector, stranger, payer);
        vm.expectRevert(reason);
        registry.registerSigned(many[1].registration, many[1].signature);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.RegistrationRefused.selector, 0, reason));
        registry.registerMany(many);
        vm.stopPrank();
        vm.prank(payer);
        registry.registerMany(many);
    }

    /// @dev Each field is signed: another payout, payer, card or identity makes it somebody else's signature.
    function test_nothingInAConsentCanBeChanged() public {
        Registration memory original = consentOf("host", "card");
        bytes memory signature = signed(original).signature;
        for (uint256 field; field < 7; ++field) {
            Registration memory changed = consentOf("host", "card");
            if (field == 0) changed.operator = makeAddr("other operator");
            if (field == 1) changed.payer = makeAddr("other payer");
            if (field == 2) changed.localId = keccak256("other card");
            if (field == 3) changed.payout = payer;
            if (field == 4) changed.deviceHash = "other device";
            if (field == 5) changed.certificateHash = "other certificate";
            if (field == 6) changed.attestedIdentity = "other identity";
            vm.startPrank(changed.payer);
            vm.expectPartialRevert(IDeviceRegistry.WrongSigner.selector);
            registry.registerSigned(changed, signature);
            vm.stopPrank();
        }
        vm.prank(payer);
        registry.registerSigned(original, signature);
    }

    /// @dev A signature that recovers to nobody is not that of the operator zero.
    function test_noSignatureIsNobodys() public {
        Registration memory consent = consentOf("host", "card");
        vm.startPrank(payer);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.WrongSigner.selector, address(0), consent.operator));
        registry.registerSigned(consent, "");
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.WrongSigner.selector, address(0), consent.operator));
        registry.registerSigned(consent, new bytes(65));
        consent.operator = address(0);
        vm.expectRevert(IGovernedReports.ZeroAddress.selector);
        registry.registerSigned(consent, new bytes(65));
        vm.stopPrank();
    }

    function test_aConsentHoldsOnce() public {
        SignedRegistration memory consent = signed(consentOf("host", "card"));
        bytes32 id = registry.deviceIdOf(consent.registration.operator, consent.registration.localId);
        vm.startPrank(payer);
        registry.registerSigned(consent.registration, consent.signature);
        bytes memory taken = abi.encodeWithSelector(IDeviceRegistry.GenerationTaken.selector, id, 1, 2);
        vm.expectRevert(taken);
        registry.registerSigned(consent.registration, consent.signature);
        vm.stopPrank();
        // Nor after the device has left and its deposit is back.
        vm.prank(wallet);
        registry.requestExit(id);
        registry.withdrawDeposit(id);
        vm.startPrank(payer);
        vm.expectRevert(taken);
        registry.registerSigned(consent.registration, consent.signature);
        // One for a generation that is not next yet is none.
        consent.registration.generation = 3;
        consent = signed(consent.registration);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.GenerationTaken.selector, id, 3, 2));
        registry.registerSigned(consent.registration, consent.signature);
        vm.stopPrank();
    }

    function test_theSameConsentTwiceInOneCallIsRefusedWhole() public {
        SignedRegistration[] memory many = consents(3);
        many[2] = many[0];
        bytes32 id = registry.deviceIdOf(many[0].registration.operator, many[0].registration.localId);
        bytes memory taken = abi.encodeWithSelector(IDeviceRegistry.GenerationTaken.selector, id, 1, 2);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.RegistrationRefused.selector, 2, taken));
        registry.registerMany(many);
        assertEq(registry.laneCount(), 0);
        assertEq(token.balanceOf(payer), 100 * DEPOSIT);
    }

    /// @dev The signature is for one chain and one network on it.
    function test_aConsentOfAnotherChainOrNetworkIsNone() public {
        SignedRegistration memory consent = signed(consentOf("host", "card"));
        uint256 chainId = block.chainid;
        vm.chainId(chainId + 1);
        vm.startPrank(payer);
        vm.expectPartialRevert(IDeviceRegistry.WrongSigner.selector);
        registry.registerSigned(consent.registration, consent.signature);
        vm.stopPrank();
        vm.chainId(chainId);
        deployAll();
        vm.startPrank(payer);
        vm.expectPartialRevert(IDeviceRegistry.WrongSigner.selector);
        registry.registerSigned(consent.registration, consent.signature);
        vm.stopPrank();
    }

    function test_everyRefusalNamesItsPlace() public {
        SignedRegistration[] memory many = consents(3);
        many[1].registration.deviceHash = 0;
        many[1] = signed(many[1].registration);
        refused(many, 1, abi.encodeWithSelector(IDeviceRegistry.EmptyRecord.selector));

        many = consents(2);
        many[1].registration.payout = address(0);
        many[1] = signed(many[1].registration);
        refused(many, 1, abi.encodeWithSelector(IGovernedReports.ZeroAddress.selector));

        many = consents(2);
        vm.prank(payer);
        token.approve(address(registry), DEPOSIT);
        refused(many, 1, abi.encodeWithSelector(IDeviceRegistry.TransferFailed.selector));
        vm.prank(payer);
        token.approve(address(registry), type(uint256).max);
        vm.prank(payer);
        token.transfer(address(this), 99 * DEPOSIT);
        refused(many, 1, abi.encodeWithSelector(IDeviceRegistry.TransferFailed.selector));

        vm.prank(guardian);
        IGoverned(address(registry)).pause(0);
        refused(many, 0, abi.encodeWithSelector(IGovernedReports.Paused.selector, 0, block.timestamp + 7 days));
    }

    /// @dev A new card or certificate of a device that is in: a generation more, without a deposit, and for its own wallet alone.
    function test_aRenewalTakesNoDepositAndKeepsTheWallet() public {
        SignedRegistration memory consent = signed(consentOf("host", "card"));
        vm.startPrank(payer);
        bytes32 id = registry.registerSigned(consent.registration, consent.signature);
        consent.registration.generation = 2;
        consent.registration.certificateHash = "renewed";
        Registration memory stolen = abi.decode(abi.encode(consent.registration), (Registration));
        stolen.payout = payer;
        SignedRegistration memory theft = signed(stolen);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.NotPayout.selector, payer, wallet));
        registry.registerSigned(theft.registration, theft.signature);
        consent = signed(consent.registration);
        registry.registerSigned(consent.registration, consent.signature);
        vm.stopPrank();
        assertEq(registry.getDevice(id).generation, 2);
        assertEq(registry.getDevice(id).record.certificateHash, bytes32("renewed"));
        assertEq(token.balanceOf(payer), 99 * DEPOSIT);
    }

    function refused(SignedRegistration[] memory many, uint256 index, bytes memory reason) private {
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(IDeviceRegistry.RegistrationRefused.selector, index, reason));
        registry.registerMany(many);
        assertEq(registry.laneCount(), 0, "all or none");
    }

    function consents(uint256 count) private returns (SignedRegistration[] memory many) {
        many = new SignedRegistration[](count);
        for (uint256 i; i < count; ++i) many[i] = signed(consentOf(string.concat("host-", vm.toString(i)), "card"));
    }

    function consentOf(string memory host, string memory card) private returns (Registration memory) {
        (address operator, uint256 key) = makeAddrAndKey(host);
        keyOf[operator] = key;
        return Registration(operator, payer, keccak256(bytes(card)), wallet, 1, "device", "certificate", 0);
    }

    function signed(Registration memory consent) private view returns (SignedRegistration memory) {
        bytes32 structHash = keccak256(abi.encode(SignedTypes.REGISTRATION_TYPEHASH, consent));
        bytes32 digest = keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[consent.operator], digest);
        return SignedRegistration(consent, abi.encodePacked(r, s, v));
    }
}
