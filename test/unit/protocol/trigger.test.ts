import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RoundRules } from '../../../src/core/protocol/network-parameters.ts'
import { type EpochRounds, epochAt, nextTrigger, triggersOf } from '../../../src/core/protocol/trigger.ts'
import { anyBytes32 } from '../../helpers/arbitraries.ts'
import { chainOf } from '../../helpers/blocks.ts'

const half = 1n << 63n
const rules: RoundRules = {
  slots: 2,
  maxRounds: 4,
  windowMs: 1000,
  graceMs: 500,
  eligibleFromSeconds: 2,
  cutoffSeconds: 4,
  threshold: half,
  refractorySeconds: 4,
  samplingSeconds: 2,
  openingsMs: 3500,
  specHash: `0x${'00'.repeat(32)}`,
}
const startsAt = 1000
const devnet = (seed: `0x${string}`, changes: Partial<RoundRules> = {}): EpochRounds => ({
  seed,
  seededAt: startsAt,
  startsAt,
  epochSeconds: 16,
  rules: { ...rules, ...changes },
})
const everySecond = chainOf(Array.from({ length: 40 }, (_, i) => 990 + i))
const steps = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 10, maxLength: 60 })
const blocksOf = (gaps: number[]) => {
  let time = 995
  return chainOf(gaps.map(gap => (time += gap)))
}

describe('triggers', () => {
  test('a devnet epoch with a block each second has one round in each slot, between seconds 2 and 4', () => {
    fc.assert(
      fc.property(anyBytes32, seed => {
        const triggers = triggersOf(devnet(seed), everySecond)
        expect(triggers.map(({ slot, ordinal }) => [slot, ordinal])).toEqual([
          [0, 0],
          [1, 1],
        ])
        for (const { timestamp, slot } of triggers) {
          expect(timestamp - startsAt - 8 * slot).toBeGreaterThanOrEqual(2)
          expect(timestamp - startsAt - 8 * slot).toBeLessThanOrEqual(4)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('on any chain rounds keep the refractory time, lie inside the epoch, have ordinals in order, and are never more than the maximum', () => {
    fc.assert(
      fc.property(anyBytes32, steps, fc.integer({ min: 1, max: 3 }), (seed, gaps, maxRounds) => {
        const triggers = triggersOf(devnet(seed, { maxRounds }), blocksOf(gaps))
        expect(triggers.length).toBeLessThanOrEqual(maxRounds)
        triggers.forEach(({ timestamp, ordinal }, i) => {
          expect(ordinal).toBe(i)
          expect(timestamp >= startsAt && timestamp < startsAt + 16).toBe(true)
          if (i > 0) expect(timestamp - triggers[i - 1]!.timestamp).toBeGreaterThanOrEqual(4)
        })
      }),
      { numRuns: 1000 },
    )
  })

  test('every slot that has a block at or after its cutoff has a round', () => {
    fc.assert(
      fc.property(anyBytes32, steps, (seed, gaps) => {
        const blocks = blocksOf(gaps)
        // Without a refractory time nothing can hold the cutoff back.
        const triggers = triggersOf(devnet(seed, { refractorySeconds: 0, maxRounds: 255 }), blocks)
        for (const slot of [0, 1]) {
          const from = startsAt + 8 * slot
          const overdue = blocks.some(({ timestamp }) => timestamp >= from + 4 && timestamp < from + 8)
          if (overdue) expect(triggers.some(trigger => trigger.slot === slot)).toBe(true)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('the decision about a block depends on no later block', () => {
    fc.assert(
      fc.property(anyBytes32, steps, fc.nat(60), (seed, gaps, cut) => {
        const blocks = blocksOf(gaps)
        const all = triggersOf(devnet(seed), blocks)
        const prefix = blocks.slice(0, cut)
        expect(triggersOf(devnet(seed), prefix)).toEqual(all.filter(({ number }) => number <= BigInt(prefix.length)))
      }),
      { numRuns: 1000 },
    )
  })

  test('with threshold 0 every slot triggers at its cutoff, and with the largest at its first eligible block', () => {
    const at = (threshold: bigint) =>
      triggersOf(devnet(rules.specHash, { threshold }), everySecond).map(({ timestamp }) => timestamp - startsAt)
    expect(at(0n)).toEqual([4, 12])
    expect(at(2n ** 64n - 1n)).toEqual([2, 10])
  })

  test('a slot may trigger again after the refractory time, where the round still ends inside it', () => {
    const long: EpochRounds = { ...devnet(rules.specHash, { slots: 1, threshold: 2n ** 64n - 1n }), epochSeconds: 16 }
    expect(triggersOf(long, everySecond).map(({ timestamp }) => timestamp - startsAt)).toEqual([2, 6, 10])
  })

  test('only blocks younger than the seed trigger, and a slot whose cutoff came before the seed has no round', () => {
    const at = (seededAt: number, threshold: bigint) =>
      triggersOf({ ...devnet(rules.specHash, { threshold }), seededAt: startsAt + seededAt }, everySecond).map(
        ({ timestamp }) => timestamp - startsAt,
      )
    const always = 2n ** 64n - 1n
    expect([1, 2, 3].map(second => at(second, always))).toEqual([
      [2, 10],
      [3, 10],
      [4, 10],
    ])
    // A block of the very second of the seed may have been made with it.
    expect(at(4, always)).toEqual([10])
    expect(at(3, 0n)).toEqual([4, 12])
    expect(at(4, 0n)).toEqual([12])
    expect(at(11, 0n)).toEqual([12])
    expect(at(12, 0n)).toEqual([])
    expect(at(15, always)).toEqual([])
  })

  test('a late seed removes rounds and moves none in later slots', () => {
    fc.assert(
      fc.property(anyBytes32, fc.integer({ min: 0, max: 15 }), (seed, second) => {
        const early = triggersOf(devnet(seed), everySecond)
        const late = triggersOf({ ...devnet(seed), seededAt: startsAt + second }, everySecond)
        expect(late.every(({ timestamp }) => timestamp > startsAt + second)).toBe(true)
        if (second < 8) expect(late.filter(({ slot }) => slot === 1).length).toBe(1)
        if (second < 2) expect(late.map(({ hash }) => hash)).toEqual(early.map(({ hash }) => hash))
      }),
      { numRuns: 1000 },
    )
  })

  test('another branch of the chain has other rounds', () => {
    const seed = `0x${'5e'.repeat(32)}` as const
    const times = everySecond.map(({ timestamp }) => timestamp)
    const hashes = [0, 1, 2, 3].map(fork => triggersOf(devnet(seed), chainOf(times, { fork })).map(({ hash }) => hash))
    expect(new Set(hashes.flat()).size).toBe(8)
  })

  test('blocks outside the epoch never trigger', () => {
    const [before, , after] = chainOf([999, 1003, 1016])
    expect(nextTrigger(devnet(rules.specHash), [], before!)).toBeNull()
    expect(nextTrigger(devnet(rules.specHash), [], after!)).toBeNull()
  })

  test('epochs are counted from the first one, and are negative before it', () => {
    const timeline = { firstEpochAt: 100, epochSeconds: 16 } as Parameters<typeof epochAt>[0]
    expect([99, 100, 115, 116].map(time => epochAt(timeline, time))).toEqual([-1, 0, 0, 1])
  })
})
