// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COMMITTEE, FULL_COHORT, OPENING_WORDS} from "./libraries/Constants.sol";
import {Governed} from "./base/Governed.sol";
import {OperatorSessions} from "./base/OperatorSessions.sol";
import {Checker, ICheckerSeats, Receipt, SeatRules, StrikeReason} from "./interfaces/ICheckerSeats.sol";
import {IEpochConsensus, Opening} from "./interfaces/IEpochConsensus.sol";
import {IKaisarToken} from "./interfaces/IKaisarToken.sol";
import {OpeningWords} from "./libraries/OpeningWords.sol";
import {SeatList} from "./libraries/SeatList.sol";
import {SignedTypes} from "./libraries/SignedTypes.sol";
import {Tokens} from "./libraries/Tokens.sol";

/// @title Bonds in equal seats, frozen seat lists, strikes, jail, slashing
contract CheckerSeats is ICheckerSeats, Governed, OperatorSessions {
    using OpeningWords for uint256[OPENING_WORDS];
    using SeatList for SeatList.List;
    using SignedTypes for bytes32;
    using Tokens for IKaisarToken;

    struct OwnerSlot {
        address payout;
        uint32 index;
        uint16 seats;
        uint8 strikes;
        uint8 auditStrikes;
        bool jailed;
        uint24 struckIn; // the latest epoch with a strike that counts, plus one
    }

    struct BondSlot {
        uint96 bond;
        uint96 unbonding;
        uint32 heldFrom; // epoch whose audits must be over before `unbonding` leaves, plus one; zero for none
        uint32 jailedUntil;
    }

    /// @notice Pause bit of bonding.
    uint256 public constant PAUSE_BOND = 0;
    /// @inheritdoc ICheckerSeats
    uint16 public constant maxSeatsPerOwner = 16;

    /// @notice KAI, in which bonds are paid.
    IKaisarToken public immutable token;
    /// @inheritdoc ICheckerSeats
    IEpochConsensus public immutable consensus;
    /// @inheritdoc ICheckerSeats
    address public immutable treasury;
    /// @inheritdoc ICheckerSeats
    uint256 public immutable seatBond;

    mapping(address operator => OwnerSlot) private _owners;
    mapping(address operator => BondSlot) private _bonds;
    mapping(address operator => string) private _endpoints;
    mapping(address operator => bytes32) private _certificates;
    mapping(uint32 index => address) private _operators;
    mapping(bytes32 offence => bool) private _punished;
    SeatList.List private _list;
    /// @inheritdoc ICheckerSeats
    uint32 public ownerCount;
    /// @inheritdoc ICheckerSeats
    uint32 public activeOwners;
    uint64 private _rulesFrom;
    SeatRules private _rules;
    SeatRules private _rulesBefore;

    constructor(
        IKaisarToken token_,
        IEpochConsensus consensus_,
        address owner_,
        address guardian_,
        address treasury_,
        uint256 seatBond_,
        SeatRules memory rules
    ) Governed(owner_, guardian_) {
        if (address(token_) == address(0) || address(consensus_) == address(0) || treasury_ == address(0)) revert ZeroAddress();
        if (seatBond_ == 0 || seatBond_ > 1_000_000 ether) revert OutOfBounds("seatBond");
        _checkRules(rules);
        token = token_;
        consensus = consensus_;
        treasury = treasury_;
        seatBond = seatBond_;
        _rules = rules;
    }

    // --- bonding ----------------------------------------------------------------------------------------------------

    /// @inheritdoc ICheckerSeats
    function bond(address payout, uint16 seats, string calldata endpoint, bytes32 certificateHash)
        external
        whenNotPaused(PAUSE_BOND)
        returns (uint32 index)
    {
        OwnerSlot storage slot = _owners[msg.sender];
        if (slot.index != 0) revert AlreadyBonded(msg.sender);
        if (payout == address(0)) revert ZeroAddress();
        if (seats == 0) revert InvalidSeatCount(seats);
        index = ++ownerCount;
        slot.payout = payout;
        slot.index = index;
        _operators[index] = msg.sender;
        _setEndpoint(endpoint, certificateHash);
        (uint256 pulled, uint64 from) = _addSeats(slot, seats);
        emit Bonded(msg.sender, payout, index, seats, pulled, from);
        token.pull(pulled);
    }

    /// @inheritdoc ICheckerSeats
    function addSeats(uint16 seats) external whenNotPaused(PAUSE_BOND) {
        OwnerSlot storage slot = _known(msg.sender);
        if (slot.jailed) revert InJail(msg.sender, _bonds[msg.sender].jailedUntil);
        if (seats == 0) revert InvalidSeatCount(seats);
        (uint256 pulled, uint64 from) = _addSeats(slot, seats);
        emit SeatsAdded(msg.sender, seats, slot.seats, _bonds[msg.sender].bond, from);
        token.pull(pulled);
    }

    /// @inheritdoc ICheckerSeats
    function setEndpoint(string calldata endpoint, bytes32 certificateHash) external {
        _known(msg.sender);
        _setEndpoint(endpoint, certificateHash);
    }

    /// @inheritdoc ICheckerSeats
    function setPayout(address operator, address payout) external {
        OwnerSlot storage slot = _onlyPayout(operator);
        if (payout == address(0)) revert ZeroAddress();
        emit PayoutChanged(operator, slot.payout, payout);
        slot.payout = payout;
    }

    /// @inheritdoc ICheckerSeats
    function unbond(address operator, uint16 seats) external {
        OwnerSlot storage slot = _onlyPayout(operator);
        BondSlot storage money = _bonds[operator];
        // An owner whose seats are all gone (jail) takes what is left of its bond.
        if (seats > slot.seats || (seats == 0 && slot.seats != 0)) revert InvalidSeatCount(seats);
        // The seats that stay keep their bond; after a slash that may be all there is.
        uint256 kept = uint256(slot.seats - seats) * seatBond;
        uint256 amount = money.bond > kept ? money.bond - kept : 0;
        uint64 from = consensus.seatsEffectiveFrom();
        _removeSeats(slot, seats, from);
        money.bond -= uint96(amount);
        money.unbonding += uint96(amount);
        money.heldFrom = uint32(from);
        emit Unbonding(operator, seats, slot.seats, amount, from);
    }

    /// @inheritdoc ICheckerSeats
    function withdrawBond(address operator) external {
        OwnerSlot storage slot = _known(operator);
        BondSlot storage money = _bonds[operator];
        uint256 amount = money.unbonding;
        if (amount == 0) revert NothingToWithdraw(operator);
        if (money.heldFrom != 0) {
            (bool any, uint64 settled) = consensus.settledThrough();
            if (!any || settled + 1 < money.heldFrom) revert BondHeld(operator, money.heldFrom - 1, settled);
        }
        money.unbonding = 0;
        emit BondReturned(operator, slot.payout, amount);
        token.push(slot.payout, amount);
    }

    // --- strikes and jail -------------------------------------------------------------------------------------------

    /// @inheritdoc ICheckerSeats
    function strike(address operator, uint64 epoch, uint32 cohort, StrikeReason reason) external {
        if (msg.sender != address(consensus)) revert NotKaisarContract(msg.sender);
        OwnerSlot storage slot = _owners[operator];
        // One an epoch counts: a chain that stands still while openings are due would jail everybody.
        if (epoch + 1 > slot.struckIn) {
            slot.struckIn = uint24(epoch + 1);
            if (slot.strikes != type(uint8).max) slot.strikes += 1;
        }
        emit Struck(operator, epoch, cohort, reason, slot.strikes);
        bytes32 offence = keccak256(abi.encode(reason, operator, epoch, cohort));
        if (reason != StrikeReason.AuditUnanswered) {
            _take(operator, offence, (seatBond * seatRules().unopenedBps + 9_999) / 10_000);
            return;
        }
        if (slot.auditStrikes == 0) {
            slot.auditStrikes = 1;
            return;
        }
        // Once an epoch, however many cohorts its owner judged: who was away for the hours of the answers does not lose nearly all.
        bytes32 once = keccak256(abi.encode(reason, operator, epoch));
        if (_punished[once]) return;
        _punished[once] = true;
        slot.auditStrikes = 0;
        _slash(operator, offence);
    }

    /// @inheritdoc ICheckerSeats
    function jail(address operator) external {
        OwnerSlot storage slot = _known(operator);
        BondSlot storage money = _bonds[operator];
        if (slot.jailed) revert InJail(operator, money.jailedUntil);
        SeatRules memory rules = seatRules();
        bool covered = uint256(money.bond) * 10 > slot.seats * seatBond * 9 || slot.seats == 0;
        if (covered && slot.strikes < rules.strikesToJail) revert TooFewStrikes(operator, slot.strikes, rules.strikesToJail);
        slot.jailed = true;
        slot.strikes = 0;
        money.jailedUntil = uint32(consensus.nextEpoch()) + rules.jailEpochs;
        _removeSeats(slot, slot.seats, consensus.seatsEffectiveFrom());
        emit Jailed(operator, money.jailedUntil);
        consensus.countErrand(msg.sender, FULL_COHORT);
    }

    /// @inheritdoc ICheckerSeats
    function unjail() external {
        OwnerSlot storage slot = _known(msg.sender);
        BondSlot storage money = _bonds[msg.sender];
        if (!slot.jailed) revert NotInJail(msg.sender);
        if (consensus.nextEpoch() <= money.jailedUntil) revert InJail(msg.sender, money.jailedUntil);
        slot.jailed = false;
        uint16 seats = uint16(_min(money.bond / seatBond, maxSeatsPerOwner));
        if (seats != 0) _addSeats(slot, seats);
        emit Unjailed(msg.sender, seats);
    }

    // --- slashing ---------------------------------------------------------------------------------------------------

    /// @inheritdoc ICheckerSeats
    function slashReceipt(address operator, Receipt calldata receipt, bytes calldata signature, Opening calldata opening)
        external
    {
        _known(operator);
        uint256 lane = receipt.lane;
        if (lane >= FULL_COHORT || !consensus.isCommitted(receipt.epoch, operator, receipt.cohort, opening)) revert NotEquivocation();
        bool same = receipt.rate == opening.words.rate(lane) && receipt.uptime == opening.words.uptime(lane)
            && receipt.flags == opening.words.flags(lane);
        if (same) revert NotEquivocation();
        bytes32 digest = SignedTypes.digest(consensus.domainSeparator(), receipt);
        _requireSigner(digest.signer(signature), operator);
        // Once an epoch, so that a stolen operator key cannot burn a bond whole in one.
        _punish(operator, keccak256(abi.encode("receipt", operator, receipt.epoch)));
    }

    // --- governance -------------------------------------------------------------------------------------------------

    /// @inheritdoc ICheckerSeats
    function scheduleSeatRules(SeatRules calldata rules) external onlyOwner {
        _checkRules(rules);
        if (_rulesFrom != 0 && consensus.nextEpoch() <= _rulesFrom) revert ChangePending(_rulesFrom);
        _rulesBefore = _rules;
        _rules = rules;
        _rulesFrom = consensus.seatsEffectiveFrom();
        emit SeatRulesScheduled(_rulesFrom, rules);
    }

    // --- views ------------------------------------------------------------------------------------------------------

    /// @inheritdoc ICheckerSeats
    function seatRules() public view returns (SeatRules memory) {
        return consensus.nextEpoch() > _rulesFrom || _rulesFrom == 0 ? _rules : _rulesBefore;
    }

    /// @inheritdoc ICheckerSeats
    function checker(address operator) external view returns (Checker memory) {
        OwnerSlot memory slot = _owners[operator];
        BondSlot memory money = _bonds[operator];
        return Checker({
            operator: slot.index == 0 ? address(0) : operator,
            payout: slot.payout,
            index: slot.index,
            seats: slot.seats,
            strikes: slot.strikes,
            jailed: slot.jailed,
            jailedUntil: money.jailedUntil,
            bond: money.bond,
            unbonding: money.unbonding,
            unbondingUntil: money.heldFrom == 0 ? 0 : money.heldFrom - 1,
            certificateHash: _certificates[operator],
            endpoint: _endpoints[operator]
        });
    }

    /// @inheritdoc ICheckerSeats
    function ownerOf(uint32 index) external view returns (address) {
        return _operators[index];
    }

    /// @inheritdoc ICheckerSeats
    function payoutOf(uint32 index) external view returns (address) {
        return _owners[_operators[index]].payout;
    }

    /// @inheritdoc ICheckerSeats
    function seatCount(uint64 epoch) external view returns (uint32) {
        return _list.countIn(epoch);
    }

    /// @inheritdoc ICheckerSeats
    function seatOwners(uint64 epoch, uint32 from, uint32 count) external view returns (address[] memory owners) {
        uint256 total = _list.countIn(epoch);
        uint256 end = _min(total, uint256(from) + count);
        owners = new address[](end > from ? end - from : 0);
        for (uint256 i; i < owners.length; ++i) {
            owners[i] = _operators[_list.ownerIn(epoch, from + i)];
        }
    }

    /// @inheritdoc ICheckerSeats
    function committee(uint64 epoch, bytes32 seed, uint32 cohort)
        external
        view
        returns (address[COMMITTEE] memory operators, uint32[COMMITTEE] memory indices)
    {
        bool complete;
        (complete, indices) = _list.draw(epoch, seed, cohort);
        if (!complete) revert TooFewOwners(epoch);
        // for each seat: operators[i] = _operators[indices[i]]
        assembly ("memory-safe") {
            mstore(32, _operators.slot)
            for { let place := 0 } lt(place, 160) { place := add(place, 32) } {
                mstore(0, mload(add(indices, place)))
                mstore(add(operators, place), sload(keccak256(0, 64)))
            }
        }
    }

    // --- internals --------------------------------------------------------------------------------------------------

    function _known(address operator) private view returns (OwnerSlot storage slot) {
        slot = _owners[operator];
        if (slot.index == 0) revert UnknownChecker(operator);
    }

    function _onlyPayout(address operator) private view returns (OwnerSlot storage slot) {
        slot = _known(operator);
        if (msg.sender != slot.payout) revert NotPayout(msg.sender, slot.payout);
    }

    function _setEndpoint(string calldata endpoint, bytes32 certificateHash) private {
        if (bytes(endpoint).length == 0 || bytes(endpoint).length > 256 || certificateHash == 0) revert InvalidEndpoint();
        _endpoints[msg.sender] = endpoint;
        _certificates[msg.sender] = certificateHash;
        emit EndpointChanged(msg.sender, endpoint, certificateHash);
    }

    /// @dev `pulled` is what the bond lacks for all seats; more than theirs after a slash, nothing where it covers them.
    function _addSeats(OwnerSlot storage slot, uint16 seats) private returns (uint256 pulled, uint64 from) {
        uint256 total = uint256(slot.seats) + seats;
        if (total > maxSeatsPerOwner) revert InvalidSeatCount(total);
        BondSlot storage money = _bonds[_operators[slot.index]];
        uint256 needed = total * seatBond;
        if (needed > money.bond) {
            pulled = needed - money.bond;
            money.bond = uint96(needed);
        }
        if (slot.seats == 0) ++activeOwners;
        slot.seats = uint16(total);
        from = consensus.seatsEffectiveFrom();
        _list.add(slot.index, seats, from);
    }

    function _removeSeats(OwnerSlot storage slot, uint16 seats, uint64 from) private {
        if (seats == 0) return;
        slot.seats -= seats;
        if (slot.seats == 0) --activeOwners;
        _list.remove(slot.index, seats, from);
    }

    function _requireSigner(address signer, address operator) private pure {
        if (signer != operator) revert WrongSigner(signer, operator);
    }

    function _punish(address operator, bytes32 offence) private {
        if (_punished[offence]) revert AlreadySlashed(offence);
        _punished[offence] = true;
        if (_slash(operator, offence) == 0) revert NothingToSlash(operator);
    }

    /// @dev A part of what is held, rounded up.
    function _slash(address operator, bytes32 offence) private returns (uint256) {
        uint256 held = uint256(_bonds[operator].bond) + _bonds[operator].unbonding;
        return _take(operator, offence, (held * seatRules().slashBps + 9_999) / 10_000);
    }

    /// @dev Takes at most what is there, the bond before what is unbonding.
    function _take(address operator, bytes32 offence, uint256 most) private returns (uint256 amount) {
        BondSlot storage money = _bonds[operator];
        amount = _min(most, uint256(money.bond) + money.unbonding);
        uint256 fromBond = _min(amount, money.bond);
        money.bond -= uint96(fromBond);
        money.unbonding -= uint96(amount - fromBond);
        emit Slashed(operator, offence, amount);
        if (amount != 0) token.push(treasury, amount);
    }

    function _checkRules(SeatRules memory rules) private pure {
        if (rules.slashBps == 0 || rules.slashBps > 5_000) revert OutOfBounds("slashBps");
        if (rules.unopenedBps == 0 || rules.unopenedBps > 1_000) revert OutOfBounds("unopenedBps");
        if (rules.strikesToJail == 0 || rules.strikesToJail > 100) revert OutOfBounds("strikesToJail");
        if (rules.jailEpochs > 1_000_000) revert OutOfBounds("jailEpochs");
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
