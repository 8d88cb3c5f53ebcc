import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import type { Chain } from '../../../src/core/chain/client.ts'
import type { Endpoint } from '../../../src/core/chain/endpoint.ts'
import { createHeadStream, type HeadStream } from '../../../src/core/chain/head-stream.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { collectGarbage } from '../../helpers/memory-used.ts'

const hex = (n: number): Hex => `0x${n.toString(16)}`
const hashOf = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
type Block = { readonly number: Hex; readonly hash: Hex; readonly parentHash: Hex; readonly timestamp: Hex }
const honestBlock = (n: number): Block => ({
  ...{ number: hex(n), hash: hashOf(n), parentHash: hashOf(n - 1), timestamp: hex(1_000 + n) },
})

/** Each head and each parent is made up when it is asked for. */
function endlessBranches(height: () => number) {
  const numbers = new Map<Hex, number>()
  let made = 0
  const name = (number: number): Hex => {
    const hash = hashOf(2 ** 40 + made++)
    numbers.set(hash, number)
    return hash
  }
  const blockOf = (hash: Hex): Block => {
    const number = numbers.get(hash)!
    return { number: hex(number), hash, parentHash: name(number - 1), timestamp: hex(1_000 + height()) }
  }
  return { head: () => blockOf(name(1_000_000 + height())), blockOf }
}

function endpointOf(name: string, head: () => Block, blockOf: (hash: Hex) => Block) {
  let status: Endpoint['status'] = { name, state: 'usable', reason: null }
  const reads = { heads: 0, parents: 0 }
  const endpoint = {
    ...{ name, url: `http://${name}`, watchHeads: null },
    get status() {
      return status
    },
    mark(state: Endpoint['status']['state'], reason = null) {
      status = { name, state, reason }
    },
    async request({ method, params }: { method: string; params?: unknown }) {
      if (method === 'eth_getBlockByNumber') {
        reads.heads++
        return head()
      }
      reads.parents++
      return blockOf((params as Hex[])[0]!)
    },
  }
  return { endpoint: endpoint as unknown as Endpoint, reads }
}

it('a branch that an endpoint makes up as it is asked, without end, costs some reads for a head, and delays no other endpoint', async () => {
  const clock = createManualClock()
  let height = 1_000
  const honest = ['one', 'two'].map(name =>
    endpointOf(
      name,
      () => honestBlock(height),
      hash => honestBlock(Number(hash)),
    ),
  )
  const branches = endlessBranches(() => height)
  const liar = endpointOf('liar', branches.head, branches.blockOf)
  const all = [...honest, liar].map(({ endpoint }) => endpoint)
  const chain = { all: () => all, usable: () => all, check: async () => undefined } as unknown as Chain
  const stream = createHeadStream({ pollMs: 250 }, { chain, clock })
  for (let i = 0; i < 20; i++) {
    height++
    // A head and its branch are read one after the other.
    for (let turn = 0; turn < 4; turn++) await clock.advance(250)
    await new Promise(resolve => setImmediate(resolve))
    expect(stream.tip?.hash).toBe(hashOf(height))
  }
  expect(liar.reads.parents).toBeGreaterThan(64)
  expect(liar.reads.parents).toBeLessThanOrEqual(65 * liar.reads.heads)
  // Nobody else shows its chain.
  expect(liar.endpoint.status.state).toBe('dropped')
  await stream.stop()
})

/** An endpoint of three that pushes heads whose parents nobody knows, beside two that show block 1000. */
function flooded(answerParent: (hash: Hex) => Promise<Block>) {
  const show = () => honestBlock(1_000)
  const honest = ['one', 'two'].map(name => endpointOf(name, show, show))
  const subscription: { push: (head: unknown) => void; ended: boolean } = { push: () => undefined, ended: false }
  const flooding = {
    ...endpointOf('flooding', show, show).endpoint,
    status: { name: 'flooding', state: 'usable', reason: null },
    request: async ({ method, params }: { method: string; params: readonly Hex[] }) =>
      method === 'eth_getBlockByHash' ? answerParent(params[0]!) : show(),
    watchHeads(onHead: (head: unknown) => void) {
      subscription.push = onHead
      return () => {
        subscription.ended = true
      }
    },
  } as unknown as Endpoint
  const all = [...honest.map(({ endpoint }) => endpoint), flooding]
  const chain = { all: () => all, usable: () => all, check: async () => undefined } as unknown as Chain
  const clock = createManualClock()
  return { clock, subscription, stream: createHeadStream({ pollMs: 250 }, { chain, clock }) }
}

/** A head of an unknown parent. */
const strayHead = (n: number) => ({ ...honestBlock(n), hash: hashOf(2 ** 40 + n), parentHash: hashOf(2 ** 41 + n) })

it('of the heads that an endpoint pushes while one of them is handled only the newest is kept and hashed, and no other endpoint waits', async () => {
  let answer: (block: Block) => void = () => undefined
  const { clock, subscription, stream } = flooded(() => new Promise(resolve => (answer = resolve)))
  await clock.advance(250)
  const hashed: number[] = []
  const pushed = (n: number) => ({
    ...strayHead(n),
    get sha3Uncles() {
      if (hashed.at(-1) !== n) hashed.push(n)
      return hashOf(n)
    },
  })
  subscription.push(pushed(1_001))
  await clock.advance(1)
  expect(hashed).toEqual([1_001])
  const heads: WeakRef<object>[] = []
  for (let n = 1_002; n <= 11_001; n++) {
    const head = pushed(n)
    heads.push(new WeakRef(head))
    subscription.push(head)
  }
  await clock.advance(1_000)
  await collectGarbage()
  expect(heads.filter(head => head.deref() !== undefined)).toHaveLength(1)
  expect(hashed).toEqual([1_001])
  expect(stream.tip?.hash).toBe(hashOf(1_000))
  // Its parent is another block than the one asked for, so that the next head has its turn.
  answer(honestBlock(1_000))
  await clock.advance(1)
  expect(hashed).toEqual([1_001, 11_001])
  // A parent that is never shown does not hold up the end.
  await expect(endOf(stream)).resolves.toBe('ended')
})

it('a head stream ends in the midst of heads that an endpoint pushes without end', async () => {
  const pushedAtOnce = 10
  let made = 2_000
  let parents = 0
  const { clock, subscription, stream } = flooded(async hash => {
    parents++
    await new Promise(resolve => setImmediate(resolve))
    for (let i = 0; i < pushedAtOnce; i++) subscription.push(strayHead(made++))
    const number = Number(BigInt(hash) - 2n ** 41n) - 1
    return { ...strayHead(number), hash }
  })
  await clock.advance(250)
  subscription.push(strayHead(made++))
  for (let i = 0; i < 20; i++) await clock.advance(1)
  expect(parents).toBeGreaterThan(10)
  expect(subscription.ended).toBe(false)
  await expect(endOf(stream)).resolves.toBe('ended')
  expect(subscription.ended).toBe(true)
  const asked = parents
  for (let i = 0; i < 20; i++) {
    subscription.push(strayHead(made++))
    await clock.advance(250)
  }
  expect(parents).toBe(asked)
})

/** Whether the stream ends within some turns of the event loop, in which the flood goes on. */
const endOf = (stream: HeadStream): Promise<'ended' | 'goes on'> =>
  Promise.race([stream.stop().then(() => 'ended' as const), turns(200).then(() => 'goes on' as const)])

async function turns(count: number) {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}
