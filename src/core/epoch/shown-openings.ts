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
 * The openings of a cohort that are on chain, in seat order: those that were revealed, and those with which the consensus was called to
 * finalize. Where another contract made that last call they are not found.
 */
export async function shownOpenings(
  network: ConnectedNetwork,
  epoch: number,
  cohort: number,
  fromBlock: bigint,
): Promise<OpeningOnChain[]> {
  const of = { epoch: BigInt(epoch), cohort }
  const [revealed, finalized] = await Promise.all([
    getEvents(network, 'EpochConsensus', 'Revealed', { fromBlock }, of),
    getEvents(network, 'EpochConsensus', 'CohortFinalized', { fromBlock }, of),
  ])
  const openings: OpeningOnChain[] = revealed.flatMap(({ args }) => args.openings)
  for (const { transactionHash: hash } of finalized) {
    const { to, input } = await reading('eth_getTransactionByHash', network.chain.client.getTransaction({ hash }))
    // What another contract was given may look the same, and say anything.
    if (to?.toLowerCase() === network.contracts.EpochConsensus) openings.push(...openingsOf(input))
  }
  const bySeat = new Map(openings.map(opening => [opening.seat, opening]))
  return [...bySeat.values()].sort((a, b) => a.seat - b.seat)
}

function openingsOf(input: Hex): readonly OpeningOnChain[] {
  const { functionName, args } = decodeFunctionData({ abi: epochConsensusAbi, data: input })
  return functionName === 'finalize' ? args[2] : []
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
