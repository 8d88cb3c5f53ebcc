/**
 * What devices that do not exist can earn in cohorts that happen to be captured, against what they lock up. They wait in any cohort,
 * since nobody knows committees before the members are fixed; where a majority of the committee colludes, they are judged as working.
 */
import { describe, expect, test } from 'vitest'
import { productionParameters } from '../../../src/core/chain/network-presets.ts'
import { creditOf, newcomersOf, nextStanding, paymentOf, scoreOf, shownOf } from '../../../src/core/epoch/rewards.ts'
import { allFlags, committeeSize, fullUptime, maxRateLane, quorum } from '../../../src/core/protocol/constants.ts'
import { openCapOf } from '../../helpers/epoch-credits.ts'
import { seededRandom } from '../../helpers/seeded-random.ts'

const parameters = productionParameters(`0x${'00'.repeat(32)}`)
const mean = 1n << 30n
const epochs = 100_000

/** Chances that 0, 1, … 5 seats of a committee collude. */
function oddsOf(share: number): number[] {
  const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k)
  return Array.from({ length: committeeSize + 1 }, (_, k) => {
    return choose(committeeSize, k) * share ** k * (1 - share) ** (committeeSize - k)
  })
}

/** Draws how many seats of a committee collude. */
function colludingSeats(share: number): () => number {
  const random = seededRandom(7)
  const odds = oddsOf(share)
  return () => {
    let colluding = 0
    for (let left = random(); colluding < committeeSize && left >= odds[colluding]!; colluding++)
      left -= odds[colluding]!
    return colluding
  }
}

/**
 * Mean pay of an invented device per epoch, as a part of what a device of the network's mean standing is paid. Two colluding seats of
 * five abstain, so that no fourth judges and the standing stays. After `patience` epochs without a capture it is given up for a fresh one.
 */
function payOf(share: number, patience: number, isHeld: boolean): number {
  const collude = colludingSeats(share)
  const newcomers = newcomersOf(2n * mean, 1, { firstStanding: 4n * mean, firstPaidEpoch: 2 })
  let [standing, silent, since, paid] = [0n, false, 0, 0n]
  for (let epoch = 0; epoch < epochs; epoch++) {
    const colluding = collude()
    const earned = colluding < quorum ? 0n : creditOf(1n << 40n, standing, newcomers.cap)
    if (standing !== 0n || !isHeld) paid += earned
    standing = nextStanding(standing, earned, { silent, certain: colluding !== 2 })
    silent = earned === 0n
    since = silent ? since + 1 : 0
    if (since >= patience) [standing, silent] = [0n, false]
  }
  return Number(paid / BigInt(epochs)) / Number(mean)
}

/** Of the most profitable patience; longer than 13 epochs nobody waits, since it is delisted then. */
const bestPayOf = (share: number, isHeld = true) =>
  Math.max(...[2, 3, 4, 8, 13].map(patience => payOf(share, patience, isHeld)))

/** The same of a device that works, with next to no capacity: it is never silent, and in captured epochs stands where a newcomer would. */
function payOfCheap(share: number): number {
  const collude = colludingSeats(share)
  const newcomers = newcomersOf(2n * mean, 1, { firstStanding: 4n * mean, firstPaidEpoch: 2 })
  let [standing, paid] = [1n, 0n]
  for (let epoch = 0; epoch < epochs; epoch++) {
    const lane = { rate: collude() < quorum ? 1 : maxRateLane, uptime: fullUptime, flags: allFlags }
    paid += creditOf(scoreOf(lane), standing, newcomers.cap)
    standing = nextStanding(standing, shownOf(lane, standing, newcomers.cap))
  }
  return Number(paid / BigInt(epochs)) / Number(mean)
}

/** The capacity of an H100 by vendors' figures. */
const capacity = 646_720n
const cohort = 64n

/**
 * What a cohort of 64 invented devices is paid beside one of 64 H100s, in KAI per epoch: the mean over the first `epochs` in which there are
 * devices at all, of 20,000 networks. The mean standing is not known when that begins.
 *
 * @param from - the first epoch that has devices
 */
function earlyPayOf(share: number, epochs: number, { from, firstPaidEpoch }: { from: number; firstPaidEpoch: number }) {
  const { emission, scores } = parameters
  const devicePool =
    emission.perEpoch - (emission.perEpoch * BigInt(emission.checkerBps + emission.keeperBps)) / 10_000n
  const terms = { firstStanding: BigInt(scores.firstStanding), firstPaidEpoch }
  const collude = colludingSeats(share)
  const networks = 20_000
  let paid = 0n
  for (let network = 0; network < networks; network++) {
    let [standing, honest, silent] = [0n, 0n, false]
    for (let epoch = from; epoch < from + epochs; epoch++) {
      const colluding = collude()
      const newcomers = newcomersOf(2n * cohort * (standing + honest), Number(2n * cohort), terms)
      const earned = colluding < quorum ? 0n : creditOf(1n << 40n, standing, newcomers.cap)
      const earnedByHonest = creditOf(capacity, honest, newcomers.cap)
      const credit = standing === 0n && newcomers.held ? 0n : earned
      const creditOfHonest = honest === 0n && newcomers.held ? 0n : earnedByHonest
      const counted = earned > 0n ? credit : openCapOf(standing, newcomers)
      const denominator = cohort * (counted + creditOfHonest)
      if (epoch >= parameters.timeline.firstPaidEpoch)
        paid += cohort * paymentOf(credit, { devicePool, denominator, maxPrice: emission.maxPrice })
      standing = nextStanding(standing, earned, { silent, certain: colluding !== 2 })
      honest = nextStanding(honest, earnedByHonest)
      silent = earned === 0n
    }
  }
  return Number(paid / BigInt(networks * epochs)) / 1e18
}

describe('invented devices', () => {
  // The table of docs/contracts.md: with the first credit held, and as it would be without that.
  test.each([
    [0.05, 0.0001, 0.0012],
    [0.1, 0.001, 0.009],
    [0.2, 0.025, 0.07],
    [0.33, 0.23, 0.32],
  ])(
    'with a share of %d of the seats, an invented device is paid less than %d of what a real one is paid',
    (share, held, paid) => {
      expect(bestPayOf(share)).toBeLessThan(held)
      expect(payOfCheap(share)).toBeLessThan(bestPayOf(share) + 0.0001)
      expect(bestPayOf(share, false)).toBeLessThan(paid)
    },
  )

  test.each([
    [0.2, 128 / 25],
    [0.2, 4],
    [0.33, 36],
  ])(
    'with a share of %d of the seats and %d devices for each seat, KAI locked in invented devices earns less than KAI bonded',
    (share, devicesPerSeat) => {
      const { deviceDeposit, seatBond, emission } = parameters
      const [checkers, keepers] = [emission.checkerBps / 10_000, emission.keeperBps / 10_000]
      const invented = (bestPayOf(share) * (1 - checkers - keepers)) / (devicesPerSeat * Number(deviceDeposit))
      expect(invented).toBeLessThan(checkers / Number(seatBond))
    },
  )

  // The figures of docs/contracts.md. What they lock up, bonded for some of 25 seats, earns 1,280 KAI an epoch.
  test('in the first epochs of a network, while no mean is known, a fifth of the seats earns less by them than by bonding', () => {
    const { deviceDeposit, seatBond, emission } = parameters
    const checkers = (Number(emission.perEpoch) / 1e18) * (emission.checkerBps / 10_000)
    const bonded = (checkers * Number(cohort * deviceDeposit)) / (25 * Number(seatBond))
    expect(bonded).toBeCloseTo(1_280, 6)
    const payOver = (epochs: number, from: number, firstPaidEpoch = 2) =>
      Math.round(earlyPayOf(0.2, epochs, { from, firstPaidEpoch }))
    // Devices come when epochs are paid already, or are captured in an unpaid epoch.
    expect([2, 4, 12].map(epochs => payOver(epochs, 2))).toEqual([134, 265, 563])
    expect([4, 12].map(epochs => payOver(epochs, 0))).toEqual([205, 543])
    expect(
      [2, 4, 12].map(epochs => payOver(epochs, 2, 0)),
      'where the first credit is paid',
    ).toEqual([1_949, 1_154, 858])
  })
})
