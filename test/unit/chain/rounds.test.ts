import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SeenBlock } from '../../../src/core/chain/block-tree.ts'
import { createRoundTracker, type RoundEvent } from '../../../src/core/chain/rounds.ts'
import { type EpochRounds, triggersOf } from '../../../src/core/protocol/trigger.ts'
import { anyBytes32 } from '../../helpers/arbitraries.ts'
import { chainOf } from '../../helpers/blocks.ts'
import { runs } from '../../helpers/full-runs.ts'

const epochSeconds = 16
const roundsOf = (seed: `0x${string}`, epoch: number, beats = 0): EpochRounds => ({
  seed,
  seededAt: 1000 + epoch * epochSeconds,
  startsAt: 1000 + epoch * epochSeconds,
  epochSeconds,
  rules: {
    slots: 2,
    maxRounds: 4 + beats,
    windowMs: 1000,
    graceMs: 500,
    eligibleFromSeconds: 2,
    cutoffSeconds: 4,
    threshold: 1n << 63n,
    refractorySeconds: 2,
    samplingSeconds: 2,
    openingsMs: 3500,
    beats,
    beatWindowMs: 250,
    specHash: seed,
  },
})
const sourceOf = (seed: `0x${string}`, unseeded = -1, beats = 0) => ({
  epochAt: (timestamp: number) => Math.floor((timestamp - 1000) / epochSeconds),
  roundsOf: (epoch: number) => (epoch === unseeded ? null : roundsOf(seed, epoch, beats)),
})
const seconds = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
const short = (event: RoundEvent) =>
  event.type === 'epoch' ? `epoch ${event.epoch}` : `${event.type} ${event.round.epoch}/${event.round.ordinal}`

/** One of each kind in each of two slots. */
const everyRoundOf = (epoch: number) =>
  [0, 1, 2, 3].flatMap(ordinal => [`round ${epoch}/${ordinal}`, `sampling ${epoch}/${ordinal}`])

describe('round tracker', () => {
  const seed = `0x${'0a'.repeat(32)}` as const

  test('the round tracker gives epochs, rounds and sampling blocks in order', () => {
    const events = createRoundTracker().apply({ removed: [], added: chainOf(seconds(960, 1017)) }, sourceOf(seed))
    expect(events.map(short)).toEqual(['epoch 0', ...everyRoundOf(0), 'epoch 1'])
    for (const event of events)
      if (event.type === 'sampling') expect(event.block.timestamp).toBe(event.round.timestamp + 2)
  })

  test('an epoch without a seed has no rounds', () => {
    const events = createRoundTracker().apply({ removed: [], added: chainOf(seconds(1000, 1032)) }, sourceOf(seed, 0))
    expect(events.map(short)).toEqual(['epoch 0', 'epoch 1', ...everyRoundOf(1)])
  })

  test('a seed that is learnt late gives the same rounds as one that is known at once', () => {
    fc.assert(
      fc.property(anyBytes32, fc.integer({ min: 1, max: 15 }), (anySeed, blocks) => {
        const chain = chainOf(seconds(1000, 1018))
        const atOnce = createRoundTracker().apply({ removed: [], added: chain }, sourceOf(anySeed, -1, 3))
        const tracker = createRoundTracker()
        const late = [
          ...tracker.apply({ removed: [], added: chain.slice(0, blocks) }, sourceOf(anySeed, 0, 3)),
          ...tracker.apply({ removed: [], added: chain.slice(blocks) }, sourceOf(anySeed, -1, 3)),
        ]
        expect(late[0]).toMatchObject({ type: 'epoch', epoch: 0 })
        expect(late.map(short)).toEqual(atOnce.map(short))
        expect(late).toEqual(atOnce)
      }),
      { numRuns: runs(200) },
    )
  })

  test('blocks that a reorg took while the epoch waited for its seed begin no round', () => {
    const tracker = createRoundTracker()
    const waiting = chainOf(seconds(1000, 1006))
    tracker.apply({ removed: [], added: waiting }, sourceOf(seed, 0))
    const kept = waiting.slice(0, 2)
    const added = chainOf(seconds(1002, 1014), { parent: kept.at(-1)!, fork: 1 })
    tracker.apply({ removed: waiting.slice(2).reverse(), added }, sourceOf(seed))
    const expected = triggersOf(roundsOf(seed, 0), [...kept, ...added])
    expect(tracker.rounds().map(({ hash }) => hash)).toEqual(expected.map(({ hash }) => hash))
  })

  test('a head that goes back over the edge of an epoch is in the one before, which is not finished then', () => {
    const tracker = createRoundTracker()
    const blocks = chainOf(seconds(1000, 1018))
    tracker.apply({ removed: [], added: blocks }, sourceOf(seed))
    expect(tracker.finished(0)).toHaveLength(4)
    tracker.apply({ removed: blocks.slice(-2).reverse(), added: [] }, sourceOf(seed))
    expect(tracker.finished(0)).toBeNull()
    expect(tracker.rounds()).toMatchObject(triggersOf(roundsOf(seed, 0), blocks.slice(0, -2)))
    expect(tracker.apply({ removed: [], added: blocks.slice(-2) }, sourceOf(seed))).toEqual([])
    expect(tracker.finished(0)).toHaveLength(4)
  })

  test('a round that began late in its epoch is still sampled in the next one', () => {
    const events = createRoundTracker().apply({ removed: [], added: chainOf([1001, 1002, 1015, 1018]) }, sourceOf(seed))
    expect(events.map(short).filter(text => text.includes('0/'))).toContain('sampling 0/1')
  })

  test('a reorg of the trigger drops its round, and a reorg of the sampling block gives another sampling block', () => {
    const blocks = chainOf(seconds(1000, 1010))
    const tracker = createRoundTracker()
    const [round, sampling] = tracker
      .apply({ removed: [], added: blocks }, sourceOf(seed))
      .filter(event => event.type === 'round' || event.type === 'sampling')
    if (round?.type !== 'round' || sampling?.type !== 'sampling') throw new Error('no round')
    const cut = blocks.findIndex(({ hash }) => hash === sampling.block.hash)
    const parent = blocks[cut - 1]!
    const other = chainOf(seconds(parent.timestamp + 1, 1010), { parent, fork: 1 })
    const again = tracker.apply({ removed: blocks.slice(cut).reverse(), added: other }, sourceOf(seed))
    expect(again.filter(event => event.type === 'sampling').map(event => event.block.hash)).toContain(other[0]!.hash)

    const start = blocks.findIndex(({ hash }) => hash === round.round.hash)
    const removed = [...blocks.slice(start, cut), ...other].reverse()
    expect(tracker.apply({ removed, added: [] }, sourceOf(seed)).map(short)).toContain('dropped 0/0')
    expect(tracker.rounds()).toEqual([])
  })

  test('after any reorgs rounds and beats are those of the canonical chain', () => {
    const reorgs = fc.array(fc.record({ depth: fc.nat(4), length: fc.integer({ min: 1, max: 6 }), fork: fc.nat(9) }), {
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(anyBytes32, reorgs, (anySeed, changes) => {
        const tracker = createRoundTracker()
        let chain: SeenBlock[] = []
        for (const { depth, length, fork } of changes) {
          const kept = chain.slice(0, Math.max(0, chain.length - depth))
          const parent = kept.at(-1) ?? null
          const from = (parent?.timestamp ?? 999) + 1
          const added = chainOf(seconds(from, from + length), { parent, fork })
          tracker.apply({ removed: chain.slice(kept.length).reverse(), added }, sourceOf(anySeed, -1, 3))
          chain = [...kept, ...added]
          const epoch = Math.floor((chain.at(-1)!.timestamp - 1000) / epochSeconds)
          const expected = triggersOf(roundsOf(anySeed, epoch, 3), chain)
          expect(tracker.rounds()).toMatchObject(expected)
          expect(tracker.rounds()).toHaveLength(expected.length)
        }
      }),
      { numRuns: runs(1000) },
    )
  })
})
