import { render, useApp, useInput, useStdin } from 'ink'
import { type ComponentType, createElement as h, useSyncExternalStore } from 'react'
import type { DashboardProps } from './dashboards.ts'

/** Where a dashboard's view comes from: whoever owns the state replaces the view and tells. */
export type ViewSource<V> = {
  get(): V
  /** Calls back after every change; returns how to stop. */
  subscribe(onChange: () => void): () => void
}

/** A source that holds the last view it was given. */
export function createViewSource<V>(initial: V): ViewSource<V> & { set(view: V): void } {
  let current = initial
  const listeners = new Set<() => void>()
  return {
    get: () => current,
    set: view => {
      current = view
      for (const listener of listeners) listener()
    },
    subscribe: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Why a dashboard ended: `quit` by q, `interrupted` by Ctrl-C (exit code 130), `closed` by {@link MountedDashboard.close}. */
type DashboardEnd = 'quit' | 'interrupted' | 'closed'

export type MountedDashboard = {
  readonly ended: Promise<DashboardEnd>
  /** Ends it and gives the terminal back as it was; resolves when all is written. */
  close(): Promise<void>
}

export type MountOptions<V> = {
  readonly source: ViewSource<V>
  readonly component: ComponentType<DashboardProps<V>>
}

export type MountDependencies = {
  readonly stdout: NodeJS.WriteStream
  readonly stdin: NodeJS.ReadStream
}

/**
 * Shows a dashboard in a terminal's alternate screen until it is quit or closed.
 *
 * @example
 * const { mountDashboard, createViewSource } = await import('./mount-dashboard.ts')
 * const source = createViewSource(firstView)
 * const dashboard = mountDashboard({ source, component: DevnetDashboard }, process)
 * const end = await dashboard.ended
 */
export function mountDashboard<V>({ source, component }: MountOptions<V>, io: MountDependencies): MountedDashboard {
  const { promise, resolve } = Promise.withResolvers<DashboardEnd>()
  const app = render(h(Mounted<V>, { source, component }), {
    ...io,
    exitOnCtrlC: false,
    alternateScreen: true,
    incrementalRendering: true,
    // A dashboard that is a terminal's decoration must not swallow what the process logs to stderr.
    patchConsole: false,
    interactive: true,
    maxFps: 10,
  })
  void app.waitUntilExit().then(
    end => resolve(end === 'quit' || end === 'interrupted' ? end : 'closed'),
    () => resolve('closed'),
  )
  return {
    ended: promise,
    async close() {
      app.unmount()
      await promise
    },
  }
}

function Mounted<V>({ source, component: Dashboard }: Pick<MountOptions<V>, 'source' | 'component'>) {
  const view = useSyncExternalStore(source.subscribe, source.get)
  const { exit } = useApp()
  const { isRawModeSupported } = useStdin()
  useInput(
    (input, key) => {
      if (key.ctrl && input === 'c') exit('interrupted')
      else if (input === 'q') exit('quit')
    },
    // Without a terminal to read from (stdin is a pipe), Ctrl-C arrives as a signal, which the command handles.
    { isActive: isRawModeSupported },
  )
  return h(Dashboard, { view })
}
