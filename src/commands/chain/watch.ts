import { Flags } from '@oclif/core'
import type { LiveView, Served } from '../../core/network/live-view.ts'
import type { NetworkView } from '../../core/network/network-view.ts'
import { aborted } from '../../core/platform/graceful-stop.ts'
import { platformErrors } from '../../core/platform/platform-errors.ts'
import { BaseCommand, type ChainTarget, chainFlags, eventFlags, examples } from '../base.ts'

export default class ChainWatch extends BaseCommand<typeof ChainWatch> {
  static override description =
    `Tell what happens on the network: rounds, phases of epochs, results, payments, devices and Checkers that come and go.

It runs until Ctrl-C. With --json each event is a line of its own.`
  static override examples = examples('', '--dashboard', '--json | grep epoch.paid')
  static override flags = {
    ...chainFlags,
    ...eventFlags,
    dashboard: Flags.boolean({ description: 'Show the network on the whole terminal instead of line by line' }),
  }
  static override readonly streaming = true

  async run() {
    const stop = this.stopSignal()
    const target = await this.chainTarget()
    const { createNetworkReader } = await import('../../core/network/network-reader.ts')
    const { createLiveView } = await import('../../core/network/live-view.ts')
    const network = await this.connectNetwork(target)
    const reader = createNetworkReader(network, this.readingFrom)
    const live = createLiveView({}, { read: () => reader.read(), now: () => performance.now() })
    const stopped = aborted(stop)
    try {
      const first = await live.get()
      if (this.flags.dashboard && process.stdout.isTTY && !this.jsonEnabled())
        await this.showDashboard(live, first, target, stopped)
      else await this.tellChanges(live, first, stopped)
      const { head, currentEpoch } = (await live.get()).view
      return { block: head.number, epoch: currentEpoch }
    } finally {
      live.close()
    }
  }

  private async tellChanges(live: LiveView, first: Served, stopped: Promise<void>) {
    const { networkChanges } = await import('../../core/network/network-changes.ts')
    const { eventText } = await import('../../core/view/event-text.ts')
    let last: NetworkView | null = null
    let trouble: string | null = null
    const tell = (served: Served) => {
      for (const change of networkChanges(last, served.view)) {
        const { type, ...fields } = change
        this.event(type, fields, eventText(change))
      }
      last = served.view
      if (served.trouble !== null && served.trouble !== trouble)
        this.event('chain.trouble', { message: served.trouble }, `! ${served.trouble}`)
      trouble = served.trouble
    }
    tell(first)
    live.watch(tell)
    await stopped
  }

  private async showDashboard(live: LiveView, first: Served, target: ChainTarget, stopped: Promise<void>) {
    const { createFactSource, mountDashboard } = await import('../../core/view/mount-dashboard.ts')
    const { networkFrame } = await import('../../core/view/network-dashboard.ts')
    const { emptyLiveState } = await import('../../core/view/live-state.ts')
    const show = ({ view, trouble }: Served) => ({
      name: target.context?.name ?? 'network',
      rpcUrl: target.rpcUrls[0]!,
      view,
      explorerUrl: null,
      now: Date.now() / 1000,
      warning: trouble,
      live: emptyLiveState,
    })
    const source = createFactSource(show(first))
    live.watch(served => source.set(show(served)))
    const dashboard = mountDashboard({ source, frame: networkFrame }, process)
    const end = await Promise.race([dashboard.ended, stopped])
    await dashboard.close()
    if (end === 'interrupted') throw platformErrors.INTERRUPTED()
  }
}
