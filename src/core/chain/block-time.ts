import type { Chain } from './client.ts'
import { reading } from './network.ts'

/** The number of the first block whose timestamp (seconds) is at least this, by bisection; one past the head if none is. */
export async function firstBlockSince(chain: Chain, timestamp: number): Promise<bigint> {
  const timeOf = async (blockNumber: bigint) =>
    Number((await reading('eth_getBlockByNumber', chain.client.getBlock({ blockNumber }))).timestamp)
  let low = 0n
  let high = (await reading('eth_blockNumber', chain.client.getBlockNumber())) + 1n
  while (low < high) {
    const middle = (low + high) / 2n
    if ((await timeOf(middle)) < timestamp) low = middle + 1n
    else high = middle
  }
  return low
}
