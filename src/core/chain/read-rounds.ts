import { type BlockHead, type EpochRounds, type Trigger, triggersOf } from '../protocol/trigger.ts'
import { firstBlockSince } from './block-time.ts'
import { type ConnectedNetwork, reading } from './network.ts'

/** Blocks asked for at a time. */
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

export async function blockAt({ chain }: ConnectedNetwork, number?: bigint): Promise<BlockHead> {
  const block = await reading(
    'eth_getBlockByNumber',
    chain.client.getBlock(number === undefined ? {} : { blockNumber: number }),
  )
  return { number: block.number, hash: block.hash, timestamp: Number(block.timestamp) }
}
