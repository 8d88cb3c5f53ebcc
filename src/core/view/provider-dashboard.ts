/** What `provider run --watch` shows: the chain's view of our devices, and what the daemon itself tells meanwhile. */
import type { Address, Hex } from 'viem'
import type { DeviceView, NetworkView } from '../network/network-view.ts'
import type { LocalDevice } from '../operator/provider-status.ts'
import type { ProviderEvent } from '../provider/provider-event.ts'
import type { JobStage, ProviderDeviceRow, ProviderView } from './dashboard-views.ts'
import { counted, grouped, shortHex } from './figures.ts'
import { epochProgress } from './network-dashboard.ts'
import type { RecentEvents } from './recent-events.ts'

export type ProviderDashboardOptions = {
  readonly operator: Address
  readonly payout: Address
  /** Name of the context, or where the chain is. */
  readonly network: string
}

export type ProviderDashboardDependencies = {
  readonly events: RecentEvents
  /** What this machine's probe said of its devices. */
  readonly local: () => readonly LocalDevice[]
}

export type ProviderDashboardState = {
  observe(event: ProviderEvent): void
  /** @param nowMs - milliseconds since 1970; `trouble`: why the view could not be read again */
  view(network: NetworkView, facts: { readonly nowMs: number; readonly trouble: string | null }): ProviderView
}

const shownScores = 16
const shownPayments = 32

export function createProviderDashboard(
  { operator, payout, network: name }: ProviderDashboardOptions,
  { events, local }: ProviderDashboardDependencies,
): ProviderDashboardState {
  const open = new Set<Address>()
  const models = new Map<Hex, string>()
  const last = new Map<Hex, { readonly round: Hex; readonly rate: number | null; readonly stage: JobStage }>()

  function stageOf(id: Hex, { rounds, rules }: NetworkView, nowMs: number): JobStage {
    if (open.size === 0) return 'offline'
    const round = rounds?.at(-1)
    const told = last.get(id)
    if (round !== undefined && told?.round === round.hash) return told.stage
    const openUntil = round === undefined ? 0 : round.timestamp * 1000 + rules.windowMs + rules.graceMs
    return nowMs <= openUntil ? 'working' : 'idle'
  }

  function row(device: DeviceView, view: NetworkView, nowMs: number): ProviderDeviceRow {
    const { id, lane, standing, earned, owed, history } = device
    const proof = history.at(-1)
    const probed = local().find(each => each.id === id)
    return {
      id,
      model: models.get(id) ?? probed?.model ?? '—',
      lane,
      sessions: Math.min(5, open.size),
      stage: stageOf(id, view, nowMs),
      verdicts: proof === undefined ? [] : [proof.verdict.verdict],
      rate: last.get(id)?.rate ?? null,
      scores: history.slice(-shownScores).map(({ score }) => score),
      standing,
      earned,
      owed,
      lastOnChain:
        proof === undefined
          ? 'no result yet'
          : `epoch ${proof.epoch} ${proof.verdict.verdict}: ${proof.verdict.reason}`,
      faults: probed?.faults.filter(({ critical }) => critical).map(({ code, meaning }) => `${code}: ${meaning}`) ?? [],
    }
  }

  return {
    observe(event) {
      switch (event.type) {
        case 'session.opened':
          open.add(event.checker)
          break
        case 'session.closed':
          open.delete(event.checker)
          break
        case 'device.registered':
          models.set(event.deviceId, event.model)
          break
        case 'round.committed':
          last.set(event.deviceId, { round: event.round, rate: event.rate, stage: 'committed' })
          break
        case 'round.aborted':
          last.set(event.deviceId, { round: event.round, rate: null, stage: 'idle' })
          break
      }
      const { level, text } = describe(event)
      events.tell(level, text)
    },
    view: (view, { nowMs, trouble }) => ({
      operator,
      payout,
      network: name,
      head: { number: view.head.number, ageSeconds: Math.max(0, nowMs / 1000 - view.head.timestamp) },
      epochs: view.timeline === null ? [] : epochProgress(view, view.timeline),
      devices: view.devices.filter(device => device.operator === operator).map(device => row(device, view, nowMs)),
      payments: view.payments.filter(payment => payment.payout === payout).slice(0, shownPayments),
      events: events.list(),
      warning: trouble,
    }),
  }
}

function describe(event: ProviderEvent): { level: 'info' | 'warn'; text: string } {
  const info = (text: string) => ({ level: 'info', text }) as const
  const warn = (text: string) => ({ level: 'warn', text }) as const
  switch (event.type) {
    case 'device.registered':
      return info(`${event.model} is registered (generation ${event.generation})`)
    case 'session.opened':
      return info(`session with Checker ${shortHex(event.checker)}`)
    case 'session.closed':
      return warn(`session with Checker ${shortHex(event.checker)} ended: ${event.reason ?? 'no reason given'}`)
    case 'epoch.started':
      return info(`epoch ${event.epoch}: ${counted(event.devices, 'device')}, ${counted(event.seats, 'Checker')}`)
    case 'round.committed':
      return info(
        `round ${shortHex(event.round)}: ${grouped(event.rows)} rows, ${grouped(event.rate)} Mop/s, ${event.lostMs.toFixed(0)} ms lost`,
      )
    case 'round.resumed':
      return info(`round ${shortHex(event.round)}: ${grouped(event.rows)} rows, resumed after a restart`)
    case 'round.aborted':
      return warn(`round ${shortHex(event.round)} was not worked: ${event.reason}`)
    case 'device.health':
      return warn(`device ${event.device} ${event.change}: ${event.reason} ${event.detail}`)
    case 'receipt.received':
      return info(`Checker ${shortHex(event.checker)} signed its word on epoch ${event.epoch}`)
    default:
      return info(event.type)
  }
}
