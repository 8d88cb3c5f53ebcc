/** What an operator sees of a running daemon: metrics and health over HTTP, and a dashboard on the terminal. */
import { Flags } from '@oclif/core'
import type { ConnectedNetwork } from '../core/chain/network.ts'
import type { ChainHead } from '../core/platform/daemon-metrics.ts'
import type { MetricsServer } from '../core/platform/metrics.ts'
import { printable } from '../core/protocol/text.ts'
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

export type DaemonWatch = {
  /** Something happened: the dashboard shows it without waiting for the chain. */
  refresh(): void
  /** Gives the terminal back. */
  close(): Promise<void>
}

/**
 * Shows a daemon until it ends. To quit the dashboard is to ask the daemon to stop, as the first Ctrl-C does.
 *
 * @param options.read - what is shown of the chain, read again every second
 */
export async function watchDaemon<R, V>(
  options: Pick<MountOptions<V>, 'component'> & {
    readonly read: () => Promise<R>
    readonly show: (reading: R, trouble: string | null) => V
  },
): Promise<DaemonWatch> {
  const { createViewSource, mountDashboard } = await import('../core/view/mount-dashboard.ts')
  const { systemClock } = await import('../core/platform/clock.ts')
  const { read, show, component } = options
  let reading = await read()
  let trouble: string | null = null
  const source = createViewSource(show(reading, trouble))
  const refresh = () => source.set(show(reading, trouble))
  const closing = new AbortController()
  const dashboard = mountDashboard({ source, component }, process)
  void dashboard.ended.then(end => {
    if (end === 'closed') return
    process.stderr.write('Finishing what is open; once more Ctrl-C ends at once.\n')
    process.kill(process.pid, 'SIGINT')
  })
  async function follow() {
    while (!closing.signal.aborted) {
      await systemClock.sleep(1_000, closing.signal).catch(() => undefined)
      try {
        reading = await read()
        trouble = null
      } catch (error) {
        trouble = (error as Error).message
      }
      refresh()
    }
  }
  const following = follow()
  return {
    refresh,
    async close() {
      closing.abort()
      await dashboard.close()
      await following
    },
  }
}

/** An event as a line for people: its type and its fields. */
export const describeEvent = (type: string, fields: object): string =>
  `${type}  ${Object.entries(fields)
    .map(([name, value]) => `${name}=${printable(String(value))}`)
    .join(' ')}`
