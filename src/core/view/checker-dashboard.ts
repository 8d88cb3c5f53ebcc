/** What `checker run --watch` shows: the chain's view of our seats, and what the daemon itself tells meanwhile. */
import type { Address } from 'viem'
import type { CheckerEvent } from '../checker/checker-event.ts'
import type { NetworkView } from '../network/network-view.ts'
import type { DutyStatus } from '../operator/checker-status.ts'
import type { CheckerView, SeatEpochRow, VerdictRow } from './dashboard-views.ts'
import { counted, shortHex } from './figures.ts'
import { epochProgress } from './network-dashboard.ts'
import type { RecentEvents } from './recent-events.ts'

export type CheckerDashboardOptions = {
  readonly operator: Address
  readonly payout: Address
  /** Name of the context, or where the chain is. */
  readonly network: string
}

export type CheckerDashboardState = {
  observe(event: CheckerEvent): void
  /** @param facts - `nowMs` since 1970; `duties` newest first; `trouble`: why the view could not be read again */
  view(
    network: NetworkView,
    facts: { readonly nowMs: number; readonly duties: readonly DutyStatus[]; readonly trouble: string | null },
  ): CheckerView
}

const shownVerdicts = 64

export function createCheckerDashboard(
  { operator, payout, network: name }: CheckerDashboardOptions,
  { events, now }: { readonly events: RecentEvents; readonly now: () => number },
): CheckerDashboardState {
  const open = new Set<Address>()
  const devices = new Map<number, number>()
  const verdictCounts: Record<string, number> = {}
  let verdicts: VerdictRow[] = []
  let endpoint = 'not listening yet'

  function observe(event: CheckerEvent) {
    switch (event.type) {
      case 'checker.listening':
        endpoint = event.url
        return events.tell('info', `${counted(event.seats, 'seat')}, reached at ${event.url}`)
      case 'session.opened':
        open.add(event.operator)
        return events.tell('info', `session with Provider ${shortHex(event.operator)}`)
      case 'session.closed':
        open.delete(event.operator)
        return events.tell(
          'warn',
          `session with Provider ${shortHex(event.operator)} ended: ${event.reason ?? 'no reason given'}`,
        )
      case 'epoch.started':
        devices.set(event.epoch, event.devices)
        return events.tell(
          'info',
          `epoch ${event.epoch}: ${counted(event.cohorts, 'cohort')}, ${counted(event.devices, 'device')}`,
        )
      case 'check.completed':
        verdictCounts[event.verdict] = (verdictCounts[event.verdict] ?? 0) + 1
        verdicts = [verdictRow(event, now()), ...verdicts].slice(0, shownVerdicts)
        return
      case 'device.judged':
        if (event.findings.length > 0)
          events.tell('warn', `device ${shortHex(event.device)}: ${event.findings.join(', ')}`)
    }
  }

  return {
    observe,
    view(view, { nowMs, duties, trouble }) {
      const own = view.checkers.find(checker => checker.operator === operator)
      return {
        operator,
        payout,
        network: name,
        endpoint: own?.endpoint ?? endpoint,
        head: { number: view.head.number, ageSeconds: Math.max(0, nowMs / 1000 - view.head.timestamp) },
        epochs: view.timeline === null ? [] : epochProgress(view, view.timeline),
        seats: own?.seats ?? 0,
        strikes: own?.strikes ?? 0,
        jailed: own?.jailed ?? false,
        sessions: open.size,
        bond: own?.bond ?? 0n,
        verdictCounts: { ...verdictCounts },
        duties: [...Map.groupBy(duties, ({ epoch }) => epoch)].map(([epoch, cohorts]) =>
          dutyRow(epoch, cohorts, devices.get(epoch) ?? 0),
        ),
        verdicts,
        events: events.list(),
        warning: trouble,
      }
    },
  }
}

const verdictRow = (event: Extract<CheckerEvent, { type: 'check.completed' }>, nowMs: number): VerdictRow => ({
  time: new Date(nowMs).toISOString().slice(11, 19),
  epoch: event.epoch,
  device: event.device,
  seat: event.seat,
  verdict: event.verdict,
  reason: event.reason,
  rate: event.verdict === 'VALID' ? event.rate : null,
  round: event.round,
})

function dutyRow(epoch: number, cohorts: readonly DutyStatus[], devices: number): SeatEpochRow {
  const [first] = cohorts
  const paid = cohorts.flatMap(({ earned }) => (earned === null ? [] : [earned]))
  const agreed = cohorts.flatMap(({ agreedLanes }) => (agreedLanes === null ? [] : [agreedLanes]))
  const state =
    first!.committedTxHash === null
      ? cohorts.some(cohort => cohort.state !== 'pending')
        ? 'missed COMMIT'
        : 'at work'
      : cohorts.every(({ opened }) => opened === true)
        ? 'opened'
        : cohorts.some(cohort => cohort.state === 'void')
          ? 'void'
          : `committed ${shortHex(first!.committedTxHash)}`
  return {
    epoch,
    cohorts: cohorts.length,
    devices,
    state,
    agreement: agreed.length === 0 || devices === 0 ? null : agreed.reduce((sum, lanes) => sum + lanes, 0) / devices,
    earned: paid.length === 0 ? null : paid.reduce((sum, amount) => sum + amount, 0n),
  }
}
