// SPDX-License-Identifier: MIT
// Why: docs/why/contracts.md
pragma solidity 0.8.37;

import {COMMITTEE, FULL_COHORT} from "./libraries/Constants.sol";
import {Guard} from "evm/Guard.sol";
import {Memory} from "evm/Memory.sol";
import {Governed} from "./base/Governed.sol";
import {ICheckerSeats} from "./interfaces/ICheckerSeats.sol";
import {IDeviceRegistry} from "./interfaces/IDeviceRegistry.sol";
import {EpochTotals, IEpochConsensus} from "./interfaces/IEpochConsensus.sol";
import {IKaisarToken} from "./interfaces/IKaisarToken.sol";
import {Emission, EpochMoney, IRewardVault} from "./interfaces/IRewardVault.sol";
import {Tokens} from "./libraries/Tokens.sol";

/// @title Emission, payments, checker pool, bounties, liability
/// @dev Opening an epoch sets its emission aside: liability rises by it, and falls by each delivered payment. What a refusing payee is owed
/// stays in the liability. Everything is counted from what {fund} brought, not from the balance, so a donation changes nothing.
contract RewardVault is IRewardVault, Governed, Guard {
    using Tokens for IKaisarToken;

    /// @dev Lanes that a call is worth which is not about lanes: pin, roll, close. Reports, jailings and claims are counted as many.
    uint256 private constant ERRAND = FULL_COHORT;
    /// @dev An epoch is opened with less than its emission from the start of this many epochs later on.
    uint64 private constant GRACE_EPOCHS = 3;

    /// @notice KAI, in which everybody is paid.
    IKaisarToken public immutable token;
    /// @notice Says where devices are paid.
    IDeviceRegistry public immutable registry;
    /// @notice Says where Checkers are paid.
    ICheckerSeats public immutable seats;
    /// @notice Says what they are paid for.
    IEpochConsensus public immutable consensus;
    uint64 private immutable _firstPaidEpoch;

    uint128 private _liability;
    uint128 private _lifetimePaid;
    /// @inheritdoc IRewardVault
    uint256 public funded;
    /// @inheritdoc IRewardVault
    mapping(address payee => uint256) public owed;
    mapping(uint64 epoch => EpochMoney) private _money;
    Emission private _emission;
    Emission private _emissionBefore;
    uint64 private _emissionFrom;

    constructor(
        IKaisarToken token_,
        IDeviceRegistry registry_,
        ICheckerSeats seats_,
        IEpochConsensus consensus_,
        address owner_,
        address guardian_,
        Emission memory emission
    ) Governed(owner_, guardian_) {
        if (address(token_) == address(0)) revert ZeroAddress();
        bool wired = address(consensus_.vault()) == address(this) && address(consensus_.registry()) == address(registry_)
            && address(consensus_.seats()) == address(seats_);
        if (!wired) revert WrongWiring();
        _checkEmission(emission);
        token = token_;
        registry = registry_;
        seats = seats_;
        consensus = consensus_;
        _firstPaidEpoch = consensus_.timelineOf(0).firstPaidEpoch;
        _emission = emission;
    }

    // --- money in ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IRewardVault
    function fund(uint256 amount) external nonReentrant {
        if (amount == 0) revert ZeroAmount();
        funded += amount;
        emit Funded(msg.sender, amount);
        token.pull(amount);
    }

    // --- money out --------------------------------------------------------------------------------------------------

    /// @inheritdoc IRewardVault
    function payCohort(uint64 epoch, uint32 cohort, uint8 maxLanes) external nonReentrant returns (uint256 paid) {
        _requirePayable(epoch);
        (uint256 lane, uint256[] memory credits) = consensus.takeCredits(epoch, cohort, maxLanes);
        if (credits.length == 0) return 0;
        EpochMoney memory money = _open(epoch);
        address[] memory payouts = registry.payoutsOf(lane, credits.length);
        uint256[] memory amounts;
        uint256 devices;
        (paid, devices, amounts) = _rewardsDown(credits, money);
        _emitPaid(epoch, cohort, lane, payouts, credits, amounts);
        uint256 bounty = _bounty(epoch, money, devices);
        _spend(epoch, paid + bounty);
        uint256 refused = _deliverAll(payouts, amounts);
        if (bounty != 0) refused += _deliver(msg.sender, bounty);
        _book(paid + bounty - refused);
    }

    /// @inheritdoc IRewardVault
    function payCheckers(uint64 epoch, uint32 cohort) external nonReentrant returns (uint256 paid) {
        _requirePayable(epoch);
        (uint32[COMMITTEE] memory owners, uint8[COMMITTEE] memory agreed) = consensus.takeAgreements(epoch, cohort);
        if (owners[0] == 0) return 0;
        EpochMoney memory money = _open(epoch);
        address[COMMITTEE] memory payouts;
        uint256[COMMITTEE] memory amounts;
        uint256 lanes;
        for (uint256 i; i < COMMITTEE; ++i) {
            payouts[i] = seats.payoutOf(owners[i]);
            // Members were counted before any cohort of the epoch could become final, so this is never a division by zero.
            paid += amounts[i] = uint256(money.checkerPool) * agreed[i] / money.drawnLanes;
            if (agreed[i] > lanes) lanes = agreed[i];
        }
        emit CheckersPaid(epoch, cohort, payouts, agreed, amounts);
        uint256 bounty = _bounty(epoch, money, lanes);
        _spend(epoch, paid + bounty);
        uint256 refused;
        for (uint256 i; i < COMMITTEE; ++i) {
            if (amounts[i] != 0) refused += _deliver(payouts[i], amounts[i]);
        }
        if (bounty != 0) refused += _deliver(msg.sender, bounty);
        _book(paid + bounty - refused);
    }

    /// @inheritdoc IRewardVault
    function payKeeper(uint64 epoch, address keeper) external nonReentrant returns (uint256 paid) {
        EpochMoney memory money = _money[epoch];
        if (!money.opened) revert EpochUnopened(epoch);
        if (money.closed) revert AlreadyClosed(epoch);
        (uint256 lanes, uint256 errands) = consensus.takeKeeperCalls(epoch, keeper);
        uint256 members = money.drawnLanes / COMMITTEE;
        // Seed, resolution and reveals of all lanes together: never more than the half that is theirs.
        paid = lanes * _least(money.bounty / FULL_COHORT, money.keeperPool / 2 / (2 * members + 2 * ERRAND));
        paid += _bounty(epoch, money, errands);
        if (paid == 0) return 0;
        emit KeeperPaid(epoch, keeper, lanes, errands, paid);
        _spend(epoch, paid);
        _book(paid - _deliver(keeper, paid));
    }

    /// @inheritdoc IRewardVault
    function withdraw(address payee) external nonReentrant returns (uint256 amount) {
        amount = owed[payee];
        if (amount == 0) revert NothingOwed(payee);
        owed[payee] = 0;
        _book(amount);
        emit Withdrawn(payee, amount);
        token.push(payee, amount);
    }

    /// @inheritdoc IRewardVault
    function closeEpoch(uint64 epoch) external nonReentrant {
        EpochMoney memory money = _money[epoch];
        (bool any, uint64 settled) = consensus.settledThrough();
        if (!money.opened || !any || settled < epoch || consensus.totalsOf(epoch).unpaid != 0) revert EpochUnsettled(epoch);
        if (money.closed) revert AlreadyClosed(epoch);
        uint256 bounty = _bounty(epoch, money, ERRAND);
        _spend(epoch, bounty);
        _money[epoch].closed = true;
        uint256 rest = money.emission - money.paid - bounty;
        _liability -= uint128(rest);
        emit EpochClosed(epoch, money.paid + bounty, rest);
        if (bounty != 0) _book(bounty - _deliver(msg.sender, bounty));
    }

    // --- governance -------------------------------------------------------------------------------------------------

    /// @inheritdoc IRewardVault
    function scheduleEmission(Emission calldata emission) external onlyOwner {
        _checkEmission(emission);
        uint64 pending = _emissionFrom;
        if (pending != 0 && consensus.nextEpoch() < pending + 3) revert ChangePending(pending);
        _emissionBefore = _emission;
        _emission = emission;
        _emissionFrom = consensus.seatsEffectiveFrom();
        emit EmissionScheduled(_emissionFrom, emission);
    }

    // --- views ------------------------------------------------------------------------------------------------------

    /// @inheritdoc IRewardVault
    function liability() external view returns (uint256) {
        return _liability;
    }

    /// @inheritdoc IRewardVault
    function lifetimePaid() external view returns (uint256) {
        return _lifetimePaid;
    }

    /// @inheritdoc IRewardVault
    function emissionOf(uint64 epoch) public view returns (Emission memory) {
        return epoch >= _emissionFrom ? _emission : _emissionBefore;
    }

    /// @inheritdoc IRewardVault
    function moneyOf(uint64 epoch) public view returns (EpochMoney memory money) {
        money = _money[epoch];
        if (!money.opened) (money,) = _moneyNow(epoch);
    }

    // --- internals --------------------------------------------------------------------------------------------------

    /// @dev What opening the epoch now would set aside, and what the vault lacks for the whole of it.
    function _moneyNow(uint64 epoch) private view returns (EpochMoney memory money, uint256 missing) {
        Emission memory emission = emissionOf(epoch);
        EpochTotals memory totals = consensus.totalsOf(epoch);
        uint256 free = funded - _lifetimePaid - _liability;
        // Where nothing became final nobody is owed anything: an emission that is set aside would be missing in another epoch.
        bool owes = epoch >= _firstPaidEpoch && (totals.unpaid != 0 || !consensus.isPayable(epoch));
        uint256 whole = owes ? _least(free, emission.perEpoch) : 0;
        if (owes) missing = emission.perEpoch - whole;
        money.checkerPool = uint96(whole * emission.checkerBps / 10_000);
        money.keeperPool = uint96(whole * emission.keeperBps / 10_000);
        // Nothing for devices where none has a credit.
        bool earned = totals.credits != 0 || !consensus.isPayable(epoch);
        money.devicePool = earned ? uint96(whole) - money.checkerPool - money.keeperPool : 0;
        money.emission = money.devicePool + money.checkerPool + money.keeperPool;
        money.bounty = emission.bounty;
        money.maxPrice = emission.maxPrice;
        money.denominator = uint80(totals.credits + totals.openCaps);
        money.drawnLanes = uint40(COMMITTEE * totals.lanes);
    }

    function _requirePayable(uint64 epoch) private view {
        if (_money[epoch].opened) return;
        if (epoch < _firstPaidEpoch) revert UnpaidEpoch(epoch);
        if (!consensus.isPayable(epoch)) revert TotalNotFixed(epoch);
    }

    /// @dev The epoch's money; its first payment sets it aside. A vault that holds less than the epoch's emission gets time to be funded.
    function _open(uint64 epoch) private returns (EpochMoney memory money) {
        money = _money[epoch];
        if (money.opened) return money;
        uint256 missing;
        (money, missing) = _moneyNow(epoch);
        if (missing != 0) {
            uint64 until = consensus.epochStart(epoch + GRACE_EPOCHS);
            if (block.timestamp < until) revert EmissionShort(epoch, missing, until);
        }
        money.opened = true;
        _money[epoch] = money;
        _liability += money.emission;
        emit EpochOpened(epoch, money);
    }

    /// @dev Pool below 2^96, credit below 2^42, price below 2^80: nothing overflows. A credit above zero is part of the denominator, so that
    /// is not zero.
    function _rewardsDown(uint256[] memory credits, EpochMoney memory money)
        private
        pure
        returns (uint256 sum, uint256 devices, uint256[] memory amounts)
    {
        amounts = new uint256[](credits.length);
        (uint256 pool, uint256 denominator, uint256 price) = (money.devicePool, money.denominator, money.maxPrice);
        // for each i: amounts[i] = min(pool * credits[i] / denominator, price * credits[i]); sum += amounts[i]; if amounts[i] != 0: ++devices
        assembly ("memory-safe") {
            let shift := sub(amounts, credits)
            let place := add(credits, 32)
            let end := add(place, shl(5, mload(credits)))
            for {} lt(place, end) { place := add(place, 32) } {
                let credit := mload(place)
                let amount := div(mul(pool, credit), denominator)
                credit := mul(price, credit)
                if gt(amount, credit) { amount := credit }
                mstore(add(place, shift), amount)
                sum := add(sum, amount)
                devices := add(devices, gt(amount, 0))
            }
        }
    }

    /// @dev emit CohortPaid(epoch, cohort, msg.sender, lane, payouts, credits, amounts), copying the arrays as a whole.
    function _emitPaid(
        uint64 epoch,
        uint32 cohort,
        uint256 lane,
        address[] memory payouts,
        uint256[] memory credits,
        uint256[] memory amounts
    ) private {
        bytes32 topic = CohortPaid.selector;
        uint256 size = 32 * (payouts.length + 1);
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
            mstore(free, lane)
            mstore(add(free, 32), 128)
            mstore(add(free, 64), add(128, size))
            mstore(add(free, 96), add(128, shl(1, size)))
        }
        Memory.copy(free + 128, _place(payouts), size);
        Memory.copy(free + 128 + size, _place(credits), size);
        Memory.copy(free + 128 + 2 * size, _place(amounts), size);
        assembly ("memory-safe") {
            log4(free, add(128, mul(3, size)), topic, and(epoch, 0xffffffffffffffff), and(cohort, 0xffffffff), caller())
        }
    }

    /// @dev All at once where the token does, else one by one, so that a single refusal stops nobody.
    function _deliverAll(address[] memory payouts, uint256[] memory amounts) private returns (uint256 refused) {
        if (_transferMany(payouts, amounts)) return 0;
        for (uint256 i; i < payouts.length; ++i) {
            if (amounts[i] != 0) refused += _deliver(payouts[i], amounts[i]);
        }
    }

    /// @dev (success,) = address(token).call(abi.encodeCall(token.transferMany, (payouts, amounts))), copying the arrays as a whole.
    function _transferMany(address[] memory payouts, uint256[] memory amounts) private returns (bool success) {
        address target = address(token);
        bytes4 selector = token.transferMany.selector;
        uint256 size = 32 * (payouts.length + 1);
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 4), 64)
            mstore(add(free, 36), add(64, size))
        }
        Memory.copy(free + 68, _place(payouts), size);
        Memory.copy(free + 68 + size, _place(amounts), size);
        assembly ("memory-safe") {
            success := call(gas(), target, 0, free, add(68, shl(1, size)), 0, 0)
        }
    }

    /// @dev Where an array of words is, its length first.
    function _place(uint256[] memory words) private pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := words
        }
    }

    /// @dev See {_place}.
    function _place(address[] memory words) private pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := words
        }
    }

    /// @dev What work on `lanes` lanes earns of the half that is not for seeds and resolutions: each lane paid to its device and to its
    /// Checkers, and errands.
    function _bounty(uint64 epoch, EpochMoney memory money, uint256 lanes) private returns (uint256 amount) {
        if (lanes == 0 || msg.sender == address(consensus)) return 0;
        uint256 half = money.keeperPool / 2;
        amount = lanes * _least(money.bounty / FULL_COHORT, half / (3 * (uint256(money.drawnLanes) / COMMITTEE) + ERRAND));
        amount = _least(amount, half - money.keeperPaid);
        if (amount != 0) _money[epoch].keeperPaid = money.keeperPaid + uint96(amount);
    }

    function _least(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _spend(uint64 epoch, uint256 amount) private {
        _money[epoch].paid += uint96(amount);
    }

    /// @dev Delivered money leaves the liability.
    function _book(uint256 delivered) private {
        _liability -= uint128(delivered);
        _lifetimePaid += uint128(delivered);
    }

    /// @return refused The amount where the token did not deliver it, and it is owed now.
    function _deliver(address payee, uint256 amount) private returns (uint256 refused) {
        if (token.tryPush(payee, amount)) return 0;
        owed[payee] += amount;
        emit Owed(payee, amount);
        return amount;
    }

    function _checkEmission(Emission memory emission) private pure {
        if (emission.perEpoch < 1 ether || emission.perEpoch > 10_000_000 ether) revert OutOfBounds("perEpoch");
        if (emission.checkerBps > 5_000) revert OutOfBounds("checkerBps");
        if (emission.keeperBps > 1_000) revert OutOfBounds("keeperBps");
        // 1 KAI for a capacity of 10^9.
        if (emission.maxPrice < 1 gwei) revert OutOfBounds("maxPrice");
    }
}
