import fc from 'fast-check'
import { BlockNotFoundError } from 'viem'
import { expect, it } from 'vitest'
import { firstBlockSince } from '../../../src/core/chain/blocks.ts'
import type { Chain } from '../../../src/core/chain/client.ts'

/** @param pruned - how many of the first blocks the node does not have any more */
function chainOf(timestamps: readonly number[], pruned = 0) {
  const reads = { blocks: 0 }
  const client = {
    getBlockNumber: async () => BigInt(timestamps.length - 1),
    async getBlock({ blockNumber }: { blockNumber: bigint }) {
      reads.blocks++
      if (blockNumber < pruned) throw new BlockNotFoundError({ blockNumber })
      return { number: blockNumber, hash: '0x', timestamp: BigInt(timestamps[Number(blockNumber)]!) }
    },
  }
  return { chain: { client } as unknown as Chain, reads }
}

it('the first block since any time is found on any chain', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(3), { minLength: 1, maxLength: 80 }),
      fc.integer({ min: 0, max: 200 }),
      async (gaps, timestamp) => {
        let time = 0
        const timestamps = gaps.map(gap => (time += gap))
        const first = timestamps.findIndex(at => at >= timestamp)
        const found = await firstBlockSince(chainOf(timestamps).chain, timestamp)
        expect(Number(found)).toBe(first < 0 ? timestamps.length : first)
      },
    ),
  )
})

it('of a node that has pruned its history recent blocks are found, with a read for each doubling of their age', async () => {
  const timestamps = Array.from({ length: 1_000_000 }, (_, i) => 2 * i)
  const { chain, reads } = chainOf(timestamps, 990_000)
  expect(await firstBlockSince(chain, 2 * 996_000)).toBe(996_000n)
  expect(reads.blocks).toBeLessThanOrEqual(26)
  await expect(firstBlockSince(chain, 2 * 100)).rejects.toMatchObject({ code: 'RPC_FAILED' })
})
