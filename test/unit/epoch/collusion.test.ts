/** How much a share of dishonest seats moves: draws, medians, credits and payments by the mirrors of the contracts. */
import { keccak256, numberToHex, toHex } from 'viem'
import { describe, expect, test } from 'vitest'
import { encodeRateDown, maxRate } from '../../../src/core/epoch/minifloat.ts'
import type { LaneOpening, Opening } from '../../../src/core/epoch/opening.ts'
import { creditOf, paymentOf } from '../../../src/core/epoch/rewards.ts'
import { tally } from '../../../src/core/epoch/tally.ts'
import { cohortLanes, committeeSize, maxRateLane, quorum } from '../../../src/core/protocol/constants.ts'
import { drawCommittee } from '../../helpers/draw-committee.ts'
import { creditsOf, type LaneStanding } from '../../helpers/epoch-credits.ts'
import { seededRandom } from '../../helpers/seeded-random.ts'

const owners = Array.from({ length: 200 }, (_, i) => numberToHex(i + 1, { size: 20 }))
const [cohorts, histories, epochs] = [5, 20, 20]
const firstStanding = 5_000n
const devicePool = 10n ** 21n
const flags = 15

/** Lanes 0 and 1 are the colluders' (one works, the other only says so), the rest are their rivals'. */
const truth: readonly LaneOpening[] = Array.from({ length: cohortLanes }, (_, lane) => {
  if (lane > 7) return { rate: 0, uptime: 0, flags: 0 }
  return { rate: lane === 1 ? 0 : encodeRateDown(1_000n), uptime: 10_000, flags }
})
const members = truth.slice(0, 8)
const isOwn = (lane: number) => lane < 2
const occupied = truth.map((_, lane) => lane < 8)
const fair = (lane: number): bigint => (lane === 1 ? 0n : 1_000n)
const opening = (lanes: readonly LaneOpening[]): Opening => ({ lanes, evidenceRoot: `0x${'00'.repeat(32)}` })

/** Ways to lie: the largest rates for oneself and none for rivals, anything at all, no judgement, nothing opened. */
function lie(random: () => number): Opening | null {
  const manner = Math.floor(random() * 5)
  if (manner === 3) return opening(truth.map(() => ({ rate: 0, uptime: 0, flags: 0 })))
  if (manner === 4) return null
  if (manner === 2)
    return opening(
      truth.map(() => ({
        rate: Math.floor(random() * maxRateLane),
        uptime: Math.floor(random() * 10_001),
        flags: Math.floor(random() * 16),
      })),
    )
  return opening(truth.map((_, lane) => ({ rate: isOwn(lane) ? maxRateLane : 0, uptime: 10_000, flags })))
}

/** At least three of five, drawn without replacement. */
function captureOdds(dishonest: number): number {
  const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k)
  const ways = [3, 4, 5].map(k => choose(dishonest, k) * choose(owners.length - dishonest, committeeSize - k))
  return ways.reduce((sum, value) => sum + value) / choose(owners.length, committeeSize)
}

/** Plays epochs in which all liars of a committee tell one lie, and holds every epoch against its bound. */
function play(share: number) {
  const random = seededRandom(Math.round(share * 1_000))
  const dishonest = new Set(owners.slice(0, Math.round(share * owners.length)))
  const sums = { draws: 0, captured: 0, paid: 0n, fair: 0n }
  for (let history = 0; history < histories; history++) {
    const standings = Array.from({ length: cohorts }, () => members.map((_, lane) => fair(lane)))
    const captures = new Array<number>(cohorts).fill(0)
    for (let epoch = 0; epoch < epochs; epoch++) {
      const seed = keccak256(toHex(`${share}/${history}/${epoch}`))
      const maxPrice = epoch % 2 === 0 ? 10n ** 30n : 10n ** 16n
      let [own, rivals] = [0n, 0n]
      const results = standings.flatMap((before, cohort): LaneStanding[] => {
        const committee = drawCommittee(owners, seed, cohort)!
        const liars = committee.filter(owner => dishonest.has(owner)).length
        const isCaptured = liars >= quorum
        sums.draws += 1
        if (isCaptured) {
          sums.captured += 1
          captures[cohort]! += 1
        }
        // What the caps let through: everything of a captured cohort's own devices, nothing of its rivals; elsewhere the truth.
        before.forEach((standing, lane) => {
          if (isCaptured) own += !isOwn(lane) ? 0n : standing === 0n ? firstStanding : 2n * standing
          else if (isOwn(lane)) own += creditOf(fair(lane), standing, firstStanding)
          else rivals += creditOf(fair(lane), standing, firstStanding)
        })
        const said = lie(random)
        const openings = committee.map(owner => (dishonest.has(owner) ? said : opening(truth)))
        const isVoid = openings.filter(value => value !== null).length < quorum
        const { lanes } = tally(openings, occupied)
        return before.map((standing, lane) => ({ lane: isVoid ? null : lanes[lane]!, standing }))
      })
      const { credits, denominator } = creditsOf(results, firstStanding)
      const ownCredits = credits.filter((_, i) => isOwn(i % members.length))
      const paid = ownCredits.reduce(
        (sum, { credit }) => sum + paymentOf(credit, { devicePool, denominator, maxPrice }),
        0n,
      )
      const bound = own === 0n ? 0n : (devicePool * own) / (own + rivals)
      expect(paid <= bound, 'more than the caps let through').toBe(true)
      expect(paid <= own * maxPrice, 'more than the price').toBe(true)
      credits.forEach(({ standing }, i) => {
        const [cohort, lane] = [Math.floor(i / members.length), i % members.length]
        standings[cohort]![lane] = standing
        // The first score of a device that never worked sets its standing; each captured epoch after that adds a quarter.
        const start = fair(lane) === 0n ? firstStanding : fair(lane)
        let most = start
        for (let captured = 0; captured < captures[cohort]!; captured++) most += (most + 3n) / 4n
        expect(standing).toBeLessThanOrEqual(most)
      })
      sums.paid += paid
      sums.fair += paymentOf(1_000n * BigInt(cohorts), { devicePool, denominator: 7_000n * BigInt(cohorts), maxPrice })
    }
  }
  return sums
}

describe('colluding Checkers', () => {
  // The published odds are of a binomial draw; different owners are drawn without replacement, a little better.
  test.each([
    [0.1, 0.0086],
    [0.2, 0.058],
    [0.33, 0.205],
    [0.49, 0.482],
  ])(
    'colluding Checkers with a share of %d of the seats take what the caps let through, in the cohorts that they capture',
    (share, odds) => {
      const { draws, captured, paid, fair } = play(share)
      const exact = captureOdds(Math.round(share * owners.length))
      expect(exact).toBeLessThanOrEqual(odds)
      expect(Math.abs(captured / draws - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / draws))
      expect(captured).toBeGreaterThan(0)
      // A rival that is voided or judged at zero stays in the denominator: what the caps let through is less than honest work earns.
      expect(paid > 0n && paid < fair, 'lies earn less than work').toBe(true)
    },
  )

  test('one epoch of a captured cohort pays a working device at most twice its pay, of any pool', () => {
    const rivals = 99_000n
    const honest = paymentOf(1_000n, { devicePool, denominator: 1_000n + rivals, maxPrice: 10n ** 30n })
    const credit = creditOf(maxRate, 1_000n, firstStanding)
    expect(paymentOf(credit, { devicePool, denominator: credit + rivals, maxPrice: 10n ** 30n }) <= 2n * honest).toBe(
      true,
    )
  })
})
