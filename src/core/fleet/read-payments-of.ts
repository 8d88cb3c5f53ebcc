/** What a wallet was paid, a line for each payment as bookkeeping wants it. */
import type { Address, Hex } from 'viem'
import { blockAt, firstBlockSince, headNumber } from '../chain/blocks.ts'
import { getEvents } from '../chain/events.ts'
import { type ConnectedNetwork, lowerCase } from '../chain/network.ts'
import { isMember } from '../network/history.ts'
import type { NetworkReading } from '../network/network-reader.ts'
import { exactUnits } from '../platform/exact-units.ts'
import { mapSome } from '../platform/map-some.ts'
import { epochStartsAt } from '../protocol/trigger.ts'

/**
 * `device`, `checker`, `keeper`: earned as one · `bounty`: for sending the transaction that paid others, or closed an epoch · `owed`: the part of
 * these that the token did not deliver, below 0 · `withdrawn`: what was owed and came later. Together they are what arrived in the wallet.
 */
type PaymentKind = 'device' | 'checker' | 'keeper' | 'bounty' | 'owed' | 'withdrawn'

export type FleetPayment = {
  /** What it was paid for; null for a withdrawal, which may be of several. */
  readonly epoch: number | null
  /** Of its block, in seconds since 1970. */
  readonly timestamp: number
  readonly block: bigint
  readonly txHash: Hex
  readonly kind: PaymentKind
  /** Set where the kind is `device`. */
  readonly device: Hex | null
  readonly wallet: Address
  /** Wei of KAI; below 0 where the kind is `owed`. */
  readonly amount: bigint
}

/**
 * From the events of the vault, whose lanes are those of the whole network, and from the token's transfers out of it.
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
  const range = { fromBlock, toBlock: await headNumber(network.chain) }
  const [cohorts, checkers, keepers, closed, owed, withdrawn, transfers] = await Promise.all([
    getEvents(network, 'RewardVault', 'CohortPaid', range),
    getEvents(network, 'RewardVault', 'CheckersPaid', range),
    getEvents(network, 'RewardVault', 'KeeperPaid', range),
    getEvents(network, 'RewardVault', 'EpochClosed', range),
    getEvents(network, 'RewardVault', 'Owed', range, { payee: wallet }),
    getEvents(network, 'RewardVault', 'Withdrawn', range, { payee: wallet }),
    getEvents(network, 'KaisarToken', 'Transfer', range, { from: network.contracts.RewardVault, to: wallet }),
  ])
  const ofLane = Map.groupBy(memberships, ({ lane }) => lane)
  const deviceOf = (lane: number, epoch: number) =>
    ofLane.get(lane)?.find(membership => isMember(membership, epoch))?.device ?? null
  const call = (event: PlacedEvent, epoch: bigint | null, own: readonly Share[]): VaultCall => ({
    ...{ place: placeOf(event), epoch: epoch === null ? null : Number(epoch), shares: own },
  })
  const calls: VaultCall[] = [
    ...cohorts.map(event => {
      const { epoch, payouts, amounts, firstLane } = event.args
      const device = (at: number) => deviceOf(Number(firstLane) + at, Number(epoch))
      return call(event, epoch, shares('device', payouts, amounts, wallet, device))
    }),
    ...checkers.map(event => {
      const { epoch, payouts, amounts } = event.args
      return call(event, epoch, shares('checker', payouts, amounts, wallet))
    }),
    ...keepers.map(event => {
      const { epoch, keeper, amount } = event.args
      return call(event, epoch, shares('keeper', [keeper], [amount], wallet))
    }),
    ...closed.map(event => call(event, event.args.epoch, [])),
    ...withdrawn.map(event => call(event, null, [{ kind: 'withdrawn', device: null, amount: event.args.amount }])),
  ]
  const found = rowsOf(
    calls,
    transfers.map(event => ({ place: placeOf(event), amount: event.args.amount })),
    owed.map(event => ({ place: placeOf(event), amount: event.args.amount })),
  ).filter(({ epoch }) => epoch === null || epoch >= firstEpoch)
  const times = await timesOf(network, [...new Set(found.map(({ place }) => place.block))])
  return found.map(({ place: { block, txHash }, ...row }) => ({
    ...row,
    block,
    txHash,
    wallet,
    timestamp: times.get(block)!,
  }))
}

type Place = { readonly block: bigint; readonly txHash: Hex; readonly logIndex: number }
type Moved = { readonly place: Place; readonly amount: bigint }
type Share = Pick<FleetPayment, 'kind' | 'device' | 'amount'>

/** A call of the vault that pays: its event, which comes before what it delivers, and what of it is the wallet's. */
type VaultCall = { readonly place: Place; readonly epoch: number | null; readonly shares: readonly Share[] }

type PaymentRow = Share & { readonly place: Place; readonly epoch: number | null }

/**
 * What a call delivered to the wallet, or owes it, beside what its event names is the bounty of its sender.
 *
 * @param delivered - transfers of the vault to the wallet
 * @param owed - what was not delivered to it
 */
function rowsOf(calls: readonly VaultCall[], delivered: readonly Moved[], owed: readonly Moved[]): PaymentRow[] {
  const ordered = [...calls].sort(({ place: a }, { place: b }) => byPlace(a, b))
  const callsOf = Map.groupBy(ordered, ({ place }) => place.txHash)
  const callOf = ({ place }: Moved) => callsOf.get(place.txHash)?.findLast(call => call.place.logIndex < place.logIndex)
  const deliveredBy = Map.groupBy(delivered, callOf)
  const owedBy = Map.groupBy(owed, callOf)
  return ordered.flatMap(call => {
    const { place, epoch, shares } = call
    const refused = owedBy.get(call) ?? []
    const all = sum(deliveredBy.get(call) ?? []) + sum(refused)
    const bounty = all - sum(shares)
    return [
      ...shares.map(share => ({ ...share, place, epoch })),
      ...(bounty > 0n ? [{ kind: 'bounty' as const, device: null, amount: bounty, place, epoch }] : []),
      ...refused.map(({ amount }) => ({ kind: 'owed' as const, device: null, amount: -amount, place, epoch })),
    ]
  })
}

const sum = (all: readonly { readonly amount: bigint }[]): bigint =>
  all.reduce((total, { amount }) => total + amount, 0n)

const byPlace = (a: Place, b: Place): number =>
  a.block === b.block ? a.logIndex - b.logIndex : a.block < b.block ? -1 : 1

/** What was earned, whether it has arrived or not, and what has arrived; wei of KAI. */
export const paymentTotals = (payments: readonly FleetPayment[]): { earned: bigint; received: bigint } => ({
  earned: sum(payments.filter(({ kind }) => kind !== 'owed' && kind !== 'withdrawn')),
  received: sum(payments),
})

/** What of an event goes to the wallet; `device` says whose a place of it is. */
const shares = (
  kind: PaymentKind,
  payouts: readonly Address[],
  amounts: readonly bigint[],
  wallet: Address,
  device: (at: number) => Hex | null = () => null,
): Share[] =>
  payouts
    .map((payout, at) => ({ payout: lowerCase(payout), at, amount: amounts[at]! }))
    .filter(({ payout, amount }) => payout === wallet && amount > 0n)
    .map(({ at, amount }) => ({ kind, device: device(at), amount }))

type PlacedEvent = { readonly transactionHash: Hex; readonly blockNumber: bigint; readonly logIndex: number }
const placeOf = (event: PlacedEvent): Place => ({
  txHash: event.transactionHash,
  block: event.blockNumber,
  logIndex: event.logIndex,
})

/** Blocks asked for at once. */
const atOnce = 16

const timesOf = async (network: ConnectedNetwork, blocks: readonly bigint[]): Promise<Map<bigint, number>> =>
  new Map(await mapSome(atOnce, blocks, async block => [block, (await blockAt(network, block)).timestamp] as const))

/** RFC 4180, of fields that need no quotes; amounts as they are to the last digit. */
export function paymentsCsv(payments: readonly FleetPayment[]): string {
  const rows = payments.map(({ epoch, timestamp, block, txHash, kind, device, wallet, amount }) =>
    [
      epoch ?? '',
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
