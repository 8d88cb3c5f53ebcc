/** Which epochs have been paid, and how, read from the chain again and again. */
import type { ConnectedNetwork } from '../chain/network.ts'
import { createNetworkReader } from '../network/network-reader.ts'
import type { EpochView, NetworkView, PaymentView } from '../network/network-view.ts'
import type { Clock } from '../platform/clock.ts'

export type PaidEpoch = {
  readonly epoch: number
  /** Wei of KAI set aside for the epoch. */
  readonly emission: bigint
  readonly payments: readonly Pick<PaymentView, 'device' | 'payout' | 'score' | 'amount' | 'txHash'>[]
}

export type EpochFeedDependencies = {
  readonly network: ConnectedNetwork
  readonly clock: Clock
  readonly onView: (view: NetworkView) => void
  readonly onPaid: (epoch: PaidEpoch) => void
  readonly onTrouble: (error: unknown) => void
}

/** Looks once a second until the signal aborts; every epoch is told once, in order. */
export async function feedEpochs(
  { network, clock, onView, onPaid, onTrouble }: EpochFeedDependencies,
  stop: AbortSignal,
): Promise<void> {
  const reader = createNetworkReader(network, { epochs: 256, confirmations: 64 })
  const told = new Set<number>()
  while (!stop.aborted) {
    try {
      const view = await reader.read()
      onView(view)
      for (const epoch of view.epochs.toReversed())
        if (epoch.isPaid && epoch.money !== null && !told.has(epoch.epoch)) {
          told.add(epoch.epoch)
          onPaid(paidEpoch(epoch, view))
        }
    } catch (error) {
      if (!stop.aborted) onTrouble(error)
    }
    await clock.sleep(1_000, stop).catch(() => undefined)
  }
}

/** What devices were paid for an epoch, so far. */
export const paidEpoch = ({ epoch, money }: EpochView, { payments }: NetworkView): PaidEpoch => ({
  epoch,
  emission: money?.emission ?? 0n,
  payments: payments
    .filter(payment => payment.epoch === epoch)
    .map(({ device, payout, score, amount, txHash }) => ({ device, payout, score, amount, txHash })),
})
