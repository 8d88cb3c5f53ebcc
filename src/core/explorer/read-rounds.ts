import { firstBlockSince } from '../chain/block-time.ts'
import { type ConnectedNetwork, reading } from '../chain/network.ts'
import { type BlockHead, type EpochRounds, triggersOf } from '../protocol/trigger.ts'
import type { RoundView } from './network-view.ts'

/**
 * The rounds of an epoch, recomputed from its blocks; null when they are more than `mostBlocks`.
 *
 * @param head - blocks after it are not looked at
 */
export async function readRounds(
  network: ConnectedNetwork,
  rounds: EpochRounds,
  head: BlockHead,
  mostBlocks: number,
): Promise<RoundView[] | null> {
  const endsAt = rounds.startsAt + rounds.epochSeconds
  const from = await firstBlockSince(network.chain, rounds.startsAt)
  const to = head.timestamp < endsAt ? head.number : (await firstBlockSince(network.chain, endsAt)) - 1n
  const count = Number(to - from) + 1
  if (count > mostBlocks) return null
  const blocks = await Promise.all(
    Array.from({ length: Math.max(0, count) }, (_, i) => blockAt(network, from + BigInt(i))),
  )
  return triggersOf(rounds, blocks)
}

export async function blockAt({ chain }: ConnectedNetwork, number?: bigint): Promise<BlockHead> {
  const block = await reading(
    'eth_getBlockByNumber',
    chain.client.getBlock(number === undefined ? {} : { blockNumber: number }),
  )
  return { number: block.number, hash: block.hash, timestamp: Number(block.timestamp) }
}
