/** What the events of a network say, by device, epoch and cohort: all that is left of old epochs without an archive. Pure. */
import type { Address, Hex } from 'viem'
import type { CohortState, EpochMoney, EpochOverview } from '../chain/epochs.ts'
import type { NetworkEvent } from '../chain/events.ts'
import { lowerCase } from '../chain/network.ts'
import { unpackCredits, unpackFlags, unpackLanes } from '../epoch/opening.ts'
import { cohortOf, seatNumbers } from '../protocol/constants.ts'

/** A device in a lane, from one registration until it left. */
export type Membership = {
  readonly device: Hex
  readonly operator: Address
  readonly lane: number
  readonly generation: number
  readonly since: number
  readonly until: number | null
  readonly registeredTxHash: Hex
}

export type OwedPayment = { readonly to: Address; readonly amount: bigint }

/** What the contract recorded of a cohort, by lane: medians (the rate a minifloat), majority flags, credits. */
export type FinalizedLanes = {
  readonly rates: readonly number[]
  readonly uptimes: readonly number[]
  readonly flags: readonly number[]
  /** Whether enough seats to be certain judged the lane. */
  readonly certain: readonly boolean[]
  readonly credits: readonly bigint[]
}

export type FinalizedCohort = FinalizedLanes & {
  readonly txHash: Hex
  readonly blockNumber: bigint
  /** By seat. */
  readonly opened: readonly boolean[]
  readonly evidenceRoots: readonly Hex[]
}

/** One transaction of `payCohort`: what it paid in the lanes from `firstLane` on, which the whole network numbers. */
export type PaidLanes = {
  readonly txHash: Hex
  readonly firstLane: number
  readonly payouts: readonly Address[]
  readonly credits: readonly bigint[]
  readonly amounts: readonly bigint[]
}

type PaidSeats = {
  readonly txHash: Hex
  readonly payouts: readonly Address[]
  readonly agreed: readonly number[]
  readonly amounts: readonly bigint[]
}

/** What a keeper claimed for the seeds and resolutions of an epoch. */
export type PaidKeeper = {
  readonly epoch: number
  readonly keeper: Address
  readonly amount: bigint
  readonly txHash: Hex
}

export type History = {
  /** In the order of registration. */
  readonly memberships: readonly Membership[]
  readonly seeds: ReadonlyMap<number, Hex>
  /** Members of an epoch as it was settled, and Σ 2 × standing of them. */
  readonly counted: ReadonlyMap<number, { readonly members: number; readonly caps: bigint }>
  readonly money: ReadonlyMap<number, EpochMoney & { readonly txHash: Hex }>
  /** By epoch, then owner. */
  readonly commits: ReadonlyMap<number, ReadonlyMap<Address, Hex>>
  /** By {@link cohortKey}. */
  readonly finalized: ReadonlyMap<string, FinalizedCohort>
  readonly voided: ReadonlyMap<string, { readonly txHash: Hex; readonly blockNumber: bigint }>
  readonly paidLanes: ReadonlyMap<string, readonly PaidLanes[]>
  readonly paidSeats: ReadonlyMap<string, PaidSeats>
  /** What keepers claimed for seeds and resolutions, oldest first; bounties of payments go with the payment and have no event. */
  readonly paidKeepers: readonly PaidKeeper[]
  /** All that was paid for an epoch, bounties included, once it is closed. */
  readonly closed: ReadonlyMap<number, { readonly paid: bigint; readonly txHash: Hex }>
  /** By transaction: what could not be delivered. */
  readonly owed: ReadonlyMap<Hex, readonly OwedPayment[]>
}

export const cohortKey = (epoch: number, cohort: number): string => `${epoch}:${cohort}`

export function indexHistory(events: readonly NetworkEvent[]): History {
  const memberships = new Map<string, Membership>()
  const history = {
    seeds: new Map<number, Hex>(),
    counted: new Map<number, { members: number; caps: bigint }>(),
    money: new Map<number, EpochMoney & { txHash: Hex }>(),
    commits: new Map<number, Map<Address, Hex>>(),
    finalized: new Map<string, FinalizedCohort>(),
    voided: new Map<string, { txHash: Hex; blockNumber: bigint }>(),
    paidLanes: new Map<string, PaidLanes[]>(),
    paidSeats: new Map<string, PaidSeats>(),
    paidKeepers: [] as PaidKeeper[],
    closed: new Map<number, { paid: bigint; txHash: Hex }>(),
    owed: new Map<Hex, OwedPayment[]>(),
  }
  const { commits, paidLanes, owed } = history
  /** The key of the membership that a device holds now. */
  const current = new Map<Hex, string>()

  for (const event of events) {
    const { transactionHash: txHash, blockNumber } = event
    switch (event.eventName) {
      case 'DeviceRegistered': {
        const { deviceId, operator, lane, generation, fromEpoch } = event.args
        const held = current.get(deviceId)
        const earlier = held === undefined ? undefined : memberships.get(held)
        // The next generation of a device that stays keeps its lane and its place.
        if (earlier !== undefined && earlier.lane === lane && earlier.until === null) {
          memberships.set(held!, { ...earlier, generation })
          break
        }
        const key = `${deviceId}:${generation}`
        current.set(deviceId, key)
        memberships.set(key, {
          device: deviceId,
          operator: lowerCase(operator),
          lane,
          generation,
          since: fromEpoch,
          until: null,
          registeredTxHash: txHash,
        })
        break
      }
      case 'DeviceLeft': {
        const key = current.get(event.args.deviceId)
        const membership = key === undefined ? undefined : memberships.get(key)
        if (membership !== undefined) memberships.set(key!, { ...membership, until: event.args.until })
        break
      }
      case 'Rolled':
        history.seeds.set(Number(event.args.epoch), event.args.seed)
        break
      case 'EpochCounted':
        history.counted.set(Number(event.args.epoch), { members: event.args.members, caps: event.args.caps })
        break
      case 'EpochOpened':
        history.money.set(Number(event.args.epoch), { ...event.args.money, txHash })
        break
      case 'Committed': {
        const epoch = Number(event.args.epoch)
        const owners = commits.get(epoch) ?? new Map<Address, Hex>()
        commits.set(epoch, owners.set(lowerCase(event.args.owner), txHash))
        break
      }
      case 'CohortFinalized': {
        const { epoch, cohort, opened, rates, uptimes, flags, certain, credits, evidenceRoots } = event.args
        history.finalized.set(cohortKey(Number(epoch), cohort), {
          txHash,
          blockNumber,
          opened: seatNumbers.map(seat => ((opened >> seat) & 1) === 1),
          evidenceRoots,
          rates: unpackLanes(rates),
          uptimes: unpackLanes(uptimes),
          flags: unpackFlags(flags),
          certain: unpackFlags(certain).map(bit => bit === 1),
          credits: unpackCredits(credits),
        })
        break
      }
      case 'CohortVoided':
        history.voided.set(cohortKey(Number(event.args.epoch), event.args.cohort), { txHash, blockNumber })
        break
      case 'CohortPaid': {
        const { epoch, cohort, firstLane, payouts, credits, amounts } = event.args
        const key = cohortKey(Number(epoch), cohort)
        const paid = { txHash, firstLane: Number(firstLane), payouts: payouts.map(lowerCase), credits, amounts }
        paidLanes.set(key, [...(paidLanes.get(key) ?? []), paid])
        break
      }
      case 'CheckersPaid': {
        const { epoch, cohort, payouts, agreed, amounts } = event.args
        const paid = { txHash, payouts: payouts.map(lowerCase), agreed, amounts }
        history.paidSeats.set(cohortKey(Number(epoch), cohort), paid)
        break
      }
      case 'KeeperPaid': {
        const { epoch, keeper, amount } = event.args
        history.paidKeepers.push({ epoch: Number(epoch), keeper: lowerCase(keeper), amount, txHash })
        break
      }
      case 'EpochClosed':
        history.closed.set(Number(event.args.epoch), { paid: event.args.paid, txHash })
        break
      case 'Owed': {
        const { payee, amount } = event.args
        owed.set(txHash, [...(owed.get(txHash) ?? []), { to: lowerCase(payee), amount }])
        break
      }
    }
  }
  return { ...history, memberships: [...memberships.values()] }
}

export const isMember = ({ since, until }: Membership, epoch: number): boolean =>
  epoch >= since && (until === null || epoch <= until)

/**
 * A cohort that has no result when FINALIZE closes is void, whether or not anybody said so on chain. As long as a revealed quorum of its
 * epoch may be finalized in PAY, that is not said of it, though the chain tells one that nobody revealed from one that waits.
 * @param overview - undefined of an epoch that the chain keeps no more
 */
export function cohortState(
  history: History,
  epoch: number,
  cohort: number,
  overview: Pick<EpochOverview, 'phase' | 'totalFixed'> | undefined,
): CohortState {
  const key = cohortKey(epoch, cohort)
  if (history.finalized.has(key)) return 'final'
  const isOver = overview === undefined || (overview.phase === 'pay' && overview.totalFixed)
  return history.voided.has(key) || isOver ? 'void' : 'pending'
}

/** What was paid in a lane of the network, and by which of the payments; null where it is not paid yet. */
export function paymentOfLane<Payment extends PaidLanes>(payments: readonly Payment[], lane: number) {
  for (const payment of payments) {
    const at = lane - payment.firstLane
    const amount = payment.amounts[at]
    if (amount !== undefined) return { payment, payout: payment.payouts[at]!, credit: payment.credits[at]!, amount }
  }
  return null
}

/** Where a device's lane was paid in an epoch. */
export function paidAt({ paidLanes }: History, epoch: number, lane: number) {
  const paid = paymentOfLane(paidLanes.get(cohortKey(epoch, cohortOf(lane))) ?? [], lane)
  if (paid === null) return null
  const { payment, payout, credit, amount } = paid
  return { payout, credit, amount, txHash: payment.txHash }
}
