// Why: docs/why/explorer-and-explanations.md

/** Puts the frames of a dashboard on a terminal, with ink. Written without JSX, so that Node runs the sources as they are. */
import { Box, render, Text, useApp, useInput, useStdin, useWindowSize } from 'ink'
import { createElement as h, useSyncExternalStore } from 'react'
import type { Line, Size, Tone } from './line.ts'

/** Where a dashboard's facts come from: whoever owns the state replaces them and tells. */
export type FactSource<F> = {
  get(): F
  /** Calls back after every change; returns how to stop. */
  subscribe(onChange: () => void): () => void
}

/** A source that holds the last facts it was given. */
export function createFactSource<F>(initial: F): FactSource<F> & { set(facts: F): void } {
  let current = initial
  const listeners = new Set<() => void>()
  return {
    get: () => current,
    set: facts => {
      current = facts
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

export type MountedDashboard = ReturnType<typeof mountDashboard>

export type MountOptions<F> = {
  readonly source: FactSource<F>
  /** Draws the facts into a terminal of a size, and never beyond it. */
  readonly frame: (facts: F, size: Size) => readonly Line[]
}

/**
 * Shows a dashboard in a terminal's alternate screen until it is quit or closed.
 *
 * @example
 * const { mountDashboard, createFactSource } = await import('./mount-dashboard.ts')
 * const source = createFactSource(firstFacts)
 * const dashboard = mountDashboard({ source, frame: networkFrame }, process)
 * const end = await dashboard.ended
 */
export function mountDashboard<F>(
  { source, frame }: MountOptions<F>,
  io: { readonly stdout: NodeJS.WriteStream; readonly stdin: NodeJS.ReadStream },
) {
  const { promise, resolve } = Promise.withResolvers<DashboardEnd>()
  const app = render(h(Mounted<F>, { source, frame }), {
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
    /** Ends it and gives the terminal back as it was; resolves when all is written. */
    async close(): Promise<void> {
      app.unmount()
      await promise
    },
  }
}

function Mounted<F>({ source, frame }: MountOptions<F>) {
  const facts = useSyncExternalStore(source.subscribe, source.get)
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
  return h(DashboardFrame<F>, { facts, frame })
}

/** @param props.size - default: the terminal's. One row stays free: a frame as tall as the terminal scrolls it. */
export function DashboardFrame<F>({ facts, frame, size }: { facts: F; size?: Size } & Pick<MountOptions<F>, 'frame'>) {
  const terminal = useWindowSize()
  const { columns, rows } = size ?? terminal
  const lines = frame(facts, { columns, rows: Math.max(1, rows - 1) }).map(line =>
    line.length === 0
      ? h(Text, null, ' ')
      : h(Text, { wrap: 'truncate' }, ...line.map(({ text, tone }) => h(Text, toneProps[tone], text))),
  )
  return h(Box, { flexDirection: 'column' }, ...lines)
}

const toneProps: Record<Tone, { color?: string; bold?: boolean; dimColor?: boolean }> = {
  plain: {},
  strong: { bold: true },
  dim: { dimColor: true },
  good: { color: 'green' },
  bad: { color: 'red', bold: true },
  warn: { color: 'yellow' },
  accent: { color: 'cyan' },
}
