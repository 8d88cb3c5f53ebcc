import { DaemonCommand } from '../daemon-command.ts'
import { attestFlag, daemonFlags, memoryFlag } from '../daemon-flags.ts'
import { observeFlags } from '../observe-daemon.ts'

export default class ProviderRun extends DaemonCommand<typeof ProviderRun> {
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

  async run() {
    const { providerMigrations: migrations } = await import('../../core/provider/journal.ts')
    const {
      threads,
      attest,
      'execution-provider': executionProvider,
      'private-endpoints': privateEndpoints,
    } = this.flags
    return this.runDaemon({
      role: 'provider',
      migrations,
      openKey: () => this.operatorKey(),
      createMetrics: async (...given) =>
        (await import('../../core/provider/provider-metrics.ts')).createProviderMetrics(...given),
      dashboard: async (network, own) => {
        const [{ createNetworkReader }, { providerFrame }, seen] = await Promise.all([
          import('../../core/network/network-reader.ts'),
          import('../../core/view/provider-dashboard.ts'),
          this.probeDevices(own.operator),
        ])
        const reader = createNetworkReader(network)
        return { read: async () => ({ view: await reader.read(), ...own, seen }), frame: providerFrame }
      },
      start: async (daemon, dependencies, stop) => {
        const { startProvider } = await import('../../core/provider/start-provider.ts')
        const { CUDA_VISIBLE_DEVICES: cudaVisibleDevices } = process.env
        const { version } = this.config
        const memoryMiB = this.flags['memory-mib'] ?? null
        const work = { executionProvider, threads, memoryMiB, cudaVisibleDevices, attest, version }
        await startProvider({ ...daemon, privateEndpoints, ...work }, dependencies, stop)
      },
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
