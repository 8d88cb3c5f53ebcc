import { Flags } from '@oclif/core'
import type { Devnet, DevnetEvent } from '../../core/devnet/start-devnet.ts'
import { BaseCommand } from '../base.ts'
import type { DevnetScreen } from '../devnet-dashboard.ts'
import { devnetPidFile, devnetPlace } from '../devnet-folder.ts'

export default class DevnetUp extends BaseCommand<typeof DevnetUp> {
  static override description =
    `Start a whole network on this machine: a chain, the contracts, Providers and Checkers, real work.

With --epochs it ends with exit code 0 once that many epochs are paid; without, it runs until Ctrl-C. On a terminal it shows a
dashboard (q ends it); --plain prints lines instead.`
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --epochs 2 --json',
    '<%= config.bin %> <%= command.id %> --detach --port 8545',
  ]
  static override flags = {
    providers: Flags.integer({ description: 'Provider processes, one device each', default: 2, min: 1, max: 32 }),
    checkers: Flags.integer({ description: 'Checker processes, one seat each', default: 5, min: 5, max: 64 }),
    epochs: Flags.integer({ description: 'End once this many epochs are paid; default: run until Ctrl-C', min: 1 }),
    'epoch-seconds': Flags.integer({ description: 'Length of an epoch', default: 16, min: 16, max: 86_400 }),
    port: Flags.integer({ description: 'Port of the chain; 0 takes a free one', default: 0, min: 0, max: 65_535 }),
    detach: Flags.boolean({ description: 'Return once it is ready and leave it running' }),
    ui: Flags.boolean({ description: 'Serve the explorer, a web page on this machine, while it runs' }),
    plain: Flags.boolean({ description: 'Print lines instead of the dashboard' }),
  }
  static override readonly streaming = true

  private screen: DevnetScreen | null = null

  async run() {
    const { folder, name } = devnetPlace(this.flags['data-dir'], this.config.dataDir)
    if (this.flags.detach) return this.detach(folder)
    const { startDevnet } = await import('../../core/devnet/start-devnet.ts')
    const { summarizeDevnet, summaryTable } = await import('../../core/devnet/summary.ts')
    const { writePidFile } = await import('../../core/platform/pid-file.ts')
    const { rmSync } = await import('node:fs')
    const stop = this.stopSignal()
    if (process.stdout.isTTY && !this.jsonEnabled() && !this.flags.plain)
      this.screen = await (await import('../devnet-dashboard.ts')).createDevnetScreen()
    const { providers, checkers, port, epochs, 'epoch-seconds': epochSeconds } = this.flags
    const devnet = await startDevnet(
      { providers, checkers, epochSeconds, port, dataDir: folder, contextHome: this.contextHome, name },
      { onEvent: event => this.tell(event), onView: view => this.screen?.show(view) },
    )
    writePidFile(devnetPidFile(folder), { name: 'devnet', pid: process.pid })
    const explorer = this.flags.ui ? await this.serveExplorer(devnet) : null
    try {
      this.screen?.open({ devnet, name, explorerUrl: explorer?.url ?? null })
      const interrupted = new Promise<void>(resolve => {
        if (stop.aborted) resolve()
        stop.addEventListener('abort', () => resolve(), { once: true })
      })
      await Promise.race([
        interrupted,
        ...(this.screen === null ? [] : [this.screen.quit]),
        ...(epochs === undefined ? [] : [devnet.paidEpochs(epochs)]),
      ])
      const summary = await summarizeDevnet(devnet)
      await this.screen?.close()
      this.log(`\n${summaryTable(summary)}`)
      return summary
    } finally {
      await this.screen?.close()
      await explorer?.close()
      await devnet.stop()
      rmSync(devnetPidFile(folder), { force: true })
    }
  }

  private async serveExplorer({ network }: Devnet) {
    const { serveExplorer } = await import('../../core/explorer/serve-explorer.ts')
    const { createNetworkReader } = await import('../../core/explorer/network-reader.ts')
    const explorer = await serveExplorer({}, { reader: createNetworkReader(network) })
    this.event('explorer.ready', { url: explorer.url })
    this.progress(`Explorer at ${explorer.url}`)
    return explorer
  }

  /** Events are lines of NDJSON; for people they are progress, and the result is the table at the end. */
  private tell(event: DevnetEvent) {
    this.screen?.take(event)
    if (event.type === 'devnet.progress') return this.progress(event.step)
    if (event.type === 'daemon.event') return
    const { type, ...fields } = event
    this.event(type, fields)
    const text = describe(event)
    if (text !== undefined && this.screen === null) this.progress(text)
  }

  /** The same command in a process of its own, until it says that it is ready. */
  private async detach(folder: string) {
    const { launchDetached } = await import('../../core/devnet/launch-detached.ts')
    const args = this.argv.filter(word => word !== '--detach' && word !== '--json')
    const {
      type,
      time: _,
      ...data
    } = await launchDetached({
      folder,
      args: ['devnet', 'up', ...args, '--json'],
      stop: this.stopSignal(),
    })
    this.event(type, data)
    this.log(`Ready at ${data.rpcUrl}; stop it with "kaisar devnet down".`)
    return data
  }
}

/** What a person reads of an event. */
function describe(event: DevnetEvent): string | undefined {
  switch (event.type) {
    case 'devnet.ready':
      return `Ready at ${event.rpcUrl} (chain ${event.chainId}); the first epoch begins in a few seconds`
    case 'device.registered':
      return `device ${short(event.deviceId)}  registered: ${event.model}`
    case 'check.completed':
      return `device ${short(event.device)}  round ${short(event.round)}  seat ${short(event.seat)}  ${event.verdict}  ${event.rate} Mop/s`
    case 'epoch.paid':
      return `epoch ${event.epoch} paid: ${event.payments.map(({ device, amount }) => `${short(device)} ${kai(amount)} KAI`).join(', ')}`
    case 'daemon.ended':
      return `${event.name} ended: ${event.reason}`
    default:
      return undefined
  }
}

const short = (id: unknown): string => String(id).slice(0, 10)
const kai = (wei: bigint): string => (Number(wei / 10n ** 12n) / 1e6).toFixed(6)
