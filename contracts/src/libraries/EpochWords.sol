// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// The words that the consensus keeps in places that epochs share by turns: each says of which epoch it is, and nothing of any other.
// A function costs gas with each call, so what every verdict takes of a word is written out where it is taken, by the offsets below.

/// @dev What an owner committed to. Cutting the root to 224 bits leaves 112 bits against collisions.
///
///      255                        32 31          1        0
///     | first 28 bytes of the root  |  epoch      | salted  |   salted: its salt is part of a seed
type CommitmentWord is uint256;

/// @dev Whose openings of a cohort are on record.
///
///      255                         8 7            0
///     |  epoch                      |  seats        |
type RevealedWord is uint256;

/// @dev What became of a cohort's audits. A struck seat has not answered.
///
///      255                        16 15           8 7            0
///     |  epoch                      | struck seats | seats that answered |
type AnswersWord is uint256;

/// @dev What a keeper did and was not paid for yet, in lanes.
///
///      255                        64 63          32 31           0
///     |  epoch                      |  errands      | resolutions   |
type CallsWord is uint256;

using Commitments for CommitmentWord global;
using RevealedSeats for RevealedWord global;
using {Answers.only, Answers.has, Answers.with} for AnswersWord global;
using Calls for CallsWord global;

uint256 constant COMMITMENT_SALTED = 1;
uint256 constant COMMITMENT_EPOCH_AT = 1;
uint256 constant COMMITMENT_ROOT_AT = 32;

library Commitments {
    function matches(CommitmentWord word, bytes32 root) internal pure returns (bool) {
        return CommitmentWord.unwrap(word) != 0
            && CommitmentWord.unwrap(word) >> COMMITMENT_ROOT_AT == uint256(root) >> COMMITMENT_ROOT_AT;
    }
}

library RevealedSeats {
    uint256 private constant EPOCH_AT = 8;

    function pack(uint64 epoch, uint256 seats) internal pure returns (RevealedWord) {
        return RevealedWord.wrap(uint256(epoch) << EPOCH_AT | seats);
    }

    function seatsIn(RevealedWord word, uint64 epoch) internal pure returns (uint8) {
        return RevealedWord.unwrap(word) >> EPOCH_AT == epoch ? uint8(RevealedWord.unwrap(word)) : 0;
    }
}

library Answers {
    uint256 private constant STRUCK_AT = 8;
    uint256 private constant EPOCH_AT = 16;

    /// @notice The word where it is of `epoch`, else one of it in which nothing happened.
    function only(AnswersWord word, uint64 epoch) internal pure returns (AnswersWord) {
        return AnswersWord.unwrap(word) >> EPOCH_AT == epoch ? word : AnswersWord.wrap(uint256(epoch) << EPOCH_AT);
    }

    /// @notice What marks that the seat answered.
    function answer(uint256 seat) internal pure returns (uint256) {
        return 1 << seat;
    }

    /// @notice What marks that the seat was struck.
    function strike(uint256 seat) internal pure returns (uint256) {
        return 1 << (STRUCK_AT + seat);
    }

    function has(AnswersWord word, uint256 mark) internal pure returns (bool) {
        return AnswersWord.unwrap(word) & mark != 0;
    }

    function with(AnswersWord word, uint256 mark) internal pure returns (AnswersWord) {
        return AnswersWord.wrap(AnswersWord.unwrap(word) | mark);
    }
}

library Calls {
    uint256 private constant ERRANDS_AT = 32;
    uint256 private constant EPOCH_AT = 64;

    function pack(uint64 epoch, uint256 lanes, uint256 errands) internal pure returns (CallsWord) {
        return CallsWord.wrap(uint256(epoch) << EPOCH_AT | errands << ERRANDS_AT | lanes);
    }

    function unpack(CallsWord word, uint64 epoch) internal pure returns (uint256 lanes, uint256 errands) {
        if (CallsWord.unwrap(word) >> EPOCH_AT == epoch) {
            (lanes, errands) = (uint32(CallsWord.unwrap(word)), uint32(CallsWord.unwrap(word) >> ERRANDS_AT));
        }
    }

    function epochOf(CallsWord word) internal pure returns (uint256) {
        return CallsWord.unwrap(word) >> EPOCH_AT;
    }
}
