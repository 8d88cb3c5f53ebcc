import type { ConnectedNetwork } from '../../core/chain/network.ts'
import type { ProviderEvent } from '../../core/provider/provider-event.ts'
import { BaseCommand } from '../base.ts'
import { attestFlag, daemonFlags, memoryFlag, sendingOptions } from '../daemon-flags.ts'
import { createLiveFeed, type LiveFeed, observeFlags, readHead, serveMetrics, watchDaemon } from '../observe-daemon.ts'

export default class ProviderRun extends BaseCommand<typeof ProviderRun> {
  static override description =
    `Run a Provider: check this machine's devices, register those that are not on chain, and prove their work.

It runs until Ctrl-C. The operator key signs; rewards go to the payout wallet.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --payout 0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    '<%= config.bin %> <%= command.id %> --rpc-url https://rpc.example --execution-provider cuda --json',
    '<%= config.bin %> <%= command.id %> --watch --metrics-port 9464',
  ]
  static override flags = {
    ...daemonFlags,
    ...observeFlags,
    'memory-mib': memoryFlag,
    attest: attestFlag,
  }
  static override readonly streaming = true

  async run() {
    const [{ systemClock: clock }, { providerMigrations }, { operatorErrors }, { openDaemon }, { eventText }] =
      await Promise.all([
        import('../../core/platform/clock.ts'),
        import('../../core/provider/journal.ts'),
        import('../../core/operator/errors.ts'),
        import('../open-daemon.ts'),
        import('../../core/view/event-text.ts'),
      ])
    const { payout, threads, attest, 'execution-provider': executionProvider, 'take-over': takeOver } = this.flags
    const memoryMiB = this.flags['memory-mib'] ?? null
    if (payout === undefined) throw operatorErrors.PAYOUT_MISSING()
    const watched = this.flags.watch && Boolean(process.stdout.isTTY) && !this.jsonEnabled()
    const feed = watched ? await createLiveFeed(clock) : null
    const log = await this.createLog('provider', feed?.takeLogLine)
    const stop = this.stopSignal()
    const target = await this.chainTarget()
    const daemon = await openDaemon(
      {
        role: 'provider',
        dataDir: this.dataDir,
        target,
        migrations: providerMigrations,
        sending: sendingOptions(this.flags),
      },
      { openKey: () => this.operatorKey(), connectNetwork: this.connectNetwork, log, clock },
    )
    const { network } = daemon
    const { createProviderMetrics } = await import('../../core/provider/provider-metrics.ts')
    const metrics = createProviderMetrics(
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
        closeDashboard = await this.showDashboard(network, { operator: daemon.signer.address, payout, name }, feed)
      }
      const emit = (event: ProviderEvent) => {
        metrics.observe(event)
        if (feed !== null) return feed.observe(event)
        const { type, ...fields } = event
        this.event(type, fields, eventText(event))
      }
      const { startProvider } = await import('../../core/provider/start-provider.ts')
      const { CUDA_VISIBLE_DEVICES: cudaVisibleDevices } = process.env
      const { version } = this.config
      const privateEndpoints = this.flags['private-endpoints']
      const work = { executionProvider, threads, memoryMiB, cudaVisibleDevices, attest, version }
      const options = { ...daemon, payout, privateEndpoints, ...work }
      await daemon.onlyRun({ takeOver, stop }, only => startProvider(options, { log, clock, emit }, only))
    } finally {
      await closeDashboard?.()
      await server?.close()
      await daemon.close()
    }
    return { operator: daemon.signer.address }
  }

  private async showDashboard(
    network: ConnectedNetwork,
    own: { readonly name: string; readonly operator: `0x${string}`; readonly payout: `0x${string}` },
    feed: LiveFeed,
  ) {
    const [{ createNetworkReader }, { providerFrame }, seen] = await Promise.all([
      import('../../core/network/network-reader.ts'),
      import('../../core/view/provider-dashboard.ts'),
      this.probeDevices(own.operator),
    ])
    const reader = createNetworkReader(network)
    return watchDaemon({
      feed,
      read: async () => ({ view: await reader.read() }),
      show: reading => ({ ...reading, ...own, seen }),
      frame: providerFrame,
    })
  }

  private async probeDevices(operator: `0x${string}`) {
    const { probeDevices } = await import('../../core/operator/provider-status.ts')
    const { createHostProbe } = await import('../../core/devices/host-probe.ts')
    const { nodeHost: host } = await import('../../core/devices/host.ts')
    const devices = this.flags['execution-provider'] === 'cpu' ? 'cpu' : 'auto'
    return probeDevices(operator, { probes: [createHostProbe({ devices }, { host })] })
  }
}
