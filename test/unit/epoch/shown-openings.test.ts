import { encodeFunctionData, type Hex, numberToHex } from 'viem'
import { describe, expect, it } from 'vitest'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import type { OpeningOnChain } from '../../../src/core/epoch/settlement-plan.ts'
import { shownOpenings } from '../../../src/core/epoch/shown-openings.ts'

const consensus = numberToHex(1, { size: 20 })
const another = numberToHex(2, { size: 20 })

const openingOf = (seat: number, word: bigint): OpeningOnChain => ({
  seat,
  salt: numberToHex(word, { size: 32 }),
  words: Array.from({ length: 10 }, () => word) as never,
  proof: [],
})
const finalizing = (openings: readonly OpeningOnChain[]): Hex =>
  encodeFunctionData({ abi: epochConsensusAbi, functionName: 'finalize', args: [3n, 0, openings] })

/** A chain on which these openings were revealed, each list in a call, and the cohort finalized by such a transaction. */
function chainOf(revealed: readonly OpeningOnChain[][], finalized: { readonly to: Hex; readonly input: Hex } | null) {
  const events: Record<string, unknown[]> = {
    Revealed: revealed.map(openings => ({ args: { openings } })),
    CohortFinalized: finalized === null ? [] : [{ transactionHash: '0x01' }],
  }
  const client = {
    getBlockNumber: async () => 10n,
    getContractEvents: async ({ eventName }: { eventName: string }) => events[eventName],
    getTransaction: async () => finalized,
  }
  return { contracts: { EpochConsensus: consensus }, chain: { client } } as unknown as ConnectedNetwork
}
const shown = async (...of: Parameters<typeof chainOf>) =>
  (await shownOpenings(chainOf(...of), 3, 0, 0n)).map(({ seat, words }) => [seat, words[0]])

describe('the openings of a cohort that are on chain', () => {
  it('are those of the events, whichever contract they came through, in seat order', async () => {
    expect(await shown([[openingOf(3, 7n), openingOf(4, 7n)], [openingOf(0, 7n)]], null)).toEqual([
      [0, 7n],
      [3, 7n],
      [4, 7n],
    ])
  })

  it('are those the consensus was called with to finalize', async () => {
    const transaction = { to: consensus, input: finalizing([openingOf(1, 5n)]) }
    expect(await shown([], transaction)).toEqual([[1, 5n]])
  })

  it('are not what another contract was given, which may look the same and say anything', async () => {
    const transaction = { to: another, input: finalizing([openingOf(0, 666n), openingOf(1, 666n)]) }
    expect(await shown([[openingOf(0, 7n)]], transaction)).toEqual([[0, 7n]])
  })
})
