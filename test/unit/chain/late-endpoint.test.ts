/** One endpoint of three that stops answering, beside one that is behind: what reads take, and that they wait for it once. */
import { custom, type Hex, numberToHex, RpcRequestError, TimeoutError } from 'viem'
import { expect, it } from 'vitest'
import { connectChain } from '../../../src/core/chain/client.ts'
import { decodeChainError } from '../../../src/core/chain/decode-error.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const timeoutMs = 5_000
const latencyMs = 10
const hashOf = (number: number) => numberToHex(number, { size: 32 })
const to = `0x${'77'.repeat(20)}` as const

/** Three endpoints at one chain; a call says the number of the block that it is about. */
async function scene() {
  const clock = createManualClock()
  const silent = new Set<number>()
  const chain = { head: 9, blocksBehind: [0, 0, 0] }
  const headOf = (i: number) => chain.head - chain.blocksBehind[i]!
  function answer(i: number, method: string, [first, second]: readonly unknown[]): unknown {
    const url = `http://${i}`
    const blockOf = (number: number) => {
      if (number > headOf(i)) return null
      const hashes = { hash: hashOf(number), parentHash: hashOf(number - 1) }
      return { number: numberToHex(number), ...hashes, timestamp: numberToHex(number), transactions: [] }
    }
    if (method === 'eth_chainId') return '0x1'
    if (method === 'eth_blockNumber') return numberToHex(headOf(i))
    if (method === 'eth_getBlockByNumber') return blockOf(first === 'latest' ? headOf(i) : Number(first))
    if (method === 'eth_getBlockByHash') return blockOf(Number(first))
    const about = second === 'latest' ? headOf(i) : Number((second as { blockHash: Hex }).blockHash)
    if (about <= headOf(i)) return hashOf(about)
    throw new RpcRequestError({ url, body: {}, error: { code: -32_000, message: 'header not found' } })
  }
  const connecting = connectChain(
    { rpcUrls: ['http://0', 'http://1', 'http://2'], chainId: 1, timeoutMs },
    {
      clock,
      openTransport: url =>
        custom(
          {
            async request({ method, params = [] }: { method: string; params?: readonly unknown[] }) {
              const i = Number(url.at(-1))
              await clock.sleep(silent.has(i) ? timeoutMs : latencyMs)
              if (silent.has(i)) throw new TimeoutError({ url, body: { method } })
              return answer(i, method, params)
            },
          },
          { retryCount: 0 },
        ),
    },
  )
  for (let i = 0; i < 10; i++) await clock.advance(latencyMs)
  const { client, unagreed } = await connecting
  /** What a call came to, and when, in ms from now. */
  async function timed(call: Promise<{ data?: Hex | undefined }>) {
    const beganMs = clock.monotonicMs()
    const took = () => clock.monotonicMs() - beganMs
    const ended = call.then(
      ({ data }) => ({ says: Number(data), tookMs: took() }),
      error => ({ says: decodeChainError(error, 'eth_call').code, tookMs: took() }),
    )
    let isOver = false
    void ended.finally(() => {
      isOver = true
    })
    for (let waitedMs = 0; !isOver && waitedMs < 60_000; waitedMs += latencyMs) await clock.advance(latencyMs)
    return ended
  }
  const atHead = () => timed(client.call({ to, data: '0x01' }))
  const atBlock = (number: number) => timed(client.call({ to, data: '0x01', blockHash: hashOf(number) }))
  return { clock, chain, silent, unagreed, atHead, atBlock }
}

it('a read beside a silent endpoint waits for it once, and later reads do not, while another one is a block behind', async () => {
  const { chain, silent, atHead } = await scene()
  chain.blocksBehind[2] = 1
  silent.add(0)
  const first = await atHead()
  expect(first.says).toBe(8)
  expect(first.tookMs).toBeLessThan(600)
  for (let i = 0; i < 5; i++) {
    chain.head++
    const { says, tookMs } = await atHead()
    expect(says).toBe(chain.head - 1)
    expect(tookMs).toBeLessThan(10 * latencyMs)
  }
})

it('a read at a block that one endpoint does not have yet is answered when it has it, with a silent endpoint beside it', async () => {
  const { clock, chain, silent, atBlock } = await scene()
  silent.add(0)
  await atBlock(9)
  chain.head++
  chain.blocksBehind[2] = 1
  clock.sleep(100).then(() => {
    chain.blocksBehind[2] = 0
  })
  const { says, tookMs } = await atBlock(10)
  expect(says).toBe(10)
  expect(tookMs).toBeLessThan(400)
})

it('a read that took as long as a request may take is not repeated, and is counted as one without a common answer', async () => {
  const { silent, unagreed, atHead } = await scene()
  await atHead()
  expect(unagreed()).toEqual({ RPC_DISAGREEMENT: 0, RPC_ALONE: 0 })
  silent.add(0).add(2)
  const { says, tookMs } = await atHead()
  expect(says).toBe('RPC_ALONE')
  expect(unagreed()).toEqual({ RPC_DISAGREEMENT: 0, RPC_ALONE: 1 })
  expect(tookMs).toBeLessThan(1.2 * timeoutMs)
})
