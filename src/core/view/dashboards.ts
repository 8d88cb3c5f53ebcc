/**
 * The dashboards as ink components: a view in, a frame of the terminal's size out. Written without JSX, so that Node runs
 * the sources as they are.
 *
 * Why: docs/why/explorer-and-explanations.md
 */
import { Box, Text, useWindowSize } from 'ink'
import { createElement as h } from 'react'
import { checkerFrame } from './checker-frame.ts'
import type { CheckerView, DevnetView, ProviderView } from './dashboard-views.ts'
import { devnetFrame } from './devnet-frame.ts'
import type { Line, Size, Tone } from './line.ts'
import { providerFrame } from './provider-frame.ts'

export type DashboardProps<V> = {
  readonly view: V
  /** Default: the terminal's. */
  readonly size?: Size
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

const Lines = ({ lines }: { readonly lines: readonly Line[] }) =>
  h(
    Box,
    { flexDirection: 'column' },
    ...lines.map(line =>
      line.length === 0
        ? h(Text, null, ' ')
        : h(Text, { wrap: 'truncate' }, ...line.map(({ text, tone }) => h(Text, toneProps[tone], text))),
    ),
  )

/** One row stays free: a frame as tall as the terminal scrolls it. */
const frameSize = ({ columns, rows }: Size): Size => ({ columns, rows: Math.max(1, rows - 1) })

const dashboardOf =
  <V>(frame: (view: V, size: Size) => Line[]) =>
  ({ view, size }: DashboardProps<V>) => {
    const terminal = useWindowSize()
    return h(Lines, { lines: frame(view, frameSize(size ?? terminal)) })
  }

export const DevnetDashboard = dashboardOf<DevnetView>(devnetFrame)
export const ProviderDashboard = dashboardOf<ProviderView>(providerFrame)
export const CheckerDashboard = dashboardOf<CheckerView>(checkerFrame)
