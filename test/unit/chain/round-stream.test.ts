/** The round stream over a real head stream and one endpoint whose head a test names; every block that is read by its number is counted. */
import fc from 'fast-check'
import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import type { SeenBlock } from '../../../src/core/chain/block-tree.ts'
import type { Endpoint } from '../../../src/core/chain/endpoint.ts'
import { createHeadStream } from '../../../src/core/chain/head-stream.ts'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import { createRoundStream } from '../../../src/core/chain/round-stream.ts'
import type { Round, RoundEvent } from '../../../src/core/chain/rounds.ts'
import { timingOf } from '../../../src/core/protocol/network-parameters.ts'
import { type EpochRounds, triggersOf } from '../../../src/core/protocol/trigger.ts'
import { anyBytes32 } from '../../helpers/arbitraries.ts'
import { chainOf } from '../../helpers/blocks.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const firstEpochAt = 10_000
const epochSeconds = 200
const zeroHash: Hex = `0x${'0'.repeat(64)}`
const rules: EpochRounds['rules'] = {
  ...{ slots: 10, maxRounds: 44, windowMs: 1_000, graceMs: 500, eligibleFromSeconds: 2, cutoffSeconds: 8 },
  ...{ threshold: 1n << 62n, refractorySeconds: 2, samplingSeconds: 2, openingsMs: 3_500, beats: 4 },
  ...{ beatWindowMs: 250, specHash: zeroHash },
}
const startOf = (epoch: number) => firstEpochAt + epoch * epochSeconds
const epochOf = (timestamp: number) => Math.floor((timestamp - firstEpochAt) / epochSeconds)
const seconds = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

function follow(seed: Hex, genesis: readonly SeenBlock[]) {
  const roundsOf = (epoch: number): EpochRounds => ({
    ...{ seed, seededAt: startOf(epoch) + 1, startsAt: startOf(epoch), epochSeconds, rules },
  })
  const chain: SeenBlock[] = [...genesis]
  const known = new Map<Hex, SeenBlock>()
  const reads = { earlier: 0 }
  let failing: string | null = null
  const views: Record<string, (epoch: bigint) => unknown> = {
    timeline: () => ({ firstEpochAt: BigInt(firstEpochAt), epochSeconds }),
    timelineOf: () => ({ epochSeconds }),
    seedOf: () => seed,
    seededAt: epoch => BigInt(roundsOf(Number(epoch)).seededAt),
    epochStart: epoch => BigInt(startOf(Number(epoch))),
    roundRulesOf: () => rules,
  }
  const hex = (n: bigint | number): Hex => `0x${n.toString(16)}`
  const asAnswered = (block: SeenBlock) => ({ ...block, number: hex(block.number), timestamp: hex(block.timestamp) })
  const endpoint = {
    ...{ name: 'one', url: 'http://one', watchHeads: null },
    status: { name: 'one', state: 'usable', reason: null },
    request: async ({ method, params }: { method: string; params: readonly unknown[] }) =>
      asAnswered(method === 'eth_getBlockByHash' ? known.get(params[0] as Hex)! : chain.at(-1)!),
  } as unknown as Endpoint
  const client = {
    async readContract({ functionName, args }: { functionName: string; args: readonly bigint[] }) {
      if (functionName === failing) throw new Error('no answer')
      return views[functionName]!(args[0]!)
    },
    async getBlock({ blockNumber }: { blockNumber: bigint }) {
      reads.earlier++
      const block = chain[Number(blockNumber)]
      if (block === undefined) throw new Error(`no block ${blockNumber}`)
      return { ...block, timestamp: BigInt(block.timestamp) }
    },
  }
  const clock = createManualClock()
  const network = {
    contracts: {},
    chain: { client, all: () => [endpoint], check: async () => undefined },
  } as unknown as ConnectedNetwork
  const heads = createHeadStream({ pollMs: 250, keepBlocks: 64 }, { chain: network.chain, clock })
  const trouble: unknown[] = []
  const rounds = createRoundStream({ network, heads, onTrouble: error => trouble.push(error) })
  const events: RoundEvent[] = []
  rounds.onEvent(event => events.push(event))
  const settle = async () => {
    for (let turn = 0; turn < 4; turn++) await new Promise(resolve => setImmediate(resolve))
  }
  return {
    ...{ chain, reads, rounds, events, trouble },
    /** The endpoint's chain ends after its first `length` blocks and goes on with these; its head is seen once. */
    async move(length: number, added: readonly SeenBlock[] = []) {
      chain.splice(length, chain.length, ...added)
      for (const block of chain) known.set(block.hash, block)
      await clock.advance(250)
      await settle()
    },
    /** The rounds of all events so far that no reorg took, in order: none comes again before it was dropped, and none is dropped twice. */
    standing() {
      const hashes: Hex[] = []
      for (const event of events) {
        if (event.type !== 'round' && event.type !== 'dropped') continue
        const at = hashes.indexOf(event.round.hash)
        expect(at === -1).toBe(event.type === 'round')
        if (event.type === 'round') hashes.push(event.round.hash)
        else hashes.splice(at, 1)
      }
      return hashes
    },
    /** What anybody recomputes of an epoch from its blocks. */
    recomputed: (epoch: number) =>
      triggersOf(
        roundsOf(epoch),
        chain.filter(({ timestamp }) => epochOf(timestamp) === epoch),
      ),
    /** Reads of this name fail from now on. */
    fail(name: string | null) {
      failing = name
    },
    async stop() {
      await rounds.stop()
      await heads.stop()
    },
  }
}

const hashesOf = (rounds: readonly { readonly hash: Hex }[]) => rounds.map(({ hash }) => hash)
/** Blocks of a second each, numbered from 0. */
const chainFrom = (from: number, count: number): SeenBlock[] =>
  chainOf(seconds(from, count), { parent: { ...chainOf([0])[0]!, number: -1n } })
const seed: Hex = `0x${'5e'.repeat(32)}`

it('heads that go back a block and on again, at each block, are no gap: nothing is read again, and each round comes once', async () => {
  const { chain, move, reads, rounds, events, standing, recomputed, trouble, stop } = follow(
    seed,
    chainFrom(startOf(0) - 4, 8),
  )
  await move(chain.length)
  const atStart = reads.earlier
  for (let fork = 1; chain.at(-1)!.timestamp < startOf(1) + 20; fork++) {
    const parent = chain.at(-1)!
    // One of the servers behind a URL shows the next block, another does not have it yet; then comes that block, or another one.
    const next = chainOf([parent.timestamp + 1], { parent })
    await move(chain.length, next)
    await move(chain.length - 1)
    await move(chain.length, fork % 2 === 0 ? next : chainOf([parent.timestamp + 1], { parent, fork }))
    expect(reads.earlier).toBe(atStart)
  }
  expect(hashesOf(rounds.rounds())).toEqual(hashesOf(recomputed(1)))
  expect(standing()).toEqual(hashesOf([...recomputed(0), ...recomputed(1)]))
  expect(hashesOf(rounds.finished(0)!)).toEqual(hashesOf(recomputed(0)))
  expect(recomputed(0).length).toBeGreaterThan(20)
  expect(events.flatMap(event => (event.type === 'epoch' ? [event.epoch] : []))).toEqual([0, 1])
  expect(trouble).toEqual([])
  await stop()
})

const sampledAt = ({ timestamp, kind }: Round) => timestamp + timingOf(rules, kind).samplingSeconds

/** More than the head stream looks back for one head, and more than it keeps. */
const afar = 70
/** What is read at most beside the blocks of a gap: the rest of a batch, and where the gap begins. */
const mostBeside = 64 + 10

it('of endpoints that were away the missed blocks are read and no others, and no round comes again', async () => {
  const { chain, move, reads, rounds, events, standing, recomputed, trouble, stop } = follow(
    seed,
    chainFrom(startOf(0) - 4, 150),
  )
  await move(chain.length)
  const parent = chain.at(-1)!
  const atStart = reads.earlier
  // Over the edge of an epoch.
  await move(chain.length, chainOf(seconds(parent.timestamp + 1, 2 * afar), { parent }))
  expect(reads.earlier - atStart).toBeGreaterThanOrEqual(afar)
  expect(reads.earlier - atStart).toBeLessThanOrEqual(2 * afar + mostBeside)
  expect(standing()).toEqual(hashesOf([...recomputed(0), ...recomputed(1)]))
  expect(hashesOf(rounds.finished(0)!)).toEqual(hashesOf(recomputed(0)))
  for (const event of events) if (event.type === 'sampling') expect(event.block.timestamp).toBe(sampledAt(event.round))
  expect(events.flatMap(event => (event.type === 'epoch' ? [event.epoch] : []))).toEqual([0, 1])
  expect(trouble).toEqual([])
  await stop()
})

it.each([
  { what: 'far into', into: 120 },
  // The head's branch, as far as the head stream looks back, then holds the end of the epoch before.
  { what: 'just after the start of', into: 20 },
])(
  'of endpoints that come back, after more than an epoch, $what an epoch, that epoch is read, as at the start',
  async ({ into }) => {
    const { chain, move, reads, rounds, events, recomputed, trouble, stop } = follow(seed, chainFrom(startOf(0), 50))
    await move(chain.length)
    const parent = chain.at(-1)!
    const [atStart, before] = [reads.earlier, events.length]
    await move(chain.length, chainOf(seconds(parent.timestamp + 1, startOf(2) + into - parent.timestamp), { parent }))
    expect(reads.earlier - atStart).toBeLessThanOrEqual(epochSeconds + mostBeside)
    expect(hashesOf(rounds.rounds())).toEqual(hashesOf(recomputed(2)))
    expect(recomputed(2).length).toBeGreaterThan(0)
    // Not all of its blocks were seen, and rounds from before are not sampled by a block of now.
    expect(rounds.finished(1)).toBeNull()
    for (const event of events.slice(before)) expect(event.type === 'epoch' ? event.epoch : event.round.epoch).toBe(2)
    expect(trouble).toEqual([])
    await stop()
  },
)

it('what could not be read of a gap is read at the next block, and what was read of it is not read again', async () => {
  const { chain, move, reads, rounds, recomputed, standing, fail, trouble, stop } = follow(
    seed,
    chainFrom(startOf(0), 150),
  )
  fail('seedOf')
  await move(chain.length)
  expect(trouble).toHaveLength(1)
  const read = reads.earlier
  for (let i = 0; i < 3; i++) {
    const parent = chain.at(-1)!
    if (i === 2) fail(null)
    await move(chain.length, chainOf([parent.timestamp + 1], { parent }))
  }
  expect(trouble).toHaveLength(3)
  expect(reads.earlier).toBe(read)
  expect(standing()).toEqual(hashesOf(recomputed(0)))
  expect(hashesOf(rounds.rounds())).toEqual(hashesOf(recomputed(0)))
  await stop()
})

it('a reorg over the edges of two epochs leads back to the rounds of the epoch where it ends', async () => {
  const { chain, move, rounds, standing, recomputed, trouble, stop } = follow(seed, chainFrom(startOf(0), 200))
  await move(chain.length)
  for (const on of [120, 120]) {
    const parent = chain.at(-1)!
    await move(chain.length, chainOf(seconds(parent.timestamp + 1, on), { parent }))
  }
  expect(hashesOf(rounds.rounds())).toEqual(hashesOf(recomputed(2)))
  await move(320)
  await move(190)
  expect(hashesOf(rounds.rounds())).toEqual(hashesOf(recomputed(0)))
  expect(recomputed(0).length).toBeGreaterThan(20)
  const parent = chain.at(-1)!
  await move(chain.length, chainOf(seconds(parent.timestamp + 1, 60), { parent, fork: 1 }))
  expect(standing()).toEqual(hashesOf([...recomputed(0), ...recomputed(1)]))
  expect(hashesOf(rounds.rounds())).toEqual(hashesOf(recomputed(1)))
  expect(trouble).toEqual([])
  await stop()
})

it('wherever the head goes, rounds are those of its chain, and none comes twice', async () => {
  const near = fc.nat(4)
  const far = fc.integer({ min: afar, max: 2 * afar })
  const moves = fc.array(
    fc.record({
      back: fc.oneof({ arbitrary: near, weight: 4 }, { arbitrary: far, weight: 1 }),
      on: fc.oneof({ arbitrary: near, weight: 4 }, { arbitrary: far, weight: 1 }),
      fork: fc.nat(9),
    }),
    { minLength: 1, maxLength: 12 },
  )
  // Zero stands for none.
  const anySeed = anyBytes32.filter(seed => BigInt(seed) > 0n)
  await fc.assert(
    fc.asyncProperty(anySeed, moves, async (seed, each) => {
      const { chain, move, rounds, standing, recomputed, trouble, stop } = follow(seed, chainFrom(startOf(0) - 20, 300))
      await move(chain.length)
      for (const { back, on, fork } of each) {
        const parent = chain.at(-1 - back) ?? chain[0]!
        const length = chain.indexOf(parent) + 1
        await move(length, chainOf(seconds(parent.timestamp + 1, on), { parent, fork }))
        const epoch = epochOf(chain.at(-1)!.timestamp)
        if (epoch >= 0) expect(hashesOf(rounds.rounds())).toEqual(hashesOf(recomputed(epoch)))
        standing()
      }
      expect(trouble).toEqual([])
      await stop()
    }),
    { numRuns: 40 },
  )
})
