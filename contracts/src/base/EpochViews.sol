// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COMMITTEE, OPENING_WORDS, ringSlot} from "../libraries/Constants.sol";
import {CohortRecord, CohortState, Opening, Phase} from "../interfaces/IEpochConsensus.sol";
import {MerklePath} from "../libraries/MerklePath.sol";
import {Records} from "../libraries/Records.sol";
import {SignedTypes} from "../libraries/SignedTypes.sol";
import {Sums, SumsWord} from "../libraries/Sums.sol";
import {Openings} from "./Openings.sol";

/// @title Reading what the consensus keeps
abstract contract EpochViews is Openings {
    using Records for uint256;
    using SumsWord for uint256;

    /// @dev See {IEpochConsensus}.
    function domainSeparator() public view returns (bytes32) {
        return SignedTypes.domainSeparator(address(this));
    }

    /// @dev See {IEpochConsensus}.
    function seatsOf(uint64 epoch, uint32 cohort) external view returns (address[COMMITTEE] memory owners) {
        bytes32 seed = seedOf[epoch];
        if (seed == 0) revert NoSeed(epoch);
        (owners,) = seats.committee(epoch, seed, cohort);
    }

    /// @dev See {IEpochConsensus}.
    function commitmentDepth(uint64 epoch) public view returns (uint256) {
        Sums memory totals = _totals[epoch].toSums();
        if (totals.begun) return totals.depth;
        (, uint32 cohorts) = registry.countsOf(epoch);
        return MerklePath.depth(cohorts);
    }

    /// @dev See {IEpochConsensus}.
    function commitmentOf(uint64 epoch, address owner) external view returns (bytes28) {
        return bytes28(bytes32(_commitmentWord(epoch, owner)));
    }

    /// @dev See {IEpochConsensus}.
    function openingLeaf(uint64 epoch, address owner, uint32 cohort, bytes32 salt, uint256[OPENING_WORDS] calldata words)
        public
        view
        returns (bytes32 leaf)
    {
        (leaf,) = _leaf(epoch, owner, cohort, salt, words);
    }

    /// @dev See {IEpochConsensus}.
    function isCommitted(uint64 epoch, address owner, uint32 cohort, Opening calldata opening) public view returns (bool) {
        // Without this, one root holds another opening of the same cohort, one level deeper. An epoch of which nothing was resolved in
        // time has a depth that nobody knows any more, and openings that never counted.
        bool known = _totals[epoch].toSums().begun || epoch + 2 >= nextEpoch();
        uint256 depth = opening.proof.length;
        if (!known || depth != commitmentDepth(epoch) || cohort >> depth != 0) return false;
        bytes32 leaf = openingLeaf(epoch, owner, cohort, opening.salt, opening.words);
        return _matches(_commitmentWord(epoch, owner), MerklePath.root(leaf, cohort, opening.proof));
    }

    /// @dev See {IEpochConsensus}.
    function cohortState(uint64 epoch, uint32 cohort) external view returns (CohortState) {
        uint256 record = _records[cohort][ringSlot(epoch)];
        if (record.isOf(epoch)) return record.stateOf();
        if (record.epochOf() > epoch) return CohortState.Forgotten;
        bool over = phaseOf(epoch) == Phase.Pay && !(_isSettling(epoch) && _isRevealed(epoch, cohort));
        return over ? CohortState.Void : CohortState.Pending;
    }

    /// @dev See {IEpochConsensus}.
    function cohortRecord(uint64 epoch, uint32 cohort) external view returns (CohortRecord memory record) {
        uint256 word = _records[cohort][ringSlot(epoch)];
        if (word.isOf(epoch)) record = word.unpack();
    }
}
