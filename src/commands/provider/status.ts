import type { Network } from '../../core/protocol/typed-data.ts'
import { examples } from '../base.ts'
import { OperatorCommand, operatorFlags, roleFolder } from '../operator-command.ts'
import { printLines } from '../print-table.ts'

export default class ProviderStatus extends OperatorCommand<typeof ProviderStatus> {
  static override description = `Show a Provider from the chain outwards: last proof, verdict, scores, earned, owed.

The chain comes first and the process second: a daemon that runs while no Checker sees it is told so.`
  static override examples = examples('', '--operator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json')
  static override flags = { ...operatorFlags }

  async run() {
    const { network, operators } = await this.openOperators('provider')
    const { createNetworkReader } = await import('../../core/network/network-reader.ts')
    const { providerStatus, providerStatusLines } = await import('../../core/operator/provider-status.ts')
    const view = await createNetworkReader(network).read()
    const providers = await Promise.all(
      operators.map(async ({ operator, dataDir }) => {
        const local = dataDir === null ? null : await this.lookAround(operator, dataDir, network)
        return providerStatus({ view, operator, local, nowMs: Date.now() })
      }),
    )
    await printLines(
      this,
      providers.flatMap((status, i) => [...(i > 0 ? [''] : []), ...providerStatusLines(status)]),
    )
    return { providers }
  }

  /** What this machine says: the daemon's lock and journal, and the probe. */
  private async lookAround(operator: `0x${string}`, dataDir: string, network: Network) {
    const { dataDirOwner } = await import('../../core/daemon/data-dir-lock.ts')
    const { readProviderRecords } = await import('../../core/provider/journal.ts')
    const { probeDevices } = await import('../../core/operator/provider-status.ts')
    const { createHostProbe } = await import('../../core/devices/host-probe.ts')
    const { nodeHost } = await import('../../core/devices/host.ts')
    const dependencies = { host: nodeHost }
    // A Provider may have been told to use the CPU of a machine with cards.
    const probes = [createHostProbe({}, dependencies), createHostProbe({ devices: 'cpu' }, dependencies)]
    const { stateFile } = await import('../../core/platform/store.ts')
    const folder = roleFolder(dataDir, 'provider')
    return {
      running: dataDirOwner(folder),
      records: readProviderRecords(stateFile(folder, network), 1_000),
      devices: await probeDevices(operator, { probes }),
    }
  }
}
