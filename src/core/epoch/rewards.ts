/**
 * Computes score, credit, standing and payment from a committee's result. Pure mirror of the contracts' arithmetic; divisions
 * round down unless they say otherwise. Scores, credits, caps and standings share one unit (that of the capacity), amounts are wei of KAI.
 */
import { fullUptime } from '../protocol/constants.ts'
import { decodeRate } from './minifloat.ts'
import { isScored, type LaneResult } from './tally.ts'

/** Decoded median rate × median uptime ÷ 10000; 0 unless every flag holds. */
export const scoreOf = (lane: LaneResult): bigint =>
  isScored(lane) ? (decodeRate(lane.rate) * BigInt(lane.uptime)) / BigInt(fullUptime) : 0n

/** The rule for devices without a standing in an epoch. */
export type Newcomers = {
  /** The most that one of them can be credited. */
  readonly cap: bigint
  /** Whether that is the mean standing; otherwise nobody has one. */
  readonly isMean: boolean
  /** Whether a first credit is held back: it sets the standing and is not paid. */
  readonly held: boolean
}

/** What a network fixes about first credits when it is deployed. */
export type NewcomerTerms = { readonly firstStanding: bigint; readonly firstPaidEpoch: number }

/**
 * The rule for devices without a standing: they are credited at most the mean standing of the epoch's members, or `firstStanding` while no
 * member has one, and their first credit is held back. It is paid only while no member has a standing, where epochs are paid from 0 on.
 *
 * @param caps - Σ 2 × standing of the members
 */
export function newcomersOf(
  caps: bigint,
  members: number,
  { firstStanding, firstPaidEpoch }: NewcomerTerms,
): Newcomers {
  if (caps === 0n) return { cap: firstStanding, isMean: false, held: firstPaidEpoch !== 0 }
  const mean = min(caps / (2n * BigInt(members)), firstStanding)
  return { cap: mean === 0n ? 1n : mean, isMean: true, held: true }
}

/** The most that a device with this standing can be credited in one epoch. */
export const capOf = (standing: bigint, newcomerCap: bigint): bigint => (standing === 0n ? newcomerCap : 2n * standing)

/** The part of a score that counts for pay. */
export const creditOf = (score: bigint, standing: bigint, newcomerCap: bigint): bigint =>
  min(score, capOf(standing, newcomerCap))

/**
 * What the standing moves towards: down to the capacity that the device showed, however much of the epoch it was there, so that absence
 * costs the pay of its own epoch and no later one; up to what it earned, so that nobody has a higher standing than it was paid for, or, above the cap,
 * to what a newcomer would be given. 0 where it earned nothing.
 */
export function shownOf(lane: LaneResult, standing: bigint, newcomerCap: bigint): bigint {
  const score = scoreOf(lane)
  const earned = creditOf(score, standing, newcomerCap)
  if (earned === 0n || standing === 0n) return earned
  const given = min(score, newcomerCap)
  if (given > capOf(standing, newcomerCap)) return given
  const rate = decodeRate(lane.rate)
  return rate < standing ? rate : earned > standing ? earned : standing
}

/**
 * The standing after an epoch. It moves a quarter of the way to what was shown, rounded up so that it arrives, or the whole way above the cap; up only where the
 * lane's last judged epoch earned something too. The first that is shown sets it. Without a credit it stays; from the second such judged epoch in a row on it loses a
 * quarter, where enough seats judged to be certain.
 */
export function nextStanding(
  standing: bigint,
  shown: bigint,
  { silent = false, certain = false }: { readonly silent?: boolean; readonly certain?: boolean } = {},
): bigint {
  if (shown === 0n) return silent && certain ? standing - standing / 4n : standing
  if (standing === 0n) return shown
  if (shown <= standing) return standing - (standing - shown + 3n) / 4n
  if (silent) return standing
  return shown > 2n * standing ? shown : standing + (shown - standing + 3n) / 4n
}

/** The payment of one device: its share of the pool by credit, at most the price cap. A total of 0 pays 0. */
export function paymentOf(
  credit: bigint,
  { devicePool, denominator, maxPrice }: { devicePool: bigint; denominator: bigint; maxPrice: bigint },
): bigint {
  if (denominator === 0n) return 0n
  return min((devicePool * credit) / denominator, credit * maxPrice)
}

const min = (a: bigint, b: bigint) => (a < b ? a : b)
