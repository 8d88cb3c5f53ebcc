import { Flags } from '@oclif/core'
import { aborted } from '../../core/platform/graceful-stop.ts'
import { BaseCommand, chainFlags, eventFlags, examples } from '../base.ts'
import { privateEndpointsFlag } from '../input-values.ts'

export default class ChainUi extends BaseCommand<typeof ChainUi> {
  static override description =
    `Serve a read-only explorer of the network on this machine: epochs, devices, Checkers, every payment explained.

It is bound to 127.0.0.1 and runs until Ctrl-C.`
  static override examples = examples('', '--port 4000')
  static override flags = {
    ...chainFlags,
    ...eventFlags,
    ...privateEndpointsFlag,
    port: Flags.integer({ description: 'Port of the page; 0 takes a free one', default: 0, min: 0, max: 65_535 }),
  }
  static override readonly streaming = true

  async run() {
    const stop = this.stopSignal()
    const { createNetworkReader } = await import('../../core/network/network-reader.ts')
    const { createEvidenceSource, createModelSource } = await import('../../core/operator/ask-seats.ts')
    const { isDevelopmentChain } = await import('../../core/chain/network-presets.ts')
    const { serveExplorer } = await import('../../core/web/serve-explorer.ts')
    const log = await this.createLog('explorer')
    const network = await this.openNetwork()
    const reader = createNetworkReader(network, this.readingFrom)
    const dialsPrivate = this.flags['private-endpoints'] || isDevelopmentChain(network.chainId)
    const evidence = createEvidenceSource({ dialsPrivate })
    const models = createModelSource({ dialsPrivate })
    const explorer = await serveExplorer(
      { port: this.flags.port },
      { reader, evidence, models, onTrouble: error => log.warn({ error: (error as Error).message }, 'page not made') },
    )
    const { url } = explorer
    this.event('explorer.ready', { url }, `Explorer of chain ${network.chainId}: ${url}`)
    await aborted(stop)
    await explorer.close()
    return { url }
  }
}
