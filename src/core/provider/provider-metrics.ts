/** Makes the metrics of a Provider from the events that it emits, and its readiness check for the next round. */
import {
  type Counting,
  chainTroubles,
  count,
  countSessions,
  createDaemonMetrics,
  type DaemonMetricsDependencies,
  healthOf,
} from '../daemon/daemon-metrics.ts'
import type { Health } from '../platform/metrics.ts'
import { quorum } from '../protocol/constants.ts'
import type { ProviderEvent } from './provider-event.ts'

export type ProviderMetrics = ReturnType<typeof createProviderMetrics>

/** The input of the readiness check. */
export type ProviderState = {
  /** The newest epoch entered: how many of our devices are in it, how many seats judge them; null before the first. */
  readonly epoch: { readonly epoch: number; readonly devices: number; readonly seats: number } | null
  readonly openSessions: number
  readonly lastRound: { readonly epoch: number; readonly time: string; readonly result: string } | null
  /** Null while no endpoint answers. */
  readonly chainLagSeconds: number | null
}

/** Epochs without a round after which the Provider counts as not ready: an epoch is entered before it begins, and its first round may come late. */
const silentEpochs = 3

/** The readiness check: the reasons why a Provider would miss the next round; none when it is ready. Pure. */
export function providerUnready({ epoch, openSessions, lastRound, chainLagSeconds }: ProviderState): string[] {
  const reasons = chainTroubles(chainLagSeconds)
  if (epoch === null) return [...reasons, 'no epoch was entered yet']
  if (epoch.devices === 0) return [...reasons, `no device of ours is a member of epoch ${epoch.epoch}`]
  const needed = Math.min(quorum, epoch.seats)
  if (openSessions < needed)
    reasons.push(`sessions with ${openSessions} of ${epoch.seats} Checkers are open, and ${needed} are needed`)
  if (lastRound !== null && epoch.epoch - lastRound.epoch > silentEpochs)
    reasons.push(`no round was worked since epoch ${lastRound.epoch}`)
  return reasons
}

export function createProviderMetrics(options: { readonly version: string }, dependencies: DaemonMetricsDependencies) {
  const metrics = createDaemonMetrics({ role: 'provider', ...options }, dependencies)
  const { registry, counter, gauge, histogram } = metrics
  const rounds = counter(
    'rounds_total',
    'Rounds, by outcome: committed, resumed after a restart, aborted, missed since their trigger was seen too late, or busy while the device was paused.',
    'device',
    'result',
  )
  const late = counter(
    'rounds_late_total',
    'Rounds whose trigger was seen late, so that only a part of the window was worked.',
    'device',
  )
  const units = counter(
    'work_units_total',
    'Rows and steps finished inside windows and committed to, by kind of round.',
    'device',
    'kind',
  )
  const figures = gauge(
    'window_figure',
    'The last window, as a seat will count it: tensor in Mop/s, bandwidth in MB/s, resident in MB.',
    'device',
    'figure',
  )
  const lost = histogram(
    'window_lost_seconds',
    'Time from the last batch that counted to the end of the window.',
    [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    'device',
  )
  const lastRoundTime = gauge(
    'last_round_timestamp_seconds',
    'Time of the last round that was committed to, or left out as busy, in seconds since 1970.',
    'device',
  )
  const receipts = counter(
    'receipts_total',
    'Signed receipts of Checkers, by whether they give the device a capacity.',
    'device',
    'paid',
  )
  const healthChanges = counter(
    'device_health_changes_total',
    'Changes of a device’s health while running, by kind and reason.',
    'change',
    'reason',
  )
  const paused = gauge('device_paused', '1 while the owner has paused a device, 0 after that.', 'device')
  const sessions = countSessions(metrics, {
    open: 'Sessions with Checkers that are open.',
    closed: 'Sessions that ended, by reason.',
  })
  const members = gauge('member_devices', 'Devices of this Provider that are members of the newest epoch entered.')
  const epochNumber = gauge('epoch', 'The newest epoch entered; it may not have begun yet.')

  let epoch: ProviderState['epoch'] = null
  let lastRound: ProviderState['lastRound'] = null

  function worked(event: Exclude<Extract<ProviderEvent, { type: `round.${string}` }>, { type: 'round.late' }>) {
    const result = event.type.slice('round.'.length)
    rounds.inc({ device: event.deviceId, result })
    // An endpoint that is always late leaves nothing to be ready for.
    if (event.type === 'round.missed') return
    lastRound = { epoch: event.epoch, time: new Date(dependencies.now()).toISOString(), result }
    const device = { device: event.deviceId }
    if (event.type === 'round.committed' || event.type === 'round.busy')
      lastRoundTime.set(device, dependencies.now() / 1000)
    if (event.type !== 'round.committed') return
    units.inc({ ...device, kind: event.kind }, event.units)
    for (const [figure, value] of Object.entries(event.figures)) figures.set({ ...device, figure }, value)
    lost.observe(device, event.lostMs / 1000)
  }

  const counting: Counting<ProviderEvent> = {
    'session.opened': ({ checker }) => sessions.opened(checker),
    'session.closed': ({ checker, reason }) => sessions.closed(checker, reason),
    'epoch.started'(event) {
      if (epoch !== null && event.epoch < epoch.epoch) return
      epoch = { epoch: event.epoch, devices: event.devices, seats: event.seats }
      epochNumber.set(event.epoch)
      members.set(event.devices)
    },
    'round.committed': worked,
    'round.resumed': worked,
    'round.aborted': worked,
    'round.missed': worked,
    'round.busy': worked,
    'round.late': ({ deviceId: device }) => late.inc({ device }),
    'receipt.received': ({ deviceId: device, rate }) => receipts.inc({ device, paid: String(rate > 0) }),
    'pause.changed': ({ deviceId: device, state }) => paused.set({ device }, state === 'paused' ? 1 : 0),
    'device.health': ({ change, reason }) => healthChanges.inc({ change, reason }),
  }
  return {
    registry,
    observe: (event: ProviderEvent): void => count(counting, event),
    health: (): Promise<Health> =>
      healthOf(dependencies, { epoch, openSessions: sessions.open, lastRound }, providerUnready),
  }
}
