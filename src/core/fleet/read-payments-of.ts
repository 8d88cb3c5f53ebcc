/** What a wallet was paid, a line for each payment as bookkeeping wants it. */
import type { Address, Hex } from 'viem'
import { firstBlockSince } from '../chain/block-time.ts'
import { getEvents } from '../chain/events.ts'
import { type ConnectedNetwork, lowerCase, reading } from '../chain/network.ts'
import { isMember } from '../network/history.ts'
import type { NetworkReading } from '../network/network-reader.ts'
import { exactUnits } from '../platform/exact-units.ts'
import { epochStartsAt } from '../protocol/trigger.ts'

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

/**
 * From the vault's events alone, whose lanes are those of the whole network.
 *
 * @param read - what says which device held a lane, and how far back is read
 * @returns oldest first
 */
export async function paymentsOf(
  network: ConnectedNetwork,
  { timeline, firstEpoch, history: { memberships } }: Pick<NetworkReading, 'timeline' | 'firstEpoch' | 'history'>,
  wallet: Address,
): Promise<FleetPayment[]> {
  const fromBlock =
    timeline === null || firstEpoch === 0
      ? (network.deployedAtBlock ?? 0n)
      : await firstBlockSince(network.chain, epochStartsAt(timeline, firstEpoch))
  const [cohorts, checkers, keepers] = await Promise.all([
    getEvents(network, 'RewardVault', 'CohortPaid', { fromBlock }),
    getEvents(network, 'RewardVault', 'CheckersPaid', { fromBlock }),
    getEvents(network, 'RewardVault', 'KeeperPaid', { fromBlock }),
  ])
  const ofLane = Map.groupBy(memberships, ({ lane }) => lane)
  const found = [
    ...cohorts.flatMap(event =>
      shares(event.args.payouts, event.args.amounts, wallet).map(({ at, amount }) => {
        const [epoch, lane] = [Number(event.args.epoch), Number(event.args.firstLane) + at]
        const device = ofLane.get(lane)?.find(membership => isMember(membership, epoch))?.device ?? null
        return { ...placeOf(event), epoch, kind: 'device' as const, device, amount }
      }),
    ),
    ...checkers.flatMap(event =>
      shares(event.args.payouts, event.args.amounts, wallet).map(({ amount }) => ({
        ...placeOf(event),
        epoch: Number(event.args.epoch),
        kind: 'checker' as const,
        device: null,
        amount,
      })),
    ),
    ...keepers.flatMap(event =>
      shares([event.args.keeper], [event.args.amount], wallet).map(({ amount }) => ({
        ...placeOf(event),
        epoch: Number(event.args.epoch),
        kind: 'keeper' as const,
        device: null,
        amount,
      })),
    ),
  ].filter(({ epoch }) => epoch >= firstEpoch)
  const times = await timesOf(network, [...new Set(found.map(({ block }) => block))])
  return found
    .map(payment => ({ ...payment, wallet, timestamp: times.get(payment.block)! }))
    .sort((a, b) => a.epoch - b.epoch || Number(a.block - b.block))
}

/** What of an event goes to the wallet, and at which place. */
const shares = (payouts: readonly Address[], amounts: readonly bigint[], wallet: Address) =>
  payouts
    .map((payout, at) => ({ payout: lowerCase(payout), at, amount: amounts[at]! }))
    .filter(({ payout, amount }) => payout === wallet && amount > 0n)

const placeOf = ({ transactionHash: txHash, blockNumber: block }: { transactionHash: Hex; blockNumber: bigint }) => ({
  txHash,
  block,
})

/** Blocks asked for at once. */
const atOnce = 16

async function timesOf(
  { chain: { client } }: ConnectedNetwork,
  blocks: readonly bigint[],
): Promise<Map<bigint, number>> {
  const times = new Map<bigint, number>()
  const waiting = blocks.values()
  const work = async () => {
    for (const blockNumber of waiting) {
      const { timestamp } = await reading('eth_getBlockByNumber', client.getBlock({ blockNumber }))
      times.set(blockNumber, Number(timestamp))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return times
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
