/**
 * What devices that do not exist can earn in cohorts that happen to be captured, against what they lock up. They wait in any cohort,
 * since nobody knows committees before the members are fixed; where a majority of the committee colludes, they are judged as working.
 */
import { describe, expect, test } from 'vitest'
import { productionParameters } from '../../../src/core/chain/network-presets.ts'
import { creditOf, newcomersOf, nextStanding } from '../../../src/core/epoch/rewards.ts'
import { committeeSize, quorum } from '../../../src/core/protocol/constants.ts'
import { seededRandom } from '../../helpers/seeded-random.ts'

const mean = 1n << 30n
const epochs = 100_000

/** Chances that 0, 1, … 5 seats of a committee collude. */
function oddsOf(share: number): number[] {
  const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k)
  return Array.from({ length: committeeSize + 1 }, (_, k) => {
    return choose(committeeSize, k) * share ** k * (1 - share) ** (committeeSize - k)
  })
}

/**
 * Mean pay of an invented device per epoch, as a part of what a device of the network's mean standing is paid. Two colluding seats of
 * five abstain, so that no fourth judges and the standing stays. After `patience` epochs without a capture it is given up for a fresh one.
 */
function payOf(share: number, patience: number, isHeld: boolean): number {
  const random = seededRandom(7)
  const odds = oddsOf(share)
  const newcomers = newcomersOf(2n * mean, 1, 4n * mean)
  let [standing, silent, since, paid] = [0n, false, 0, 0n]
  for (let epoch = 0; epoch < epochs; epoch++) {
    let colluding = 0
    for (let left = random(); colluding < committeeSize && left >= odds[colluding]!; colluding++)
      left -= odds[colluding]!
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
      const { deviceDeposit, seatBond, emission } = productionParameters(`0x${'00'.repeat(32)}`)
      const [checkers, keepers] = [emission.checkerBps / 10_000, emission.keeperBps / 10_000]
      const invented = (bestPayOf(share) * (1 - checkers - keepers)) / (devicesPerSeat * Number(deviceDeposit))
      expect(invented).toBeLessThan(checkers / Number(seatBond))
    },
  )
})
