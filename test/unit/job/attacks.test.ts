import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { roundKinds } from '../../../src/core/job/jobs.ts'
import { allAttacks } from '../../attacks/all-attacks.ts'
import { type Arena, openArena } from '../../attacks/arena.ts'
import { type Attack, agreesWithTheory, atLeast, missChance, runAttack, tableRow } from '../../attacks/attack.ts'
import { type RelayRow, relayCurve } from '../../attacks/relay.ts'

const workProof = readFileSync('docs/work-proof.md', 'utf8')

/**
 * Where theory says never or always, few seeds say as much as many; an attack that has few seeds in the report has a sixth of them here.
 * What has a dozen at most has a card, or a share, for each, and is tried whole. The report runs all seeds.
 */
const fewerSeeds = ({ name, expected, seeds }: Attack): number => {
  if (honestProvers.has(name)) return 60
  return seeds <= 12 ? seeds : Math.min(expected === 0 || expected === 1 ? 5 : 30, Math.ceil(seeds / 6))
}
const honestProvers: ReadonlySet<string> = new Set(['honest', 'memory, honest', 'beat, honest'])

describe('attacks', () => {
  let arena: Arena
  beforeAll(async () => {
    arena = await openArena()
  })
  afterAll(() => arena.close())

  it.each(allAttacks.map(attack => [attack.name, attack] as const))(
    'the attack "%s" is detected as often as theory says',
    async (_, attack) => {
      const result = await runAttack({ ...attack, seeds: fewerSeeds(attack) }, arena)
      expect(agreesWithTheory(result), JSON.stringify(result)).toBe(true)
    },
  )

  it('the report of attacks tries an honest prover in a thousand rounds of each kind and more', () => {
    const honest = allAttacks.filter(({ name }) => honestProvers.has(name))
    expect(honest).toHaveLength(roundKinds.length)
    for (const row of honest)
      expect(row).toMatchObject({ how: 'driven', expected: 0, seeds: expect.toSatisfy(n => n >= 1_000) })
  })

  it('each attack has its own name', () => {
    expect(new Set(allAttacks.map(({ name }) => name)).size).toBe(allAttacks.length)
  })

  it('the formulas of theory compute known values', () => {
    expect(missChance(10, 5, 1)).toBe(0.5)
    expect(missChance(4, 2, 2)).toBeCloseTo(1 / 6, 12)
    expect(missChance(3, 1, 9)).toBe(0)
    expect(atLeast(3, 5, 0.5)).toBe(0.5)
    const agrees = (detected: number, expected: number) =>
      agreesWithTheory({ attack: '', how: 'driven', formula: '', seeds: 100, detected, rate: detected / 100, expected })
    expect([100, 99].map(detected => agrees(detected, 1))).toEqual([true, false])
    expect([0, 1].map(detected => agrees(detected, 0))).toEqual([true, false])
    expect([29, 30, 50, 70, 71].map(detected => agrees(detected, 0.5))).toEqual([false, true, true, true, false])
  })

  it('silence towards the seats that would see gains at most 0.2% on 16 samples, and silence towards all of them nothing', () => {
    const best = (pass: (miss: number) => number) => {
      const shares = Array.from({ length: 400 }, (_, i) => i / 10_000)
      return Math.max(...shares.map(share => pass((1 - share) ** 16) / (1 - share) - 1))
    }
    expect(best(miss => atLeast(3, 5, miss))).toBeCloseTo(0.002, 4)
    expect(best(miss => miss ** 5)).toBe(0)
  })

  it('a relay costs its round trip in rows, and the grace hides no more of it than its length', async () => {
    const rows: RelayRow[] = []
    for await (const row of relayCurve()) rows.push(row)
    for (const [spec, windowMs] of [
      ['devnet', 1_000],
      ['standard', 10_000],
    ] as const) {
      const curve = rows.filter(({ attack }) => attack.endsWith(spec))
      expect(curve.map(({ relayMs }) => relayMs)).toEqual([0, 5, 20, 50, 100, 200, 500])
      for (const [i, { relayMs, rateShare, withGrace, ok }] of curve.entries()) {
        expect(ok, `${spec} ${relayMs} ms`).toBe(true)
        expect(withGrace).toBeLessThanOrEqual(1.02 + (500 - relayMs) / windowMs)
        if (i > 0) expect(rateShare).toBeLessThan(curve[i - 1]!.rateShare)
      }
    }
  })

  it('docs/work-proof.md has the row of every attack, as the report gives it, and no other', () => {
    const table = workProof.slice(workProof.indexOf('| Attack | How |'), workProof.indexOf('## The memory job'))
    const rows = table.trim().split('\n').slice(2)
    const results = allAttacks.map((attack, i) => {
      const detected = Number(/\| (\d+) of \d+ \|/.exec(rows[i] ?? '')?.[1])
      return { ...attack, attack: attack.name, detected, rate: detected / attack.seeds }
    })
    expect(rows).toEqual(results.map(tableRow))
    expect(results.filter(result => !agreesWithTheory(result))).toEqual([])
  })
})
