/** What is left for broken chains and for reading ahead, in docs/work-proof.md as it is computed, and for memory in turn, as a longer search found it. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { memorySpecs } from '../../../src/core/job/memory/memory-spec.ts'
import { bestBrokenChains, cards, readAhead, regeneration } from '../../attacks/memory-economics.ts'
import { columns, paidFor } from '../../attacks/memory-in-turn.ts'

const text = readFileSync('docs/work-proof.md', 'utf8')
const all = Object.entries(cards)

it('has the table of broken chains, none of which pays 5% with all three rules', () => {
  const [none, least] = [0, 0.01]
  for (const [name, card] of all) {
    const paid = (marks: number, samples: number, leastReadSeconds: number) =>
      bestBrokenChains(card, { marks, samples, leastReadSeconds })
    const weaker = [paid(1, 16, none), paid(10, 64, none), paid(1, 64, least)].map(value => value.toFixed(2))
    expect(text).toContain(`| ${name} | ${weaker.join(' | ')} | ${paid(10, 64, least).toFixed(3)} |`)
    expect(paid(10, 64, least)).toBeLessThan(1.05)
    expect(Math.min(...weaker.map(Number))).toBeGreaterThan(1.25)
  }
})

it('has the table of what is made or fetched ahead', () => {
  for (const [name, card] of all) {
    const gain = (regenerate: boolean, fetch: boolean) =>
      `${(100 * readAhead(card, { regenerate, fetch })).toFixed(1)}%`
    const gains = [gain(true, false), gain(false, true), gain(true, true)].join(' | ')
    expect(text).toContain(`| ${name} | ${regeneration(card, memorySpecs.standard).toFixed(1)} GB/s | ${gains} |`)
  }
})

it('has a table of memory in turn with as much as the report finds, and no more than its rows say', () => {
  const names = Object.keys(columns) as (keyof typeof columns)[]
  for (const [i, column] of names.entries()) {
    const { of, formula, mostPaid } = columns[column]
    for (const name of of) {
      const { memory, bus } = cards[name]
      const row = text.split('\n').find(line => line.startsWith(`| ${name}, ${(memory / bus).toFixed(2)} s |`))!
      const said = Number(row.split(' | ')[i + 1]!.replace(' |', ''))
      expect(said).toBeGreaterThanOrEqual(Number(paidFor(name, column).toFixed(2)))
      if (formula.startsWith('1')) expect(said).toBeLessThanOrEqual(mostPaid)
    }
  }
})
