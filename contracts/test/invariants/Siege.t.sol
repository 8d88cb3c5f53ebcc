// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Test} from "forge-std/Test.sol";
import {Adversary} from "./Adversary.sol";

/// @title What holds whatever one adversary does, in any order and at any time
/// @notice Beside {CampaignTest}, in which the wild are only wild: here somebody chooses lanes, trees, bonds, calls and the second of each. The
/// handler asserts where it happens that epochs stay what they were, that three honest seats decide, and that forgeries are refused.
abstract contract Siege is Test {
    uint32 private immutable _firstPaidEpoch;
    Adversary internal adversary;

    constructor(uint32 firstPaidEpoch) {
        _firstPaidEpoch = firstPaidEpoch;
    }

    function setUp() public {
        adversary = new Adversary(_firstPaidEpoch);
        targetContract(address(adversary));
        targetSelector(FuzzSelector(address(adversary), _actions()));
    }

    /// @notice At the end of each run: every payee was paid once.
    function afterInvariant() public {
        adversary.balanceBooks();
    }

    /// @dev An adversary that is always refused would prove nothing.
    function play(uint256 actions) internal {
        for (uint256 i; i < actions; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("adversary", i)));
            (bool done,) = address(adversary).call(abi.encodeWithSelector(_actions()[seed % 10], seed >> 16));
            assertTrue(done);
        }
        check();
    }

    function check() internal {
        adversary.toItsTime();
        (uint256 registryHolds, uint256 seatsHold, uint256 vaultHolds, uint256 liability, uint256 due) = adversary.sums();
        assertGe(vaultHolds, liability, "1: balance below liability");
        assertEq(vaultHolds, due, "1: money left by another way");
        assertEq(registryHolds, adversary.depositsHeld(), "4: deposits");
        assertEq(seatsHold, adversary.bondsHeld(), "4: bonds");
        adversary.checkHonestSeats();
    }

    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](10);
        actions[0] = adversary.wait.selector;
        actions[1] = adversary.waitAgain.selector;
        actions[2] = adversary.takeLanes.selector;
        actions[3] = adversary.leaveLanes.selector;
        actions[4] = adversary.freeLanes.selector;
        actions[5] = adversary.moveSeats.selector;
        actions[6] = adversary.open.selector;
        actions[7] = adversary.answerWithout.selector;
        actions[8] = adversary.meddle.selector;
        actions[9] = adversary.meddle.selector;
    }
}

/// @title A network like a devnet, where somebody has to be the first to be paid
contract SiegeTest is Siege(0) {
    /// forge-config: default.invariant.runs = 6
    /// forge-config: default.invariant.depth = 64
    /// forge-config: deep.invariant.runs = 256
    /// forge-config: deep.invariant.depth = 128
    function invariant_nobodyTakesWhatIsNotTheirs() public {
        check();
    }

    function test_theAdversaryReachesWhatItIsAbout() public {
        play(700);
        assertGt(adversary.forgeriesRefused(), 20, "forgeries refused");
        assertGt(adversary.lanesTakenAgain(), 0, "lanes taken again");
        assertGt(adversary.deepest(), 1, "three cohorts");
        assertGt(adversary.deeperOpenings(), 0, "openings of a tree with two");
        assertGt(adversary.secondAnswersRefused(), 0, "audits of those");
        assertGt(adversary.decidedByHonest(), 3, "decided by the honest");
        assertGt(adversary.captured(), 0, "captured");
        assertGt(adversary.calls(), 20, "calls that succeeded");
        assertGt(adversary.claims(), 0, "identities claimed");
        assertGt(adversary.jailings(), 0, "jailed");
        assertGt(adversary.depositsReturned(), 0, "deposits returned");
        assertGt(adversary.depositsKept(), 0, "deposits held");
        assertGt(adversary.bondsReturned(), 0, "bonds returned");
        assertGt(adversary.auditsReported(), 0, "audits reported");
        assertGt(adversary.oneBefore(), 10, "a second before a boundary");
        assertGt(adversary.oneAfter(), 10, "a second after a boundary");
        adversary.balanceBooks();
    }
}

/// @title A network like those of production, whose first two epochs are judged and not paid: no first credit is ever paid
contract SiegeOfUnpaidEpochsTest is Siege(2) {
    /// forge-config: default.invariant.runs = 3
    /// forge-config: default.invariant.depth = 64
    /// forge-config: deep.invariant.runs = 128
    /// forge-config: deep.invariant.depth = 128
    /// forge-config: mutants.invariant.runs = 4
    function invariant_nobodyTakesWhatIsNotTheirsWhereFirstEpochsAreUnpaid() public {
        check();
    }
}
