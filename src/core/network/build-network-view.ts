/** From what was read (state of the head, events) to the view. Pure. */
import type { Address, Hex } from 'viem'
import type { CheckerOverview } from '../chain/checkers.ts'
import type { DeviceOverview } from '../chain/devices.ts'
import type { EpochOverview } from '../chain/epochs.ts'
import { decodeRate } from '../epoch/minifloat.ts'
import { hasFlag } from '../epoch/opening.ts'
import { scoreOf } from '../epoch/rewards.ts'
import type { LaneResult } from '../epoch/tally.ts'
import { cohortOf, laneInCohort } from '../protocol/constants.ts'
import { epochAt, epochStartsAt } from '../protocol/trigger.ts'
import { cohortKey, cohortState, type History, isMember, type Membership, paidAt } from './history.ts'
import type {
  ChainVerdict,
  CheckerView,
  CohortView,
  CommitmentView,
  DeviceEpochView,
  EpochView,
  NetworkView,
  PaymentView,
  SeatPaymentView,
} from './network-view.ts'

export type NetworkReadings = Pick<
  NetworkView,
  'chainId' | 'contracts' | 'head' | 'timeline' | 'rules' | 'rounds' | 'firstEpoch'
> & {
  readonly devices: readonly DeviceOverview[]
  readonly checkers: readonly CheckerOverview[]
  /** Of the epochs that the chain still keeps. */
  readonly overviews: ReadonlyMap<number, EpochOverview>
  /** Committees by {@link cohortKey}, where they are known. */
  readonly committees: ReadonlyMap<string, readonly Address[]>
  readonly history: History
}

/**
 * What only events change: most blocks have none, and a large network has a hundred thousand devices. Kept from one reading to
 * the next by {@link epochPartsOf}.
 */
export type EpochParts = {
  readonly history: History
  /** Epochs shown, and the phases of those that are not over. */
  readonly key: string
  readonly epochs: readonly number[]
  /** By epoch shown, then by cohort. */
  readonly members: ReadonlyMap<number, ReadonlyMap<number, readonly Membership[]>>
  readonly payments: readonly PaymentView[]
  /** Without the Checkers, who are known once the committees are. */
  readonly seatPayments: readonly Omit<SeatPaymentView, 'operator'>[]
  readonly keeperPayments: History['paidKeepers']
  readonly commitments: readonly CommitmentView[]
  readonly registrations: ReadonlyMap<Hex, Hex>
  /** By device. */
  readonly results: ReadonlyMap<Hex, readonly DeviceEpochView[]>
}

/** @param previous - returned as it is when nothing happened since */
export function epochPartsOf(readings: NetworkReadings, previous: EpochParts | null = null): EpochParts {
  const { timeline, head, firstEpoch, overviews, history } = readings
  const current = timeline === null ? -1 : epochAt(timeline, head.timestamp)
  const epochs = Array.from({ length: Math.max(0, current - firstEpoch + 1) }, (_, i) => current - i)
  const phases = [...overviews.values()].map(({ epoch, phase }) => `${epoch}${phase}`)
  const key = [firstEpoch, current, ...phases].join()
  if (previous?.history === history && previous.key === key) return previous
  const membersOf = (epoch: number) =>
    Map.groupBy(
      history.memberships.filter(membership => isMember(membership, epoch)),
      ({ lane }) => cohortOf(lane),
    )
  const members = new Map(epochs.map(epoch => [epoch, membersOf(epoch)]))
  const byDevice = Map.groupBy(history.memberships, ({ device }) => device)
  return {
    history,
    key,
    epochs,
    members,
    payments: epochs.flatMap(epoch => paymentsOf(history, epoch, members.get(epoch)!)),
    seatPayments: epochs.flatMap(epoch => seatPaymentsOf(history, epoch, members.get(epoch)!)),
    keeperPayments: history.paidKeepers.filter(({ epoch }) => epoch >= firstEpoch).toReversed(),
    commitments: epochs.flatMap(epoch =>
      [...(history.commits.get(epoch) ?? [])].map(([owner, txHash]) => ({ epoch, owner, txHash })),
    ),
    registrations: new Map(history.memberships.map(({ device, registeredTxHash }) => [device, registeredTxHash])),
    results: new Map([...byDevice].map(([id, memberships]) => [id, resultsOf(readings, memberships, epochs)])),
  }
}

export function buildNetworkView(readings: NetworkReadings, parts = epochPartsOf(readings)): NetworkView {
  const { chainId, contracts, head, timeline, rules, rounds, firstEpoch } = readings
  const { epochs, members, payments, results } = parts
  const seatSums = seatSumsOf(readings, members)
  return {
    chainId,
    contracts,
    head,
    timeline,
    rules,
    currentEpoch: epochs[0] ?? null,
    rounds,
    devices: readings.devices.map(device => {
      const history = results.get(device.id) ?? []
      const earned = history.reduce((sum, { amount }) => sum + (amount ?? 0n), 0n)
      return { ...device, earned, registeredTxHash: parts.registrations.get(device.id) ?? null, history }
    }),
    checkers: readings.checkers.map(checker => ({ ...checker, ...(seatSums.get(checker.operator) ?? noSeats) })),
    epochs: epochs.map(epoch => epochView(readings, epoch, members.get(epoch)!)),
    payments,
    seatPayments: parts.seatPayments.map(payment => ({
      ...payment,
      operator: readings.committees.get(cohortKey(payment.epoch, payment.cohort))?.[payment.seat] ?? null,
    })),
    keeperPayments: parts.keeperPayments,
    commitments: parts.commitments,
    firstEpoch,
  }
}

type Members = ReadonlyMap<number, readonly Membership[]>

function epochView({ history, overviews, timeline }: NetworkReadings, epoch: number, members: Members): EpochView {
  const overview = overviews.get(epoch)
  const cohorts = [...members].sort(([a], [b]) => a - b)
  const phase = overview?.phase ?? 'pay'
  const views = cohorts.map(([cohort, lanes]) => cohortView(history, epoch, cohort, lanes.length, overview))
  const sum = (amounts: readonly bigint[]) => amounts.reduce((total, amount) => total + amount, 0n)
  const keys = cohorts.map(([cohort]) => cohortKey(epoch, cohort))
  const paidToDevices = sum(keys.flatMap(key => history.paidLanes.get(key)?.flatMap(({ amounts }) => amounts) ?? []))
  const paidToCheckers = sum(keys.flatMap(key => history.paidSeats.get(key)?.amounts ?? []))
  const paidInAll = history.closed.get(epoch)?.paid ?? overview?.money.paid ?? null
  return {
    epoch,
    phase,
    startsAt: overview?.startsAt ?? epochStartsAt(timeline!, epoch),
    seed: overview?.seed ?? history.seeds.get(epoch) ?? null,
    members: cohorts.reduce((count, [, lanes]) => count + lanes.length, 0),
    cohorts: views,
    money: history.money.get(epoch) ?? null,
    paidToDevices,
    paidToCheckers,
    paidToKeepers: paidInAll === null ? null : paidInAll - paidToDevices - paidToCheckers,
    isPaid:
      cohorts.length > 0 &&
      cohorts.every(
        ([, lanes], i) =>
          views[i]!.state === 'void' ||
          (history.paidSeats.has(keys[i]!) && lanes.every(({ lane }) => paidAt(history, epoch, lane) !== null)),
      ),
  }
}

function cohortView(
  history: History,
  epoch: number,
  cohort: number,
  members: number,
  overview: EpochOverview | undefined,
): CohortView {
  const key = cohortKey(epoch, cohort)
  const final = history.finalized.get(key)
  const empty = history.voided.get(key)
  return {
    cohort,
    state: cohortState(history, epoch, cohort, overview),
    opened: final?.opened.filter(Boolean).length ?? 0,
    txHash: final?.txHash ?? empty?.txHash ?? null,
    payTxHashes: (history.paidLanes.get(key) ?? []).map(({ txHash }) => txHash),
    members,
  }
}

/** A device's epochs that have a result, oldest first, and what it was paid for each. */
function resultsOf(
  { history, overviews }: Pick<NetworkReadings, 'history' | 'overviews'>,
  memberships: readonly Membership[],
  epochs: readonly number[],
): DeviceEpochView[] {
  return epochs.toReversed().flatMap((epoch): DeviceEpochView[] => {
    const membership = memberships.find(member => isMember(member, epoch))
    if (membership === undefined) return []
    const key = cohortKey(epoch, cohortOf(membership.lane))
    const final = history.finalized.get(key)
    const paid = paidAt(history, epoch, membership.lane)
    const payment = { amount: paid?.amount ?? null, txHash: paid?.txHash ?? null }
    if (final === undefined)
      return cohortState(history, epoch, cohortOf(membership.lane), overviews.get(epoch)) === 'void'
        ? [{ epoch, rate: 0n, uptime: 0, flags: 0, score: null, credit: null, ...payment, verdict: voidVerdict }]
        : []
    const lane = laneInCohort(membership.lane)
    const result = { rate: final.rates[lane]!, uptime: final.uptimes[lane]!, flags: final.flags[lane]! }
    return [
      {
        epoch,
        ...result,
        rate: decodeRate(result.rate),
        score: scoreOf(result),
        credit: final.credits[lane]!,
        ...payment,
        verdict: chainVerdict(result),
      },
    ]
  })
}

function paymentsOf(history: History, epoch: number, members: Members): PaymentView[] {
  return [...members].flatMap(([cohort, memberships]) => {
    const final = history.finalized.get(cohortKey(epoch, cohort))
    return memberships.flatMap(({ device, lane }) => {
      const paid = paidAt(history, epoch, lane)
      if (paid === null || final === undefined) return []
      const at = laneInCohort(lane)
      const score = scoreOf({ rate: final.rates[at]!, uptime: final.uptimes[at]!, flags: final.flags[at]! })
      return [{ epoch, cohort, lane: at, device, score, ...paid }]
    })
  })
}

function seatPaymentsOf(history: History, epoch: number, members: Members): EpochParts['seatPayments'] {
  return [...members].flatMap(([cohort, { length: lanes }]) => {
    const paid = history.paidSeats.get(cohortKey(epoch, cohort))
    if (paid === undefined) return []
    const { payouts, agreed, amounts, txHash } = paid
    return payouts.map((payout, seat) => ({
      epoch,
      cohort,
      seat,
      payout,
      agreedLanes: agreed[seat]!,
      lanes,
      amount: amounts[seat]!,
      txHash,
    }))
  })
}

type SeatSums = Pick<CheckerView, 'earned' | 'agreedLanes' | 'drawnLanes'>
const noSeats: SeatSums = { earned: 0n, agreedLanes: 0, drawnLanes: 0 }

/** By operator: one look at each committee, however many Checkers there are. */
function seatSumsOf({ history, committees }: NetworkReadings, members: EpochParts['members']): Map<Address, SeatSums> {
  const sums = new Map<Address, SeatSums>()
  for (const [epoch, cohorts] of members)
    for (const [cohort, lanes] of cohorts) {
      const paid = history.paidSeats.get(cohortKey(epoch, cohort))
      const owners = paid === undefined ? [] : (committees.get(cohortKey(epoch, cohort)) ?? [])
      for (const [seat, owner] of owners.entries()) {
        const { earned, agreedLanes, drawnLanes } = sums.get(owner) ?? noSeats
        sums.set(owner, {
          earned: earned + paid!.amounts[seat]!,
          agreedLanes: agreedLanes + paid!.agreed[seat]!,
          drawnLanes: drawnLanes + lanes.length,
        })
      }
    }
  return sums
}

/** What a committee's result says of a device, worst first. */
export function chainVerdict({ rate, uptime, flags }: LaneResult): ChainVerdict {
  if (!hasFlag(flags, 'judged'))
    return { verdict: 'ABSTAINED', reason: 'fewer than 3 seats judged it, or its owner had paused it' }
  if (!hasFlag(flags, 'work')) return { verdict: 'WRONG', reason: 'a wrong row was proven' }
  if (!hasFlag(flags, 'device')) return { verdict: 'UNSUPPORTED', reason: 'device record not confirmed' }
  if (!hasFlag(flags, 'environment')) return { verdict: 'UNSUPPORTED', reason: 'environment not accepted' }
  if (rate === 0) return { verdict: 'MISSED', reason: 'no verified work in any round' }
  if (uptime === 0) return { verdict: 'MISSED', reason: 'no beat counts' }
  return { verdict: 'VALID', reason: 'everything sampled was recomputed and is equal' }
}

const voidVerdict: ChainVerdict = { verdict: 'VOID', reason: 'fewer than 3 seats opened' }
