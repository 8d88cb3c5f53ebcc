import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cut, cutLine, lineText, lineWidth, singleWidth, span, spread } from '../../../src/core/view/line.ts'

describe('line', () => {
  it('never lets outside text move the cursor or change the width', () => {
    expect(span('a\u001b[2Jb\u0007\n').text).toBe('a?[2Jb??')
    expect(singleWidth('卡🚀e\u0301')).toBe('??e?')
  })

  it('shows by an ellipsis what it cut', () => {
    expect(cut('abcdef', 4)).toBe('abc…')
    expect(cut('abc', 3)).toBe('abc')
    expect(cut('abc', 0)).toBe('')
    expect(lineText(cutLine([span('abc'), span('def')], 4))).toBe('abc…')
    expect(lineText(cutLine([span('abc'), span('def')], 3))).toBe('ab…')
  })

  it('spreads two parts to the full width', () => {
    expect(lineText(spread([span('left')], [span('right')], 12))).toBe('left   right')
    expect(lineText(spread([span('a long left part')], [span('right')], 12))).toBe('a lon… right')
  })

  it('is never wider than asked', () => {
    const lines = fc.array(
      fc.string({ unit: 'grapheme', maxLength: 30 }).map(text => span(text)),
      { maxLength: 6 },
    )
    fc.assert(
      fc.property(lines, lines, fc.integer({ min: 1, max: 60 }), (left, right, width) => {
        expect(lineWidth(cutLine(left, width))).toBeLessThanOrEqual(width)
        expect(lineWidth(spread(left, right, width))).toBeLessThanOrEqual(width)
      }),
      { numRuns: 1_000 },
    )
  })
})
