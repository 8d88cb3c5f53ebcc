/** Charts as inline SVG, drawn from numbers alone. Each has a sentence for who cannot see it; its figures are also in a table. */
import { grouped, tokens } from '../../platform/ui/figures.ts'
import { type Html, html } from './html.ts'

export type Point = {
  readonly epoch: number
  /** Null where the epoch has no value: drawn as a gap. */
  readonly value: bigint | null
  readonly href?: string
}

type ChartOptions = {
  readonly title: string
  readonly unit: string
  readonly format: (value: bigint) => string
}

const width = 640
const height = 168
const plot = { left: 56, right: 8, top: 12, bottom: 24 }
const plotWidth = width - plot.left - plot.right
const plotHeight = height - plot.top - plot.bottom

/** 1, 2 or 5 times a power of ten, at or above the largest value. */
export function niceCeiling(largest: bigint): bigint {
  if (largest <= 1n) return 1n
  const power = 10n ** BigInt(largest.toString().length - 1)
  return [1n, 2n, 5n, 10n].map(step => step * power).find(step => step >= largest)!
}

const fractionOf = (value: bigint, ceiling: bigint) => Number((value * 10_000n) / ceiling) / 10_000
const y = (value: bigint, ceiling: bigint) => plot.top + plotHeight * (1 - fractionOf(value, ceiling))
const round = (pixels: number) => Math.round(pixels * 10) / 10

/** One bar per epoch, oldest left. */
export function barChart(points: readonly Point[], options: ChartOptions): Html {
  const ceiling = niceCeiling(points.reduce((max, { value }) => (value !== null && value > max ? value : max), 0n))
  const step = plotWidth / Math.max(points.length, 12)
  const bars = points.map(({ epoch, value, href }, i) => {
    if (value === null) return null
    const barHeight = plotHeight * fractionOf(value, ceiling)
    const bar = html`<rect class="mark" x="${round(plot.left + i * step + step * 0.15)}" y="${round(
      plot.top + plotHeight - Math.max(barHeight, 1),
    )}" width="${round(step * 0.7)}" height="${round(Math.max(barHeight, 1))}" rx="1.5"><title>Epoch ${epoch}: ${options.format(
      value,
    )} ${options.unit}</title></rect>`
    return href === undefined ? bar : html`<a href="${href}" tabindex="-1">${bar}</a>`
  })
  return frame(points, ceiling, step, options, html`${bars}`)
}

/** A line through the epochs that have a value; `ghost` is a second, quiet line of the same unit. */
export function lineChart(points: readonly Point[], options: ChartOptions & { ghost?: readonly Point[] }): Html {
  const all = [...points, ...(options.ghost ?? [])]
  const ceiling = niceCeiling(all.reduce((max, { value }) => (value !== null && value > max ? value : max), 0n))
  const step = plotWidth / Math.max(points.length, 12)
  const x = (i: number) => plot.left + i * step + step / 2
  const pathOf = (line: readonly Point[]) =>
    line
      .map(({ value }, i) =>
        value === null
          ? ''
          : `${(line[i - 1]?.value ?? null) === null ? 'M' : 'L'}${round(x(i))} ${round(y(value, ceiling))}`,
      )
      .join('')
  const dots = points.map(({ epoch, value, href }, i) => {
    if (value === null) return null
    const dot = html`<circle class="mark" cx="${round(x(i))}" cy="${round(y(value, ceiling))}" r="3"><title>Epoch ${epoch}: ${options.format(
      value,
    )} ${options.unit}</title></circle>`
    return href === undefined ? dot : html`<a href="${href}" tabindex="-1">${dot}</a>`
  })
  const ghost = options.ghost === undefined ? null : html`<path class="ghost" d="${pathOf(options.ghost)}"/>`
  return frame(points, ceiling, step, options, html`${ghost}<path class="line" d="${pathOf(points)}"/>${dots}`)
}

function frame(points: readonly Point[], ceiling: bigint, step: number, options: ChartOptions, marks: Html): Html {
  const { title, unit, format } = options
  const every = Math.max(1, Math.ceil(points.length / 12))
  const grid = [0n, ceiling / 2n, ceiling].map(
    value =>
      html`<line class="grid" x1="${plot.left}" x2="${width - plot.right}" y1="${round(y(value, ceiling))}" y2="${round(
        y(value, ceiling),
      )}"/><text x="${plot.left - 8}" y="${round(y(value, ceiling)) + 4}" text-anchor="end">${format(value)}</text>`,
  )
  const labels = points.map(({ epoch }, i) =>
    i % every === 0
      ? html`<text x="${round(plot.left + i * step + step / 2)}" y="${height - 6}" text-anchor="middle">${epoch}</text>`
      : null,
  )
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${summaryOf(points, title, unit, format)}">${grid}${labels}${marks}</svg>`
}

function summaryOf(points: readonly Point[], title: string, unit: string, format: (value: bigint) => string): string {
  const known = points.filter(point => point.value !== null)
  const last = known.at(-1)
  if (last === undefined) return `${title}: nothing yet.`
  const largest = known.reduce((max, point) => (point.value! > max.value! ? point : max), last)
  return (
    `${title}, epochs ${points[0]!.epoch} to ${points.at(-1)!.epoch}. ` +
    `Latest: ${format(last.value!)} ${unit} in epoch ${last.epoch}; most: ${format(largest.value!)} ${unit} in epoch ${largest.epoch}.`
  )
}

/** Axis text of an amount: whole KAI where that says enough. */
export const kaiAxis = (wei: bigint): string => {
  const digits = wei >= 10n ** 19n || wei === 0n ? 0 : wei >= 10n ** 18n ? 1 : 4
  return tokens(wei, digits)
}
export const countAxis = (value: bigint): string =>
  value >= 1_000_000n
    ? `${grouped(value / 1_000_000n)} M`
    : value >= 10_000n
      ? `${grouped(value / 1_000n)} k`
      : grouped(value)
