// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Registration, SignedRegistration} from "../src/interfaces/IDeviceRegistry.sol";
import {Opening, Phase} from "../src/interfaces/IEpochConsensus.sol";
import {SignedTypes} from "../src/libraries/SignedTypes.sol";
import {NaiveConsensus} from "./reference/NaiveConsensus.sol";
import {Fixture} from "./support/Fixture.sol";

/// @title Whole-transaction gas in the steady state, against ceilings, beside the naive scalar form
/// @notice Four full cohorts, five owners who serve all of them, six epochs before anything is measured, so that every slot that is reused
/// has been used. Measured at the depth that four cohorts have (2) and at that of 100,000 devices in 1,563 cohorts (11), which is the one that
/// has a ceiling. Values go to snapshots/gas.json, which is committed and reviewed as a diff; `npm run bench:gas` prints them.
contract GasTest is Fixture {
    uint64 private constant WARM_UP = 6;
    uint32 private constant COHORTS_100K = 1563;

    /// @dev Levels of the commitment trees above those of the four cohorts.
    uint256 private above;

    function test_gasCeilings() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(4 * 64);
        uint256 register = _note("register");
        startEpochs();
        for (uint64 epoch; epoch < WARM_UP; ++epoch) {
            _settle(epoch, "off");
            _roll(epoch + 2);
        }
        (, uint256 shallow,,) = _settle(WARM_UP, "Depth2");
        _roll(WARM_UP + 2);
        _deepen();
        (uint256 commit, uint256 finalize, uint256 pay, uint256 checkers) = _settle(WARM_UP + 1, "");
        (uint256 pin, uint256 roll) = _roll(WARM_UP + 3);
        uint256 withdraw = _withdraw();
        uint256 naive = _naive();

        assertLe(finalize, 385_000, "finalize");
        assertLe(pay, _ceiling(800_000, 840_000), "payCohort");
        assertLe(commit, 35_000, "commit");
        assertLe(roll, 120_000, "roll");
        assertLe(register, 220_000, "register");
        assertLe(withdraw, 60_000, "withdraw");

        // Five seats per cohort, each commitment serves four cohorts.
        uint256 perVerdict = (4 * finalize + 5 * commit) / (4 * 5 * 64);
        assertLe(perVerdict, _ceiling(1_300, 1_350), "consensus per verdict");
        assertGe(naive, 40 * perVerdict, "ratio");
        assertLe(pay / 64, _ceiling(12_500, 13_000), "pay per device");
        uint256 cohorts = COHORTS_100K;
        uint256 epochGas = cohorts * (finalize + pay + checkers) + cohorts * 5 * commit / 4 + pin + roll;
        vm.snapshotValue("gas", "pinGas", pin);
        vm.snapshotValue("gas", "consensusGasPerVerdict", perVerdict);
        vm.snapshotValue("gas", "consensusGasPerVerdictDepth2", (4 * shallow + 5 * commit) / (4 * 5 * 64));
        vm.snapshotValue("gas", "payGasPerDevice", pay / 64);
        vm.snapshotValue("gas", "naiveGasPerVerdict", naive);
        vm.snapshotValue("gas", "epochGas100kDevices", epochGas);
    }

    function test_firstCommitEver() public {
        deployAll();
        bondCheckers(5, 1);
        registerDevices(1);
        startEpochs();
        warpTo(0, Phase.Commit);
        vm.prank(operators[0]);
        consensus.commit(0, keccak256("root"));
        assertLe(_note("commitFirst"), 70_000);
    }

    /// @dev 50 hosts' devices by one payer, beside others of the same network: the transaction that `kaisar fleet enrol` sends.
    function test_registerMany() public {
        deployAll();
        registerDevices(64);
        address payer = makeAddr("payer");
        token.transfer(payer, 50 * DEPOSIT);
        SignedRegistration[] memory many = new SignedRegistration[](50);
        for (uint256 i; i < many.length; ++i) {
            (address operator, uint256 key) = makeAddrAndKey(string.concat("host-", vm.toString(i)));
            Registration memory consent = Registration(operator, payer, "card", payoutOf(payer), 1, "device", "cert", 0);
            bytes32 structHash = keccak256(abi.encode(SignedTypes.REGISTRATION_TYPEHASH, consent));
            bytes32 digest = keccak256(abi.encodePacked("\x19\x01", consensus.domainSeparator(), structHash));
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
            many[i] = SignedRegistration(consent, abi.encodePacked(r, s, v));
        }
        vm.startPrank(payer);
        token.approve(address(registry), 50 * DEPOSIT);
        registry.registerMany(many);
        vm.stopPrank();
        uint256 each = vm.lastCallGas().gasTotalUsed / many.length;
        vm.snapshotValue("gas", "registerManyGasPerDevice", each);
        // What it says beforehand that it costs at most; src/core/fleet/enrol-devices.ts.
        assertLe(each, 220_000, "registerMany, per device");
    }

    /// @dev Every device's rate moves every epoch, so that every word of standings and credits is rewritten.
    /// @param label Of what is noted; "off" where nothing is.
    function _settle(uint64 epoch, string memory label)
        private
        returns (uint256 commit, uint256 finalize, uint256 pay, uint256 checkers)
    {
        (commit, finalize) = _resolve(epoch, label);
        bool measured = keccak256(bytes(label)) != keccak256("off");
        for (uint32 cohort; cohort < 4; ++cohort) {
            vm.prank(keeper);
            vault.payCohort(epoch, cohort, 64);
            if (measured && cohort == 0) _note(string.concat("payCohortFirstOfEpoch", label));
            if (measured) pay = _note(string.concat("payCohort", label));
            vm.prank(keeper);
            vault.payCheckers(epoch, cohort);
            if (measured) checkers = _note(string.concat("payCheckers", label));
        }
    }

    function _resolve(uint64 epoch, string memory label) private returns (uint256 commit, uint256 finalize) {
        bool measured = keccak256(bytes(label)) != keccak256("off");
        Claim memory claim = uniformClaim(64, 0, 9_900);
        for (uint256 i; i < 64; ++i) {
            claim.rates[i] = uint16(6_000 + 13 * i + 7 * (epoch % 5));
        }
        uint256[10][] memory words = new uint256[10][](4);
        for (uint256 i; i < 4; ++i) {
            words[i] = pack(claim);
        }
        warpTo(epoch, Phase.Commit);
        for (uint256 i; i < 5; ++i) {
            _commitDeep(epoch, operators[i], words);
            if (measured) commit = _note(string.concat("commit", label));
        }
        warpTo(epoch, Phase.Open);
        for (uint32 cohort; cohort < 4; ++cohort) {
            Opening[] memory openings = openAll(epoch, cohort, words);
            for (uint256 i; i < 5; ++i) openings[i].proof = _extended(openings[i].proof);
            vm.prank(keeper);
            consensus.finalize(epoch, cohort, openings);
            if (measured && cohort == 0) _note(string.concat("finalizeFirstOfEpoch", label));
            if (measured) finalize = _note(string.concat("finalize", label));
        }
    }

    /// @dev As many lanes in the registry's books as 1,563 cohorts have; members stay.
    function _deepen() private {
        vm.record();
        registry.countsOf(WARM_UP + 1);
        (bytes32[] memory reads,) = vm.accesses(address(registry));
        uint256 word = uint256(vm.load(address(registry), reads[0]));
        uint256 lanes = uint256(COHORTS_100K * 64) << 32;
        uint256 others = ~(uint256(type(uint32).max) << 32 | uint256(type(uint32).max) << 96 | uint256(type(uint32).max) << 160);
        vm.store(address(registry), reads[0], bytes32(word & others | lanes | lanes << 64 | lanes << 128));
        above = 9;
        assertEq(consensus.commitmentDepth(WARM_UP + 1), 11);
    }

    function _extended(bytes32[] memory proof) private view returns (bytes32[] memory longer) {
        longer = new bytes32[](proof.length + above);
        for (uint256 i; i < longer.length; ++i) {
            longer[i] = i < proof.length ? proof[i] : keccak256(abi.encode("sibling", i));
        }
    }

    function _commitDeep(uint64 epoch, address operator, uint256[10][] memory words) private {
        (bytes32 node, bytes32[] memory proof) = merkle(leavesOf(epoch, operator, words), 0);
        bytes32[] memory longer = _extended(proof);
        for (uint256 i = proof.length; i < longer.length; ++i) node = keccak256(abi.encode(node, longer[i]));
        vm.prank(operator);
        consensus.commit(epoch, node);
    }

    function _roll(uint64 epoch) private returns (uint256 pin, uint256 roll) {
        vm.warp(consensus.epochStart(epoch));
        vm.startPrank(keeper);
        consensus.pin(epoch);
        pin = vm.lastCallGas().gasTotalUsed;
        vm.roll(block.number + 2);
        consensus.roll(epoch);
        roll = _note("roll");
        vm.stopPrank();
    }

    /// @dev A payment the token refused is owed; later the token delivers, to a wallet that has a balance.
    function _withdraw() private returns (uint256) {
        address payee = payoutOf(operators[0]);
        uint64 epoch = WARM_UP + 2;
        _resolve(epoch, "off");
        vm.mockCallRevert(address(token), abi.encodeWithSelector(token.transfer.selector, payee), "");
        vault.payCheckers(epoch, 0);
        vault.payCheckers(epoch, 1);
        vm.clearMockedCalls();
        assertGt(vault.owed(payee), 0);
        vault.withdraw(payee);
        return _note("withdraw");
    }

    /// @dev Five commits, five reveals and one median for one device, per verdict; the second round, so that its slots are in use too.
    function _naive() private returns (uint256 gas) {
        NaiveConsensus naive = new NaiveConsensus();
        bytes32 device = keccak256("device");
        address[5] memory committee;
        for (uint64 epoch = 1; epoch < 3; ++epoch) {
            gas = 0;
            for (uint256 i; i < 5; ++i) {
                committee[i] = operators[i];
                uint32 rate = uint32(1_000_000 + i + epoch);
                bytes32 hash = keccak256(abi.encode(operators[i], epoch, device, rate, uint16(9_900), uint8(15), bytes32("salt")));
                vm.prank(operators[i]);
                naive.commit(epoch, device, hash);
                gas += vm.lastCallGas().gasTotalUsed;
                vm.prank(operators[i]);
                naive.reveal(epoch, device, rate, 9_900, 15, "salt");
                gas += vm.lastCallGas().gasTotalUsed;
            }
            naive.finalize(epoch, device, committee);
            gas += vm.lastCallGas().gasTotalUsed;
        }
        gas /= 5;
    }

    function _note(string memory name) private returns (uint256 gas) {
        gas = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue("gas", string.concat(name, "Gas"), gas);
    }

    /// @dev The lock and the copies of London cost more, and its zeros a byte each.
    function _ceiling(uint256 prague, uint256 london) private view returns (uint256) {
        bool isLondon = keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string("")))) == keccak256("london");
        return isLondon ? london : prague;
    }
}
