// SPDX-License-Identifier: MIT
// Why: docs/why/consensus-and-audits.md
pragma solidity 0.8.37;

import {COMMITTEE, FULL_COHORT} from "../libraries/Constants.sol";
import {Blocks} from "evm/Blocks.sol";
import {IEpochCore} from "../interfaces/IEpochConsensus.sol";
import {EpochState} from "./EpochState.sol";

/// @title The seed of an epoch
/// @notice seed(e) = H(seed(e − 1) ‖ salts opened for e − 2 ‖ hash of a block that was not mined when it was pinned). Epochs 0 and 1 have no
/// salts: seed(e) = H(domain ‖ chain ‖ contract ‖ e ‖ hash). The block is pinned once e has begun: nobody knows the seed while anything that
/// counts in e can still move. An epoch that ends without a seed stays without one.
abstract contract EpochSeeds is IEpochCore, EpochState {
    uint256 private constant LATEST_START = 30 days;

    /// @inheritdoc IEpochCore
    function start(uint64 firstEpochAt) external onlyOwner {
        if (started()) revert AlreadyStarted();
        if (firstEpochAt <= block.timestamp) revert StartInThePast(firstEpochAt);
        // A time in milliseconds would hold every bond for ever.
        uint64 latest = uint64(block.timestamp + LATEST_START);
        if (firstEpochAt > latest) revert StartTooLate(firstEpochAt, latest);
        uint256 owners = seats.activeOwners();
        if (owners < COMMITTEE) revert TooFewOwners(uint64(owners));
        _begin(firstEpochAt);
        emit Started(firstEpochAt);
    }

    /// @inheritdoc IEpochCore
    function pin(uint64 epoch) external whenNotPaused(PAUSE_ROLL) {
        _requireDue(epoch);
        if (seedOf[epoch] != 0) return;
        uint64 pinned = pinnedBlockOf(epoch);
        if (pinned != 0 && (Blocks.number() <= pinned || Blocks.hashOf(pinned) != 0)) return;
        if (pinned == 0) _countLanes(epoch, FULL_COHORT);
        pinned = Blocks.number() + 1;
        _seeding[epoch].pinnedBlock = pinned;
        emit Pinned(epoch, pinned, msg.sender);
    }

    /// @inheritdoc IEpochCore
    function roll(uint64 epoch) external whenNotPaused(PAUSE_ROLL) {
        if (seedOf[epoch] != 0) return;
        _requireDue(epoch);
        uint64 pinned = pinnedBlockOf(epoch);
        if (pinned == 0) revert NotPinned(epoch);
        if (Blocks.number() <= pinned) revert PinnedBlockAhead(epoch, pinned);
        bytes32 hash = Blocks.hashOf(pinned);
        if (hash == 0) revert PinExpired(epoch, pinned);
        bytes32 seed = epoch < 2
            ? keccak256(abi.encode("kaisar/bootstrap", block.chainid, address(this), epoch, hash))
            : keccak256(abi.encode(seedOf[epoch - 1], _salts[epoch - 2], hash));
        seedOf[epoch] = seed;
        _seeding[epoch].seededAt = uint64(block.timestamp);
        _countLanes(epoch, FULL_COHORT);
        emit Rolled(epoch, seed, msg.sender);
    }

    /// @inheritdoc IEpochCore
    function pinnedBlockOf(uint64 epoch) public view returns (uint64) {
        return _seeding[epoch].pinnedBlock;
    }

    /// @inheritdoc IEpochCore
    function seededAt(uint64 epoch) external view returns (uint64) {
        return _seeding[epoch].seededAt;
    }

    /// @dev The present epoch alone. All of what its seed is made of is known: the salts of e − 2 were opened in e − 1.
    function _requireDue(uint64 epoch) private view {
        if (!started()) revert NotStarted();
        if (uint256(epoch) + 1 != nextEpoch()) revert SeedNotDue(epoch);
    }
}
