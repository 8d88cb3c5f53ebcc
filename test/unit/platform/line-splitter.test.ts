import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createLineSplitter } from '../../../src/core/platform/supervised-process.ts'

const linesOf = (chunks: string[], maxChars?: number) => {
  const lines: string[] = []
  const splitter = createLineSplitter(line => lines.push(line), maxChars)
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return lines
}

it('the lines are the same however the text is cut into chunks', () => {
  const text = fc.array(fc.string().filter(line => line !== '' && !/[\n\r]/.test(line)))
  fc.assert(
    fc.property(text, fc.array(fc.nat(20), { maxLength: 50 }), (lines, cuts) => {
      let rest = lines.map(line => `${line}\n`).join('')
      const chunks: string[] = []
      for (const cut of cuts) {
        chunks.push(rest.slice(0, cut))
        rest = rest.slice(cut)
      }
      expect(linesOf([...chunks, rest])).toEqual(lines)
    }),
  )
})

it('a line without an end is delivered cut, once, and the next line follows', () => {
  expect(linesOf(['abcdef', 'ghi', 'jkl\nnext\n'], 4)).toEqual(['abcd', 'next'])
  expect(linesOf(['abcdef\nok\n'], 4)).toEqual(['abcd', 'ok'])
})
