// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {ICheckerSeats} from "../../src/interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "../../src/interfaces/IDeviceRegistry.sol";
import {CohortState, EpochTotals, IEpochConsensus, Phase} from "../../src/interfaces/IEpochConsensus.sol";
import {IKaisarToken} from "../../src/interfaces/IKaisarToken.sol";
import {EpochMoney, IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {EpochHandler} from "./EpochHandler.sol";

/// @title The invariants that hold between any two actions
/// @notice One campaign for all of them: a campaign costs the same for one assertion as for ten. Numbers are those of docs/contracts.md.
/// The handler itself asserts 5, 6, 7, 17, 18, 19, 22, 24 and 28 where they happen.
abstract contract Campaign is Test {
    uint32 private immutable _firstPaidEpoch;
    EpochHandler internal handler;
    IKaisarToken private token;
    IRewardVault private vault;
    ICheckerSeats private seats;
    IDeviceRegistry private registry;
    IEpochConsensus private consensus;

    constructor(uint32 firstPaidEpoch) {
        _firstPaidEpoch = firstPaidEpoch;
    }

    function setUp() public {
        handler = new EpochHandler(_firstPaidEpoch);
        (token, vault, seats) = (handler.theToken(), handler.theVault(), handler.theSeats());
        (registry, consensus) = (handler.theRegistry(), handler.theConsensus());
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), _actions()));
    }

    function check() internal {
        handler.toItsTime();
        _money();
        _holdings();
        _totals();
        assertEq(handler.honestStrikes(), 0, "15: an honest seat was struck");
    }

    /// @dev A campaign whose actions all return early would prove nothing: a long deterministic one must reach what matters.
    function play(uint256 actions) internal {
        for (uint256 i; i < actions; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("campaign", i)));
            (bool done,) = address(handler).call(abi.encodeWithSelector(_actions()[seed % 14], seed >> 16));
            assertTrue(done);
        }
        check();
    }

    function _money() private view {
        uint256 balance = token.balanceOf(address(vault));
        assertGe(balance, vault.liability(), "1: balance below liability");
        assertLe(vault.lifetimePaid() + vault.liability(), vault.funded(), "3: more paid and owed than funded");
        assertEq(balance, vault.funded() - vault.lifetimePaid(), "1: money left by another way");
        for (uint256 i; i < handler.paidEpochCount(); ++i) {
            uint64 epoch = handler.paidEpochs(i);
            EpochMoney memory money = vault.moneyOf(epoch);
            assertGe(epoch, _firstPaidEpoch, "2: an unpaid epoch was paid");
            assertLe(money.paid, money.emission, "2: paid more than the emission");
            assertLe(handler.ghostPaid(epoch), money.paid, "2: paid beside the books");
        }
    }

    function _holdings() private view {
        assertEq(token.balanceOf(address(seats)), handler.ghostBonds(), "4: bonds");
        assertEq(token.balanceOf(address(registry)), handler.ghostDeposits(), "4: deposits");
    }

    /// @dev Σ caps is kept by a running sum: it must be what counting lane by lane gives, and members must be counted once.
    function _totals() private view {
        (uint64 epoch, Phase phase) = handler.settling();
        if (phase < Phase.Open) return;
        EpochTotals memory totals = consensus.totalsOf(epoch);
        if (totals.lanes == 0 || !handler.isCounted(epoch)) return;
        (uint32 members,) = registry.countsOf(epoch);
        assertEq(totals.lanes, members, "members of the epoch");
        assertEq(totals.openCaps, handler.openCapsOf(epoch), "19: caps of what is not final");
        for (uint32 cohort; cohort < 2; ++cohort) {
            assertLe(handler.ghostResolutions(epoch, cohort), 1, "6: resolved twice");
        }
    }

    /// @dev The last one, pause, is once and for all, and left to the campaign.
    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](15);
        actions[0] = handler.pass.selector;
        actions[1] = handler.passAgain.selector;
        actions[2] = handler.passOnceMore.selector;
        actions[3] = handler.sleep.selector;
        actions[4] = handler.register.selector;
        actions[5] = handler.depart.selector;
        actions[6] = handler.changeSeats.selector;
        actions[7] = handler.punish.selector;
        actions[8] = handler.finalize.selector;
        actions[9] = handler.revealWild.selector;
        actions[10] = handler.voidCohort.selector;
        actions[11] = handler.pay.selector;
        actions[12] = handler.close.selector;
        actions[13] = handler.fund.selector;
        actions[14] = handler.pause.selector;
    }
}

/// @title A network like a devnet, where somebody has to be the first to be paid
contract CampaignTest is Campaign(0) {
    function invariant_01_02_03_04_06_15_20_26_booksAndStates() public {
        check();
    }

    function test_theCampaignReachesWhatItIsAbout() public {
        play(2_000);
        uint256[2] memory outcomes;
        for (uint256 i; i < handler.resolvedCount(); ++i) {
            (,, CohortState state) = handler.resolved(i);
            ++outcomes[state == CohortState.Final ? 0 : 1];
        }
        assertGt(outcomes[0], 5, "final");
        assertGt(outcomes[1], 0, "void");
        assertGt(handler.paidEpochCount(), 2, "paid");
        assertGt(handler.depositsReturned(), 0, "deposits returned");
        assertGt(handler.bondsReturned(), 0, "bonds returned");
        assertGt(handler.auditsAnswered(), 5, "audits answered");
        assertGt(handler.auditsReported(), 1, "audits of wild seats reported");
        assertGt(handler.jailings(), 0, "jailed");
    }
}

/// @title A network like those of production, whose first two epochs are judged and not paid: no first credit is ever paid
contract CampaignOfUnpaidEpochsTest is Campaign(2) {
    /// forge-config: default.invariant.runs = 6
    /// forge-config: deep.invariant.runs = 128
    /// forge-config: mutants.invariant.runs = 4
    function invariant_01_02_03_04_06_15_20_26_booksAndStatesWhereFirstEpochsAreUnpaid() public {
        check();
    }

    function test_theCampaignHoldsFirstCreditsAndPaysLaterOnes() public {
        play(400);
        assertGt(handler.firstsHeld(), 3, "first credits held while nobody has a standing");
        assertGt(handler.paidEpochCount(), 0, "paid");
    }
}
