import { Flags } from '@oclif/core'
import type { ConnectedNetwork } from '../../core/chain/network.ts'
import type { ProviderEvent } from '../../core/provider/provider-event.ts'
import type { RecentEvents } from '../../core/view/recent-events.ts'
import { BaseCommand } from '../base.ts'
import { daemonFlags, sendingOptions } from '../daemon-flags.ts'
import { describeEvent, observeFlags, readHead, serveMetrics, watchDaemon } from '../observe-daemon.ts'

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
    attest: Flags.boolean({ description: 'Register NVIDIA cards that can attest with their attested identity' }),
  }
  static override readonly streaming = true

  async run() {
    const [{ systemClock: clock }, { providerMigrations }, { operatorErrors }, { openDaemon }, { createRecentEvents }] =
      await Promise.all([
        import('../../core/platform/clock.ts'),
        import('../../core/provider/journal.ts'),
        import('../../core/operator/errors.ts'),
        import('../open-daemon.ts'),
        import('../../core/view/recent-events.ts'),
      ])
    const { payout, threads, attest, 'execution-provider': executionProvider, 'take-over': takeOver } = this.flags
    if (payout === undefined) throw operatorErrors.PAYOUT_MISSING()
    const watched = this.flags.watch && Boolean(process.stdout.isTTY) && !this.jsonEnabled()
    const recent = createRecentEvents({}, clock)
    const log = await this.createLog('provider', watched ? recent.takeLogLine : undefined)
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
      { readHead: () => readHead(network), now: () => clock.now() },
    )
    let watch: Awaited<ReturnType<typeof this.showDashboard>> | null = null
    let server: Awaited<ReturnType<typeof serveMetrics>> = null
    try {
      server = await serveMetrics(this.flags, metrics)
      if (server !== null && !watched) this.event('metrics.listening', { url: server.url }, `metrics at ${server.url}`)
      if (watched) {
        const name = target.context?.name ?? `chain ${network.chainId}`
        watch = await this.showDashboard(network, { operator: daemon.signer.address, payout, network: name }, recent)
      }
      const emit = (event: ProviderEvent) => {
        metrics.observe(event)
        if (watch !== null) return watch.observe(event)
        const { type, ...fields } = event
        this.event(type, fields, describeEvent(type, fields))
      }
      const { startProvider } = await import('../../core/provider/start-provider.ts')
      const { CUDA_VISIBLE_DEVICES: cudaVisibleDevices } = process.env
      const { version } = this.config
      const privateEndpoints = this.flags['private-endpoints']
      const work = { executionProvider, threads, cudaVisibleDevices, attest, version }
      const options = { ...daemon, payout, privateEndpoints, ...work }
      await daemon.onlyRun({ takeOver, stop }, only => startProvider(options, { log, clock, emit }, only))
    } finally {
      await watch?.close()
      await server?.close()
      await daemon.close()
    }
    return { operator: daemon.signer.address }
  }

  private async showDashboard(
    network: ConnectedNetwork,
    options: { operator: `0x${string}`; payout: `0x${string}`; network: string },
    events: RecentEvents,
  ) {
    const [{ createNetworkReader }, { ProviderDashboard }, { createProviderDashboard }, local] = await Promise.all([
      import('../../core/network/network-reader.ts'),
      import('../../core/view/dashboards.ts'),
      import('../../core/view/provider-dashboard.ts'),
      this.probeDevices(options.operator),
    ])
    const reader = createNetworkReader(network)
    const state = createProviderDashboard(options, { events, local: () => local })
    const watch = await watchDaemon({
      read: () => reader.read(),
      show: (view, trouble) => state.view(view, { nowMs: Date.now(), trouble }),
      component: ProviderDashboard,
    })
    const observe = (event: ProviderEvent) => {
      state.observe(event)
      watch.refresh()
    }
    return { observe, close: watch.close }
  }

  private async probeDevices(operator: `0x${string}`) {
    const { probeDevices } = await import('../../core/operator/probe-devices.ts')
    const { createHostProbe } = await import('../../core/devices/host-probe.ts')
    const { nodeHost: host } = await import('../../core/devices/host.ts')
    const { runTool: run } = await import('../../core/devices/host.ts')
    const devices = this.flags['execution-provider'] === 'cpu' ? 'cpu' : 'auto'
    return probeDevices(operator, { probes: [createHostProbe({ devices }, { host, run })] })
  }
}
