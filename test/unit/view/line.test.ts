import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cut, cutLine, foldLine, lineText, lineWidth, singleWidth, span, spread } from '../../../src/core/view/line.ts'

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

  it('is folded below where its text begins, each word whole and with its tone', () => {
    const hash = `0x${'ab'.repeat(32)}`
    const at80 = (text: string) => foldLine([span(text)], 80).map(lineText)
    expect(at80('short')).toEqual(['short'])
    expect(at80(`  paid        350.0000 KAI in ${hash}`)).toEqual([
      '  paid        350.0000 KAI in',
      `${' '.repeat(14)}${hash}`,
    ])
    // The label goes before the hash, which begins as far left as it has to.
    expect(at80(`  specHash             ${hash}`)).toEqual(['  specHash', `${' '.repeat(14)}${hash}`])
    expect(at80(`${' '.repeat(13)}seat 0, evidence ${hash}, kept`)).toEqual([
      `${' '.repeat(13)}seat 0, evidence`,
      `${' '.repeat(13)}${hash},`,
      `${' '.repeat(13)}kept`,
    ])
    // What nothing can be done about stays as it is.
    expect(at80('x'.repeat(90))).toEqual(['x'.repeat(90)])
    expect(foldLine([span('✓ ', 'good'), span('step  ', 'strong'), span('one two three', 'dim')], 17)).toEqual([
      [span('✓ ', 'good'), span('step  ', 'strong'), span('one two', 'dim')],
      [span(' '.repeat(8)), span('three', 'dim')],
    ])
  })
})
