import fc from 'fast-check'
import { parseEther } from 'viem'
import { describe, expect, it } from 'vitest'
import { duration, grouped, progressBar, shortHex, sparkline, tokens } from '../../../src/core/view/figures.ts'

describe('figures', () => {
  it('reads as people write', () => {
    expect(grouped(1_234_567n)).toBe('1,234,567')
    expect(grouped(999)).toBe('999')
    expect(tokens(1_234_567_890_123_456_789_012n)).toBe('1,234.5678')
    expect(tokens(-5n * 10n ** 17n, 1)).toBe('-0.5')
    expect(tokens(0n, 0)).toBe('0')
    expect(shortHex(`0x${'ab'.repeat(32)}`)).toBe('0xabab…abab')
    expect(shortHex('0xabcd')).toBe('0xabcd')
    expect([0, 45, 60, 200, 7_500, 90_000, 86_399.6].map(duration)).toEqual([
      '0 s',
      '45 s',
      '1 min',
      '3 min 20 s',
      '2 h 5 min',
      '1 d 1 h',
      '1 d',
    ])
  })

  it('draws history and progress in the columns asked for', () => {
    expect(sparkline([0, null, 4n, 8], 8)).toBe('▁·▅█')
    expect(sparkline([1, 2, 3, 4], 2)).toBe('▆█')
    expect(progressBar(0.5, 4)).toBe('██░░')
    expect(progressBar(7, 3)).toBe('███')
  })

  it('never shows more tokens than there are', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.integer({ min: 0, max: 18 }), (wei, digits) => {
        const shown = parseEther(tokens(wei, digits).replaceAll(',', ''))
        expect(shown).toBeLessThanOrEqual(wei)
        expect(wei - shown).toBeLessThan(10n ** BigInt(18 - digits))
      }),
      { numRuns: 1_000 },
    )
  })
})
