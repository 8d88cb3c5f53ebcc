import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeRateDown, maxRate } from '../../../src/core/epoch/minifloat.ts'
import {
  capOf,
  creditOf,
  newcomersOf,
  nextStanding,
  paymentOf,
  scoreOf,
  shownOf,
} from '../../../src/core/epoch/rewards.ts'
import { checkerPaymentOf, creditsOf } from '../../helpers/epoch-credits.ts'
import { runs } from '../../helpers/full-runs.ts'

const amount = fc.bigInt({ min: 0n, max: 10n ** 27n })
const credit = fc.bigInt({ min: 0n, max: maxRate })
const money = fc.record({ devicePool: amount, maxPrice: fc.bigInt({ min: 1n, max: 10n ** 18n }) })

describe('rewards', () => {
  test('a score is rate × uptime ÷ 10000, rounded down, and 0 unless all four flags hold', () => {
    const lane = { rate: encodeRateDown(1001n), uptime: 9_999, flags: 15 }
    expect(scoreOf(lane)).toBe(1000n)
    for (const flags of [7, 11, 13, 14, 0]) expect(scoreOf({ ...lane, flags })).toBe(0n)
  })

  test('a captured committee gains the cap once, and leaves at most a quarter more standing', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 9n }), standing => {
        const gained = creditOf(maxRate, standing, 1_000n)
        expect(gained).toBe(2n * standing)
        expect(nextStanding(standing, gained)).toBe(standing + (standing + 3n) / 4n)
      }),
      { numRuns: runs(1000) },
    )
  })

  test('a first score sets the standing, up to the bound, and a first score of 0 leaves it', () => {
    expect(creditOf(5_000n, 0n, 1_000n)).toBe(1_000n)
    expect(nextStanding(0n, 1_000n)).toBe(1_000n)
    expect(nextStanding(777n, 0n)).toBe(777n)
    expect(capOf(777n, 1_000n)).toBe(1_554n)
  })

  test('judged zeros in a row take a quarter of the standing each from the second on, where four seats judged', () => {
    expect(nextStanding(1_000n, 0n, { silent: false, certain: true })).toBe(1_000n)
    expect(nextStanding(1_000n, 0n, { silent: true, certain: true })).toBe(750n)
    expect(nextStanding(1_000n, 0n, { silent: true, certain: false })).toBe(1_000n)
  })

  test('a credit after a silent epoch raises no standing, and lowers it as always', () => {
    expect(nextStanding(1_000n, 2_000n, { silent: true })).toBe(1_000n)
    expect(nextStanding(1_000n, 200n, { silent: true })).toBe(800n)
    expect(nextStanding(0n, 200n, { silent: true })).toBe(200n)
  })

  test('a device whose cap is below what a newcomer is given stands where a newcomer would, and is paid by its cap', () => {
    const lane = (rate: bigint) => ({ rate: encodeRateDown(rate), uptime: 10_000, flags: 15 })
    expect(creditOf(scoreOf(lane(1_000n)), 1n, 700n)).toBe(2n)
    expect(shownOf(lane(1_000n), 1n, 700n)).toBe(700n)
    expect(shownOf(lane(500n), 1n, 700n)).toBe(500n)
    expect(nextStanding(1n, 700n)).toBe(700n)
    expect(nextStanding(1n, 700n, { silent: true })).toBe(1n)
    // Its own cap is as much: it rises by a quarter.
    expect(shownOf(lane(1_000n), 350n, 700n)).toBe(700n)
    expect(nextStanding(350n, 700n)).toBe(350n + 88n)
  })

  test('a standing moves towards the credit and never past it', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: maxRate }), fc.bigInt({ min: 1n, max: maxRate }), (standing, value) => {
        const next = nextStanding(standing, value)
        const [low, high] = standing < value ? [standing, value] : [value, standing]
        expect(next >= low && next <= high).toBe(true)
      }),
      { numRuns: runs(1000) },
    )
  })

  test('by a constant measure a standing arrives there from anywhere, each time nearer and never past it', () => {
    const near = fc.bigInt({ min: 1n, max: 9n })
    const any = fc.bigInt({ min: 1n, max: maxRate })
    fc.assert(
      fc.property(fc.oneof(near, any), fc.oneof(near, any), (start, measure) => {
        let standing = start
        // Twice as much takes four epochs, a quarter of the way leaves three quarters.
        for (let epoch = 0; epoch < 300 && standing !== measure; epoch++) {
          const next = nextStanding(standing, creditOf(measure, standing, 1n))
          expect(standing < measure ? next > standing && next <= measure : next < standing && next >= measure).toBe(
            true,
          )
          standing = next
        }
        expect(standing).toBe(measure)
      }),
      { numRuns: runs(1000) },
    )
  })

  test('payments never exceed the pool or the price cap, and a larger credit is never paid less', () => {
    fc.assert(
      fc.property(fc.array(credit, { minLength: 1, maxLength: 20 }), money, (credits, { devicePool, maxPrice }) => {
        const denominator = credits.reduce((sum, value) => sum + value, 0n)
        const payments = credits.map(value => paymentOf(value, { devicePool, denominator, maxPrice }))
        expect(payments.reduce((sum, value) => sum + value, 0n) <= devicePool).toBe(true)
        payments.forEach((paid, i) => {
          expect(paid <= credits[i]! * maxPrice).toBe(true)
          payments.forEach((other, j) => {
            if (credits[i]! <= credits[j]!) expect(paid <= other).toBe(true)
          })
        })
      }),
      { numRuns: runs(1000) },
    )
  })

  test('n registrations that share one rate are paid at most what one is paid for the sum', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 9n }), fc.integer({ min: 2, max: 64 }), money, (share, n, terms) => {
        const whole = share * BigInt(n)
        const others = 10n ** 9n
        const denominator = whole + others
        const split = paymentOf(share, { ...terms, denominator }) * BigInt(n)
        expect(split <= paymentOf(whole, { ...terms, denominator })).toBe(true)
      }),
      { numRuns: runs(1000) },
    )
  })

  test('voiding a rival’s cohort raises nobody’s pay', () => {
    fc.assert(
      fc.property(credit, credit, fc.bigInt({ min: 1n, max: maxRate }), (mine, rivalScore, rivalStanding) => {
        const rivalCredit = creditOf(rivalScore, rivalStanding, 1_000n)
        const terms = { devicePool: 10n ** 21n, maxPrice: 10n ** 18n }
        const fair = paymentOf(mine, { ...terms, denominator: mine + rivalCredit })
        const voided = paymentOf(mine, { ...terms, denominator: mine + capOf(rivalStanding, 1_000n) })
        expect(voided <= fair).toBe(true)
      }),
      { numRuns: runs(1000) },
    )
  })

  test('a total of 0 pays 0', () => {
    expect(paymentOf(0n, { devicePool: 10n, denominator: 0n, maxPrice: 1n })).toBe(0n)
    expect(checkerPaymentOf(3, 10n, 0)).toBe(0n)
    expect(checkerPaymentOf(3, 10n, 4)).toBe(7n)
  })

  test('a device without a standing is capped by the mean, is not paid at first, and dilutes nobody', () => {
    const lane = { rate: encodeRateDown(2_000n), uptime: 10_000, flags: 15 }
    const old = { lane, standing: 900n }
    const { credits, denominator } = creditsOf([old, old, { lane, standing: 0n }, { lane: null, standing: 0n }], 5_000n)
    expect(credits.map(entry => entry.credit)).toEqual([1_800n, 1_800n, 0n, 0n])
    expect(credits.map(entry => entry.standing)).toEqual([1_125n, 1_125n, 450n, 0n])
    expect(denominator).toBe(3_600n)
  })

  test('while nobody has a standing, the first one is bounded, paid at once, and counts where it is missing', () => {
    const lane = { rate: encodeRateDown(2_000n), uptime: 10_000, flags: 15 }
    const { credits, denominator } = creditsOf(
      [
        { lane, standing: 0n },
        { lane: null, standing: 0n },
      ],
      500n,
    )
    expect(credits.map(entry => entry.credit)).toEqual([500n, 0n])
    expect(denominator).toBe(1_000n)
  })

  test('where the first epochs are unpaid nobody is paid a first credit, the first of all included', () => {
    const terms = { firstStanding: 500n, firstPaidEpoch: 2 }
    expect(newcomersOf(0n, 2, terms)).toEqual({ cap: 500n, isMean: false, held: true })
    expect(newcomersOf(0n, 2, { ...terms, firstPaidEpoch: 0 })).toEqual({ cap: 500n, isMean: false, held: false })
    for (const firstPaidEpoch of [0, 2])
      expect(newcomersOf(1_600n, 2, { ...terms, firstPaidEpoch })).toEqual({ cap: 400n, isMean: true, held: true })
    const lane = { rate: encodeRateDown(2_000n), uptime: 10_000, flags: 15 }
    const members = [
      { lane, standing: 0n },
      { lane: null, standing: 0n },
    ]
    const { credits, denominator } = creditsOf(members, 500n, newcomersOf(0n, 2, terms))
    expect(credits.map(({ credit, standing }) => [credit, standing])).toEqual([
      [0n, 500n],
      [0n, 0n],
    ])
    expect(denominator).toBe(0n)
  })

  test('a member with a credit counts with it in the denominator, and others count with their cap', () => {
    const rate = encodeRateDown(100n)
    const { credits, denominator } = creditsOf(
      [
        { lane: { rate, uptime: 10_000, flags: 15 }, standing: 80n },
        { lane: { rate, uptime: 10_000, flags: 9 }, standing: 80n },
        { lane: null, standing: 30n },
        { lane: null, standing: 0n },
      ],
      500n,
    )
    expect(credits.map(entry => entry.credit)).toEqual([100n, 0n, 0n, 0n])
    expect(credits.map(entry => entry.standing)).toEqual([85n, 80n, 30n, 0n])
    // Zero and void alike count with their cap, a device without a standing with nothing.
    expect(denominator).toBe(100n + 160n + 60n + 0n)
  })
})
