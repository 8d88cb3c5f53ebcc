/** What a Checker counts of itself, from the events it emits, and whether it can judge the next round. */
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
import { verdicts } from '../protocol/verdict.ts'
import type { CheckerEvent } from './checker-event.ts'

/** What is counted and is no event. */
export type CheckerObserver = {
  /** Sampled rows of one or more devices were recomputed. */
  verified(seconds: number, devices: number): void
  /** A step of settlement was sent, e.g. `finalize/7/0`. */
  settled(key: string): void
  /** The Checker listens from now on; `read` gives the connections that it holds, and how many it may hold. */
  listening(read: () => { readonly open: number; readonly most: number }): void
}

export type CheckerMetrics = ReturnType<typeof createCheckerMetrics>

/** What readiness is decided by. */
export type CheckerState = {
  /** Where Providers reach it, once it is bonded and listens. */
  readonly endpoint: string | null
  /** The newest epoch entered, with what it was drawn for; null before the first. */
  readonly epoch: { readonly epoch: number; readonly cohorts: number; readonly devices: number } | null
  readonly openSessions: number
  readonly lastVerdict: { readonly epoch: number; readonly time: string; readonly verdict: string } | null
  /** Null while no endpoint answers. */
  readonly chainLagSeconds: number | null
}

/** Why a Checker would not judge the next round; nothing: it is ready. Pure. */
export function checkerUnready({ endpoint, epoch, openSessions, chainLagSeconds }: CheckerState): string[] {
  const reasons = chainTroubles(chainLagSeconds)
  if (endpoint === null) return [...reasons, 'it is not bonded and listening yet']
  if (epoch === null) return [...reasons, 'no epoch was entered yet']
  // One Provider that is away is its own affair; nobody at all is most likely ours.
  if (epoch.devices > 0 && openSessions === 0)
    reasons.push(`none of the ${epoch.devices} devices it judges has a session: can ${endpoint} be reached?`)
  return reasons
}

export function createCheckerMetrics(options: { readonly version: string }, dependencies: DaemonMetricsDependencies) {
  const metrics = createDaemonMetrics({ role: 'checker', ...options }, dependencies)
  const { registry, counter, gauge, histogram, readGauge } = metrics
  const given = counter('verdicts_total', 'Verdicts on rounds, by kind and reason.', 'verdict', 'reason')
  // A kind that was never given shows as 0, so that its increase can be alerted on.
  for (const verdict of verdicts) given.inc({ verdict, reason: '' }, 0)
  const beats = counter(
    'beats_total',
    'Beats of devices in epochs that were committed to, by what became of them: counted, or why one does not count.',
    'result',
  )
  beats.inc({ result: 'counted' }, 0)
  const lastVerdictTime = gauge(
    'last_verdict_timestamp_seconds',
    'When a verdict was given last, in seconds since 1970.',
  )
  const verifySeconds = histogram(
    'verify_seconds',
    'Recomputing the sampled rows of one batch of devices.',
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  )
  const verifiedDevices = counter(
    'verified_devices_total',
    'Claims whose samples were recomputed, one a device and round.',
  )
  const judged = counter('device_reports_total', 'Device reports judged, by whether all in them held.', 'valid')
  const findings = counter('device_findings_total', 'What was found in device reports, by code.', 'code')
  const peerChecks = counter(
    'peer_checks_total',
    'Evidence of other seats, chosen by lot, that was recomputed here, by what came out: equal, refuted, not shown, or not shown again.',
    'result',
  )
  for (const result of ['equal', 'refuted', 'not shown', 'not shown again']) peerChecks.inc({ result }, 0)
  const settlement = counter('settlement_steps_total', 'Steps of settlement this keeper sent, by kind.', 'step')
  const sessions = countSessions(metrics, {
    open: 'Providers whose session is open.',
    closed: 'Sessions with Providers that ended, by reason.',
  })
  const seats = gauge('bonded_seats', 'Seats bonded by this operator.')
  const cohorts = gauge('duty_cohorts', 'Cohorts of the newest epoch entered that it was drawn for.')
  const devices = gauge('duty_devices', 'Devices of the newest epoch entered that it judges.')
  const epochNumber = gauge('epoch', 'The newest epoch entered; it may not have begun yet.')

  let readConnections: Parameters<CheckerObserver['listening']>[0] = () => ({ open: 0, most: 0 })
  readGauge(
    'connections',
    'Connections that are held: of Providers, Checkers, strangers, and who reads evidence.',
    () => readConnections().open,
  )
  readGauge(
    'connections_limit',
    'Connections that may be held: by the duty, or --max-connections.',
    () => readConnections().most,
  )

  let endpoint: string | null = null
  let epoch: CheckerState['epoch'] = null
  let lastVerdict: CheckerState['lastVerdict'] = null
  const counting: Counting<CheckerEvent> = {
    'checker.listening'(event) {
      endpoint = event.url
      seats.set(event.seats)
    },
    'session.opened': ({ operator }) => sessions.opened(operator),
    'session.closed': ({ operator, reason }) => sessions.closed(operator, reason),
    'epoch.started'(event) {
      if (epoch !== null && event.epoch < epoch.epoch) return
      epoch = { epoch: event.epoch, cohorts: event.cohorts, devices: event.devices }
      epochNumber.set(event.epoch)
      cohorts.set(event.cohorts)
      devices.set(event.devices)
    },
    'check.completed'(event) {
      given.inc({ verdict: event.verdict, reason: event.reason })
      lastVerdictTime.set(dependencies.now() / 1000)
      const time = new Date(dependencies.now()).toISOString()
      lastVerdict = { epoch: event.epoch, time, verdict: event.verdict }
    },
    'beats.counted'({ results }) {
      for (const [result, count] of Object.entries(results)) beats.inc({ result }, count)
    },
    'peer.checked': ({ result }) => peerChecks.inc({ result }),
    'device.judged'(event) {
      judged.inc({ valid: String(event.valid) })
      for (const code of event.findings) findings.inc({ code })
    },
  }
  return {
    registry,
    verified(seconds: number, count: number): void {
      verifySeconds.observe(seconds)
      verifiedDevices.inc(count)
    },
    listening(read: typeof readConnections): void {
      readConnections = read
    },
    settled: (key: string): void => settlement.inc({ step: key.split('/')[0]! }),
    observe: (event: CheckerEvent): void => count(counting, event),
    health: (): Promise<Health> =>
      healthOf(dependencies, { endpoint, epoch, openSessions: sessions.open, lastVerdict }, checkerUnready),
  }
}
