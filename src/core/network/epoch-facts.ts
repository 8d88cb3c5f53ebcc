/** Everything that {@link explainDevice} needs to know of one epoch, all of it read from the chain. */
import type { Address, Hex } from 'viem'
import type { EpochMoney, Phase } from '../chain/epochs.ts'
import type { OpeningWords } from '../epoch/opening.ts'
import type { Newcomers } from '../epoch/rewards.ts'

export type EpochFacts = {
  readonly epoch: number
  readonly phase: Phase
  readonly currentEpoch: number
  readonly firstPaidEpoch: number
  readonly startsAt: number
  readonly seed: Hex | null
  /** What a device without a standing is given in this epoch. */
  readonly newcomers: Newcomers
  /** Rounds of the epoch; null where its blocks were not read. */
  readonly rounds: readonly RoundFact[] | null
  /** Null before the epoch's first payment. */
  readonly money: (EpochMoney & { readonly txHash: Hex }) | null
}

type RoundFact = {
  readonly ordinal: number
  /** The trigger block. */
  readonly hash: Hex
  readonly number: bigint
  readonly timestamp: number
}

/** A device's cohort in that epoch. */
export type CohortFacts = {
  readonly cohort: number
  readonly state: 'pending' | 'final' | 'void'
  /** The transaction that made it final or void. */
  readonly txHash: Hex | null
  /** Five, in seat order. */
  readonly seats: readonly SeatFacts[]
  /** As the contract computed and recorded them; null while pending or void. */
  readonly result: CohortResult | null
  readonly payments: readonly CohortPayment[]
}

export type CohortResult = {
  /** Per lane: median rate (minifloat), median uptime, majority flags, credit. */
  readonly rates: readonly number[]
  readonly uptimes: readonly number[]
  readonly flags: readonly number[]
  /** Whether at least four seats judged the lane. */
  readonly certain: readonly boolean[]
  readonly credits: readonly bigint[]
}

export type SeatFacts = {
  /** Null where the chain no longer says who was drawn. */
  readonly operator: Address | null
  readonly endpoint: string | null
  readonly commitTxHash: Hex | null
  /** The ten words it opened; null where it did not. */
  readonly opening: OpeningWords | null
  /** Whether its opening was counted, known even where the words are not. */
  readonly opened: boolean
  readonly evidenceRoot: Hex | null
  /** What its evidence says of the device's rounds, where the seat was asked; null where not. */
  readonly rounds: readonly SeatRound[] | null
}

/** A leaf of a seat's evidence tree, verified against its root. */
export type SeatRound = {
  readonly ordinal: number
  /** The verdict's stable code, e.g. `ROWS_EQUAL`. */
  readonly reason: string
  /** Digest of the device's commitment, null where there is none. */
  readonly commitmentHash: Hex | null
}

/** One transaction of `payCohort`, lanes from `firstLane` on. */
export type CohortPayment = {
  readonly txHash: Hex
  readonly firstLane: number
  readonly payouts: readonly Address[]
  readonly credits: readonly bigint[]
  readonly amounts: readonly bigint[]
  /** KAI that the vault really sent in this transaction, and what it kept as owed, by payee. */
  readonly transfers: readonly Transfer[]
  readonly owed: readonly Transfer[]
}

export type Transfer = { readonly to: Address; readonly amount: bigint }

/** The device, as registered. */
export type DeviceFacts = {
  readonly id: Hex
  readonly operator: Address
  readonly payout: Address
  /** Global. */
  readonly lane: number
  readonly generation: number
  readonly since: number
  readonly until: number | null
  readonly registeredTxHash: Hex | null
  /** On chain before this epoch's score counted; 0: it had none. */
  readonly standingBefore: bigint
  /** Whether the last epoch before this one in which it was judged earned nothing. */
  readonly silentBefore: boolean
}
