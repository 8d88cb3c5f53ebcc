import { decodeFunctionData, type Hex } from 'viem'
import { epochConsensusAbi } from '../chain/abi/epoch-consensus.ts'
import { getEvents } from '../chain/events.ts'
import { type ConnectedNetwork, reading } from '../chain/network.ts'
import type { SeatOpening } from './settlement-plan.ts'

/**
 * The openings that were revealed for a cohort, in seat order, from the calldata of the transactions that revealed them.
 * Calls that reached the contract through another one are not seen; their seats are then missing here.
 */
export async function revealedOpenings(
  network: ConnectedNetwork,
  epoch: number,
  cohort: number,
  fromBlock: bigint,
): Promise<SeatOpening[]> {
  const events = await getEvents(network, 'EpochConsensus', 'Revealed', { fromBlock }, { epoch: BigInt(epoch), cohort })
  const bySeat = new Map<number, SeatOpening>()
  for (const hash of new Set(events.map(event => event.transactionHash))) {
    const { input } = await reading('eth_getTransactionByHash', network.chain.client.getTransaction({ hash }))
    for (const opening of decodeReveal(input, epoch, cohort)) bySeat.set(opening.seat, opening)
  }
  return [...bySeat.values()].sort((a, b) => a.seat - b.seat)
}

function decodeReveal(input: Hex, epoch: number, cohort: number): readonly SeatOpening[] {
  try {
    const { functionName, args } = decodeFunctionData({ abi: epochConsensusAbi, data: input })
    return functionName === 'reveal' && args[0] === BigInt(epoch) && args[1] === cohort ? args[2] : []
  } catch {
    return []
  }
}
