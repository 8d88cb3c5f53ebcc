import type { Address, Hex } from 'viem'
import { firstBlockSince } from '../chain/blocks.ts'
import { getEpoch } from '../chain/epochs.ts'
import { getEvents } from '../chain/events.ts'
import { type ConnectedNetwork, lowerCase } from '../chain/network.ts'

/** One payment of an epoch, in wei of KAI; `lane` is the device's, null for seats and keepers. */
export type Payment = {
  readonly kind: 'device' | 'checker' | 'keeper'
  readonly payee: Address
  readonly lane: number | null
  readonly cohort: number | null
  /** The measure that it was paid by: credit (capacity × uptime), agreed lanes, or lanes of calls (an errand counts as a whole cohort, a delisting as one lane). */
  readonly basis: bigint
  readonly amount: bigint
  readonly txHash: Hex
}

/** Every payment of an epoch above zero, from the vault's events, in the order in which they were made. */
export async function readPayments(network: ConnectedNetwork, epoch: number): Promise<Payment[]> {
  const { openAt } = await getEpoch(network, epoch)
  const range = { fromBlock: await firstBlockSince(network.chain, openAt) }
  const of = { epoch: BigInt(epoch) }
  const [cohorts, checkers, keepers] = await Promise.all([
    getEvents(network, 'RewardVault', 'CohortPaid', range, of),
    getEvents(network, 'RewardVault', 'CheckersPaid', range, of),
    getEvents(network, 'RewardVault', 'KeeperPaid', range, of),
  ])
  const payments: Payment[] = [
    ...cohorts.flatMap(({ transactionHash, args: { cohort, firstLane, payouts, credits, amounts } }) =>
      payouts.map((payout, i) => ({
        kind: 'device' as const,
        payee: lowerCase(payout),
        lane: Number(firstLane) + i,
        cohort,
        basis: credits[i]!,
        amount: amounts[i]!,
        txHash: transactionHash,
      })),
    ),
    ...checkers.flatMap(({ transactionHash, args: { cohort, payouts, agreed, amounts } }) =>
      payouts.map((payout, i) => ({
        kind: 'checker' as const,
        payee: lowerCase(payout),
        lane: null,
        cohort,
        basis: BigInt(agreed[i]!),
        amount: amounts[i]!,
        txHash: transactionHash,
      })),
    ),
    ...keepers.map(({ transactionHash, args: { keeper, lanes, errands, amount } }) => ({
      kind: 'keeper' as const,
      payee: lowerCase(keeper),
      lane: null,
      cohort: null,
      basis: lanes + errands,
      amount,
      txHash: transactionHash,
    })),
  ]
  return payments.filter(({ amount }) => amount > 0n)
}
