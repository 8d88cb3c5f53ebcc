/** What an endpoint makes of the truth: each lie as consistent as a liar with time to spare could make it. */
import { type Hex, numberToHex } from 'viem'
import { headerHash } from '../../src/core/chain/header-hash.ts'

/**
 * `false-header`: the time, number or base fee of a true block is another · `forged-head`: a block of its own on top of the real chain, far above it or next ·
 * `early-head`: at each moment another next block, which comes two seconds after the real head · `fork`: another block in place of each real one,
 * for good · `stall`: always the head of when it began · `replayed`: answers of before · `stale`: the chain of 20 blocks ago ·
 * `truncated`: answers that end in the middle · `slow`: seconds late · `forged-read`: other results of calls, balances and code ·
 * `forged-nonce`: no transaction was ever sent, or more than there were · `no-receipts`: nothing was ever mined · `forged-receipts`:
 * everything was, and cost what it did not · `forged-prices`: gas and tips beyond all reason
 */
export const lies = [
  'false-header',
  'forged-head',
  'early-head',
  'fork',
  'stall',
  'replayed',
  'stale',
  'truncated',
  'slow',
  'forged-read',
  'forged-nonce',
  'no-receipts',
  'forged-receipts',
  'forged-prices',
] as const
export type Lie = (typeof lies)[number]

export type Answer = { readonly result?: unknown; readonly error?: { readonly code: number; readonly message: string } }
type Ask = (method: string, params: readonly unknown[]) => Promise<Answer>
type Header = Record<string, unknown> & { number: Hex; hash: Hex; parentHash: Hex; timestamp: Hex }

export type LyingEndpoint = {
  /** The answer under this lie; null for none. @throws SyntaxError for an answer that ends in the middle */
  answer(lie: Lie | null, method: string, params: readonly unknown[]): Promise<Answer>
}

/** @param ask - the truth */
export function createLyingEndpoint(ask: Ask, random: () => number): LyingEndpoint {
  /** Blocks that were made up, by their hash. */
  const madeUp = new Map<Hex, Header>()
  /** The first answer to each question. */
  const before = new Map<string, Answer>()
  let frozenAt: Hex | null = null
  let earlyHeads = 0

  const blockOf = async (which: string): Promise<Header | null> =>
    (await ask('eth_getBlockByNumber', [which, false])).result as Header | null

  /** A header like this one, whose hash is its own. */
  function makeUp(like: Header, changes: Partial<Header>): Header {
    const header = { ...like, ...changes, extraData: '0x6c6965', transactions: [] }
    const block = { ...header, hash: headerHash(header)! }
    madeUp.set(block.hash, block)
    return block
  }

  /** The chain that nobody else has: a block in place of each real one. */
  async function forked(number: bigint): Promise<Header> {
    const real = (await blockOf(numberToHex(number)))!
    const known = [...madeUp.values()].find(block => block.number === real.number && block.timestamp === real.timestamp)
    if (known !== undefined) return known
    const parent = [...madeUp.values()].find(block => BigInt(block.number) === number - 1n)
    return makeUp(real, { parentHash: parent?.hash ?? real.parentHash })
  }

  const tags = new Set(['latest', 'pending'])
  const atBlock = (params: readonly unknown[], number: Hex) =>
    params.map(each => (tags.has(each as string) ? number : each))
  const asksForHead = (method: string, [which]: readonly unknown[]) =>
    method === 'eth_blockNumber' || (method === 'eth_getBlockByNumber' && which === 'latest')

  async function answer(lie: Lie | null, method: string, params: readonly unknown[]): Promise<Answer> {
    if (lie !== 'stall') frozenAt = null
    const isOfMadeUp = method === 'eth_getBlockByHash' && madeUp.has(params[0] as Hex)
    if (isOfMadeUp && lie !== null) return { result: madeUp.get(params[0] as Hex) }
    switch (lie) {
      case 'false-header': {
        if (!/^eth_getBlockBy/.test(method)) break
        const { result } = await ask(method, params)
        if (result === null) break
        const real = result as Header
        const later = numberToHex(BigInt(real.timestamp) + BigInt(Math.ceil(1_000 * random())))
        const changes = [
          { timestamp: later },
          { number: numberToHex(BigInt(real.number) + 2n) },
          { baseFeePerGas: '0xffffffffff' },
        ]
        return { result: { ...real, ...changes[Math.floor(changes.length * random())] } }
      }
      case 'forged-head': {
        if (!asksForHead(method, params)) break
        const real = (await blockOf('latest'))!
        const height = BigInt(real.number) + (random() < 0.5 ? 1n : 1_000_000n)
        // The next second, or far in the future.
        const timestamp = numberToHex(BigInt(real.timestamp) + (random() < 0.5 ? 1n : 1_000n))
        const head = makeUp(real, { number: numberToHex(height), parentHash: real.hash, timestamp })
        return { result: method === 'eth_blockNumber' ? head.number : head }
      }
      case 'early-head': {
        if (!asksForHead(method, params)) break
        const real = (await blockOf('latest'))!
        const [number, timestamp] = [BigInt(real.number) + 1n, BigInt(real.timestamp) + 2n]
        const changes = { number: numberToHex(number), timestamp: numberToHex(timestamp), parentHash: real.hash }
        const head = makeUp(real, { ...changes, gasUsed: numberToHex(++earlyHeads) })
        return { result: method === 'eth_blockNumber' ? head.number : head }
      }
      case 'fork': {
        if (method !== 'eth_getBlockByNumber') break
        const real = await blockOf(params[0] as string)
        return { result: real === null ? null : await forked(BigInt(real.number)) }
      }
      case 'stall':
        frozenAt ??= (await blockOf('latest'))!.number
        if (method === 'eth_blockNumber') return { result: frozenAt }
        return ask(method, atBlock(params, frozenAt))
      case 'stale': {
        const { number } = (await blockOf('latest'))!
        const past = numberToHex(BigInt(number) > 20n ? BigInt(number) - 20n : 0n)
        if (method === 'eth_blockNumber') return { result: past }
        return ask(method, atBlock(params, past))
      }
      case 'replayed': {
        const question = JSON.stringify([method, params])
        const first = before.get(question) ?? (await ask(method, params))
        before.set(question, first)
        return first
      }
      case 'truncated':
        if (random() < 0.5) throw new SyntaxError('Unexpected end of JSON input')
        break
      case 'forged-read': {
        if (!['eth_call', 'eth_getBalance', 'eth_getCode'].includes(method)) break
        const { result } = await ask(method, params)
        if (typeof result !== 'string' || result.length < 4) break
        const last = result.at(-1) === '1' ? '0' : '1'
        return { result: result.slice(0, -1) + last }
      }
      case 'forged-nonce':
        if (method === 'eth_getTransactionCount') return { result: random() < 0.5 ? '0x0' : '0xffff' }
        break
      case 'no-receipts':
        if (method === 'eth_getTransactionReceipt') return { result: null }
        break
      case 'forged-receipts':
        if (method === 'eth_getTransactionReceipt') {
          const { result } = await ask(method, params)
          const dear = { gasUsed: '0xfffffffffffff', effectiveGasPrice: '0xfffffff', logs: [], blockNumber: '0x1' }
          return {
            result: result === null ? forgedReceipt(params[0], (await blockOf('latest'))!) : { ...result, ...dear },
          }
        }
        break
      case 'forged-prices':
        if (method === 'eth_maxPriorityFeePerGas' || method === 'eth_gasPrice') return { result: '0xe8d4a51000' }
        if (method === 'eth_estimateGas')
          return { result: ['0x5208', '0x1c9c380', 'zz', null][Math.floor(4 * random())] }
        break
    }
    return ask(method, params)
  }
  return { answer }
}

const noBlock = { hash: `0x${'f0'.repeat(32)}`, number: '0x1' }

/** A successful receipt of anything, in this block; default in one that there is not. */
export const forgedReceipt = (hash: unknown, block: { readonly hash: string; readonly number: string } = noBlock) => ({
  transactionHash: hash,
  blockHash: block.hash,
  blockNumber: block.number,
  transactionIndex: '0x0',
  from: `0x${'00'.repeat(20)}`,
  to: `0x${'00'.repeat(20)}`,
  contractAddress: null,
  cumulativeGasUsed: '0x5208',
  gasUsed: '0x5208',
  effectiveGasPrice: '0x1',
  logs: [],
  logsBloom: `0x${'00'.repeat(256)}`,
  status: '0x1',
  type: '0x2',
})
