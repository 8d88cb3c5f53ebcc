/** The dashboard of a devnet on a terminal: what its processes tell, put over what its chain says. */
import type { DevnetEvent } from '../core/devnet/start-devnet.ts'
import type { NetworkView } from '../core/network/network-view.ts'
import type { DaemonEvent } from '../core/view/event-text.ts'
import { emptyLiveState, liveStateAfter } from '../core/view/live-state.ts'
import type { MountedDashboard } from '../core/view/mount-dashboard.ts'
import type { NetworkDashboardFacts } from '../core/view/network-dashboard.ts'

export type DevnetScreen = Awaited<ReturnType<typeof createDevnetScreen>>

export async function createDevnetScreen() {
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
    /** Resolves when the user quits; never where it was not opened. */
    quit,
    take(event: DevnetEvent): void {
      if (event.type === 'daemon.event') live = liveStateAfter(live, event.event as DaemonEvent, now())
      if (event.type === 'daemon.ended') warning = `${event.name} ended: ${event.reason}`
      redraw()
    },
    show(view: NetworkView): void {
      latest = view
      redraw()
    },
    /** Takes the terminal once there is something to show. */
    open(network: Pick<NetworkDashboardFacts, 'name' | 'rpcUrl' | 'explorerUrl'>): void {
      const facts = () => ({ ...network, view: latest!, now: now(), warning, live })
      const mount = () => {
        const source = createFactSource(facts())
        redraw = () => source.set(facts())
        mounted = mountDashboard({ source, frame: networkFrame }, process)
        mounted.ended.then(() => resolve())
      }
      redraw = () => latest !== null && mount()
      redraw()
    },
    async close(): Promise<void> {
      redraw = () => {}
      await mounted?.close()
    },
  }
}
