/** What an operator sees of a running daemon: metrics and health over HTTP, and a dashboard on the terminal. */
import { Flags } from '@oclif/core'
import type { ConnectedNetwork } from '../core/chain/network.ts'
import type { ChainHead } from '../core/daemon/daemon-metrics.ts'
import type { Clock } from '../core/platform/clock.ts'
import type { MetricsServer } from '../core/platform/metrics.ts'
import type { DashboardFacts } from '../core/view/dashboard-sections.ts'
import type { DaemonEvent } from '../core/view/event-text.ts'
import type { LiveState } from '../core/view/live-state.ts'
import type { MountOptions } from '../core/view/mount-dashboard.ts'

export const observeFlags = {
  'metrics-port': Flags.integer({
    description: 'Serve /metrics (Prometheus) and /health on this port; 0 takes a free one. Default: off',
    min: 0,
    max: 65_535,
  }),
  'metrics-host': Flags.string({
    description: 'Address of /metrics and /health; they tell nothing secret, and are for the machine itself by default',
    default: '127.0.0.1',
    helpValue: '<address>',
  }),
  watch: Flags.boolean({ description: 'Show a dashboard instead of lines, where the output is a terminal' }),
}

/** The newest block, as the endpoint shows it now. */
export async function readHead({ chain }: ConnectedNetwork): Promise<ChainHead> {
  const { number, timestamp } = await chain.client.getBlock()
  return { number, timestamp: Number(timestamp) }
}

/** Null where --metrics-port was not given. @throws PORT_IN_USE */
export async function serveMetrics(
  flags: { readonly 'metrics-port'?: number | undefined; readonly 'metrics-host': string },
  metrics: Parameters<typeof import('../core/platform/metrics.ts')['startMetricsServer']>[1],
): Promise<MetricsServer | null> {
  const { 'metrics-port': port, 'metrics-host': host } = flags
  if (port === undefined) return null
  const { startMetricsServer } = await import('../core/platform/metrics.ts')
  return startMetricsServer({ port, host }, metrics)
}

/** What a daemon tells, kept from its first line on. */
export type LiveFeed = {
  readonly state: LiveState
  observe(event: DaemonEvent): void
  /** Takes a line of its log. */
  takeLogLine(line: string): void
  /** Called after every change. */
  onChange: () => void
}

export async function createLiveFeed({ now }: Pick<Clock, 'now'>): Promise<LiveFeed> {
  const { emptyLiveState, liveStateAfter, liveStateAfterLog } = await import('../core/view/live-state.ts')
  let state = emptyLiveState
  const take = (next: LiveState) => {
    state = next
    feed.onChange()
  }
  const feed: LiveFeed = {
    get state() {
      return state
    },
    observe: event => take(liveStateAfter(state, event, now() / 1000)),
    takeLogLine: line => take(liveStateAfterLog(state, line, now() / 1000)),
    onChange: () => undefined,
  }
  return feed
}

type WatchOptions<R, F> = Pick<MountOptions<F>, 'frame'> & {
  readonly feed: LiveFeed
  /** What is shown of the chain, read again every second. */
  readonly read: () => Promise<R>
  readonly show: (reading: R & Pick<DashboardFacts, 'live' | 'now' | 'warning'>) => F
}

/**
 * Shows a daemon until it ends. To quit the dashboard is to ask the daemon to stop, as the first Ctrl-C does.
 *
 * @returns what gives the terminal back
 */
export async function watchDaemon<R, F>({ feed, read, show, frame }: WatchOptions<R, F>): Promise<() => Promise<void>> {
  const { createFactSource, mountDashboard } = await import('../core/view/mount-dashboard.ts')
  const { systemClock: clock } = await import('../core/platform/clock.ts')
  let reading = await read()
  let warning: string | null = null
  const facts = () => show({ ...reading, live: feed.state, now: clock.now() / 1000, warning })
  const source = createFactSource(facts())
  feed.onChange = () => source.set(facts())
  const closing = new AbortController()
  const dashboard = mountDashboard({ source, frame }, process)
  void dashboard.ended.then(end => {
    if (end === 'closed') return
    process.stderr.write('Finishing what is open; once more Ctrl-C ends at once.\n')
    process.kill(process.pid, 'SIGINT')
  })
  async function follow() {
    while (!closing.signal.aborted) {
      await clock.sleep(1_000, closing.signal).catch(() => undefined)
      try {
        reading = await read()
        warning = null
      } catch (error) {
        warning = (error as Error).message
      }
      feed.onChange()
    }
  }
  const following = follow()
  return async () => {
    closing.abort()
    await dashboard.close()
    await following
  }
}
