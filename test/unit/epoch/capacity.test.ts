/** The index that devices are paid by: what it is, and that nobody gains by splitting, by one measure alone or by slow memory. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  capacityOf,
  cubeRootDown,
  laneRateOf,
  type MeasuredRound,
  type Measures,
  measuresOf,
  uptimeOf,
} from '../../../src/core/epoch/capacity.ts'
import { decodeRate, maxRate } from '../../../src/core/epoch/minifloat.ts'

const measures: fc.Arbitrary<Measures> = fc.record({
  tensor: fc.integer({ min: 1_000, max: 10 ** 10 }),
  bandwidth: fc.integer({ min: 1_000, max: 2 * 10 ** 7 }),
  resident: fc.integer({ min: 64, max: 2 * 10 ** 6 }),
})
const sumOf = (parts: readonly Measures[]): Measures => ({
  tensor: parts.reduce((sum, part) => sum + part.tensor, 0),
  bandwidth: parts.reduce((sum, part) => sum + part.bandwidth, 0),
  resident: parts.reduce((sum, part) => sum + part.resident, 0),
})

describe('the capacity', () => {
  it('is the cube root of Gop/s × MB/s × MB, rounded down', () => {
    expect(capacityOf({ tensor: 1_000_000, bandwidth: 1_000_000, resident: 1_000 })).toBe(10_000n)
    expect(capacityOf({ tensor: 40_000, bandwidth: 9_000, resident: 64 })).toBe(284n)
    expect(capacityOf({ tensor: 0, bandwidth: 9_000, resident: 64 })).toBe(0n)
  })

  it('counts memory as far as it is read within 80 ms', () => {
    const card = { tensor: 10 ** 9, bandwidth: 25_000, resident: 2_000 }
    expect(capacityOf({ ...card, resident: 2_000_000 })).toBe(capacityOf(card))
    expect(capacityOf({ ...card, resident: 1_999 })).toBeLessThan(capacityOf(card))
  })

  it('has exact roots', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 40n }), n => {
        const root = cubeRootDown(n)
        expect(root ** 3n <= n && n < (root + 1n) ** 3n).toBe(true)
      }),
    )
    expect(() => cubeRootDown(-1n)).toThrow(RangeError)
  })

  it('is of degree one: a card of k times the measures is worth k times as much', () => {
    fc.assert(
      fc.property(measures, fc.integer({ min: 2, max: 100 }), (one, k) => {
        const many = { tensor: one.tensor * k, bandwidth: one.bandwidth * k, resident: one.resident * k }
        const [single, whole] = [capacityOf(one), capacityOf(many)]
        expect(whole >= single * BigInt(k) && whole < (single + 1n) * BigInt(k)).toBe(true)
      }),
    )
  })

  it('is worth no more in parts than as a whole, but for what a lane rounds away', () => {
    fc.assert(
      fc.property(fc.array(measures, { minLength: 2, maxLength: 8 }), parts => {
        const apart = parts.reduce((sum, part) => sum + decodeRate(laneRateOf(part)), 0n)
        const whole = decodeRate(laneRateOf(sumOf(parts)))
        // 2^-10 of it, and less than one for each root that is rounded down.
        expect(apart * 1_024n <= (whole + 1n) * 1_025n).toBe(true)
      }),
    )
  })

  it('fits a lane for the largest measures that a message carries', () => {
    const most = Number.MAX_SAFE_INTEGER
    expect(decodeRate(laneRateOf({ tensor: most, bandwidth: most, resident: most }))).toBe(maxRate)
  })
})

describe('means over an epoch', () => {
  const round = (
    kind: MeasuredRound['kind'],
    figures: MeasuredRound['figures'],
    verdict: MeasuredRound['verdict'] = 'VALID',
  ) => ({ kind, figures, verdict })

  it('count a missed round as 0 and leave out what the seat missed', () => {
    expect(
      measuresOf([
        ...[round('tensor', { tensor: 901 }), round('tensor', {}, 'TIMEOUT')],
        ...[round('memory', { bandwidth: 70, resident: 9 }), round('memory', {}, 'CHECKER_FAULT')],
      ]),
    ).toEqual({ tensor: 450, bandwidth: 70, resident: 9 })
  })

  it('are none where a kind was judged in fewer than half of its rounds, or had none', () => {
    const fault = round('memory', {}, 'CHECKER_FAULT')
    expect(measuresOf([])).toBeNull()
    expect(measuresOf([round('tensor', { tensor: 1 })])).toBeNull()
    expect(measuresOf([round('tensor', { tensor: 1 }), round('memory', {}), fault, fault])).toBeNull()
  })

  it('tell an uptime where a seat asked', () => {
    expect(uptimeOf({ asked: 3, answered: 2 })).toBe(6_666)
    expect(uptimeOf({ asked: 0, answered: 0 })).toBeNull()
  })
})
