/**
 * The network's constants: what the contracts fix in their code, so that no rule and no parameter changes it. The name in Solidity
 * stands beside each; test/unit/protocol/constants.test.ts reads both and compares them. What a network chooses for itself is in
 * network-parameters.ts.
 *
 * Three figures are arranged in 256-bit words. Bit 0 is on the right, and an index grows to the left:
 *
 *   opening, 10 words          words 0 to 3: rates     words 4 to 7: uptimes     word 8: flags     word 9: evidence root
 *   word of rates or uptimes   lane 16w+15 ┃ … ┃ lane 16w+1 ┃ lane 16w      16 bits a lane, the top one of them always 0;
 *                                                                           w is the word's place among its four
 *   word of flags              lane 63 ┃ … ┃ lane 1 ┃ lane 0                4 bits a lane: judged, work, environment, device
 *   credits, 11 words          lane 6w+5 ┃ … ┃ lane 6w+1 ┃ lane 6w          42 bits a lane, the top 4 bits of a word unused;
 *                                                                           the last word ends with lane 63
 */

/** Seats, each of another owner, that judge a cohort: `COMMITTEE`. */
export const committeeSize = 5
/** Openings that make a result, and seats that must agree on a flag: `QUORUM`. */
export const quorum = 3
/** Seats that must have judged a lane before its zero can lower a device's standing: `CERTAIN`. */
export const certainSeats = 4

/** Lanes of a cohort, each of at most one device: `COHORT_LANES`. */
export const cohortLanes = 64
/** Epochs that the chain keeps records, commitments, credits and calls of; the next one overwrites the oldest: `KEPT_EPOCHS`. */
export const keptEpochs = 4
/** Epochs for which members and seats are known exactly: the one that is settled, the present one and the next: `FROZEN_EPOCHS`. */
export const frozenEpochs = 3
/** Epochs for which a seat may still give a receipt: those that the chain keeps, and one that a daemon enters early. */
export const receiptEpochs = keptEpochs + 1

/** Words of an opening, evidence root included: `OPENING_WORDS`. */
export const openingWords = 10
/** Words of an opening that hold rates, and as many uptimes: `RATE_WORDS`. */
export const rateWords = 4
/** Bits of a lane's rate or uptime: `LANE_BITS`. */
export const laneBits = 16
/** Rates or uptimes in one word: `LANES_PER_WORD`. */
export const lanesPerWord = 16
/** The largest rate that a lane holds; the top bit stays free for the comparison of packed words: `MAX_RATE_LANE`. */
export const maxRateLane = 0x7fff
/** Uptime of a device all of whose beats count: `FULL_UPTIME`. */
export const fullUptime = 10_000
/** Bits of a lane's flags: `FLAG_BITS`. */
export const flagBits = 4
/** Every flag of a lane: `ALL_FLAGS`. */
export const allFlags = 0xf

/** Words that hold the credits of a cohort: `Standings.WORDS`. */
export const creditWords = 11
/** Credits in one word: `Standings.PER_WORD`. */
export const creditsPerWord = 6
/** Bits of a credit: `Standings.BITS`. */
export const creditBits = 42

/** Kinds of rounds that a slot has one of each at least: `SLOT_KINDS`. */
export const slotKindCount = 2
/** Those, in the order in which an epoch's first rounds come: memory is filled while the first one is worked. */
export const slotKinds = ['tensor', 'memory'] as const satisfies { length: typeof slotKindCount }
/** Rounds of the slots' kinds measure what a device does, a `beat` whether it is there. What kinds there are {@link file://../job/jobs.ts} lists. */
export type RoundKindName = string

/** The cohort that a device's lane, numbered over the whole network, belongs to. */
export const cohortOf = (lane: number): number => Math.floor(lane / cohortLanes)
/** The place in its cohort of a lane that is numbered over the whole network. */
export const laneInCohort = (lane: number): number => lane % cohortLanes
/** The seats of a committee, by number. */
export const seatNumbers: readonly number[] = Array.from({ length: committeeSize }, (_, seat) => seat)
