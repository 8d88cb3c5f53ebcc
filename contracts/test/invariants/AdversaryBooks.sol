// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CohortRecord, CohortState} from "../../src/interfaces/IEpochConsensus.sol";
import {EpochMoney} from "../../src/interfaces/IRewardVault.sol";
import {Minifloat} from "../../src/libraries/Minifloat.sol";
import {EpochDuties} from "./EpochDuties.sol";

/// @title What the chain must have done by the end, counted beside it: who is owed what, once, and what each epoch is about
abstract contract AdversaryBooks is EpochDuties {
    /// @dev A share of an epoch's pool that one lane or one seat earned.
    struct Due {
        uint64 epoch;
        uint32 cohort;
        uint8 place; // lane of the cohort, or seat of its committee
        address payee;
        uint256 share; // credit, or lanes agreed
    }

    Due[] private _devicesDue;
    Due[] private _seatsDue;
    mapping(address payee => uint256) private _paidTo;
    mapping(address payee => uint256) internal returnedTo;
    address[] internal payees;

    uint256 public depositsHeld;
    uint256 public bondsHeld;
    address internal farmer = makeAddr("farmer");

    /// @dev Devices that anybody ever registered under a name of its own.
    bytes32[] internal known;
    mapping(bytes32 deviceId => address) internal operatorOf;
    mapping(uint64 epoch => mapping(uint32 lane => uint256)) private _standingBefore;
    mapping(uint64 epoch => bytes32) private _frozen;
    /// @dev Final results of a device's cohort, as a member, since it was last credited.
    mapping(bytes32 deviceId => uint256) internal finalsSinceCredit;
    mapping(bytes32 deviceId => mapping(bytes32 identity => bool)) internal creditedAs;
    uint256 public decidedByHonest;
    uint256 public captured;
    uint256 public deepest;

    function learn(string memory name) internal returns (bytes32 id) {
        address operator = makeAddr(name);
        id = registry.deviceIdOf(operator, keccak256(bytes(name)));
        if (operatorOf[id] != address(0)) return id;
        operatorOf[id] = operator;
        known.push(id);
        payees.push(payoutOf(operator));
    }

    // --- what an epoch is about

    /// @dev In its first second. Whatever comes later must not change it.
    function freeze(uint64 epoch) internal {
        _frozen[epoch] = _contentsOf(epoch);
    }

    function checkFrozen(uint64 epoch) internal view {
        if (_frozen[epoch] != 0) assertEq(_contentsOf(epoch), _frozen[epoch], "18: an epoch changed after it had begun");
    }

    function _contentsOf(uint64 epoch) private view returns (bytes32 digest) {
        (uint32 members, uint32 cohorts) = registry.countsOf(epoch);
        digest = keccak256(abi.encode(members, cohorts, seats.seatOwners(epoch, 0, 100)));
        for (uint32 cohort; cohort < COHORTS; ++cohort) {
            digest = keccak256(abi.encode(digest, registry.occupancy(epoch, cohort)));
        }
        for (uint256 i; i < known.length; ++i) {
            uint32 generation = registry.generationAt(known[i], epoch);
            if (generation != 0) digest = keccak256(abi.encode(digest, known[i], generation));
        }
    }

    /// @dev The members' standings when an epoch begins to be settled, and with them what each may be credited.
    function noteStandings(uint64 epoch) internal {
        uint256 caps;
        for (uint32 lane; lane < 64 * cohortsAtCommit[epoch]; ++lane) {
            if (membersAtCommit[epoch][lane / 64] >> (lane % 64) & 1 == 0) continue;
            _standingBefore[epoch][lane] = consensus.standingAtLane(lane);
            caps += 2 * _standingBefore[epoch][lane];
        }
        ghostCaps[epoch] = caps + 1;
        if (consensus.commitmentDepth(epoch) > deepest) deepest = consensus.commitmentDepth(epoch);
    }

    // --- what came of it

    /// @dev Whoever resolved a cohort, by whichever call.
    function noteOutcomes(uint64 epoch) internal {
        for (uint32 cohort; cohort < cohortsAtCommit[epoch]; ++cohort) {
            CohortState state = consensus.cohortRecord(epoch, cohort).state;
            if (state == CohortState.Pending || ghostResolutions[epoch][cohort] != 0) continue;
            noteResolved(epoch, cohort);
            bool decided = _noteSeats(epoch, cohort) >= 3;
            if (state == CohortState.Final) _noteCredits(epoch, cohort, decided);
            else assertFalse(decided, "23: a minority made a cohort void");
        }
    }

    function _noteSeats(uint64 epoch, uint32 cohort) private returns (uint256 honest) {
        CohortRecord memory record = consensus.cohortRecord(epoch, cohort);
        for (uint8 seat; seat < 5; ++seat) {
            address who = seats.ownerOf(record.owners[seat]);
            if (isHonest[who]) ++honest;
            else if (record.opened >> seat & 1 == 1) noteOpened(epoch, cohort, who);
            _seatsDue.push(Due(epoch, cohort, seat, payoutOf(who), record.agreed[seat]));
        }
    }

    /// @dev An opening of a seat that is not honest was counted.
    function noteOpened(uint64 epoch, uint32 cohort, address who) internal virtual;

    function _noteCredits(uint64 epoch, uint32 cohort, bool decided) private {
        if (decided) ++decidedByHonest;
        else ++captured;
        uint256[10] memory truth = truthOf(epoch, cohort);
        for (uint32 i; i < 64; ++i) {
            uint256 score = Minifloat.decode(truth[i / 16] >> (16 * (i % 16)) & 0x7fff);
            _noteCredit(epoch, 64 * cohort + i, score, decided);
        }
    }

    function _noteCredit(uint64 epoch, uint32 lane, uint256 score, bool decided) private {
        uint256 credit = consensus.creditOf(epoch, lane);
        if (membersAtCommit[epoch][lane / 64] >> (lane % 64) & 1 == 0) {
            assertEq(credit, 0, "18: a credit without a membership");
            return;
        }
        checkCredit(epoch, lane, _standingBefore[epoch][lane], score, decided);
        bytes32 id = registry.deviceAtLane(lane);
        if (credit == 0) {
            ++finalsSinceCredit[id];
            return;
        }
        finalsSinceCredit[id] = 0;
        creditedAs[id][identityIn(id, registry.generationAt(id, epoch))] = true;
        _devicesDue.push(Due(epoch, lane / 64, uint8(lane % 64), payoutOf(operatorOf[id]), credit));
    }

    function identityIn(bytes32 id, uint32 generation) internal view returns (bytes32) {
        return registry.recordOf(id, generation).attestedIdentity;
    }

    // --- the end

    /// @notice Every payee holds what its lanes and seats earned, each paid once or not yet, and what it was given back. Once a campaign.
    function balanceBooks() external onItsClock {
        uint256 paid = token.balanceOf(keeper) + token.balanceOf(farmer);
        for (uint256 i; i < _devicesDue.length; ++i) paid += _payDevice(_devicesDue[i]);
        for (uint256 i; i < _seatsDue.length; ++i) paid += _paySeat(_seatsDue[i]);
        for (uint256 i; i < payees.length; ++i) {
            assertEq(token.balanceOf(payees[i]), _paidTo[payees[i]] + returnedTo[payees[i]], "a payee holds something else");
        }
        assertEq(vault.lifetimePaid(), paid, "somebody else was paid");
        _checkEpochs();
    }

    /// @dev Nothing in an unpaid epoch, nor where it is not paid yet. What is overwritten was paid before.
    function _payDevice(Due memory due) private returns (uint256 share) {
        if (due.epoch < firstPaidEpoch) return 0;
        CohortRecord memory record = consensus.cohortRecord(due.epoch, due.cohort);
        if (record.state == CohortState.Final && record.lanesPaid <= due.place) return 0;
        EpochMoney memory money = vault.moneyOf(due.epoch);
        share = uint256(money.devicePool) * due.share / money.denominator;
        uint256 most = uint256(money.maxPrice) * due.share;
        if (share > most) share = most;
        _paidTo[due.payee] += share;
    }

    function _paySeat(Due memory due) private returns (uint256 share) {
        if (due.epoch < firstPaidEpoch) return 0;
        CohortRecord memory record = consensus.cohortRecord(due.epoch, due.cohort);
        if (due.share == 0 || (record.state == CohortState.Final && !record.checkersPaid)) return 0;
        EpochMoney memory money = vault.moneyOf(due.epoch);
        share = uint256(money.checkerPool) * due.share / money.drawnLanes;
        _paidTo[due.payee] += share;
    }

    function _checkEpochs() private view {
        uint256 bounties;
        for (uint64 epoch; epoch <= consensus.currentEpoch(); ++epoch) {
            EpochMoney memory money = vault.moneyOf(epoch);
            if (!money.opened) continue;
            assertGe(epoch, firstPaidEpoch, "2: an unpaid epoch was opened");
            assertLe(money.emission, defaultEmission().perEpoch, "2: an emission above the cap");
            assertLe(money.paid, money.emission, "2: paid more than the emission");
            bounties += money.keeperPool;
        }
        assertLe(token.balanceOf(keeper) + token.balanceOf(farmer), bounties, "bounties above the keepers' pool");
    }

    /// @notice Nothing that others do costs an honest seat anything.
    function checkHonestSeats() external view {
        uint256 held;
        for (uint256 i; i < operators.length; ++i) {
            held += seats.checker(operators[i]).bond + seats.checker(operators[i]).unbonding;
            if (!isHonest[operators[i]]) continue;
            assertEq(seats.checker(operators[i]).strikes, 0, "15: an honest seat was struck");
            assertEq(seats.checker(operators[i]).bond, 2 * SEAT_BOND, "15: an honest seat lost of its bond");
        }
        assertEq(token.balanceOf(address(seats)), held, "4: bonds");
    }
}
