import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packLanes, unpackLanes } from '../../../src/core/epoch/opening.ts'
import { committeeMedian } from '../../../src/core/epoch/tally.ts'
import { compareExchange, medianPacked } from '../../helpers/packed-median.ts'

const lanes = fc.array(fc.integer({ min: 0, max: 0x7fff }), { minLength: 16, maxLength: 16 })
const pack = (values: number[]) => packLanes(values)[0]
const unpack = (word: bigint) => unpackLanes([word])

describe('median of five', () => {
  test('a compare-exchange orders every lane independently', () => {
    fc.assert(
      fc.property(lanes, lanes, (a, b) => {
        const [larger, smaller] = compareExchange(pack(a), pack(b))
        expect(unpack(larger)).toEqual(a.map((value, i) => Math.max(value, b[i]!)))
        expect(unpack(smaller)).toEqual(a.map((value, i) => Math.min(value, b[i]!)))
      }),
      { numRuns: 1000 },
    )
  })

  test('the packed median equals the scalar one in every lane', () => {
    fc.assert(
      fc.property(fc.tuple(lanes, lanes, lanes, lanes, lanes), five => {
        const words = five.map(pack) as [bigint, bigint, bigint, bigint, bigint]
        const expected = five[0].map((_, lane) => committeeMedian(five.map(seat => seat[lane]!)))
        expect(unpack(medianPacked(words))).toEqual(expected)
      }),
      { numRuns: 1000 },
    )
  })

  test('two of five values cannot move the median out of the honest range, and raising one value never lowers it', () => {
    const value = fc.integer({ min: 0, max: 0x7fff })
    fc.assert(
      fc.property(fc.array(value, { minLength: 3, maxLength: 3 }), value, value, (honest, x, y) => {
        const median = committeeMedian([...honest, x, y])
        expect(median).toBeGreaterThanOrEqual(Math.min(...honest))
        expect(median).toBeLessThanOrEqual(Math.max(...honest))
        expect(committeeMedian([...honest, 0x7fff, y])).toBeGreaterThanOrEqual(median)
      }),
      { numRuns: 1000 },
    )
  })

  test('missing values count as 0: the median is the least of three, the lower median of four, and 0 of two', () => {
    expect(committeeMedian([5, 9, 7])).toBe(5)
    expect(committeeMedian([5, 9, 7, 8])).toBe(7)
    expect(committeeMedian([5, 9])).toBe(0)
    expect(() => committeeMedian([1, 2, 3, 4, 5, 6])).toThrow(RangeError)
  })
})
