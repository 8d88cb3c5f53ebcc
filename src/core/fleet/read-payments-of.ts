/** What a wallet was paid, a line for each payment as bookkeeping wants it. */
import type { Address, Hex } from 'viem'
import { type ConnectedNetwork, reading } from '../chain/network.ts'
import type { NetworkView } from '../network/network-view.ts'
import { exactUnits } from '../platform/exact-units.ts'

export type FleetPayment = {
  readonly epoch: number
  /** Of its block, in seconds since 1970. */
  readonly timestamp: number
  readonly block: bigint
  readonly txHash: Hex
  readonly kind: 'device' | 'checker' | 'keeper'
  /** Null for what Checkers and keepers are paid. */
  readonly device: Hex | null
  readonly wallet: Address
  readonly amount: bigint
}

/** Transactions asked for at once. */
const atOnce = 16

/** @param view - of as many epochs as are wanted. @returns oldest first */
export async function paymentsOf(
  network: ConnectedNetwork,
  view: NetworkView,
  wallet: Address,
): Promise<FleetPayment[]> {
  const found = [
    ...view.payments
      .filter(({ payout }) => payout === wallet)
      .map(({ epoch, device, amount, txHash }) => ({ epoch, kind: 'device' as const, device, amount, txHash })),
    ...view.seatPayments
      .filter(({ payout }) => payout === wallet)
      .map(({ epoch, amount, txHash }) => ({ epoch, kind: 'checker' as const, device: null, amount, txHash })),
    ...view.keeperPayments
      .filter(({ keeper }) => keeper === wallet)
      .map(({ epoch, amount, txHash }) => ({ epoch, kind: 'keeper' as const, device: null, amount, txHash })),
  ].filter(({ amount }) => amount > 0n)
  const blocks = await blocksOf(network, [...new Set(found.map(({ txHash }) => txHash))])
  return found
    .map(payment => ({ ...payment, wallet, ...blocks.get(payment.txHash)! }))
    .sort((a, b) => a.epoch - b.epoch || Number(a.block - b.block))
}

async function blocksOf({ chain: { client } }: ConnectedNetwork, hashes: readonly Hex[]) {
  const blocks = new Map<Hex, { block: bigint; timestamp: number }>()
  const waiting = hashes.values()
  const work = async () => {
    for (const hash of waiting) {
      const { blockNumber } = await reading('eth_getTransactionReceipt', client.getTransactionReceipt({ hash }))
      const { timestamp } = await reading('eth_getBlockByNumber', client.getBlock({ blockNumber }))
      blocks.set(hash, { block: blockNumber, timestamp: Number(timestamp) })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return blocks
}

/** RFC 4180, of fields that need no quotes; amounts as they are to the last digit. */
export function paymentsCsv(payments: readonly FleetPayment[]): string {
  const rows = payments.map(({ epoch, timestamp, block, txHash, kind, device, wallet, amount }) =>
    [
      epoch,
      new Date(timestamp * 1000).toISOString(),
      block,
      txHash,
      kind,
      device ?? '',
      wallet,
      exactUnits(amount),
      amount,
    ].join(','),
  )
  return ['epoch,time,block,transaction,kind,device,wallet,amount_kai,amount_wei', ...rows].join('\r\n')
}
