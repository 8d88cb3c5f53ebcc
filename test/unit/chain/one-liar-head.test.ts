/** What one of three endpoints can make a daemon believe of the head: nothing, also while the others are silent for a moment. */
import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import type { SeenBlock } from '../../../src/core/chain/block-tree.ts'
import type { Chain } from '../../../src/core/chain/client.ts'
import type { Endpoint } from '../../../src/core/chain/endpoint.ts'
import { createHeadStream } from '../../../src/core/chain/head-stream.ts'
import { createRoundTracker } from '../../../src/core/chain/rounds.ts'
import { chainOf } from '../../helpers/blocks.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const pollMs = 250
const day = 86_400
const hex = (n: bigint | number): Hex => `0x${n.toString(16)}`

/** A head stream over these endpoints: `heads` is what each shows now, and whoever is in `silent` answers nothing. */
function scene(...names: string[]) {
  const known = new Map<Hex, SeenBlock>()
  const grow = (parent: SeenBlock, timestamp: number, fork = 0) => {
    const [block] = chainOf([timestamp], { parent, fork })
    known.set(block!.hash, block!)
    return block!
  }
  const genesis = chainOf([1_000])[0]!
  const heads = new Map(names.map(name => [name, genesis]))
  const silent = new Set<string>()
  const endpoints = names.map(name => {
    let status: Endpoint['status'] = { name, state: 'usable', reason: null }
    return {
      ...{ name, url: `http://${name}`, watchHeads: null },
      get status() {
        return status
      },
      mark(state: Endpoint['status']['state'], reason = null) {
        status = { name, state, reason }
      },
      async request({ method, params }: { method: string; params: readonly Hex[] }) {
        if (status.state !== 'dropped') this.mark(silent.has(name) ? 'failing' : 'usable')
        if (silent.has(name)) throw new Error('429')
        const { number, timestamp, ...hashes } =
          method === 'eth_getBlockByHash' ? known.get(params[0]!)! : heads.get(name)!
        return { ...hashes, number: hex(number), timestamp: hex(timestamp) }
      },
    }
  }) as unknown as Endpoint[]
  const clock = createManualClock()
  const chain = { all: () => endpoints, check: async () => undefined } as unknown as Chain
  const troubles: unknown[] = []
  const stream = createHeadStream({ pollMs }, { chain, clock, onTrouble: (_, error) => troubles.push(error) })
  const followed: number[] = []
  let removed = 0
  stream.onChange(change => {
    followed.push(...change.added.map(({ timestamp }) => timestamp))
    removed += change.removed.length
  })
  return {
    ...{ heads, silent, clock, stream, followed, grow, genesis, troubles, endpoints },
    removed: () => removed,
    /** These endpoints show so many blocks more, one at a time. */
    async extend(count: number, ...who: string[]) {
      for (let i = 0; i < count; i++) {
        const parent = heads.get(who[0]!)!
        const next = grow(parent, parent.timestamp + 2)
        for (const name of who) heads.set(name, next)
        await clock.advance(pollMs)
      }
    },
  }
}

it('a next block that one of three endpoints makes up before its time is not followed for a moment, and a true one counts from its first sight', async () => {
  const { heads, clock, stream, followed, grow, genesis: base } = scene('one', 'two', 'liar')
  await clock.advance(pollMs)
  for (let forged = 1; forged <= 20; forged++) {
    heads.set('liar', grow(base, 1_000 + 1 + Math.floor(forged / 4), forged))
    await clock.advance(pollMs)
  }
  expect(followed).toEqual([1_000])
  const next = grow(base, 1_012)
  heads.set('one', next)
  await clock.advance(pollMs)
  const firstSightMs = clock.monotonicMs()
  await clock.advance(3 * pollMs)
  expect(stream.tip).toMatchObject({ hash: base.hash })
  heads.set('two', next)
  await clock.advance(pollMs)
  expect(followed).toEqual([1_000, 1_012])
  expect(firstSightMs - stream.tip!.seenAtMs).toBeLessThanOrEqual(pollMs)
  await stream.stop()
})

it('an endpoint of three that is alone for a moment decides nothing', async () => {
  const { heads, silent, clock, stream, followed, grow, genesis, extend } = scene('one', 'two', 'liar')
  await clock.advance(pollMs)
  heads.set('liar', grow(genesis, 1_000_000 * day, 1))
  for (const name of ['one', 'two']) silent.add(name)
  await clock.advance(8 * pollMs)
  silent.clear()
  await clock.advance(pollMs)
  expect(followed).toEqual([1_000])
  await extend(1, 'one', 'two')
  expect(followed).toEqual([1_000, 1_002])
  await stream.stop()
})

it('where one of three endpoints answers for long, that is told', async () => {
  const { silent, clock, stream, troubles } = scene('one', 'two', 'three')
  for (const name of ['one', 'two']) silent.add(name)
  await clock.advance(15_000)
  expect(troubles).toContainEqual(expect.objectContaining({ code: 'RPC_ALONE' }))
  await stream.stop()
})

it.each([
  { what: 'the other of two answers a read before it shows its head', endpoints: ['a', 'b'], away: ['b'] },
  { what: 'two of four answer a read before they show their heads', endpoints: ['a', 'b', 'c', 'd'], away: ['c', 'd'] },
])('a followed head is not left because $what', async ({ endpoints: names, away }) => {
  const { silent, clock, stream, removed, extend, endpoints, genesis } = scene(...names)
  await clock.advance(pollMs)
  const present = names.filter(name => !away.includes(name))
  for (const name of away) silent.add(name)
  await clock.advance(pollMs)
  await extend(20, ...present)
  for (const endpoint of endpoints) endpoint.mark('usable')
  await extend(1, ...present)
  expect([removed(), stream.tip!.number - genesis.number]).toEqual([0, 20n])
  silent.clear()
  await extend(1, ...names)
  expect([removed(), stream.tip!.number - genesis.number]).toEqual([0, 22n])
  await stream.stop()
})

it('a followed head is not left because one that showed it is dropped while the third is behind', async () => {
  const { clock, stream, removed, extend, endpoints, genesis } = scene('a', 'b', 'c')
  await clock.advance(pollMs)
  await extend(3, 'a', 'c')
  endpoints[2]!.mark('dropped')
  await extend(1, 'a')
  expect([removed(), stream.tip!.number - genesis.number]).toEqual([0, 3n])
  await extend(1, 'a', 'b')
  expect([removed(), stream.tip!.number - genesis.number]).toEqual([0, 5n])
  await stream.stop()
})

it('what a silent endpoint showed last makes a forger neither of it nor of one that goes on', async () => {
  const { heads, silent, clock, stream, grow, genesis, extend, endpoints } = scene('a', 'frozen', 'away')
  await clock.advance(pollMs)
  const uncle = grow(genesis, 1_002, 7)
  for (const name of ['frozen', 'away']) heads.set(name, uncle)
  await clock.advance(pollMs)
  silent.add('away')
  await extend(60, 'a')
  expect(endpoints.map(({ status }) => status.state)).toEqual(['usable', 'usable', 'failing'])
  await stream.stop()
})

it('after a chain went back from a time far ahead, the epochs that come then are announced', () => {
  const tracker = createRoundTracker()
  const epochs: number[] = []
  const source = { epochAt: (timestamp: number) => Math.floor(timestamp / day), roundsOf: () => null }
  const apply = (removed: SeenBlock[], added: SeenBlock[]) => {
    for (const event of tracker.apply({ removed, added }, source)) if (event.type === 'epoch') epochs.push(event.epoch)
  }
  const first = chainOf([10, day + 10])
  apply([], first)
  const far = chainOf([1_000_000 * day], { parent: first.at(-1)!, fork: 1 })
  apply([], far)
  apply(far, chainOf([2 * day, 3 * day], { parent: first.at(-1)! }))
  expect(epochs).toEqual([0, 1, 1_000_000, 2, 3])
})

it.each([
  { what: 'time', changes: { timestamp: 1_000_000 * day }, liar: 'dropped' },
  { what: 'number', changes: { number: 1_000_000n }, liar: 'dropped' },
  // A parent that it does not show joins its block to nothing.
  { what: 'parent', changes: { parentHash: hex(7) }, liar: 'usable' },
])(
  'where nothing ties a header to its hash, a true block whose $what one of three endpoints alters first is followed as the others show it',
  async ({ changes, liar }) => {
    const { heads, clock, stream, followed, grow, genesis, extend, endpoints } = scene('liar', 'one', 'two')
    await clock.advance(pollMs)
    for (let i = 0; i < 3; i++) {
      const next = grow(heads.get('one')!, heads.get('one')!.timestamp + 2)
      heads.set('liar', { ...next, ...changes })
      await clock.advance(pollMs)
      for (const name of ['one', 'two']) heads.set(name, next)
      await clock.advance(pollMs)
    }
    await extend(60, 'one', 'two')
    expect(followed).toEqual(Array.from({ length: 64 }, (_, i) => 1_000 + 2 * i))
    expect(stream.tip!.number - genesis.number).toBe(63n)
    expect(endpoints.map(({ status }) => status.state)).toEqual([liar, 'usable', 'usable'])
    await stream.stop()
  },
)

it('the same at the first block that is seen at all', async () => {
  const { heads, clock, stream, followed, genesis, extend, endpoints } = scene('liar', 'one', 'two')
  heads.set('liar', { ...genesis, number: 77n, timestamp: 77 * day })
  await clock.advance(pollMs)
  await extend(3, 'one', 'two')
  expect(followed).toEqual([1_000, 1_002, 1_004, 1_006])
  expect(endpoints.slice(1).map(({ status }) => status.state)).toEqual(['usable', 'usable'])
  await stream.stop()
})

it('of two endpoints, one that alters the time of a true block is not believed', async () => {
  const { heads, clock, stream, followed, grow, genesis } = scene('liar', 'one')
  await clock.advance(pollMs)
  const next = grow(genesis, 1_002)
  heads.set('liar', { ...next, timestamp: 1_000_000 * day })
  await clock.advance(pollMs)
  heads.set('one', next)
  await clock.advance(2 * pollMs)
  expect(followed).toEqual([1_000])
  await stream.stop()
})

it('of two endpoints, a head that one makes up is not followed because that one is silent afterwards', async () => {
  const { heads, silent, clock, stream, followed, grow, genesis, extend } = scene('one', 'liar')
  await clock.advance(pollMs)
  const forged = grow(grow(genesis, 500_000, 9), 1_000_000 * day, 9)
  heads.set('liar', forged)
  await clock.advance(pollMs)
  silent.add('liar')
  await extend(3, 'one')
  expect(followed).toEqual([1_000, 1_002, 1_004, 1_006])
  await stream.stop()
})
