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

function scene() {
  const known = new Map<Hex, SeenBlock>()
  const grow = (parent: SeenBlock, timestamp: number, fork = 0) => {
    const [block] = chainOf([timestamp], { parent, fork })
    known.set(block!.hash, block!)
    return block!
  }
  const heads = { one: chainOf([1_000])[0]!, two: chainOf([1_000])[0]!, liar: chainOf([1_000])[0]! }
  let silent = false
  const endpoints = Object.keys(heads).map(name => {
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
        const isSilent = silent && name !== 'liar'
        if (status.state !== 'dropped') this.mark(isSilent ? 'failing' : 'usable')
        if (isSilent) throw new Error('429')
        const { number, timestamp, ...hashes } =
          method === 'eth_getBlockByHash' ? known.get(params[0]!)! : heads[name as keyof typeof heads]
        return { ...hashes, number: hex(number), timestamp: hex(timestamp) }
      },
    }
  }) as unknown as Endpoint[]
  const clock = createManualClock()
  const chain = { all: () => endpoints, check: async () => undefined } as unknown as Chain
  const stream = createHeadStream({ pollMs }, { chain, clock })
  const followed: number[] = []
  stream.onChange(({ added }) => followed.push(...added.map(({ timestamp }) => timestamp)))
  return {
    ...{ heads, clock, stream, followed, grow },
    hush(isSilent: boolean) {
      silent = isSilent
    },
  }
}

it('a next block that one of three endpoints makes up before its time is not followed for a moment, and a true one counts from its first sight', async () => {
  const { heads, clock, stream, followed, grow } = scene()
  await clock.advance(pollMs)
  const base = heads.one
  for (let forged = 1; forged <= 20; forged++) {
    heads.liar = grow(base, 1_000 + 1 + Math.floor(forged / 4), forged)
    await clock.advance(pollMs)
  }
  expect(followed).toEqual([1_000])
  const next = grow(base, 1_012)
  heads.one = next
  await clock.advance(pollMs)
  const firstSightMs = clock.monotonicMs()
  await clock.advance(3 * pollMs)
  expect(stream.tip).toMatchObject({ hash: base.hash })
  heads.two = next
  await clock.advance(pollMs)
  expect(followed).toEqual([1_000, 1_012])
  expect(firstSightMs - stream.tip!.seenAtMs).toBeLessThanOrEqual(pollMs)
  await stream.stop()
})

it('an endpoint of three that is alone for a moment decides nothing', async () => {
  const { heads, clock, stream, followed, grow, hush } = scene()
  await clock.advance(pollMs)
  heads.liar = grow(heads.one, 1_000_000 * day, 1)
  hush(true)
  await clock.advance(8 * pollMs)
  hush(false)
  await clock.advance(pollMs)
  expect(followed).toEqual([1_000])
  heads.one = heads.two = grow(heads.one, 1_012)
  await clock.advance(pollMs)
  expect(followed).toEqual([1_000, 1_012])
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
