import { Flags } from '@oclif/core'
import { DaemonCommand } from '../daemon-command.ts'
import { daemonFlags } from '../daemon-flags.ts'
import { observeFlags } from '../observe-daemon.ts'

/** How many epochs back the dashboard shows duties. */
const shownEpochs = 5

export default class CheckerRun extends DaemonCommand<typeof CheckerRun> {
  static override description =
    `Run a Checker: bond seats, judge the devices they are drawn for, commit and open verdicts, keep epochs moving.

It runs until Ctrl-C. Providers dial in, so the address it listens on must be reachable, or named by --public-url.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --payout 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --host 0.0.0.0 --port 7411 --public-url wss://checker.example:7411',
    '<%= config.bin %> <%= command.id %> --watch --metrics-port 9465',
  ]
  static override flags = {
    ...daemonFlags,
    ...observeFlags,
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

  async run() {
    const { checkerMigrations: migrations } = await import('../../core/checker/journal-tables.ts')
    const { seats, host, port, keeper, threads } = this.flags
    return this.runDaemon({
      role: 'checker',
      migrations,
      openKey: () => this.unlockKey(),
      createMetrics: async (...given) =>
        (await import('../../core/checker/checker-metrics.ts')).createCheckerMetrics(...given),
      dashboard: async (network, own) => {
        const [{ createNetworkReader }, { readDuties }, { checkerFrame }] = await Promise.all([
          import('../../core/network/network-reader.ts'),
          import('../../core/network/duties.ts'),
          import('../../core/view/checker-dashboard.ts'),
        ])
        const reader = createNetworkReader(network)
        const duties = { operator: own.operator, epochs: shownEpochs }
        return {
          read: async () => ({ view: await reader.read(), duties: await readDuties(duties, reader), ...own }),
          frame: checkerFrame,
        }
      },
      start: async (daemon, { metrics: observer, ...dependencies }, stop) => {
        const { startChecker } = await import('../../core/checker/start-checker.ts')
        const options = {
          ...{ ...daemon, privateKey: daemon.key.privateKey, seats, threads, keeper, listen: { host, port } },
          executionProvider: this.flags['execution-provider'],
          publicUrl: this.flags['public-url'] ?? null,
          privateEndpoints: this.flags['private-endpoints'],
          maxConnections: this.flags['max-connections'] ?? null,
        }
        await startChecker(options, { ...dependencies, observer }, stop)
      },
    })
  }
}
