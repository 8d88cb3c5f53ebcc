import type { Address, Hex } from 'viem'
import type { Beats, Measures } from '../epoch/capacity.ts'
import type {
  CohortFacts,
  CohortPayment,
  DeviceFacts,
  EpochFacts,
  SeatFacts,
  ShownRounds,
} from '../network/epoch-facts.ts'

/** How a device's pay of one epoch came about: every step from membership to transfer, and the figures in between. */
export type Explanation = {
  readonly device: Hex
  readonly epoch: number
  readonly operator: Address
  readonly payout: Address
  readonly cohort: number
  /** Within its cohort. */
  readonly lane: number
  readonly outcome: 'paid' | 'nothing' | 'pending'
  /** Recomputed from the seats' openings, in wei of KAI; 0 while pending. */
  readonly amount: bigint
  /** What the vault sent or owes for it, in wei of KAI; null before it was paid. */
  readonly transferred: bigint | null
  /** Whether recomputation and chain agree in every figure that both have. */
  readonly balanced: boolean
  /** What does not agree, in sentences. */
  readonly differences: readonly string[]
  readonly steps: readonly ExplanationStep[]
  readonly figures: EpochFigures | null
  readonly seats: readonly SeatAccount[]
  /** Set when the device earned nothing, or not yet. */
  readonly reason: NothingEarned | null
}

export const stepNames = ['job', 'report', 'verdicts', 'consensus', 'score', 'share', 'payment'] as const

export type ExplanationStep = {
  readonly step: (typeof stepNames)[number]
  /** `none`: nothing to do here, because an earlier step failed. */
  readonly state: 'done' | 'failed' | 'waiting' | 'none'
  /** What came out of it, in a sentence. */
  readonly summary: string
  /** The arithmetic and the facts, one per line. */
  readonly lines: readonly string[]
  readonly transactions: readonly Reference[]
  /** Where the evidence is: roots, commitments, the endpoint that serves them. */
  readonly evidence: readonly Reference[]
}

/** What one seat of the committee said of the device. `rate` is the capacity that it opened; null where its opening is not known. */
export type SeatAccount = Pick<SeatFacts, 'operator' | 'endpoint' | 'opened' | 'evidenceRoot'> & {
  readonly seat: number
  /** What lies below that, as the seat showed it; null where it showed nothing. */
  readonly below: SeatBelow | null
  readonly rate: bigint | null
  readonly uptime: number | null
  readonly flags: number | null
  /** Rate equals the median and flags equal the majority; null where it cannot be said. */
  readonly agrees: boolean | null
}

/** From a seat's rounds to the lane that it opened. */
export type SeatBelow = Pick<ShownRounds, 'rounds'> & {
  readonly beats: Beats
  /** Means of its rounds; null where they are too few for one, so that it had to abstain. */
  readonly measures: Measures | null
  readonly capacity: bigint | null
  /** What is left of its uptime by rounds in which it was busy, in 1/10000. */
  readonly presence: number
  /**
   * Whether its rounds are those of the chain, and capacity and uptime recomputed from them are what it opened; null where they would be,
   * and the epoch's blocks could not be read to compare the rounds.
   */
  readonly equal: boolean | null
}

export type Reference = { readonly what: string; readonly hash: string }

/** Everything that explanations are told from. */
export type Account = {
  readonly facts: EpochFacts
  readonly device: DeviceFacts
  readonly cohort: CohortFacts | null
  /** The device's lane within its cohort. */
  readonly lane: number
  readonly seats: readonly SeatAccount[]
  readonly figures: EpochFigures | null
  readonly payment: { readonly payment: CohortPayment; readonly amount: bigint; readonly payout: string } | null
  readonly differences: readonly string[]
}

/** Rates and scores in units of the capacity, amounts in wei. Each unit of the median rate and of the share is accounted for. */
export type EpochFigures = {
  readonly medianRate: bigint
  readonly medianUptime: number
  readonly flags: number
  readonly score: bigint
  /** medianRate = score + lostToUptime + lostToFlags. */
  readonly lostToUptime: bigint
  readonly lostToFlags: bigint
  /** 0: the device had none. */
  readonly standingBefore: bigint
  readonly cap: bigint
  readonly credit: bigint
  /** score = credit + heldByCap + heldBack. */
  readonly heldByCap: bigint
  /** A first credit, which sets the standing and is not paid. */
  readonly heldBack: bigint
  /** What the standing moves towards: down the median capacity, up the credit; 0 where nothing was earned. */
  readonly shown: bigint
  readonly standingAfter: bigint
  /** Zero before the epoch's money is opened, like everything below. */
  readonly devicePool: bigint
  readonly denominator: bigint
  readonly maxPrice: bigint
  /** devicePool × credit ÷ denominator, rounded down. */
  readonly poolShare: bigint
  /** What of the share the price cap leaves in the vault: amount = poolShare − heldByPrice. */
  readonly heldByPrice: bigint
  readonly amount: bigint
}

export type NothingEarned = {
  /** Stable: scripts may compare it. */
  readonly code: NothingCode
  readonly sentence: string
  readonly fix: string
}

export type NothingCode =
  | 'NOT_MEMBER'
  | 'EPOCH_WORKING'
  | 'EPOCH_SETTLING'
  | 'EPOCH_UNSEEDED'
  | 'EPOCH_WITHOUT_ROUNDS'
  | 'EPOCH_UNPAID'
  | 'COHORT_VOID'
  | 'NOT_JUDGED'
  | 'DEVICE_BUSY'
  | 'WORK_WRONG'
  | 'DEVICE_UNCONFIRMED'
  | 'ENVIRONMENT_UNCONFIRMED'
  | 'RATE_ZERO'
  | 'UPTIME_ZERO'
  | 'FIRST_CREDIT_HELD'
  | 'SCORE_BELOW_ONE'
  | 'POOL_EMPTY'
  | 'SHARE_BELOW_ONE'
  | 'PAYMENT_DUE'
