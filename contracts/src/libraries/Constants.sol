// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// The network's constants, which no rule changes. src/core/protocol/constants.ts says the same for the toolkit and draws the packed words;
// a test compares the two. Each has the type that it is used with, since a conversion costs gas.

/// @dev Seats, each of another owner, that judge a cohort. PackedMedian and SeatList._among are written for five.
uint256 constant COMMITTEE = 5;
/// @dev Openings that make a result, and seats that must agree on a flag.
uint256 constant QUORUM = 3;
/// @dev Seats that must have judged a lane before its zero can lower a standing, see {PackedMedian.majority}.
uint256 constant CERTAIN = 4;

/// @dev Lanes of a cohort, each of at most one device.
uint32 constant COHORT_LANES = 64;
/// @dev The same where lanes are counted in 256 bits: a conversion of COHORT_LANES would cost gas.
uint256 constant FULL_COHORT = 64;
/// @dev Epochs whose records, commitments, credits and calls are kept: a power of two.
uint64 constant KEPT_EPOCHS = 4;
/// @dev Epochs for which members and seats are known exactly: the one being settled, the present one and the next.
uint256 constant FROZEN_EPOCHS = 3;

/// @dev Words of an opening.
uint256 constant OPENING_WORDS = 10;
/// @dev Words of rates in an opening, which come first, and of uptimes, which follow.
uint256 constant RATE_WORDS = 4;
/// @dev The word of an opening that holds its flags.
uint256 constant FLAGS_WORD = 8;
/// @dev The word of an opening that holds its evidence root.
uint256 constant ROOT_WORD = 9;
/// @dev Bits of a lane's rate or uptime.
uint256 constant LANE_BITS = 16;
/// @dev Rates or uptimes in one word.
uint256 constant LANES_PER_WORD = 16;
/// @dev The largest rate that a lane holds, as {Minifloat}; the top bit stays free.
uint256 constant MAX_RATE_LANE = 0x7fff;
/// @dev Uptime of a device all of whose beats count.
uint256 constant FULL_UPTIME = 10_000;
/// @dev Bits of a lane's flags.
uint256 constant FLAG_BITS = 4;
/// @dev Every flag of a lane.
uint256 constant ALL_FLAGS = 0xf;
/// @dev The bit of a lane's flags that says that the seat judged it.
uint256 constant JUDGED_BIT = 3;

/// @dev Kinds of rounds that a slot has one of each at least; beats are beside them.
uint256 constant SLOT_KINDS = 2;

/// @dev Words of a cohort's standings or credits, see {Standings}.
uint256 constant CREDIT_WORDS = 11;

/// @dev Where an epoch is kept: what lies there {KEPT_EPOCHS} later is another one.
function ringSlot(uint64 epoch) pure returns (uint256) {
    unchecked {
        return epoch & (KEPT_EPOCHS - 1);
    }
}
