import type { DaemonMetricsDependencies } from '../../core/daemon/daemon-metrics.ts'
import type { OperatorKey } from '../../core/daemon/operator-key.ts'
import type { ProviderEvent } from '../../core/provider/provider-event.ts'
import type { ProviderMetrics } from '../../core/provider/provider-metrics.ts'
import type { StartProviderDependencies } from '../../core/provider/start-provider.ts'
import { examples } from '../base.ts'
import { DaemonCommand, type OpenedDaemon, runFlags, type Told } from '../daemon-command.ts'
import { attestFlag, memoryFlag } from '../daemon-flags.ts'
import { type LiveFeed, watchDaemon } from '../observe-daemon.ts'

type Opened = OpenedDaemon<OperatorKey>

export default class ProviderRun extends DaemonCommand<
  typeof ProviderRun,
  OperatorKey,
  ProviderEvent,
  ProviderMetrics
> {
  static override description =
    `Run a Provider: check this machine's devices, register those that are not on chain, and prove their work.

It runs until Ctrl-C. The operator key signs; rewards go to the payout wallet.`
  static override examples = examples(
    '--payout 0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    '--rpc-url https://rpc.example --execution-provider cuda --json',
    '--watch --metrics-port 9464',
  )
  static override flags = {
    ...runFlags,
    'memory-mib': memoryFlag,
    attest: attestFlag,
  }
  protected readonly role = 'provider'

  protected async migrations() {
    return (await import('../../core/provider/journal.ts')).providerMigrations
  }

  protected openKey() {
    return this.operatorKey()
  }

  protected async createMetrics(dependencies: DaemonMetricsDependencies) {
    const { createProviderMetrics } = await import('../../core/provider/provider-metrics.ts')
    return createProviderMetrics({ version: this.config.version }, dependencies)
  }

  protected async start(
    daemon: Opened,
    told: Told<ProviderEvent, ProviderMetrics> & Pick<StartProviderDependencies, 'probe'>,
    stop: AbortSignal,
  ) {
    const { startProvider } = await import('../../core/provider/start-provider.ts')
    const { threads, attest, 'memory-mib': memoryMiB = null, 'execution-provider': executionProvider } = this.flags
    const options = {
      ...daemon,
      ...{ threads, attest, memoryMiB, executionProvider },
      privateEndpoints: this.flags['private-endpoints'],
      cudaVisibleDevices: process.env.CUDA_VISIBLE_DEVICES,
      version: this.config.version,
    }
    return startProvider(options, told, stop)
  }

  protected async showDashboard({ network, signer, payout }: Opened, name: string, feed: LiveFeed) {
    const { address: operator } = signer
    const [{ createNetworkReader }, { providerFrame }, seen] = await Promise.all([
      import('../../core/network/network-reader.ts'),
      import('../../core/view/provider-dashboard.ts'),
      this.probeDevices(operator),
    ])
    const reader = createNetworkReader(network)
    return watchDaemon({
      feed,
      read: async () => ({ view: await reader.read() }),
      show: reading => ({ ...reading, operator, payout, name, seen }),
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
