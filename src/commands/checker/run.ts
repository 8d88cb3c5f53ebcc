import { Flags } from '@oclif/core'
import type { CheckerEvent } from '../../core/checker/checker-event.ts'
import type { CheckerMetrics } from '../../core/checker/checker-metrics.ts'
import type { DaemonMetricsDependencies } from '../../core/daemon/daemon-metrics.ts'
import type { UnlockedKey } from '../../core/platform/keystore.ts'
import { examples } from '../base.ts'
import { DaemonCommand, type OpenedDaemon, runFlags, type Told } from '../daemon-command.ts'
import { type LiveFeed, watchDaemon } from '../observe-daemon.ts'

/** How many epochs back the dashboard shows duties. */
const shownEpochs = 5

type Opened = OpenedDaemon<UnlockedKey>

export default class CheckerRun extends DaemonCommand<typeof CheckerRun, UnlockedKey, CheckerEvent, CheckerMetrics> {
  static override description =
    `Run a Checker: bond seats, judge the devices they are drawn for, commit and open verdicts, keep epochs moving.

It runs until Ctrl-C. Providers dial in, so the address it listens on must be reachable, or named by --public-url.`
  static override examples = examples(
    '--payout 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --host 0.0.0.0 --port 7411 --public-url wss://checker.example:7411',
    '--watch --metrics-port 9465',
  )
  static override flags = {
    ...runFlags,
    seats: Flags.integer({ description: 'Seats to bond when this operator has none', default: 1, min: 1, max: 1024 }),
    host: Flags.string({ description: 'Address to listen on', default: '127.0.0.1' }),
    port: Flags.integer({ description: 'Port to listen on; 0 takes a free one', default: 0, min: 0, max: 65535 }),
    'public-url': Flags.string({ description: 'What Providers dial, where it is not the address we listen on' }),
    'max-connections': Flags.integer({
      description:
        'Most connections to hold, those of strangers too. Default: two for each operator it judges, and 1024',
      min: 16,
      max: 1_000_000,
    }),
    keeper: Flags.boolean({ description: 'Call the functions that move epochs on', default: true, allowNo: true }),
  }

  protected readonly role = 'checker'

  protected async migrations() {
    return (await import('../../core/checker/journal-tables.ts')).checkerMigrations
  }

  protected openKey() {
    return this.unlockKey()
  }

  protected async createMetrics(dependencies: DaemonMetricsDependencies) {
    const { createCheckerMetrics } = await import('../../core/checker/checker-metrics.ts')
    return createCheckerMetrics({ version: this.config.version }, dependencies)
  }

  protected async start(daemon: Opened, { metrics, ...told }: Told<CheckerEvent, CheckerMetrics>, stop: AbortSignal) {
    const { startChecker } = await import('../../core/checker/start-checker.ts')
    const { seats, host, port, keeper, threads } = this.flags
    const options = {
      ...daemon,
      privateKey: daemon.key.privateKey,
      ...{ seats, threads, keeper },
      executionProvider: this.flags['execution-provider'],
      listen: { host, port },
      publicUrl: this.flags['public-url'] ?? null,
      privateEndpoints: this.flags['private-endpoints'],
      maxConnections: this.flags['max-connections'] ?? null,
    }
    return startChecker(options, { ...told, observer: metrics }, stop)
  }

  protected async showDashboard({ network, signer: { address: operator } }: Opened, name: string, feed: LiveFeed) {
    const { createNetworkReader } = await import('../../core/network/network-reader.ts')
    const { readDuties } = await import('../../core/network/duties.ts')
    const { checkerFrame } = await import('../../core/view/checker-dashboard.ts')
    const reader = createNetworkReader(network)
    return watchDaemon({
      feed,
      read: async () => ({
        view: await reader.read(),
        duties: await readDuties({ operator, epochs: shownEpochs }, reader),
      }),
      show: reading => ({ ...reading, operator, name }),
      frame: checkerFrame,
    })
  }
}
