import { Flags } from '@oclif/core'
import type { ConnectedNetwork } from '../../core/chain/network.ts'
import type { CheckerEvent } from '../../core/checker/checker-event.ts'
import { BaseCommand } from '../base.ts'
import { daemonFlags, sendingOptions } from '../daemon-flags.ts'
import { createLiveFeed, type LiveFeed, observeFlags, readHead, serveMetrics, watchDaemon } from '../observe-daemon.ts'

/** How many epochs back the dashboard shows duties. */
const shownEpochs = 5

export default class CheckerRun extends BaseCommand<typeof CheckerRun> {
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
  static override readonly streaming = true

  async run() {
    const [{ systemClock: clock }, { checkerMigrations }, { operatorErrors }, { openDaemon }, { eventText }] =
      await Promise.all([
        import('../../core/platform/clock.ts'),
        import('../../core/checker/journal-tables.ts'),
        import('../../core/operator/errors.ts'),
        import('../open-daemon.ts'),
        import('../../core/view/event-text.ts'),
      ])
    const { payout, seats, host, port, keeper, threads, 'take-over': takeOver } = this.flags
    if (payout === undefined) throw operatorErrors.PAYOUT_MISSING()
    const watched = this.flags.watch && Boolean(process.stdout.isTTY) && !this.jsonEnabled()
    const feed = watched ? await createLiveFeed(clock) : null
    const log = await this.createLog('checker', feed?.takeLogLine)
    const stop = this.stopSignal()
    const target = await this.chainTarget()
    const daemon = await openDaemon(
      {
        role: 'checker',
        dataDir: this.dataDir,
        target,
        migrations: checkerMigrations,
        sending: sendingOptions(this.flags),
      },
      { openKey: () => this.unlockKey(), connectNetwork: this.connectNetwork, log, clock },
    )
    const { network } = daemon
    const { createCheckerMetrics } = await import('../../core/checker/checker-metrics.ts')
    const metrics = createCheckerMetrics(
      { version: this.config.version },
      { readHead: () => readHead(network), endpoints: () => network.chain.status(), now: () => clock.now() },
    )
    let closeDashboard: (() => Promise<void>) | null = null
    let server: Awaited<ReturnType<typeof serveMetrics>> = null
    try {
      server = await serveMetrics(this.flags, metrics)
      if (server !== null && feed === null) {
        const event = { type: 'metrics.listening', url: server.url } as const
        this.event(event.type, { url: server.url }, eventText(event))
      }
      if (feed !== null) {
        const name = target.context?.name ?? `chain ${network.chainId}`
        closeDashboard = await this.showDashboard(network, { operator: daemon.signer.address, name }, feed)
      }
      const emit = (event: CheckerEvent) => {
        metrics.observe(event)
        if (feed !== null) return feed.observe(event)
        const { type, ...fields } = event
        this.event(type, fields, eventText(event))
      }
      const { startChecker } = await import('../../core/checker/start-checker.ts')
      const options = {
        ...daemon,
        privateKey: daemon.key.privateKey,
        payout,
        seats,
        threads,
        keeper,
        executionProvider: this.flags['execution-provider'],
        listen: { host, port },
        publicUrl: this.flags['public-url'] ?? null,
        privateEndpoints: this.flags['private-endpoints'],
        maxConnections: this.flags['max-connections'] ?? null,
      }
      await daemon.onlyRun({ takeOver, stop }, only =>
        startChecker(options, { log, clock, emit, observer: metrics }, only),
      )
    } finally {
      await closeDashboard?.()
      await server?.close()
      await daemon.close()
    }
    return { operator: daemon.signer.address }
  }

  private async showDashboard(
    network: ConnectedNetwork,
    own: { readonly name: string; readonly operator: `0x${string}` },
    feed: LiveFeed,
  ) {
    const [{ createNetworkReader }, { readDuties }, { checkerFrame }] = await Promise.all([
      import('../../core/network/network-reader.ts'),
      import('../../core/network/duties.ts'),
      import('../../core/view/checker-dashboard.ts'),
    ])
    const reader = createNetworkReader(network)
    const { operator } = own
    return watchDaemon({
      feed,
      read: async () => ({
        view: await reader.read(),
        duties: await readDuties({ operator, epochs: shownEpochs }, reader),
      }),
      show: reading => ({ ...reading, ...own }),
      frame: checkerFrame,
    })
  }
}
