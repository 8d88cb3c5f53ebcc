/** Reads blocks: one, the first since a time, ranges in pages, and the rounds that an epoch's blocks trigger. */
import { type BlockHead, type EpochRounds, type Trigger, triggersOf } from '../protocol/trigger.ts'
import type { Chain } from './client.ts'
import type { ConnectedNetwork } from './network.ts'
import { reading } from './read.ts'

/** The block of this number, by default the newest. */
export async function blockAt({ chain }: Pick<ConnectedNetwork, 'chain'>, number?: bigint): Promise<BlockHead> {
  const block = await reading(
    'eth_getBlockByNumber',
    chain.client.getBlock(number === undefined ? {} : { blockNumber: number }),
  )
  return { number: block.number, hash: block.hash, timestamp: Number(block.timestamp) }
}

/** The number of the newest block. */
export const headNumber = (chain: Chain): Promise<bigint> => reading('eth_blockNumber', chain.client.getBlockNumber())

/**
 * The number of the first block whose timestamp (seconds) is at least this; one past the head if none is. It is looked for from the head in growing
 * steps, and then by bisection: a node that prunes its history still has what is recent.
 */
export async function firstBlockSince(chain: Chain, timestamp: number): Promise<bigint> {
  let low = 0n
  let high = (await headNumber(chain)) + 1n
  for (let step = 1n; low === 0n && step <= high; step *= 2n) {
    const at = high - step
    if ((await blockAt({ chain }, at)).timestamp < timestamp) low = at + 1n
    else high = at
  }
  while (low < high) {
    const middle = (low + high) / 2n
    if ((await blockAt({ chain }, middle)).timestamp < timestamp) low = middle + 1n
    else high = middle
  }
  return low
}

/** Blocks of one request for logs. Endpoints limit blocks and logs of a request, so a range that is refused is halved. */
const blocksPerRequest = 5_000n

/** Reads a range of blocks, oldest first, in pages small enough for any endpoint. */
export async function readBlockPages<T>(
  { fromBlock, toBlock }: { readonly fromBlock: bigint; readonly toBlock: bigint },
  readPage: (fromBlock: bigint, toBlock: bigint) => Promise<readonly T[]>,
): Promise<T[]> {
  const found: T[] = []
  let span = blocksPerRequest
  for (let from = fromBlock; from <= toBlock; ) {
    const to = from + span - 1n < toBlock ? from + span - 1n : toBlock
    try {
      found.push(...(await readPage(from, to)))
      from = to + 1n
    } catch (error) {
      if (span === 1n) return reading('eth_getLogs', Promise.reject(error))
      span /= 2n
    }
  }
  return found
}

/** Blocks of an epoch that are asked for at a time. */
const blocksAtOnce = 64

/**
 * The rounds of an epoch, recomputed from its blocks; null when they are more than `mostBlocks`.
 *
 * @param head - blocks after it are not looked at
 */
export async function readRounds(
  network: ConnectedNetwork,
  rounds: EpochRounds,
  head: BlockHead,
  mostBlocks = Number.POSITIVE_INFINITY,
): Promise<Trigger[] | null> {
  const endsAt = rounds.startsAt + rounds.epochSeconds
  const from = await firstBlockSince(network.chain, rounds.startsAt)
  const to = head.timestamp < endsAt ? head.number : (await firstBlockSince(network.chain, endsAt)) - 1n
  const count = Math.max(0, Number(to - from) + 1)
  if (count > mostBlocks) return null
  const blocks: BlockHead[] = []
  while (blocks.length < count) {
    const numbers = Array.from({ length: Math.min(blocksAtOnce, count - blocks.length) }, (_, i) => blocks.length + i)
    blocks.push(...(await Promise.all(numbers.map(i => blockAt(network, from + BigInt(i))))))
  }
  return triggersOf(rounds, blocks)
}
