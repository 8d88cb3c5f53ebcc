// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {COMMITTEE, CREDIT_WORDS, OPENING_WORDS, RATE_WORDS} from "../libraries/Constants.sol";
import {ICheckerSeats} from "./ICheckerSeats.sol";
import {Commitment, IDeviceRegistry} from "./IDeviceRegistry.sol";
import {IGovernedReports} from "./IGoverned.sol";
import {IRewardVault} from "./IRewardVault.sol";

/// @notice Where an epoch stands. The phases after Work lie inside the next epoch.
enum Phase {
    Future,
    Work,
    Commit,
    Open,
    Reveal,
    Finalize,
    Pay
}

/// @notice What became of a cohort in an epoch. Pending becomes Void by itself when FINALIZE closes, or at the end of the next epoch where a
/// quorum was revealed. Forgotten: the chain kept its outcome until a later epoch took its place; events still tell it.
enum CohortState {
    Pending,
    Final,
    Void,
    Forgotten
}

/// @notice Lengths in seconds. COMMIT, OPEN, REVEAL and FINALIZE follow each other from the start of the next epoch.
/// @param firstEpochAt Set by `start`; zero in the constructor.
/// @param auditSeconds Answers to audits of e are taken for so long after the seed of e + 2; unanswered ones are reported for as long after.
/// @param firstPaidEpoch Epochs before it pay nothing.
struct Timeline {
    uint64 firstEpochAt;
    uint32 epochSeconds;
    uint32 commitSeconds;
    uint32 openSeconds;
    uint32 revealSeconds;
    uint32 finalizeSeconds;
    uint32 auditSeconds;
    uint32 firstPaidEpoch;
}

/// @notice Rules of rounds, consumed off chain by everyone.
/// @param slots The epoch's WORK phase is divided into this many equal slots (R); each has at least one trigger and may have more.
/// @param maxRounds Rounds of an epoch that count, beats among them, numbered by ordinal from 0; also the evidence leaves of a lane.
/// @param beats Beats of an epoch: short memory rounds at moments that blocks draw, by which uptime is measured.
/// @param windowMs How long a device works (D).
/// @param graceMs Added to the window before a commitment is late.
/// @param eligibleFromSeconds First second of a slot in which a block may trigger. No block triggers that is not younger than the seed.
/// @param cutoffSeconds The first block of the slot at or after this second triggers if none has. A slot whose cutoff came before the seed has
/// no round.
/// @param threshold A block triggers when the first 8 bytes of H(seed ‖ block hash) are below this (a fraction of 2^64).
/// @param refractorySeconds Least time between two triggers of a slot, samplingSeconds at least.
/// @param samplingSeconds Sampling block: the first with timestamp ≥ trigger + this.
/// @param openingsMs Openings are taken until trigger + this.
/// @param beatWindowMs How long a device works at a beat.
/// @param specHash Hash of the job spec.
struct RoundRules {
    uint8 slots;
    uint8 maxRounds;
    uint8 beats;
    uint32 windowMs;
    uint32 graceMs;
    uint32 eligibleFromSeconds;
    uint32 cutoffSeconds;
    uint64 threshold;
    uint32 refractorySeconds;
    uint32 samplingSeconds;
    uint32 openingsMs;
    uint32 beatWindowMs;
    bytes32 specHash;
}

/// @notice Rules of scoring and audits.
/// @param firstStanding Largest standing a first score can set. Fixed at construction. A device without a standing is capped by the mean of
/// the network, or by this while nobody has one; that first credit is paid only while nobody has one, where `firstPaidEpoch` is 0.
/// @param auditBps Chance, in 1/10000, that an opened seat is audited for a cohort.
/// @param delistAfterEpochs Judged epochs in a row without a score after which a device may be delisted (at most 15).
/// @param uptimeTolerance How far from the median uptime, in 1/10000, a seat's uptime counts as agreed. Fixed at construction.
struct ScoreRules {
    uint48 firstStanding;
    uint16 auditBps;
    uint8 delistAfterEpochs;
    uint16 uptimeTolerance;
}

/// @notice One seat's opening for one cohort.
/// @param seat Place of the owner in the committee, from 0 (ignored by `slashReceipt`).
/// @param salt The owner's salt of the epoch; the same in all of its leaves.
/// @param words 0–3 rates (lane i is 16 bits at 16 × (i mod 16) of word i / 16), 4–7 uptimes (same layout), 8 flags (lane i is
/// 4 bits at 4 × i: device 1, environment 2, work 4, judged 8), 9 evidence root.
/// @param proof Siblings of leaf number `cohort`, from the leaf up; its length is {commitmentDepth}.
struct Opening {
    uint8 seat;
    bytes32 salt;
    uint256[OPENING_WORDS] words;
    bytes32[] proof;
}

/// @notice A leaf of the evidence tree: leaf = keccak256(abi.encode(round, commitmentHash, reason)), number lane × maxRounds + ordinal, in a
/// tree of depth ⌈log2(COHORT_LANES × maxRounds)⌉ padded with zero leaves; a node is keccak256(left ‖ right).
/// @param round Trigger block hash; zero where the epoch had no round of that ordinal.
/// @param commitmentHash EIP-712 digest of the device's Commitment; zero where it did no work this seat could judge.
/// @param reason Stable code, left-aligned ASCII, of the verdict.
struct Evidence {
    bytes32 round;
    bytes32 commitmentHash;
    bytes32 reason;
    bytes32[] proof;
}

/// @notice What an audit asks: lane is the (draw mod n)-th of the n lanes with `judged` in the seat's own opening.
/// @param drawn The seat is audited.
/// @param laneDraw Pseudo-random number that picks the lane.
/// @param ordinal First round to show; where the seat's rate of the lane is above zero, rounds are shown from here on, cyclically, up
/// to and including the first with work.
struct Audit {
    bool drawn;
    bool answered;
    uint256 laneDraw;
    uint8 ordinal;
    uint64 closesAt;
}

/// @notice What the chain keeps of a cohort in an epoch (for the last KEPT_EPOCHS).
/// @param opened Bit i: seat i's opening was counted.
/// @param agreed Lanes in which seat i agreed with the result; none where it judged a lane without a member.
/// @param lanesPaid Lanes already paid, from lane 0 of the cohort.
struct CohortRecord {
    CohortState state;
    uint8 opened;
    uint32[COMMITTEE] owners;
    uint8[COMMITTEE] agreed;
    uint8 lanesPaid;
    bool checkersPaid;
}

/// @notice Sums of an epoch. A payment is emission × credit ÷ (credits + openCaps).
/// @param credits Σ credits.
/// @param openCaps Σ caps (twice the standing) of the members without a credit: void, not judged, or judged at zero. So none of the three
/// is worth more to others than another. Devices without a standing count nothing; where first credits are paid, `firstStanding` each.
/// @param resolvedLanes Members in cohorts that are final or void.
/// @param lanes Members of the epoch.
/// @param unpaid Final cohorts whose devices or checkers are not all paid.
struct EpochTotals {
    uint256 credits;
    uint256 openCaps;
    uint32 resolvedLanes;
    uint32 lanes;
    uint32 unpaid;
}

/// @title What EpochConsensus reports: errors and events
interface IEpochReports {
    /// @notice `start` works once.
    error AlreadyStarted();
    /// @notice Epochs have not begun.
    error NotStarted();
    /// @notice `firstEpochAt` must be in the future.
    error StartInThePast(uint64 firstEpochAt);
    /// @notice `firstEpochAt` (block time, seconds) must be within thirty days.
    error StartTooLate(uint64 firstEpochAt, uint64 latest);
    /// @notice Fewer different owners are bonded than a committee has.
    error TooFewOwners(uint64 owners);
    /// @notice The epoch is in another phase than the call is for.
    error WrongPhase(uint64 epoch, Phase phase, Phase needed);
    /// @notice The epoch is not the present one: its seed is not due yet, or no more.
    error SeedNotDue(uint64 epoch);
    /// @notice No block is pinned for the seed yet.
    error NotPinned(uint64 epoch);
    /// @notice The pinned block is not mined yet.
    error PinnedBlockAhead(uint64 epoch, uint64 pinnedBlock);
    /// @notice The pinned block's hash is out of reach; pin again.
    error PinExpired(uint64 epoch, uint64 pinnedBlock);
    /// @notice The epoch has no seed, hence no committees, no jobs and no pay.
    error NoSeed(uint64 epoch);
    /// @notice One commitment an epoch, which nothing replaces.
    error AlreadyCommitted(address owner, uint64 epoch);
    /// @notice A root of zero proves nothing.
    error EmptyRoot();
    /// @notice The cohort has no member in this epoch.
    error EmptyCohort(uint64 epoch, uint32 cohort);
    /// @notice The cohort is final or void already.
    error CohortResolved(uint64 epoch, uint32 cohort);
    /// @notice Seats must come in ascending order, each at most once, numbered from 0.
    error SeatOrder();
    /// @notice In OPEN every committed seat's opening is needed; in FINALIZE exactly the revealed ones. Bit masks of seats.
    error WrongSeats(uint256 given, uint256 needed);
    /// @notice The opening is not the leaf its owner committed to.
    error ProofInvalid(address owner);
    /// @notice The opening is proven but holds values out of range.
    error OpeningMalformed(address owner);
    /// @notice Quorum can still be reached: the cohort cannot be voided now.
    error QuorumPossible(uint64 epoch, uint32 cohort);
    /// @notice Calldata is not the ABI encoding of its arguments to the byte.
    error CalldataLength(uint256 given, uint256 needed);
    /// @notice The seat is not drawn for an audit, or not yet.
    error NotAudited(uint64 epoch, uint32 cohort, uint8 seat);
    /// @notice The time for answers, or for reports, is over.
    error AuditClosed(uint64 epoch, uint64 closedAt);
    /// @notice The seat may still answer.
    error AuditOpen(uint64 epoch, uint64 closesAt);
    /// @notice The audit was answered, or reported.
    error AlreadyAnswered(uint64 epoch, uint32 cohort, uint8 seat);
    /// @notice The answer does not show what was asked.
    error AnswerInvalid();
    /// @notice A change of parameters is already waiting.
    error ChangePending(uint64 fromEpoch);

    /// @notice Epoch 0 begins at `firstEpochAt`.
    event Started(uint64 firstEpochAt);
    /// @notice The hash of `pinnedBlock` will make the seed.
    event Pinned(uint64 indexed epoch, uint64 pinnedBlock, address indexed keeper);
    /// @notice The epoch has its seed, and with it its committees.
    event Rolled(uint64 indexed epoch, bytes32 seed, address indexed keeper);
    /// @param root Of the tree of the owner's openings.
    event Committed(uint64 indexed epoch, address indexed owner, bytes32 root);
    /// @notice Settling of an epoch began. @param caps Σ 2 × standing of its members; zero where nobody has one.
    event EpochCounted(uint64 indexed epoch, uint32 members, uint256 caps);
    /// @notice What finalizing takes from then on: a call that came through another contract shows it nowhere else.
    event Revealed(uint64 indexed epoch, uint32 indexed cohort, Opening[] openings);
    /// @param rates Medians, RATE_WORDS words in the layout of {Opening}. @param uptimes Medians, as many words.
    /// @param flags Majorities, one word (with `judged` set where a quorum of seats judged).
    /// @param certain Low bit of each nibble: at least CERTAIN seats judged the lane.
    /// @param credits 11 words of six 42-bit lanes: lane i is 42 bits at 42 × (i mod 6) of word i / 6.
    /// @param evidenceRoots Per seat; zero where it did not open.
    event CohortFinalized(
        uint64 indexed epoch,
        uint32 indexed cohort,
        address indexed keeper,
        uint8 opened,
        uint256[RATE_WORDS] rates,
        uint256[RATE_WORDS] uptimes,
        uint256 flags,
        uint256 certain,
        uint256[CREDIT_WORDS] credits,
        bytes32[COMMITTEE] evidenceRoots
    );
    /// @notice The cohort is void in this epoch: nobody in it is paid, and no standing moves.
    event CohortVoided(uint64 indexed epoch, uint32 indexed cohort, address indexed keeper);
    /// @param lane The lane that was drawn, of all.
    /// @param ordinal The first round that was asked for.
    /// @param commitmentHash The work that was shown; zero where there was none.
    event AuditAnswered(uint64 indexed epoch, uint32 indexed cohort, uint8 seat, uint32 lane, uint8 ordinal, bytes32 commitmentHash);
    /// @notice Another timeline counts from `fromEpoch` on.
    event TimelineScheduled(uint64 fromEpoch, Timeline timeline);
    /// @notice Other rules of rounds count from `fromEpoch` on.
    event RoundRulesScheduled(uint64 fromEpoch, RoundRules rules);
    /// @notice Other rules of scores count from `fromEpoch` on.
    event ScoreRulesScheduled(uint64 fromEpoch, ScoreRules rules);
}

/// @title What both halves of the consensus answer: the network's contracts, time, and what both read
interface IEpochShared is IEpochReports, IGovernedReports {
    // --- the network

    /// @notice Who is a member of which epoch, and where.
    function registry() external view returns (IDeviceRegistry);

    /// @notice Who may be drawn into a committee.
    function seats() external view returns (ICheckerSeats);

    /// @notice Who may take credits and agreements to pay them.
    function vault() external view returns (IRewardVault);

    // --- time

    /// @notice Whether `start` was called.
    function started() external view returns (bool);

    /// @notice First epoch a device registered now is a member of: 0 before the first, then the current + 1.
    function nextEpoch() external view returns (uint64);

    /// @notice First epoch a seat bonded now may be drawn in.
    function seatsEffectiveFrom() external view returns (uint64);

    /// @notice Block time, in seconds, at which `epoch` begins.
    function epochStart(uint64 epoch) external view returns (uint64);

    /// @notice The phase of `epoch` at the present block.
    function phaseOf(uint64 epoch) external view returns (Phase);

    /// @notice Block time at which a phase of `epoch` begins.
    function phaseStart(uint64 epoch, Phase phase) external view returns (uint64);

    // --- what both read

    /// @notice Zero while it is not set.
    function seedOf(uint64 epoch) external view returns (bytes32);

    /// @notice Bit mask of the seats whose openings are on record.
    function revealedSeats(uint64 epoch, uint32 cohort) external view returns (uint8);
}

/// @title What EpochConsensus has in its own code
interface IEpochCore is IEpochShared {
    // --- seeds

    /// @notice Opens epoch 0 at `firstEpochAt` (block time, seconds; within thirty days). Once, by the owner, with COMMITTEE different owners bonded.
    function start(uint64 firstEpochAt) external;

    /// @notice Binds the seed of `epoch` to a block not yet mined, while `epoch` lasts. Does nothing when a usable pin exists.
    function pin(uint64 epoch) external;

    /// @notice Sets the seed of `epoch` from the pinned block, while `epoch` lasts. Does nothing when it is set. Any keeper.
    function roll(uint64 epoch) external;

    /// @notice Time of the block that set the seed of `epoch`: rounds begin in later blocks. Zero while it is not set.
    function seededAt(uint64 epoch) external view returns (uint64);

    /// @notice Block whose hash will make the seed of `epoch`; zero while none is pinned.
    function pinnedBlockOf(uint64 epoch) external view returns (uint64);

    // --- cohorts

    /// @notice One commitment per owner and epoch: the root of the tree of its openings (leaf number = cohort). Counts for drawn
    /// owners; from others it has no effect.
    function commit(uint64 epoch, bytes32 root) external;

    /// @notice Resolves a cohort. OPEN: with every committed seat's opening. FINALIZE, and later while the next epoch lasts: with exactly the
    /// revealed ones, after FINALIZE a quorum of them.
    function finalize(uint64 epoch, uint32 cohort, Opening[] calldata openings) external;

    /// @notice Marks a cohort void that cannot reach a quorum any more, and strikes who committed and did not open where another one did.
    function voidCohort(uint64 epoch, uint32 cohort) external;

    // --- between the contracts

    /// @notice A lane gets a device: `deviceId` brings its standing along. DeviceRegistry only.
    function joinLane(uint32 lane, bytes32 deviceId) external;

    /// @notice A lane's device leaves after the current epoch. DeviceRegistry only.
    function leaveLane(uint32 lane) external;

    /// @notice A lane is free again; its standing is kept for `deviceId`, less a quarter where its last judged epoch earned nothing.
    /// DeviceRegistry only.
    function releaseLane(uint32 lane, bytes32 deviceId) external;

    /// @notice Credits of the next `maxLanes` unpaid lanes of a final cohort, marked as paid. RewardVault only.
    /// @return firstLane Numbered over the whole network: 64 × cohort + the lanes of the cohort that were paid before.
    /// @return credits In units of the capacity, one for each lane from `firstLane` on.
    function takeCredits(uint64 epoch, uint32 cohort, uint8 maxLanes)
        external
        returns (uint256 firstLane, uint256[] memory credits);

    /// @notice Agreements of a final cohort's seats, marked as paid. RewardVault only.
    function takeAgreements(uint64 epoch, uint32 cohort)
        external
        returns (uint32[COMMITTEE] memory owners, uint8[COMMITTEE] memory agreed);

    /// @notice {keeperCalls}, marked as paid. RewardVault only.
    function takeKeeperCalls(uint64 epoch, address keeper) external returns (uint256 lanes, uint256 errands);

    /// @notice Counts a jailing, delisting or claim of `keeper`, worth `lanes`, for the epoch being settled. DeviceRegistry and CheckerSeats only.
    function countErrand(address keeper, uint256 lanes) external;

    // --- views

    /// @notice The epoch of the present block; reverts before the first.
    function currentEpoch() external view returns (uint64);

    /// @notice Sums of `epoch` over the cohorts that are resolved.
    function totalsOf(uint64 epoch) external view returns (EpochTotals memory);

    /// @notice Whether the total of `epoch` is fixed, so that it can be paid: every cohort is resolved, or PAY has begun and no revealed
    /// quorum waits to be finalized.
    function isPayable(uint64 epoch) external view returns (bool);

    /// @notice Credit of a lane in `epoch`, while it is kept.
    function creditOf(uint64 epoch, uint32 lane) external view returns (uint256);

    /// @notice Of a device, in its lane or kept for its return.
    function standing(bytes32 deviceId) external view returns (uint256);

    /// @notice Of the device in a lane; zero where there is none.
    function standingAtLane(uint32 lane) external view returns (uint256);

    /// @notice Judged epochs in a row without a score, at most 15.
    function silentEpochs(uint32 lane) external view returns (uint256);

    /// @notice The audits of every epoch up to and including this one are over, those of unanswered ones too.
    /// @return any False while there is none. @return epoch The last such epoch.
    function settledThrough() external view returns (bool any, uint64 epoch);

    /// @notice An epoch up to `until` of which the chain keeps a final result of this lane that is not paid yet. Anybody may pay it.
    function unpaidEpoch(uint32 lane, uint64 until) external view returns (bool any, uint64 epoch);

    /// @notice What `keeper` did for `epoch` and was not paid for, in lanes: its resolutions (a seed counts COHORT_LANES, a revealed seat its part of
    /// its cohort's), and its errands (a report, jailing or claim counts COHORT_LANES, a delisted device its one lane).
    function keeperCalls(uint64 epoch, address keeper) external view returns (uint256 lanes, uint256 errands);
}

/// @title What EpochConsensus has in the code of EpochExtension
interface IEpochExtension is IEpochShared {
    // --- cohorts

    /// @notice Puts openings on record in REVEAL, for any seats. It earns a fifth of the cohort's bounty for the caller's own: who withholds
    /// one in OPEN, so that all have to be revealed, would else be paid for all of them.
    function reveal(uint64 epoch, uint32 cohort, Opening[] calldata openings) external;

    // --- audits

    /// @notice Answers an audit of `epoch`. `leaves` start at the drawn ordinal; `commitment` and `signature` belong to the last one, where
    /// it claims work (else they are ignored).
    function answerAudit(
        uint64 epoch,
        uint32 cohort,
        Opening calldata opening,
        Evidence[] calldata leaves,
        Commitment calldata commitment,
        bytes calldata signature
    ) external;

    /// @notice Strikes a seat whose audit nobody answered in time. Anyone.
    function strikeUnanswered(uint64 epoch, uint32 cohort, uint8 seat) external;

    /// @notice What the audit of a seat asks; `drawn` is false before the seed of `epoch + 2`, or when the seat did not open.
    function auditOf(uint64 epoch, uint32 cohort, uint8 seat) external view returns (Audit memory);

    // --- rules in force

    /// @notice The timeline of the present epoch; of epoch 0 before there is one.
    function timeline() external view returns (Timeline memory);

    /// @notice The timeline of `epoch`, as far as the two youngest sets tell.
    function timelineOf(uint64 epoch) external view returns (Timeline memory);

    /// @notice The rules of rounds of the present epoch.
    function roundRules() external view returns (RoundRules memory);

    /// @notice The rules of rounds of `epoch`, as far as the two youngest sets tell.
    function roundRulesOf(uint64 epoch) external view returns (RoundRules memory);

    /// @notice The rules of scores of the present epoch.
    function scoreRules() external view returns (ScoreRules memory);

    // --- views

    /// @notice Of the EIP-712 domain that all messages between peers are signed in.
    function domainSeparator() external view returns (bytes32);

    /// @notice The owners that judge a cohort in `epoch`. Needs the seed; exact from the previous epoch on.
    function seatsOf(uint64 epoch, uint32 cohort) external view returns (address[COMMITTEE] memory);

    /// @notice Depth of the commitment trees of `epoch`: ⌈log2(cohorts)⌉.
    function commitmentDepth(uint64 epoch) external view returns (uint256);

    /// @notice First 28 bytes of the owner's root, zero if it did not commit.
    function commitmentOf(uint64 epoch, address owner) external view returns (bytes28);

    /// @notice keccak256(abi.encode(chainId, this, epoch, owner, cohort, salt, words)): the leaf of an opening.
    function openingLeaf(uint64 epoch, address owner, uint32 cohort, bytes32 salt, uint256[OPENING_WORDS] calldata words)
        external
        view
        returns (bytes32);

    /// @notice Whether `opening` is what `owner` committed to, with a proof of exactly {commitmentDepth} siblings.
    function isCommitted(uint64 epoch, address owner, uint32 cohort, Opening calldata opening) external view returns (bool);

    /// @notice What became of the cohort; Void too where its time passed without a result, Forgotten once a later epoch's outcome has its place.
    function cohortState(uint64 epoch, uint32 cohort) external view returns (CohortState);

    /// @notice The result of a cohort, while it is kept; all zero where there is none.
    function cohortRecord(uint64 epoch, uint32 cohort) external view returns (CohortRecord memory);

    // --- governance (owner, effective two epochs later)

    /// @notice Other lengths of phases and audits. Nothing else of the timeline changes.
    function scheduleTimeline(Timeline calldata timeline) external;

    /// @notice Other rules of rounds.
    function scheduleRoundRules(RoundRules calldata rules) external;

    /// @notice Other chances of audits and of delisting. Nothing else of them changes.
    function scheduleScoreRules(ScoreRules calldata rules) external;
}

/// @title Epochs: seed, assignment, commit, open, reveal, finalize, void, audits, standing
/// @notice Trust: fewer than a quorum of a cohort's seats lie. Everything here is permissionless; a keeper can only be late.
interface IEpochConsensus is IEpochCore, IEpochExtension {}
