import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allAttacks } from '../../attacks/all-attacks.ts'
import { type Arena, openArena } from '../../attacks/arena.ts'
import { agreesWithTheory, atLeast, missChance, runAttack } from '../../attacks/attack.ts'

describe('attacks', () => {
  let arena: Arena
  beforeAll(async () => {
    arena = await openArena()
  })
  afterAll(() => arena.close())

  it.each(allAttacks.map(attack => [attack.name, attack] as const))(
    '%s is detected as often as theory says',
    async (_, attack) => {
      const result = await runAttack(attack, arena)
      expect(agreesWithTheory(result), JSON.stringify(result)).toBe(true)
    },
  )

  it('never rejects an honest prover in a thousand rounds and more', () => {
    expect(allAttacks[0]).toMatchObject({ name: 'honest', expected: 0 })
    expect(allAttacks[0]!.seeds).toBeGreaterThanOrEqual(1_000)
  })

  it('has each name once', () => {
    expect(new Set(allAttacks.map(({ name }) => name)).size).toBe(allAttacks.length)
  })

  it('computes the formulas it compares with', () => {
    expect(missChance(10, 5, 1)).toBe(0.5)
    expect(missChance(4, 2, 2)).toBeCloseTo(1 / 6, 12)
    expect(missChance(3, 1, 9)).toBe(0)
    expect(atLeast(3, 5, 0.5)).toBe(0.5)
    // What selective silence can gain at most on 16 samples: skip ε, be paid in the rounds in which three seats miss.
    const gains = Array.from({ length: 400 }, (_, i) => i / 10_000).map(
      share => atLeast(3, 5, (1 - share) ** 16) / (1 - share) - 1,
    )
    expect(Math.max(...gains)).toBeLessThan(0.0021)
  })
})
