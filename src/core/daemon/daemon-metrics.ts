/**
 * The metrics of every daemon: its version, its memory and load, and how far its chain is behind.
 *
 * Why: docs/why/daemons-and-operators.md
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { errorCatalogue } from '../platform/errors.ts'

/** The newest block an endpoint shows; `timestamp` in seconds. */
export type ChainHead = { readonly number: bigint; readonly timestamp: number }

export type DaemonMetricsOptions = { readonly role: 'provider' | 'checker'; readonly version: string }

export type DaemonMetricsDependencies = {
  /** Called at each scrape, so that metrics show the present state of the endpoint. */
  readonly readHead: () => Promise<ChainHead>
  /** The RPC endpoints and what is known of each now; default none. */
  readonly endpoints?: () => readonly { readonly state: 'usable' | 'failing' | 'dropped' }[]
  /** Reads so far to which they gave no common answer, by the error's code; default none. */
  readonly unagreed?: () => Readonly<Record<string, number>>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export type ChainLag = { readonly head: ChainHead; readonly lagSeconds: number }

/** How far the newest block is behind this machine's clock; null while no endpoint answers. */
async function chainLag({ readHead, now }: DaemonMetricsDependencies): Promise<ChainLag | null> {
  try {
    const head = await readHead()
    return { head, lagSeconds: Math.max(0, now() / 1000 - head.timestamp) }
  } catch {
    return null
  }
}

/** A head that is older than this counts as stopped, whatever the block time. */
const stoppedSeconds = 120

/** What is wrong with the chain, by how far it is behind in seconds; nothing where rounds can be followed. */
export const chainTroubles = (lagSeconds: number | null): string[] =>
  lagSeconds === null
    ? ['no RPC endpoint answers']
    : lagSeconds > stoppedSeconds
      ? [`the newest block is ${Math.round(lagSeconds)} seconds old`]
      : []

/** A registry with the metrics of any daemon of this role, and what makes more in it: named `kaisar_<role>_<what>`, with these labels. */
export function createDaemonMetrics({ role, version }: DaemonMetricsOptions, dependencies: DaemonMetricsDependencies) {
  const registry = new Registry()
  const named = (what: string, help: string, labelNames: string[]) => ({
    ...{ name: `kaisar_${role}_${what}`, help, labelNames },
    registers: [registry],
  })
  const counter = (what: string, help: string, ...labels: string[]) => new Counter(named(what, help, labels))
  const gauge = (what: string, help: string, ...labels: string[]) => new Gauge(named(what, help, labels))
  const histogram = (what: string, help: string, buckets: number[], ...labels: string[]) =>
    new Histogram({ ...named(what, help, labels), buckets })
  /** Read at each scrape; without a value the last one stays. */
  const readGauge = (what: string, help: string, read: () => number | null | Promise<number | null>) =>
    new Gauge({
      ...named(what, help, []),
      async collect() {
        const value = await read()
        if (value !== null) this.set(value)
      },
    })
  const startedAt = dependencies.now() / 1000
  gauge('build_info', 'Always 1; the version is in the label.', 'version').set({ version }, 1)
  readGauge('start_time_seconds', 'Time at which this process started, in seconds since 1970.', () => startedAt)
  readGauge('resident_memory_bytes', 'Memory of this process that is in RAM.', () => process.memoryUsage.rss())
  readGauge(
    'heap_used_bytes',
    'Memory of the JavaScript heap that is in use, garbage not collected yet included.',
    () => process.memoryUsage().heapUsed,
  )
  readGauge(
    'open_resources',
    'Sockets, timers, files and threads that keep this process alive.',
    () => process.getActiveResourcesInfo().length,
  )
  // A timer of its own, which nobody needs whom nobody asks: it starts with the first scrape.
  const delay = monitorEventLoopDelay({ resolution: 100 })
  readGauge(
    'event_loop_delay_seconds',
    'Delay of the event loop since the last scrape: 99th percentile of its turns.',
    () => {
      delay.enable()
      // A histogram without a sample gives NaN, which Prometheus would take for a value.
      const seconds = Math.max(0, delay.percentile(99) / 1e9) || 0
      delay.reset()
      return seconds
    },
  )
  // One read of the chain serves all metrics of a scrape, which are collected at the same time.
  let asking: Promise<ChainLag | null> | null = null
  const ask = () => {
    asking ??= chainLag(dependencies).finally(() => {
      asking = null
    })
    return asking
  }
  readGauge('chain_reachable', '1 where an RPC endpoint answers, else 0.', async () => ((await ask()) === null ? 0 : 1))
  new Gauge({
    ...named(
      'rpc_endpoints',
      'RPC endpoints by state: usable, failing at the last request, dropped for what they showed.',
      ['state'],
    ),
    collect() {
      const all = dependencies.endpoints?.() ?? []
      for (const state of ['usable', 'failing', 'dropped'] as const)
        this.set({ state }, all.filter(endpoint => endpoint.state === state).length)
    },
  })
  new Counter({
    ...named(
      'rpc_unagreed_reads_total',
      'Reads of the chain to which the RPC endpoints gave no common answer, by the code of the error.',
      ['code'],
    ),
    collect() {
      this.reset()
      for (const [code, count] of Object.entries(dependencies.unagreed?.() ?? {})) this.inc({ code }, count)
    },
  })
  // Where no endpoint answers these two are old, as `chain_reachable` says.
  readGauge('chain_head_blocks', 'Number of the newest block that the RPC endpoint shows.', async () => {
    const lag = await ask()
    return lag === null ? null : Number(lag.head.number)
  })
  readGauge('chain_lag_seconds', 'How far the newest block is behind the clock of this machine.', async () => {
    const lag = await ask()
    return lag === null ? null : lag.lagSeconds
  })
  return { registry, counter, gauge, histogram, readGauge }
}

type DaemonMetrics = ReturnType<typeof createDaemonMetrics>

/** Counts sessions: how many are open now, by the peers that they are with, and of those that ended the reasons. `help`: of both metrics. */
export function countSessions(
  { gauge, counter }: DaemonMetrics,
  help: { readonly open: string; readonly closed: string },
) {
  const peers = new Set<string>()
  const sessions = gauge('open_sessions', help.open)
  const ended = counter('sessions_closed_total', help.closed, 'reason')
  return {
    get open() {
      return peers.size
    },
    opened: (peer: string) => sessions.set(peers.add(peer).size),
    closed(peer: string, reason: string | null) {
      peers.delete(peer)
      sessions.set(peers.size)
      // The other side names the reason: words of its own would be a label each, without end.
      ended.inc({ reason: reason === null ? 'unknown' : errorCatalogue.has(reason) ? reason : 'other' })
    },
  }
}

/** What counts each event of a daemon, by its type. */
export type Counting<Event extends { readonly type: string }> = {
  readonly [Type in Event['type']]?: (event: Extract<Event, { readonly type: Type }>) => void
}

/** Counts an event; what nothing counts is left out. */
export const count = <Event extends { readonly type: string }>(counting: Counting<Event>, event: Event): void =>
  counting[event.type as Event['type']]?.(event as never)

/** Whether a daemon is ready: `state`, with how far the chain is behind, and why it is not. */
export async function healthOf<State extends object>(
  dependencies: DaemonMetricsDependencies,
  state: State,
  unready: (state: State & { readonly chainLagSeconds: number | null }) => string[],
) {
  const lag = await chainLag(dependencies)
  const known = { ...state, chainLagSeconds: lag?.lagSeconds ?? null }
  const reasons = unready(known)
  return { healthy: reasons.length === 0, reasons, head: lag?.head.number ?? null, ...known }
}
