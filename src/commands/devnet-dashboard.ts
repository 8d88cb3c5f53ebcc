/** The dashboard of a devnet on a terminal: what its processes tell, put over what its chain says. */
import type { Devnet, DevnetEvent } from '../core/devnet/start-devnet.ts'
import type { NetworkView } from '../core/network/network-view.ts'
import type { DaemonEvent } from '../core/view/event-text.ts'
import { emptyLiveState, liveStateAfter } from '../core/view/live-state.ts'
import type { MountedDashboard } from '../core/view/mount-dashboard.ts'

export type DevnetScreen = {
  take(event: DevnetEvent): void
  show(view: NetworkView): void
  /** Takes the terminal once there is something to show. */
  open(facts: {
    readonly devnet: Pick<Devnet, 'rpcUrl'>
    readonly name: string
    readonly explorerUrl: string | null
  }): void
  /** Resolves when the user quits; never where it was not opened. */
  readonly quit: Promise<void>
  close(): Promise<void>
}

export async function createDevnetScreen(): Promise<DevnetScreen> {
  const { createFactSource, mountDashboard } = await import('../core/view/mount-dashboard.ts')
  const { networkFrame } = await import('../core/view/network-dashboard.ts')
  const { promise: quit, resolve } = Promise.withResolvers<void>()
  let live = emptyLiveState
  let latest: NetworkView | null = null
  let warning: string | null = null
  let redraw = () => {}
  let mounted: MountedDashboard | null = null
  const now = () => Date.now() / 1000

  return {
    quit,
    take(event) {
      if (event.type === 'daemon.event') live = liveStateAfter(live, event.event as DaemonEvent, now())
      if (event.type === 'daemon.ended') warning = `${event.name} ended: ${event.reason}`
      redraw()
    },
    show(view) {
      latest = view
      redraw()
    },
    open({ devnet: { rpcUrl }, name, explorerUrl }) {
      const facts = () => ({ name, view: latest!, rpcUrl, explorerUrl, now: now(), warning, live })
      const mount = () => {
        const source = createFactSource(facts())
        redraw = () => source.set(facts())
        mounted = mountDashboard({ source, frame: networkFrame }, process)
        mounted.ended.then(() => resolve())
      }
      redraw = () => latest !== null && mount()
      redraw()
    },
    async close() {
      redraw = () => {}
      await mounted?.close()
    },
  }
}
