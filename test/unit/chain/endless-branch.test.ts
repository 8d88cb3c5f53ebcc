import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import type { Chain } from '../../../src/core/chain/client.ts'
import type { Endpoint } from '../../../src/core/chain/endpoint.ts'
import { createHeadStream } from '../../../src/core/chain/head-stream.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

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

it('of the heads that an endpoint pushes while one of them is handled only the newest is hashed, and no other endpoint waits', async () => {
  const clock = createManualClock()
  const honest = ['one', 'two'].map(name =>
    endpointOf(
      name,
      () => honestBlock(1_000),
      hash => honestBlock(Number(hash)),
    ),
  )
  let push: (head: unknown) => void = () => {}
  const flooding = endpointOf(
    'flooding',
    () => honestBlock(1_000),
    () => honestBlock(1_000),
  )
  // Parents of what it pushes are never shown.
  const never = new Promise<never>(() => undefined)
  const flooder = {
    ...flooding.endpoint,
    status: { name: 'flooding', state: 'usable', reason: null },
    request: ({ method }: { method: string }) =>
      method === 'eth_getBlockByHash' ? never : Promise.resolve(honestBlock(1_000)),
    watchHeads(onHead: typeof push) {
      push = onHead
      return () => undefined
    },
  } as unknown as Endpoint
  const all = [...honest.map(({ endpoint }) => endpoint), flooder]
  const chain = { all: () => all, usable: () => all, check: async () => undefined } as unknown as Chain
  const stream = createHeadStream({ pollMs: 250 }, { chain, clock })
  await clock.advance(250)
  let looks = 0
  const pushed = (n: number) => ({
    ...honestBlock(n),
    hash: hashOf(2 ** 40 + n),
    parentHash: hashOf(2 ** 41 + n),
    get sha3Uncles() {
      looks++
      return hashOf(n)
    },
  })
  push(pushed(1_001))
  await clock.advance(1)
  const once = looks
  expect(once).toBeGreaterThan(0)
  for (let n = 0; n < 10_000; n++) push(pushed(1_002 + n))
  await clock.advance(1_000)
  expect(looks).toBe(once)
  expect(stream.tip?.hash).toBe(hashOf(1_000))
})
