import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { capacityOf, type MeasuredRound } from '../../../src/core/epoch/capacity.ts'
import { encodeRateDown } from '../../../src/core/epoch/minifloat.ts'
import { allFlags, type RoundKindName, slotKinds } from '../../../src/core/protocol/constants.ts'
import { flagBit, type Verdict } from '../../../src/core/protocol/verdict.ts'
import { creditsOf } from '../../helpers/epoch-credits.ts'
import { laneUptimeOf, measuresOf, presenceOf } from '../../helpers/measures.ts'

const round = (kind: RoundKindName, verdict: Verdict = 'VALID', times = 1): MeasuredRound => ({
  ...{ kind, verdict },
  figures:
    verdict !== 'VALID'
      ? {}
      : kind === 'tensor'
        ? { tensor: 9_000_000 * times }
        : { bandwidth: 9_000 * times, resident: 600 },
})
const [tensor, memory] = slotKinds
const four = [round(tensor), round(memory), round(tensor), round(memory)]
const busyIn = (...which: number[]) => four.map((each, i) => (which.includes(i) ? round(each.kind, 'BUSY') : each))
const missedIn = (...which: number[]) => four.map((each, i) => (which.includes(i) ? round(each.kind, 'TIMEOUT') : each))

describe('a round in which a device was busy', () => {
  it('is in no mean', () => {
    expect(measuresOf(busyIn(0, 1))).toEqual(measuresOf(four))
    expect(measuresOf(missedIn(0, 1))).not.toEqual(measuresOf(four))
  })

  it('takes from presence what a missed one takes from capacity, by its kind', () => {
    expect(presenceOf(four)).toBe(10_000)
    expect(presenceOf(busyIn(0, 1))).toBe(5_000)
    // Half of the tensor rounds are 21% of the pay, half of the memory rounds 37%, as where they are missed.
    expect([presenceOf(busyIn(0)), presenceOf(busyIn(1))]).toEqual([7_937, 6_299])
    expect(presenceOf(busyIn(0, 2))).toBe(0)
  })

  it('costs once: its presence or its uptime, whichever is less', () => {
    const uptime = (counted: number, busy: number) =>
      laneUptimeOf([
        ...busyIn(0, 1),
        ...Array.from({ length: counted }, () => round('beat')),
        ...Array.from({ length: busy }, () => round('beat', 'BUSY')),
      ])
    expect(uptime(16, 0)).toBe(5_000)
    expect(uptime(8, 8)).toBe(5_000)
    expect(uptime(4, 12)).toBe(2_500)
    expect(uptime(0, 16)).toBe(0)
    expect(laneUptimeOf(busyIn(0, 1))).toBeNull()
    // Beats in a pause alone are no presence that is lost twice.
    expect(presenceOf([...four, round('beat', 'BUSY')])).toBe(10_000)
  })

  it('is left out of what a seat judged too few of; where all of a kind are busy there is nothing to judge', () => {
    expect(measuresOf([...busyIn(0, 1), round(tensor, 'CHECKER_FAULT')])).toEqual(measuresOf(four))
    expect(measuresOf([...busyIn(0, 1), round(tensor, 'CHECKER_FAULT'), round(tensor, 'CHECKER_FAULT')])).toBeNull()
    for (const all of [busyIn(0, 2), busyIn(1, 3), busyIn(0, 1, 2, 3)]) expect(measuresOf(all)).toBeNull()
  })

  it('is never paid more than a missed one, whichever a device chooses', () => {
    const verdict = fc.constantFrom<Verdict>('VALID', 'VALID', 'TIMEOUT', 'BUSY', 'CHECKER_FAULT')
    const rounds = fc.array(fc.tuple(fc.constantFrom(...slotKinds), verdict, fc.integer({ min: 1, max: 4 })), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(rounds, drawn => {
        const seen = drawn.map(([kind, said, times]) => round(kind, said, times))
        const shown = measuresOf(seen)
        const missed = measuresOf(seen.map(each => (each.verdict === 'BUSY' ? round(each.kind, 'TIMEOUT') : each)))
        if (shown === null || missed === null) return
        const paid = (capacityOf(shown) * BigInt(presenceOf(seen))) / 10_000n
        expect(paid <= capacityOf(missed)).toBe(true)
        // And no less, but for what is rounded away.
        expect(Number(paid)).toBeGreaterThanOrEqual(0.999 * Number(capacityOf(missed)) - 2)
      }),
    )
  })
})

it('an absence of whole epochs costs what the page of reasons says, paused or not', () => {
  const rate = 1_000
  const result = { rate, uptime: 10_000, flags: allFlags }
  /** Standing after so many epochs away, and the pay of the epochs until all of it is paid again, in epochs. */
  function comeBack(epochs: number, away: typeof result) {
    let [standing, silent] = [BigInt(1_000_000), false]
    const full = { ...result, rate: encodeRateDown(1_000_000n) }
    const step = (lane: typeof result) => {
      const { credit, standing: next } = creditsOf([{ lane, standing, silent, certain: true }], 10_000_000n).credits[0]!
      standing = next
      silent = credit === 0n && (silent || (lane.flags & flagBit.judged) !== 0)
      return Number(credit) / 1_000_000
    }
    for (let epoch = 0; epoch < epochs; epoch++) step(away)
    const left = Number(standing) / 1_000_000
    const paid = [step(full)]
    while (paid.at(-1)! < 0.99) paid.push(step(full))
    return { left, epochs: paid.length - 1, paid: paid.slice(0, -1).reduce((sum, each) => sum + each, 0) }
  }
  const missed = { ...result, rate: 0 }
  const eight = comeBack(8, missed)
  expect(eight.left).toBeCloseTo(0.13, 2)
  expect(eight.epochs).toBe(7)
  expect(eight.paid).toBeCloseTo(3.27, 1)
  const four = comeBack(4, missed)
  expect(four.epochs - four.paid).toBeCloseTo(0.3, 1)
  for (const epochs of [1, 2]) expect(comeBack(epochs, missed).epochs).toBe(0)
})

it('a standing falls by what a device shows and not by how long it was there, and rises by what it is paid; who is not judged keeps it', () => {
  const rate = 1_000
  const lane = (uptime: number) => ({ rate, uptime, flags: allFlags })
  const standing = BigInt(rate)
  const after = (of: Parameters<typeof creditsOf>[0][number]) => creditsOf([of], 10_000n).credits[0]
  expect(after({ lane: lane(2_500), standing })).toEqual({ score: 250n, credit: 250n, standing })
  expect(after({ lane: { rate: 0, uptime: 0, flags: 0 }, standing, silent: true, certain: true })).toEqual({
    ...{ score: 0n, credit: 0n, standing },
  })
  // One card that works for four registrations in turn gives none of them its own standing.
  expect(after({ lane: { ...lane(2_500), rate: 2_000 }, standing: 400n })?.standing).toBe(425n)
  expect(after({ lane: lane(2_500), standing: 0n })?.standing).toBe(250n)
  // What it shows less of, it is: two slow rounds are no pause.
  expect(after({ lane: { ...lane(10_000), rate: 600 }, standing })?.standing).toBe(900n)
})
