/**
 * From a committee's result to wei: score, credit, standing, payment. Pure mirror of the contracts' arithmetic; every division
 * rounds down. Scores, credits, caps and standings share one unit (Mop/s × uptime), amounts are wei of KAI.
 */
import { decodeRate } from './minifloat.ts'
import { fullUptime } from './opening.ts'
import { isScored, type LaneResult } from './tally.ts'

/** Decoded median rate × median uptime ÷ 10000; 0 unless every flag holds. */
export const scoreOf = (lane: LaneResult): bigint =>
  isScored(lane) ? (decodeRate(lane.rate) * BigInt(lane.uptime)) / BigInt(fullUptime) : 0n

/** The most a device with this standing can be credited in one epoch. */
export const capOf = (standing: bigint, firstStanding: bigint): bigint =>
  standing === 0n ? firstStanding : 2n * standing

/** The part of a score that counts. */
export const creditOf = (score: bigint, standing: bigint, firstStanding: bigint): bigint =>
  min(score, capOf(standing, firstStanding))

/**
 * A quarter of the way to a credit above zero; up only where the lane's last judged epoch earned something too. The first credit sets
 * it. Without a credit it stays, and loses a quarter from the second judged epoch in a row on where at least four seats judged.
 */
export function nextStanding(
  standing: bigint,
  credit: bigint,
  { silent = false, certain = false }: { readonly silent?: boolean; readonly certain?: boolean } = {},
): bigint {
  if (credit === 0n) return silent && certain ? standing - standing / 4n : standing
  if (standing === 0n) return credit
  if (credit <= standing) return standing - (standing - credit) / 4n
  return silent ? standing : standing + (credit - standing) / 4n
}

export type Emission = {
  /** Wei for the epoch; less when the vault holds less. */
  readonly perEpoch: bigint
  readonly checkerBps: number
  readonly keeperBps: number
  readonly bounty: bigint
  /** Wei per unit of credit at most. */
  readonly maxPrice: bigint
}

/** What one device is paid: its share of the pool by credit, at most the price cap. Total 0 pays 0. */
export function paymentOf(
  credit: bigint,
  { devicePool, denominator, maxPrice }: { devicePool: bigint; denominator: bigint; maxPrice: bigint },
): bigint {
  if (denominator === 0n) return 0n
  return min((devicePool * credit) / denominator, credit * maxPrice)
}

/** What one seat is paid for a cohort: its agreed lanes' share of all drawn lanes. */
export const checkerPaymentOf = (agreed: number, checkerPool: bigint, drawnLanes: number): bigint =>
  drawnLanes === 0 ? 0n : (checkerPool * BigInt(agreed)) / BigInt(drawnLanes)

export type LaneStanding = {
  readonly lane: LaneResult | null
  readonly standing: bigint
  /** Whether its last judged epoch earned nothing. */
  readonly silent?: boolean
  /** Whether at least four seats judged it in this one. */
  readonly certain?: boolean
}
export type LaneCredit = { readonly score: bigint; readonly credit: bigint; readonly standing: bigint }

/**
 * Credits of an epoch's members and the denominator of its payments.
 *
 * @param members - each member's result, null where its cohort is void or fewer than three seats judged it, and its standing
 * before the epoch
 */
export function creditsOf(members: readonly LaneStanding[], firstStanding: bigint) {
  let denominator = 0n
  const credits = members.map(({ lane, standing, silent, certain }): LaneCredit => {
    const judged = lane !== null && (lane.flags & 8) !== 0
    const score = judged ? scoreOf(lane) : 0n
    const credit = creditOf(score, standing, firstStanding)
    denominator += judged ? credit : capOf(standing, firstStanding)
    return { score, credit, standing: nextStanding(standing, credit, { silent, certain: judged && certain }) }
  })
  return { credits, denominator }
}

const min = (a: bigint, b: bigint) => (a < b ? a : b)
