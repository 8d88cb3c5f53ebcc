import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeRate, encodeRateDown, maxRate } from '../../../src/core/epoch/minifloat.ts'
import { maxRateLane } from '../../../src/core/protocol/constants.ts'

describe('minifloat rates', () => {
  test('minifloat rates are exact up to 2047 and end at 2047 × 2^30', () => {
    for (const rate of [0n, 1n, 1023n, 1024n, 2047n]) expect(decodeRate(encodeRateDown(rate))).toBe(rate)
    expect(encodeRateDown(2049n)).toBe(encodeRateDown(2048n))
    expect(maxRate).toBe(2047n << 30n)
    expect(encodeRateDown(maxRate + 1n)).toBe(maxRateLane)
  })

  test('every lane value decodes to a larger rate than the one before, and encodes back', () => {
    for (let lane = 0; lane <= maxRateLane; lane++) {
      expect(encodeRateDown(decodeRate(lane))).toBe(lane)
      if (lane > 0) expect(decodeRate(lane) > decodeRate(lane - 1)).toBe(true)
    }
  })

  test('an encoded rate never exceeds the rate and loses less than one part in 1024', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: maxRate }), rate => {
        const coded = decodeRate(encodeRateDown(rate))
        expect(coded <= rate).toBe(true)
        expect((rate - coded) * 1024n <= rate).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  test('values that are not rates are refused', () => {
    expect(() => encodeRateDown(-1n)).toThrow(RangeError)
    for (const lane of [-1, 0x8000, 1.5]) expect(() => decodeRate(lane)).toThrow(RangeError)
  })
})
