import { Flags } from '@oclif/core'
import { devnetPidFile, devnetPlace } from '../../core/devnet/devnet-folder.ts'
import type { PrintedEvent } from '../../core/devnet/launch-daemons.ts'
import type { Devnet, DevnetEvent } from '../../core/devnet/start-devnet.ts'
import type { DevnetSummary } from '../../core/devnet/summary.ts'
import { aborted } from '../../core/platform/graceful-stop.ts'
import { committeeSize } from '../../core/protocol/constants.ts'
import { eventText, type ToldEvent } from '../../core/view/event-text.ts'
import { BaseCommand, examples } from '../base.ts'
import type { DevnetScreen } from '../devnet-dashboard.ts'
import { tableWidth } from '../print-table.ts'

export default class DevnetUp extends BaseCommand<typeof DevnetUp> {
  static override description =
    `Start a whole network on this machine: a chain, the contracts, Providers and Checkers, real work.

With --epochs it ends with exit code 0 once that many epochs are paid (--keep shows them and goes on); without, it runs until
Ctrl-C. On a terminal it shows a dashboard (q ends it); --plain prints lines instead.`
  static override examples = examples('', '--epochs 2 --json', '--detach --port 8545')
  static override flags = {
    providers: Flags.integer({ description: 'Provider processes, one device each', default: 2, min: 1, max: 32 }),
    checkers: Flags.integer({
      description: 'Checker processes, one seat each',
      default: committeeSize,
      min: committeeSize,
      max: 64,
    }),
    epochs: Flags.integer({ description: 'End once this many epochs are paid; default: run until Ctrl-C', min: 1 }),
    keep: Flags.boolean({ description: 'Leave the network running after --epochs, until Ctrl-C' }),
    'epoch-seconds': Flags.integer({ description: 'Length of an epoch', default: 16, min: 16, max: 86_400 }),
    port: Flags.integer({ description: 'Port of the chain; 0 takes a free one', default: 0, min: 0, max: 65_535 }),
    detach: Flags.boolean({ description: 'Return once it is ready and leave it running' }),
    ui: Flags.boolean({ description: 'Serve the explorer, a web page on this machine, while it runs' }),
    metrics: Flags.boolean({ description: 'Every daemon serves /metrics on a free port, which its log names' }),
    plain: Flags.boolean({ description: 'Print lines instead of the dashboard' }),
  }
  static override readonly streaming = true

  private screen: DevnetScreen | null = null
  /** Whether the result was shown, below which daemons that end say nothing more. */
  private isOver = false
  /** By device. */
  private readonly models = new Map<string, string>()

  async run() {
    const { folder, name } = devnetPlace(this.flags['data-dir'], this.config.dataDir)
    await this.refuseSecond(folder, name)
    if (this.flags.detach) return this.detach(folder)
    const { startDevnet } = await import('../../core/devnet/start-devnet.ts')
    const { summarizeDevnet } = await import('../../core/devnet/summary.ts')
    const { writePidFile } = await import('../../core/platform/pid-file.ts')
    const { rmSync } = await import('node:fs')
    const stop = this.stopSignal()
    if (process.stdout.isTTY && !this.jsonEnabled() && !this.flags.plain)
      this.screen = await (await import('../devnet-dashboard.ts')).createDevnetScreen()
    const { providers, checkers, port, epochs, keep, 'epoch-seconds': epochSeconds } = this.flags
    const served = this.flags.metrics ? ['--metrics-port', '0'] : []
    const devnet = await startDevnet(
      {
        ...{ providers, checkers, epochSeconds, port, dataDir: folder, contextHome: this.contextHome, name },
        daemonArgs: { provider: served, checker: served },
      },
      { onEvent: event => this.tell(event), onView: view => this.screen?.show(view) },
    )
    writePidFile(devnetPidFile(folder), { name: 'devnet', pid: process.pid })
    const explorer = this.flags.ui ? await this.serveExplorer(devnet) : null
    try {
      this.screen?.open({ name, rpcUrl: devnet.rpcUrl, explorerUrl: explorer?.url ?? null })
      const ended = Promise.race([aborted(stop), ...(this.screen === null ? [] : [this.screen.quit])])
      const paid = epochs === undefined ? null : devnet.paidEpochs(epochs)
      await Promise.race([ended, ...(paid === null ? [] : [paid])])
      if (keep && !stop.aborted && this.screen === null) {
        const kept = await summarizeDevnet(devnet)
        this.event('devnet.kept', kept)
        await this.tellSummary(kept, null)
      }
      if (keep) await ended
      const summary = await summarizeDevnet(devnet)
      await this.screen?.close()
      this.isOver = true
      const leaveRunning = epochs === undefined || keep ? '"kaisar devnet up --detach" leaves one' : '--keep leaves it'
      await this.tellSummary(summary, leaveRunning)
      return summary
    } finally {
      await this.screen?.close()
      await explorer?.close()
      await devnet.stop()
      rmSync(devnetPidFile(folder), { force: true })
    }
  }

  /** One that runs here is named, with the words that stop that one. @throws DEVNET_RUNNING */
  private async refuseSecond(folder: string, name: string) {
    const { dataDirOwner } = await import('../../core/daemon/data-dir-lock.ts')
    const owner = dataDirOwner(folder)
    if (owner === null) return
    const { listContexts } = await import('../../core/platform/context.ts')
    const { devnetErrors } = await import('../../core/devnet/errors.ts')
    const rpcUrl = listContexts(this.contextHome).find(each => each.name === name)?.rpcUrls[0]
    throw devnetErrors.DEVNET_RUNNING({
      dataDir: folder,
      owner: `${rpcUrl ?? 'it is starting'} (process ${owner.pid}, since ${owner.since})`,
      fix: `Use it, stop it with "${this.inFolder('devnet down')}", or start another one with --data-dir <folder>.`,
    })
  }

  /** A command about this devnet and no other. */
  private inFolder(command: string): string {
    const { 'data-dir': dataDir } = this.flags
    return `kaisar ${command}${dataDir === undefined ? '' : ` --data-dir ${dataDir}`}`
  }

  /** @param leaveRunning - what leaves a network running; null where this one goes on */
  private async tellSummary(summary: DevnetSummary, leaveRunning: string | null) {
    const { nextStepsOf, summaryTable } = await import('../../core/devnet/summary.ts')
    this.log(`\n${summaryTable(summary, tableWidth())}`)
    const { 'data-dir': dataDir } = this.flags
    // Commands take the usual devnet without being told.
    const context = dataDir === undefined ? null : devnetPlace(dataDir, this.config.dataDir).name
    this.nextSteps(nextStepsOf(summary, { context, leaveRunning }))
  }

  private async serveExplorer({ network }: Devnet) {
    const { createEvidenceSource } = await import('../../core/operator/ask-seats.ts')
    const { serveExplorer } = await import('../../core/web/serve-explorer.ts')
    const { createNetworkReader } = await import('../../core/network/network-reader.ts')
    const explorer = await serveExplorer(
      {},
      {
        reader: createNetworkReader(network),
        evidence: createEvidenceSource({ dialsPrivate: true }),
        models: { modelOf: id => this.models.get(id) ?? null },
      },
    )
    this.event('explorer.ready', { url: explorer.url })
    this.progress(`Explorer at ${explorer.url}`)
    return explorer
  }

  /** Events are lines of NDJSON; for people they are progress, and the result is the table at the end. */
  private tell(event: DevnetEvent) {
    this.screen?.take(event)
    if (event.type === 'device.registered') this.models.set(String(event.deviceId), String(event.model))
    if (event.type === 'devnet.progress') return this.progress(event.step)
    if (event.type === 'daemon.event') return
    const { type, ...fields } = event
    this.event(type, fields)
    if (this.screen === null && !this.isOver) this.progress(eventText(event as ToldEvent))
  }

  /** The same command in a process of its own, until it says that it is ready. */
  private async detach(folder: string) {
    const { launchDetached } = await import('../../core/devnet/launch-detached.ts')
    const args = this.argv.filter(word => word !== '--detach' && word !== '--json')
    const events = await launchDetached({
      folder,
      args: ['devnet', 'up', ...args, '--json'],
      until: ['devnet.ready', ...(this.flags.ui ? ['explorer.ready'] : [])],
      stop: this.stopSignal(),
    })
    for (const { type, time: _, ...data } of events) this.event(type, data)
    const [{ type: _, time: __, ...data }, explorer] = events as [PrintedEvent, PrintedEvent?]
    this.log(`Ready at ${data.rpcUrl}; stop it with "${this.inFolder('devnet down')}".`)
    if (explorer !== undefined) this.log(`Explorer at ${explorer.url}`)
    this.nextSteps([this.inFolder('devnet status'), this.inFolder('devnet logs')])
    return { ...data, explorerUrl: explorer?.url ?? null }
  }
}
