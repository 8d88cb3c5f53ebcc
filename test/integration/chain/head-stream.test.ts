import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import type { Hex } from 'viem'
import { afterEach, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import type { SeenBlock } from '../../../src/core/chain/block-tree.ts'
import { connectChain } from '../../../src/core/chain/client.ts'
import { chainErrors } from '../../../src/core/chain/errors.ts'
import { createHeadStream } from '../../../src/core/chain/head-stream.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startRpcProxy } from '../../helpers/rpc-proxy.ts'
import { createTcpProxy } from '../../helpers/tcp-proxy.ts'

const anvil = await anvilForTests()
const ends: (() => Promise<unknown>)[] = []
// A stream that goes on asks fifty times a second.
afterEach(() => Promise.all(ends.splice(0).map(end => end())))

type Following = {
  readonly pollMs?: number
  /** Of one request; short only where requests hang, so that no answer of a busy machine comes too late. */
  readonly timeoutMs?: number
  readonly onError?: (error: unknown) => void
}

async function follow(rpcUrls: string[], { pollMs = 20, timeoutMs, onError = () => {} }: Following = {}) {
  const chain = await connectChain({ rpcUrls, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
  const stream = createHeadStream(
    { pollMs, checkMs: 200 },
    { chain, clock: systemClock, onTrouble: (_, error) => onError(error) },
  )
  ends.push(stream.stop, async () => chain.close())
  let chainNow: SeenBlock[] = []
  stream.onChange(({ removed, added }) => {
    expect(chainNow.slice(chainNow.length - removed.length).reverse()).toEqual(removed)
    chainNow = [...chainNow.slice(0, chainNow.length - removed.length), ...added]
  })
  await eventually(() => expect(stream.tip).not.toBeNull())
  return { stream, chain, hashes: () => chainNow.map(({ hash }) => hash) }
}

/** The real chain from a block on, as anvil tells it. */
async function hashesFrom(first: bigint): Promise<Hex[]> {
  const head = await anvil.client.getBlockNumber()
  const numbers = Array.from({ length: Number(head - first) + 1 }, (_, i) => first + BigInt(i))
  return Promise.all(numbers.map(async blockNumber => (await anvil.client.getBlock({ blockNumber })).hash))
}
const reorg = (depth: number) => anvil.client.request({ method: 'anvil_reorg', params: [depth, []] } as never)

describe('head stream', () => {
  test.each(['polling', 'subscription'])('%s: the head stream gives every block once, and fills gaps', async kind => {
    const { stream, hashes } =
      kind === 'polling' ? await follow([anvil.rpcUrl]) : await follow([anvil.wsUrl], { pollMs: 60_000 })
    const first = stream.tip!.number
    await anvil.client.mine({ blocks: 25 })
    const expected = await hashesFrom(first)
    await eventually(() => expect(hashes()).toEqual(expected))
    expect(stream.blocks().map(({ hash }) => hash)).toEqual(expected)
  })

  test('a subscription to heads is made again, however often the connection breaks or cannot be opened', async () => {
    let isDown = false
    const { hostname: host, port } = new URL(anvil.wsUrl)
    const proxy = await createTcpProxy({
      target: { host, port: Number(port) },
      faults: () => (isDown ? { cutAfterBytes: 0 } : {}),
    })
    ends.push(proxy.close)
    // Nothing but the subscription shows a head here.
    const { chain, stream } = await follow([proxy.through(anvil.wsUrl)], { pollMs: 60_000 })
    for (const attempts of [0, 3]) {
      isDown = true
      const before = proxy.connections
      proxy.cut()
      await eventually(() => expect(proxy.connections).toBeGreaterThanOrEqual(before + attempts))
      isDown = false
      const missed = await anvil.client.getBlockNumber()
      await eventually(
        async () => {
          await anvil.client.mine({ blocks: 1 })
          expect(stream.tip!.number).toBeGreaterThan(missed)
        },
        20_000,
        200,
      )
    }
    expect(chain.status()).toMatchObject([{ state: 'usable' }])
  })

  test('a message of a subscription that is not a head is reported, and the next head is still heard', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    ends.push(async () => server.close())
    const subscribers: WebSocket[] = []
    const answer = async (socket: WebSocket, data: unknown) => {
      const { id, method, params } = JSON.parse(String(data))
      if (method === 'eth_subscribe') subscribers.push(socket)
      const result = method === 'eth_subscribe' ? '0x1' : await anvil.client.request({ method, params } as never)
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, result }))
    }
    server.on('connection', socket =>
      // What is still asked for at the end finds no chain any more.
      socket.on('message', data => void answer(socket, data).catch(() => socket.terminate())),
    )
    await once(server, 'listening')
    const trouble: unknown[] = []
    const { stream, chain } = await follow([`ws://127.0.0.1:${(server.address() as AddressInfo).port}`], {
      pollMs: 60_000,
      onError: error => trouble.push(error),
    })
    const tell = (result: unknown) =>
      subscribers[0]!.send(
        JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params: { subscription: '0x1', result } }),
      )
    await eventually(() => expect(subscribers).toHaveLength(1))
    const noHeads = [undefined, null, 'head', {}, { number: '0x1' }, { number: 1, hash: '0x', parentHash: 2 }]
    for (const noHead of noHeads) tell(noHead)
    await anvil.client.mine({ blocks: 1 })
    const { hash } = await anvil.client.getBlock()
    tell(await chain.all()[0]!.request({ method: 'eth_getBlockByHash', params: [hash, false] }))
    await eventually(() => expect(stream.tip!.hash).toBe(hash))
    expect(trouble).toEqual(noHeads.map(() => expect.objectContaining({ code: 'RPC_FAILED' })))
  })

  test.each([1, 2])('a reorg of depth %i replaces exactly those blocks', async depth => {
    const { stream, hashes } = await follow([anvil.rpcUrl])
    const first = stream.tip!.number
    await anvil.client.mine({ blocks: 4 })
    const before = await hashesFrom(first)
    await eventually(() => expect(hashes()).toEqual(before))
    await reorg(depth)
    const after = await hashesFrom(first)
    expect(after.slice(0, before.length - depth)).toEqual(before.slice(0, before.length - depth))
    expect(after.at(before.length - depth)).not.toBe(before.at(before.length - depth))
    await eventually(() => expect(hashes()).toEqual(after))
  })

  test('while one endpoint hangs or lags, the head of the other one is followed', async () => {
    const proxy = await startRpcProxy({ target: anvil.rpcUrl })
    ends.push(proxy.stop)
    const { stream, hashes } = await follow([proxy.url, anvil.rpcUrl], { timeoutMs: 500 })
    const first = stream.tip!.number
    proxy.inject({ fault: 'stall', probability: 0.5 })
    proxy.inject({ fault: 'hang', probability: 0.2 })
    for (let i = 0; i < 5; i++) {
      await anvil.client.mine({ blocks: 2 })
      const expected = await hashesFrom(first)
      await eventually(() => expect(hashes()).toEqual(expected))
    }
    expect(Object.keys(proxy.injected).length).toBeGreaterThan(0)
  })

  test('the head stream goes on when its only endpoint was away', async () => {
    const proxy = await startRpcProxy({ target: anvil.rpcUrl })
    ends.push(proxy.stop)
    const { stream, hashes } = await follow([proxy.url])
    const first = stream.tip!.number
    const restore = proxy.inject({ fault: 'server-error' })
    await anvil.client.mine({ blocks: 5 })
    await eventually(() => expect(proxy.injected['server-error']).toBeGreaterThan(1))
    restore()
    const expected = await hashesFrom(first)
    await eventually(() => expect(hashes()).toEqual(expected))
  })

  test('an endpoint that moves to another chain is dropped, and used again when it is repaired', async () => {
    const proxy = await startRpcProxy({ target: anvil.rpcUrl })
    ends.push(proxy.stop)
    const { chain } = await follow([proxy.url, anvil.rpcUrl])
    const restore = proxy.inject({ fault: 'wrong-chain' })
    await eventually(() =>
      expect(chain.status()[0]).toMatchObject({ state: 'dropped', reason: { code: 'CHAIN_ID_MISMATCH' } }),
    )
    restore()
    await eventually(() => expect(chain.status()[0]?.state).toBe('usable'))
  })

  test('a subscription of a dropped endpoint is ignored', async () => {
    const { stream, chain } = await follow([anvil.wsUrl], { pollMs: 60_000 })
    const { tip } = stream
    chain.all()[0]!.mark('dropped', chainErrors.RPC_FORGED({ endpoint: 'it', claim: 'so' }))
    const told = new Promise<void>(resolve => {
      const end = chain.all()[0]!.watchHeads!(
        () => {
          end()
          resolve()
        },
        () => {},
      )
    })
    await anvil.client.mine({ blocks: 1 })
    await told
    await turn()
    expect(stream.tip).toBe(tip)
  })

  test('the head stream tells of a later block time, reads back to an earlier one, and stops', async () => {
    const { stream } = await follow([anvil.rpcUrl])
    const tip = stream.tip!
    const { promise: later, resolve } = Promise.withResolvers<{ timestamp: number }>()
    stream.onChange(() => stream.tip!.timestamp >= tip.timestamp + 100 && resolve(stream.tip!))
    await anvil.client.increaseTime({ seconds: 200 })
    await anvil.client.mine({ blocks: 1 })
    expect((await later).timestamp).toBeGreaterThanOrEqual(tip.timestamp + 100)

    const from = tip.number - 10n
    const since = Number((await anvil.client.getBlock({ blockNumber: from })).timestamp)
    const ancestors = await stream.ancestorsOf(stream.blocks()[0]!, since)
    expect(ancestors.length).toBeGreaterThanOrEqual(10)
    expect(ancestors.at(-1)?.hash).toBe(stream.blocks()[0]!.parentHash)
    expect(ancestors.every(({ timestamp }) => timestamp >= since)).toBe(true)

    const last = stream.tip
    await stream.stop()
    await anvil.client.mine({ blocks: 1 })
    await turn()
    expect(stream.tip).toBe(last)
  })
})
