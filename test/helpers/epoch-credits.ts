/**
 * What the contracts make of a whole epoch: the credits of all members, the denominator of their payments, and what seats are paid. From the
 * mirrors in src/core/epoch/rewards.ts, which the product explains one device's payment with.
 */
import { hasFlag } from '../../src/core/epoch/opening.ts'
import {
  capOf,
  creditOf,
  type Newcomers,
  newcomersOf,
  nextStanding,
  scoreOf,
  shownOf,
} from '../../src/core/epoch/rewards.ts'
import type { LaneResult } from '../../src/core/epoch/tally.ts'

/** What a member without a credit (void, not judged, or judged at zero) adds to the denominator of payments. */
export const openCapOf = (standing: bigint, { cap, held }: Newcomers): bigint =>
  standing === 0n && held ? 0n : capOf(standing, cap)

/** The payment of one seat for a cohort: the share of its agreed lanes in all drawn lanes. */
export const checkerPaymentOf = (agreed: number, checkerPool: bigint, drawnLanes: number): bigint =>
  drawnLanes === 0 ? 0n : (checkerPool * BigInt(agreed)) / BigInt(drawnLanes)

export type LaneStanding = {
  readonly lane: LaneResult | null
  readonly standing: bigint
  /** Whether its last judged epoch earned nothing. */
  readonly silent?: boolean
  /** Whether enough seats judged it in this one to be certain. */
  readonly certain?: boolean
}
export type LaneCredit = { readonly score: bigint; readonly credit: bigint; readonly standing: bigint }

/**
 * The credits of an epoch's members and the denominator of its payments.
 *
 * @param members - each member's result, null where its cohort is void or no quorum of seats judged it, and its standing
 * before the epoch
 * @param newcomers - default: of an epoch that has these members and no others, where epochs are paid from 0 on
 */
export function creditsOf(
  members: readonly LaneStanding[],
  firstStanding: bigint,
  newcomers: Newcomers = newcomersOf(
    members.reduce((sum, { standing }) => sum + 2n * standing, 0n),
    members.length,
    { firstStanding, firstPaidEpoch: 0 },
  ),
) {
  let denominator = 0n
  const credits = members.map(({ lane, standing, silent, certain }): LaneCredit => {
    const judged = lane !== null && hasFlag(lane.flags, 'judged')
    const score = judged ? scoreOf(lane) : 0n
    const earned = creditOf(score, standing, newcomers.cap)
    const shown = judged ? shownOf(lane, standing, newcomers.cap) : 0n
    const credit = standing === 0n && newcomers.held ? 0n : earned
    denominator += earned > 0n ? credit : openCapOf(standing, newcomers)
    return { score, credit, standing: nextStanding(standing, shown, { silent, certain: judged && certain }) }
  })
  return { credits, denominator }
}
