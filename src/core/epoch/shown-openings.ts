/** What seats opened on chain, and the receipts that it contradicts. */
import { type Address, decodeFunctionData, type Hex } from 'viem'
import { epochConsensusAbi } from '../chain/abi/epoch-consensus.ts'
import { getEvents } from '../chain/events.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { reading } from '../chain/read.ts'
import type { Signed } from '../protocol/typed-data.ts'
import { unpackOpening } from './opening.ts'
import type { OpeningOnChain } from './settlement-plan.ts'

/**
 * The openings of a cohort that are on chain, in seat order, read from the calldata of the transactions that revealed them or finalized
 * with them. Openings in calls that came through another contract are not found.
 */
export async function shownOpenings(
  network: ConnectedNetwork,
  epoch: number,
  cohort: number,
  fromBlock: bigint,
): Promise<OpeningOnChain[]> {
  const of = { epoch: BigInt(epoch), cohort }
  const events = await Promise.all([
    getEvents(network, 'EpochConsensus', 'Revealed', { fromBlock }, of),
    getEvents(network, 'EpochConsensus', 'CohortFinalized', { fromBlock }, of),
  ])
  const bySeat = new Map<number, OpeningOnChain>()
  for (const hash of new Set(events.flat().map(event => event.transactionHash))) {
    const { input } = await reading('eth_getTransactionByHash', network.chain.client.getTransaction({ hash }))
    for (const opening of decodeShown(input, epoch, cohort)) bySeat.set(opening.seat, opening)
  }
  return [...bySeat.values()].sort((a, b) => a.seat - b.seat)
}

function decodeShown(input: Hex, epoch: number, cohort: number): readonly OpeningOnChain[] {
  try {
    const { functionName, args } = decodeFunctionData({ abi: epochConsensusAbi, data: input })
    const isShown = functionName === 'reveal' || functionName === 'finalize'
    return isShown && args[0] === BigInt(epoch) && args[1] === cohort ? args[2] : []
  } catch {
    return []
  }
}

/** A seat's signed word to a Provider about one lane. */
export type GivenReceipt = { readonly checker: Address; readonly receipt: Signed<'Receipt'> }

export type FalseReceipt = GivenReceipt & { readonly opening: OpeningOnChain }

/**
 * The receipts that contradict what the same seat opened for their lane, which proves equivocation. Pure.
 *
 * @param seats - the owners of the cohort's committee, in seat order
 * @param openings - the openings of those seats for the cohort that the receipts are about
 */
export const falseReceipts = (
  receipts: readonly GivenReceipt[],
  seats: readonly Address[],
  openings: readonly OpeningOnChain[],
): FalseReceipt[] =>
  receipts.flatMap(given => {
    const opening = openings.find(({ seat }) => seats[seat] === given.checker)
    if (opening === undefined) return []
    const { lane, rate, uptime, flags } = given.receipt.message
    const opened = unpackOpening(opening.words).lanes[lane]
    if (opened === undefined) return []
    const isKept = opened.rate === rate && opened.uptime === uptime && opened.flags === flags
    return isKept ? [] : [{ ...given, opening }]
  })
