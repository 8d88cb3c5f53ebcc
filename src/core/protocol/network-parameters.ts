import type { Hex } from 'viem'
import type { RoundKindName } from './constants.ts'

/** Where an epoch's phases lie, in seconds of block time. COMMIT, OPEN, REVEAL and FINALIZE of epoch e run during epoch e+1. */
export type Timeline = {
  readonly firstEpochAt: number
  readonly epochSeconds: number
  readonly commitSeconds: number
  readonly openSeconds: number
  readonly revealSeconds: number
  readonly finalizeSeconds: number
  /** Answers to audits of e are taken for this long from the seed of e + 2 on, reports of unanswered ones for as long again. */
  readonly auditSeconds: number
  readonly firstPaidEpoch: number
}

/** How rounds are triggered and timed inside an epoch's WORK phase. Every number is a parameter on chain. */
export type RoundRules = {
  /** Slots an epoch's WORK phase is divided into. Each has at least one trigger, unless its cutoff came before the seed. */
  readonly slots: number
  /** Most rounds of one epoch that count, beats among them; also the number of evidence leaves of a lane. */
  readonly maxRounds: number
  /** Beats of an epoch. */
  readonly beats: number
  /** The window D, in milliseconds. */
  readonly windowMs: number
  /** How much later than the window's end a commitment may arrive; a seat counts from its own sight of the trigger. */
  readonly graceMs: number
  /** Seconds into a slot from which a block may trigger; it has to be younger than the seed. */
  readonly eligibleFromSeconds: number
  /** Seconds into a slot by which it has had a round of every kind: one that has not come is due by so many refractory times earlier. */
  readonly cutoffSeconds: number
  /** A block triggers when the first 8 bytes of H(seed ‖ block hash) are below this: a probability × 2^64. */
  readonly threshold: bigint
  /** Least seconds between two triggers of a slot: `samplingSeconds` at least, so that no two windows overlap. */
  readonly refractorySeconds: number
  /** The sampling block is the first whose timestamp is at least the trigger's plus this: window and grace, rounded up. */
  readonly samplingSeconds: number
  /** Milliseconds after the trigger until which openings are answered. */
  readonly openingsMs: number
  /** The window of a beat, in milliseconds. */
  readonly beatWindowMs: number
  /** The jobs in force, one of each kind of round. */
  readonly specHash: Hex
}

/** The least `samplingSeconds` of a window and a grace. */
export const samplingDelaySeconds = ({ windowMs, graceMs }: Pick<RoundRules, 'windowMs' | 'graceMs'>): number =>
  Math.ceil((windowMs + graceMs) / 1000)

/** How a round is timed. */
export type RoundTiming = Pick<RoundRules, 'windowMs' | 'graceMs' | 'samplingSeconds' | 'openingsMs'>

/**
 * The timing of rounds of this kind. A beat's sampling block comes with the first whole second that is past its window and the grace,
 * and its openings are due as long after that as those of other rounds.
 */
export function timingOf(rules: RoundRules, kind: RoundKindName): RoundTiming {
  if (kind !== 'beat') return rules
  const { beatWindowMs: windowMs, graceMs } = rules
  const samplingSeconds = Math.floor((windowMs + graceMs) / 1000) + 1
  const openingsMs = rules.openingsMs - 1000 * (rules.samplingSeconds - samplingSeconds)
  return { windowMs, graceMs, samplingSeconds, openingsMs }
}

/** How long a device answers a seat's request for its report: the nonce of the request is fresh for this long. */
export const nonceLifeMs = 300_000
