/** What happened on a network between two views, as events; for `chain watch`. Pure. */
import type { Address, Hex } from 'viem'
import type { Phase } from '../chain/epochs.ts'
import type { EpochView, NetworkView, PaymentView } from './network-view.ts'

export type NetworkChange =
  /** First of all: what there is. */
  | {
      readonly type: 'network.seen'
      readonly chainId: number
      readonly block: bigint
      readonly epoch: number | null
      readonly devices: number
      readonly checkers: number
    }
  | { readonly type: 'epoch.phase'; readonly epoch: number; readonly phase: Phase }
  | { readonly type: 'round.triggered'; readonly epoch: number; readonly ordinal: number; readonly round: Hex }
  | { readonly type: 'device.registered'; readonly device: Hex; readonly operator: Address; readonly lane: number }
  | { readonly type: 'device.left'; readonly device: Hex; readonly until: number }
  | { readonly type: 'checker.bonded'; readonly checker: Address; readonly endpoint: string; readonly seats: number }
  | { readonly type: 'checker.struck'; readonly checker: Address; readonly strikes: number }
  | {
      readonly type: 'cohort.resolved'
      readonly epoch: number
      readonly cohort: number
      readonly state: 'final' | 'void'
      readonly opened: number
      readonly txHash: Hex | null
    }
  | {
      readonly type: 'epoch.paid'
      readonly epoch: number
      readonly emission: bigint
      readonly payments: readonly Omit<PaymentView, 'epoch' | 'cohort' | 'lane'>[]
    }

/** In the order in which things happen; `before` null: what there is now. */
export function networkChanges(before: NetworkView | null, after: NetworkView): NetworkChange[] {
  const { chainId, head, currentEpoch: epoch, devices, checkers, epochs } = after
  if (before === null) {
    const seen = { chainId, block: head.number, epoch, devices: devices.length, checkers: checkers.length }
    const recent = epochs.slice(0, 2).toReversed()
    return [{ type: 'network.seen', ...seen }, ...recent.flatMap(each => epochChanges(undefined, each, after))]
  }
  const earlier = new Map(before.epochs.map(each => [each.epoch, each]))
  return [
    ...deviceChanges(before, after),
    ...checkerChanges(before, after),
    ...epochs.toReversed().flatMap(each => epochChanges(earlier.get(each.epoch), each, after)),
    ...roundChanges(before, after),
  ]
}

function deviceChanges(before: NetworkView, after: NetworkView): NetworkChange[] {
  const earlier = new Map(before.devices.map(device => [device.id, device]))
  return after.devices.flatMap(({ id: device, operator, lane, until }): NetworkChange[] => {
    const known = earlier.get(device)
    return [
      ...(known === undefined ? [{ type: 'device.registered' as const, device, operator, lane }] : []),
      ...(until !== null && known?.until !== until ? [{ type: 'device.left' as const, device, until }] : []),
    ]
  })
}

function checkerChanges(before: NetworkView, after: NetworkView): NetworkChange[] {
  const earlier = new Map(before.checkers.map(checker => [checker.operator, checker]))
  return after.checkers.flatMap(({ operator: checker, endpoint, seats, strikes }): NetworkChange[] => {
    const known = earlier.get(checker)
    return [
      ...(known === undefined ? [{ type: 'checker.bonded' as const, checker, endpoint, seats }] : []),
      ...(strikes > (known?.strikes ?? 0) ? [{ type: 'checker.struck' as const, checker, strikes }] : []),
    ]
  })
}

function roundChanges(before: NetworkView, { currentEpoch: epoch, rounds }: NetworkView): NetworkChange[] {
  if (epoch === null || rounds === null) return []
  const known = new Set(before.rounds?.map(({ hash }) => hash))
  return rounds
    .filter(({ hash }) => !known.has(hash))
    .map(({ ordinal, hash: round }) => ({ type: 'round.triggered', epoch, ordinal, round }))
}

function epochChanges(before: EpochView | undefined, after: EpochView, { payments }: NetworkView): NetworkChange[] {
  const { epoch, phase, cohorts, money, isPaid } = after
  const changes: NetworkChange[] = []
  if (before?.phase !== phase) changes.push({ type: 'epoch.phase', epoch, phase })
  const earlier = new Map(before?.cohorts.map(({ cohort, state }) => [cohort, state]))
  for (const { cohort, state, opened, txHash } of cohorts)
    if (state !== 'pending' && earlier.get(cohort) !== state)
      changes.push({ type: 'cohort.resolved', epoch, cohort, state, opened, txHash })
  if (isPaid && money !== null && before?.isPaid !== true)
    changes.push({
      type: 'epoch.paid',
      epoch,
      emission: money.emission,
      payments: payments
        .filter(payment => payment.epoch === epoch)
        .map(({ epoch: _, cohort: __, lane: ___, ...payment }) => payment),
    })
  return changes
}
