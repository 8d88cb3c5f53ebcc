import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { capacityOf, cubeRootDown, type Measures, readWithinMs } from '../../../src/core/epoch/capacity.ts'

describe('cubeRootDown', () => {
  it('is the largest whole number whose cube is not above, next to cubes and everywhere', () => {
    const around = fc.tuple(fc.bigInt(0n, 2n ** 40n), fc.bigInt(-2n, 2n)).map(([root, by]) => root ** 3n + by)
    fc.assert(
      fc.property(fc.oneof(around, fc.bigInt(0n, 2n ** 200n), fc.bigInt(0n, 100n)), n => {
        fc.pre(n >= 0n)
        const root = cubeRootDown(n)
        expect(root ** 3n <= n).toBe(true)
        expect((root + 1n) ** 3n > n).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })

  it('agrees with the root of floating point as far as that goes', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 2n ** 150n), n => {
        expect(Math.abs(Number(cubeRootDown(n)) - Math.cbrt(Number(n)))).toBeLessThanOrEqual(
          1 + Math.cbrt(Number(n)) * 1e-14,
        )
      }),
      { numRuns: 1000 },
    )
  })

  it('has no root of a negative number', () => {
    expect(() => cubeRootDown(-1n)).toThrow(RangeError)
  })
})

/** Up to more than any card has: 10 Eop/s, 100 TB/s, 1 TB. */
const anyMeasures: fc.Arbitrary<Measures> = fc.record({
  tensor: fc.nat(1e13),
  bandwidth: fc.nat(1e8),
  resident: fc.nat(1e6),
})
const times = ({ tensor, bandwidth, resident }: Measures, by: number): Measures => ({
  tensor: tensor * by,
  bandwidth: bandwidth * by,
  resident: resident * by,
})

describe('capacityOf', () => {
  it.each([
    // T in Gop/s, M in MB/s, min(R, 0.08 · M) in MB.
    ['an H100', { tensor: 1_484_000_000, bandwidth: 2_850_000, resident: 64_000 }],
    ['a card that cannot read its memory in time', { tensor: 60_000_000, bandwidth: 500_000, resident: 80_000 }],
    ['a CPU', { tensor: 300_000, bandwidth: 9_000, resident: 16 }],
  ])('is the cube root of T · M · min(R, τ · M) for %s', (_, measures) => {
    const { tensor, bandwidth, resident } = measures
    const exact = Math.cbrt((tensor / 1_000) * bandwidth * Math.min(resident, 0.08 * bandwidth))
    expect(Math.abs(Number(capacityOf(measures)) - exact)).toBeLessThanOrEqual(1)
  })

  it('counts memory as far as it is read within 80 ms, and not a byte further', () => {
    const bandwidth = 1_000_000
    const readable = Number(readWithinMs) * 1_000
    const at = (resident: number) => capacityOf({ tensor: 5e8, bandwidth, resident })
    expect(at(readable - 1) < at(readable)).toBe(true)
    expect(at(readable)).toBe(at(readable + 1))
    // Two terabytes behind a bus, beside a fast card.
    expect(at(readable)).toBe(at(2_000_000))
  })

  it('is nothing where one measure is nothing', () => {
    fc.assert(
      fc.property(anyMeasures, fc.constantFrom('tensor', 'bandwidth', 'resident'), (measures, name) => {
        expect(capacityOf({ ...measures, [name]: 0 })).toBe(0n)
      }),
    )
  })

  it('is of degree one: n times the card is n times the index, but for what is rounded', () => {
    fc.assert(
      fc.property(anyMeasures, fc.integer({ min: 1, max: 64 }), (measures, n) => {
        const [one, many] = [capacityOf(measures), capacityOf(times(measures, n))]
        expect(many >= one * BigInt(n)).toBe(true)
        expect(many < (one + 1n) * BigInt(n) + 1n).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('loses 21% where half of the tensor rounds are refused, and 37% where half of the memory rounds are', () => {
    const whole = { tensor: 1e12, bandwidth: 1e6, resident: 6e4 }
    const left = (refused: Partial<Measures>) =>
      Number(capacityOf({ ...whole, ...refused })) / Number(capacityOf(whole))
    expect(left({ tensor: whole.tensor / 2 })).toBeCloseTo(1 - 0.21, 2)
    // Both that a memory round shows.
    expect(left({ bandwidth: whole.bandwidth / 2, resident: whole.resident / 2 })).toBeCloseTo(1 - 0.37, 2)
  })

  it('never falls where a measure rises', () => {
    fc.assert(
      fc.property(anyMeasures, anyMeasures, (measures, more) => {
        const both = {
          tensor: measures.tensor + more.tensor,
          bandwidth: measures.bandwidth + more.bandwidth,
          resident: measures.resident + more.resident,
        }
        expect(capacityOf(both) >= capacityOf(measures)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('never gives parts of a card more than the whole: splitting into registrations gains nothing', () => {
    const parts = fc.array(anyMeasures, { minLength: 1, maxLength: 64 })
    fc.assert(
      fc.property(parts, of => {
        const whole = of.reduce((sum, part) => ({
          tensor: sum.tensor + part.tensor,
          bandwidth: sum.bandwidth + part.bandwidth,
          resident: sum.resident + part.resident,
        }))
        const apart = of.reduce((sum, part) => sum + capacityOf(part), 0n)
        // Rounding down costs the parts at least as much as the whole, of which it takes less than one.
        expect(apart * 1024n <= capacityOf(whole) * 1025n + 1024n).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})
