import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { devnetParameters, productionParameters } from '../../../src/core/chain/network-presets.ts'
import { slotKinds } from '../../../src/core/protocol/constants.ts'
import { type RoundRules, timingOf } from '../../../src/core/protocol/network-parameters.ts'
import {
  beatTime,
  type EpochRounds,
  epochAt,
  nextTrigger,
  type Trigger,
  triggersOf,
} from '../../../src/core/protocol/trigger.ts'
import { anyBytes32 } from '../../helpers/arbitraries.ts'
import { chainOf } from '../../helpers/blocks.ts'
import { runs } from '../../helpers/full-runs.ts'

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
  beats: 0,
  beatWindowMs: 250,
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
/** Slots of twenty seconds, in which two rounds have room before the cutoff and two after it. */
const roomy = (seed: `0x${string}`, changes: Partial<RoundRules> = {}): EpochRounds => ({
  ...devnet(seed, { cutoffSeconds: 12, maxRounds: 8, ...changes }),
  epochSeconds: 40,
})
const presetRounds = (seed: `0x${string}`): EpochRounds => ({
  ...{ seed, startsAt, epochSeconds: 16, seededAt: startsAt + 3 },
  rules: devnetParameters(rules.specHash).rounds,
})
const ofSlots = (triggers: readonly Trigger[]) => triggers.filter(({ kind }) => kind !== 'beat')
const everySecond = chainOf(Array.from({ length: 60 }, (_, i) => 990 + i))
const steps = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 10, maxLength: 60 })
const blocksOf = (gaps: number[]) => {
  let time = 995
  return chainOf(gaps.map(gap => (time += gap)))
}

describe('triggers', () => {
  test('a devnet epoch with a block each second has a round of every kind, of which the last begins by the cutoff', () => {
    fc.assert(
      fc.property(anyBytes32, seed => {
        const triggers = ofSlots(triggersOf(presetRounds(seed), everySecond))
        expect(triggers.slice(0, 2).map(({ slot, kind }) => [slot, kind])).toEqual([
          [0, 'tensor'],
          [0, 'memory'],
        ])
        const begins = triggers.map(({ timestamp }) => timestamp - startsAt)
        expect(begins[0]).toBeGreaterThanOrEqual(6)
        expect(begins[0]).toBeLessThanOrEqual(8)
        expect(begins[1]).toBeLessThanOrEqual(12)
      }),
      { numRuns: runs(1000) },
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
      { numRuns: runs(1000) },
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
      { numRuns: runs(1000) },
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
      { numRuns: runs(1000) },
    )
  })

  test('with threshold 0 every slot triggers when a round of it is due, and with the largest at its first eligible block', () => {
    const at = (threshold: bigint) =>
      triggersOf(roomy(rules.specHash, { threshold }), everySecond).map(({ timestamp }) => timestamp - startsAt)
    expect(at(0n)).toEqual([8, 12, 28, 32])
    expect(at(2n ** 64n - 1n)).toEqual([2, 6, 10, 14, 22, 26, 30, 34])
  })

  test('the first of two rounds is due a refractory time before the cutoff, and never before rounds begin', () => {
    const first = (cutoffSeconds: number, refractorySeconds: number) => {
      const triggers = triggersOf(
        roomy(rules.specHash, { threshold: 0n, cutoffSeconds, refractorySeconds }),
        everySecond,
      )
      return triggers.slice(0, 2).map(({ timestamp }) => timestamp - startsAt)
    }
    expect(first(12, 3)).toEqual([9, 12])
    expect(first(12, 7)).toEqual([5, 12])
    expect(first(12, 10)).toEqual([2, 12])
    // The rules leave no room for both by the cutoff: the second comes as soon as it may.
    expect(first(5, 10)).toEqual([2, 12])
  })

  test('a slot may trigger again after the refractory time, where the round still ends inside it', () => {
    const long: EpochRounds = {
      ...devnet(rules.specHash, { slots: 1, maxRounds: 3, threshold: 2n ** 64n - 1n }),
      epochSeconds: 16,
    }
    expect(triggersOf(long, everySecond).map(({ timestamp }) => timestamp - startsAt)).toEqual([2, 6, 10])
  })

  test('only blocks younger than the seed trigger, and a slot that was due before the seed has no round', () => {
    const at = (seededAt: number, threshold: bigint) =>
      triggersOf({ ...roomy(rules.specHash, { threshold }), seededAt: startsAt + seededAt }, everySecond).map(
        ({ timestamp }) => timestamp - startsAt,
      )
    const always = 2n ** 64n - 1n
    expect([1, 2, 3].map(second => at(second, always).slice(0, 2))).toEqual([
      [2, 6],
      [3, 7],
      [4, 8],
    ])
    expect(at(7, 0n)).toEqual([8, 12, 28, 32])
    // From then on a round of one kind would be late, so there is none of any. A block of the very second of the seed may have been made with it.
    expect(at(8, 0n)).toEqual([28, 32])
    expect(at(8, always)).toEqual([22, 26, 30, 34])
    expect(at(27, 0n)).toEqual([28, 32])
    expect(at(28, 0n)).toEqual([])
    expect(at(39, always)).toEqual([])
  })

  test('a late seed removes rounds and moves none in later slots', () => {
    fc.assert(
      fc.property(anyBytes32, fc.integer({ min: 0, max: 15 }), (seed, second) => {
        const early = triggersOf(roomy(seed), everySecond)
        const late = triggersOf({ ...roomy(seed), seededAt: startsAt + second }, everySecond)
        expect(late.every(({ timestamp }) => timestamp > startsAt + second)).toBe(true)
        const inSecond = (of: typeof late) => of.filter(({ slot }) => slot === 1).map(({ hash }) => hash)
        expect(inSecond(late)).toEqual(inSecond(early))
        if (second < 2) expect(late.map(({ hash }) => hash)).toEqual(early.map(({ hash }) => hash))
      }),
      { numRuns: runs(1000) },
    )
  })

  test('another branch of the chain has other rounds', () => {
    const seed = `0x${'5e'.repeat(32)}` as const
    const times = everySecond.map(({ timestamp }) => timestamp)
    const hashes = [0, 1, 2, 3].map(fork => triggersOf(devnet(seed), chainOf(times, { fork })).map(({ hash }) => hash))
    expect(hashes.map(({ length }) => length)).toEqual([4, 4, 4, 4])
    expect(new Set(hashes.flat()).size).toBe(16)
  })

  test('blocks outside the epoch never trigger', () => {
    const [before, , after] = chainOf([999, 1003, 1016])
    expect(nextTrigger(devnet(rules.specHash), [], before!, 0)).toBeNull()
    expect(nextTrigger(devnet(rules.specHash), [], after!, 1003)).toBeNull()
  })

  test('epochs are counted from the first one, and are negative before it', () => {
    const timeline = { firstEpochAt: 100, epochSeconds: 16 } as Parameters<typeof epochAt>[0]
    expect([99, 100, 115, 116].map(time => epochAt(timeline, time))).toEqual([-1, 0, 0, 1])
  })
})

describe('kinds of rounds', () => {
  /**
   * Rules that leave a round of every kind room before the cutoff, and another round after it. What a slot's last round, which ends four
   * seconds after it began, may hold back of the next slot is over before rounds begin there.
   */
  const anyRules = fc
    .record({
      begins: fc.integer({ min: 1, max: 6 }),
      refractorySeconds: fc.integer({ min: 1, max: 8 }),
      spare: fc.nat(8),
      slots: fc.integer({ min: 1, max: 3 }),
      threshold: fc.bigInt(0n, 2n ** 62n),
    })
    .map(({ begins, spare, ...rest }): Partial<RoundRules> & { slotSeconds: number } => {
      const eligibleFromSeconds = Math.max(begins, rest.refractorySeconds - 4)
      const cutoffSeconds = eligibleFromSeconds + rest.refractorySeconds + spare
      const slotSeconds = cutoffSeconds + rest.refractorySeconds + 4
      return { ...rest, eligibleFromSeconds, cutoffSeconds, maxRounds: 255, slotSeconds }
    })
  const roundsOf = (
    seed: `0x${string}`,
    { slotSeconds, ...changes }: Partial<RoundRules> & { slotSeconds: number },
  ) => ({
    ...devnet(seed, changes),
    epochSeconds: slotSeconds * changes.slots!,
  })
  const chainFor = ({ epochSeconds }: EpochRounds) =>
    chainOf(Array.from({ length: epochSeconds + 5 }, (_, i) => startsAt - 2 + i))

  test('with a block each second every slot has had a round of every kind by its cutoff, whatever the rules', () => {
    fc.assert(
      fc.property(anyBytes32, anyRules, (seed, changes) => {
        const rounds = roundsOf(seed, changes)
        const triggers = triggersOf(rounds, chainFor(rounds))
        for (let slot = 0; slot < changes.slots!; slot++) {
          const cutoffAt = startsAt + slot * changes.slotSeconds + changes.cutoffSeconds!
          const early = triggers.filter(trigger => trigger.slot === slot && trigger.timestamp <= cutoffAt)
          expect(new Set(early.map(({ kind }) => kind)).size).toBe(slotKinds.length)
        }
      }),
      { numRuns: runs(1000) },
    )
  })

  test('the rounds of a slot come in groups of one of each kind, and the first of an epoch is a tensor round', () => {
    fc.assert(
      fc.property(anyBytes32, anyRules, (seed, changes) => {
        const rounds = roundsOf(seed, { ...changes, threshold: 2n ** 63n })
        const triggers = triggersOf(rounds, chainFor(rounds))
        expect(triggers[0]?.kind).toBe('tensor')
        for (const inSlot of Map.groupBy(triggers, ({ slot }) => slot).values())
          for (let at = 0; at < inSlot.length; at += slotKinds.length) {
            const group = inSlot.slice(at, at + slotKinds.length).map(({ kind }) => kind)
            expect(new Set(group).size).toBe(group.length)
          }
      }),
      { numRuns: runs(1000) },
    )
  })

  test('the block draws which kind comes first in a group, each as often as the other', () => {
    const seeds = Array.from({ length: 2000 }, (_, n) => `0x${n.toString(16).padStart(64, '0')}` as const)
    const firsts = seeds.map(seed => triggersOf(roomy(seed), everySecond).find(({ slot }) => slot === 1)!)
    const share = firsts.filter(({ kind }) => kind === 'memory').length / seeds.length
    // Five standard deviations of 2000 fair draws.
    expect(Math.abs(share - 0.5)).toBeLessThan(5 * Math.sqrt(0.25 / 2000))
    // Whether a block triggers says nothing about the kind: they are other bits of one hash.
    const earlyShare = (isEarly: boolean) => {
      const chosen = firsts.filter(({ timestamp }) => timestamp - startsAt <= 23 === isEarly)
      return chosen.filter(({ kind }) => kind === 'memory').length / chosen.length
    }
    expect(Math.abs(earlyShare(true) - earlyShare(false))).toBeLessThan(0.15)
  })

  test('a slot that the seed came too late for has no round of any kind, and the next one begins with a tensor round', () => {
    fc.assert(
      fc.property(anyBytes32, fc.integer({ min: 8, max: 19 }), (seed, second) => {
        const triggers = triggersOf({ ...roomy(seed), seededAt: startsAt + second }, everySecond)
        expect(triggers.filter(({ slot }) => slot === 0)).toEqual([])
        expect(triggers[0]).toMatchObject({ slot: 1, ordinal: 0, kind: 'tensor' })
        expect(triggers[1]).toMatchObject({ slot: 1, ordinal: 1, kind: 'memory' })
      }),
      { numRuns: runs(200) },
    )
  })

  test('production slots have room for a round of every kind between the first eligible block and the cutoff', () => {
    const { rounds } = productionParameters(rules.specHash)
    expect(rounds.eligibleFromSeconds + (slotKinds.length - 1) * rounds.refractorySeconds).toBeLessThan(
      rounds.cutoffSeconds,
    )
    const devnetRounds = devnetParameters(rules.specHash).rounds
    expect(devnetRounds.eligibleFromSeconds + devnetRounds.refractorySeconds).toBeLessThan(devnetRounds.cutoffSeconds)
  })
})

describe('beats', () => {
  const beatsOf = (triggers: readonly Trigger[]) => triggers.filter(({ kind }) => kind === 'beat')
  /** Rules and an epoch in which `beats` have room. */
  const anyEpoch = fc
    .record({
      seed: anyBytes32,
      beats: fc.integer({ min: 1, max: 12 }),
      beatWindowMs: fc.integer({ min: 100, max: 1000 }),
      threshold: fc.constantFrom(0n, half, 2n ** 64n - 1n),
      slots: fc.integer({ min: 1, max: 3 }),
      refractorySeconds: fc.integer({ min: 3, max: 9 }),
      lateSeconds: fc.integer({ min: 0, max: 20 }),
    })
    .map(({ seed, lateSeconds, ...changes }): EpochRounds => {
      const epochSeconds = changes.slots * 60
      return {
        ...{ seed, startsAt, epochSeconds, seededAt: startsAt + lateSeconds },
        rules: { ...rules, ...changes, eligibleFromSeconds: 6, cutoffSeconds: 50, maxRounds: 80 },
      }
    })
  const gaps = fc.array(fc.constantFrom(0, 1, 1, 1, 2, 3, 7), { minLength: 60, maxLength: 200 })

  test('whatever the rules and the times of its blocks, an epoch has as many as it should, or no block was left for one', () => {
    fc.assert(
      fc.property(anyEpoch, gaps, (rounds, given) => {
        const blocks = blocksOf(given)
        const triggers = triggersOf(rounds, blocks)
        const beats = beatsOf(triggers)
        expect(beats.length).toBeLessThanOrEqual(rounds.rules.beats)
        if (beats.length === rounds.rules.beats) return
        const { from, until } = beatTime(rounds)
        for (const { timestamp, hash } of blocks) {
          if (timestamp <= Math.max(from, until) || timestamp >= startsAt + rounds.epochSeconds) continue
          const before = triggers.findLast(each => each.timestamp <= timestamp)
          const { samplingSeconds } = timingOf(rounds.rules, before?.kind ?? 'beat')
          const isTaken = triggers.some(each => each.hash === hash)
          expect(isTaken || (before !== undefined && timestamp < before.timestamp + samplingSeconds)).toBe(true)
        }
      }),
      { numRuns: runs(200) },
    )
  })

  test('with a block each second an epoch of a devnet has two, over by its end; one of a day has forty-eight', () => {
    fc.assert(
      fc.property(anyBytes32, fc.integer({ min: 3, max: 4 }), (seed, seededAt) => {
        const rounds = { ...presetRounds(seed), seededAt: startsAt + seededAt }
        const beats = beatsOf(triggersOf(rounds, everySecond)).map(({ timestamp }) => timestamp - startsAt)
        expect(beats).toHaveLength(2)
        for (const at of beats) {
          expect(at).toBeGreaterThan(8)
          expect(1000 * at + timingOf(rounds.rules, 'beat').openingsMs).toBeLessThanOrEqual(16_000)
        }
      }),
      { numRuns: runs(200) },
    )
    const { rounds: daily, timeline } = productionParameters(rules.specHash)
    const day = { seed: rules.specHash, startsAt, epochSeconds: timeline.epochSeconds, seededAt: startsAt + 8 }
    const blocks = chainOf(Array.from({ length: 4_320 }, (_, i) => startsAt + 20 * i))
    const triggers = triggersOf({ ...day, rules: daily }, blocks)
    expect(beatsOf(triggers)).toHaveLength(48)
    expect(triggers.at(-1)!.ordinal).toBeLessThan(daily.maxRounds)
  })

  test('no beat begins while a window may last, and no round while that of a beat may', () => {
    fc.assert(
      fc.property(anyEpoch, gaps, (rounds, given) => {
        const triggers = triggersOf(rounds, blocksOf(given))
        triggers.forEach((trigger, i) => {
          expect(trigger.ordinal).toBe(i)
          const before = triggers[i - 1]
          if (before === undefined || (before.kind !== 'beat' && trigger.kind !== 'beat')) return
          const { samplingSeconds } = timingOf(rounds.rules, before.kind)
          expect(trigger.timestamp - before.timestamp).toBeGreaterThanOrEqual(samplingSeconds)
        })
      }),
      { numRuns: runs(200) },
    )
  })

  test('beats leave the rounds of the slots their kinds, and delay none by more than a beat’s window', () => {
    fc.assert(
      fc.property(anyEpoch, rounds => {
        const blocks = chainOf(Array.from({ length: rounds.epochSeconds }, (_, i) => startsAt + i))
        const triggers = ofSlots(triggersOf(rounds, blocks))
        const { cutoffSeconds, slots, beatWindowMs, graceMs } = rounds.rules
        for (let slot = 0; slot < slots; slot++) {
          const most = startsAt + 60 * slot + cutoffSeconds + 1 + Math.floor((beatWindowMs + graceMs) / 1000)
          const early = triggers.filter(trigger => trigger.slot === slot && trigger.timestamp <= most)
          expect(new Set(early.map(({ kind }) => kind)).size).toBe(slotKinds.length)
        }
      }),
      { numRuns: runs(100) },
    )
  })

  test('the decision about a block depends on no later block', () => {
    fc.assert(
      fc.property(anyEpoch, gaps, fc.nat(400), (rounds, given, cut) => {
        const blocks = blocksOf(given)
        const prefix = blocks.slice(0, cut)
        const kept = triggersOf(rounds, blocks).filter(({ number }) => number <= BigInt(prefix.length))
        expect(triggersOf(rounds, prefix)).toEqual(kept)
      }),
      { numRuns: runs(100) },
    )
  })

  test('they lie evenly over the time they are drawn in, and their number says nothing of the next', () => {
    const rounds = (n: number): EpochRounds => ({
      ...{ seed: `0x${n.toString(16).padStart(64, '0')}`, startsAt, epochSeconds: 800, seededAt: startsAt },
      rules: { ...rules, slots: 1, beats: 8, maxRounds: 10, threshold: 0n, cutoffSeconds: 700 },
    })
    const { from, until } = beatTime(rounds(0))
    // Two seconds between two blocks, or ten: it is time that counts, not blocks.
    const blocks = chainOf(Array.from({ length: 240 }, (_, i) => startsAt + (i < 40 ? 10 * i : 400 + 2 * (i - 40))))
    const tenths = new Array<number>(10).fill(0)
    const runs = 100
    for (let n = 0; n < runs; n++)
      for (const { timestamp } of beatsOf(triggersOf(rounds(n), blocks)))
        tenths[Math.min(9, Math.floor((10 * (timestamp - from)) / (until - from)))]!++
    expect(tenths.reduce((sum, count) => sum + count)).toBe(8 * runs)
    // Four and a half standard deviations of 800 fair draws of ten.
    for (const count of tenths) expect(Math.abs(count - 80)).toBeLessThan(4.5 * Math.sqrt(80 * 0.9))
  })

  test('none comes before memory is filled, which a late seed delays', () => {
    const first = (seededAt: number) => {
      const rounds = { ...presetRounds(rules.specHash), epochSeconds: 64, seededAt: startsAt + seededAt }
      return beatTime(rounds).from - startsAt
    }
    expect([0, 3, 4, 10, 30].map(first)).toEqual([8, 8, 9, 15, 35])
  })
})
