/** Charts as inline SVG, drawn from numbers alone. Each has a sentence for who cannot see it; its figures are also in a table. */
import { grouped, tokens } from '../view/figures.ts'
import { type Html, html } from './html.ts'

export type Point = {
  readonly epoch: number
  /** Null where the epoch has no value: drawn as a gap. */
  readonly value: bigint | null
  readonly href?: string
  /** What a bar's value is the sum of, drawn as parts of the bar from the ground up. */
  readonly parts?: readonly {
    readonly title: string
    readonly value: bigint
    readonly href: string
    /** Which of {@link mostColours}. */
    readonly colour: number
  }[]
}

export type ChartOptions = {
  readonly title: string
  readonly unit: string
  readonly format: (value: bigint) => string
}

const height = 168
const top = 12
const bottom = 24
const plotHeight = height - top - bottom
const ground = top + plotHeight

/** 1, 2 or 5 times a power of ten, at or above the largest value. */
export function niceCeiling(largest: bigint): bigint {
  if (largest <= 1n) return 1n
  const power = 10n ** BigInt(largest.toString().length - 1)
  return [1n, 2n, 5n, 10n].map(step => step * power).find(step => step >= largest)!
}

const fractionOf = (value: bigint, ceiling: bigint) => Number((value * 10_000n) / ceiling) / 10_000
const round = (measure: number) => Math.round(measure * 100) / 100
const ceilingOf = (points: readonly Point[]) =>
  niceCeiling(points.reduce((max, { value }) => (value !== null && value > max ? value : max), 0n))

/**
 * Where the epochs of a chart lie: in per cent of the width, so that a chart fits any and its text keeps its size. Few epochs leave
 * room to the right instead of becoming wide.
 */
function scaleOf(points: readonly Point[], ceiling: bigint) {
  const step = 100 / Math.max(points.length, 12)
  return {
    step,
    ceiling,
    x: (i: number) => round(i * step + step / 2),
    y: (value: bigint) => round(ground - plotHeight * fractionOf(value, ceiling)),
  }
}
type Scale = ReturnType<typeof scaleOf>

/** One bar per epoch, oldest left. */
export function barChart(points: readonly Point[], options: ChartOptions): Html {
  const scale = scaleOf(points, ceilingOf(points))
  const barWidth = round(scale.step * 0.7)
  const bars = points.map(({ epoch, value, href, parts }, i) => {
    if (value === null) return null
    const left = round(scale.x(i) - barWidth / 2)
    if (parts !== undefined) {
      let below = 0n
      return parts.map(part => {
        const foot = scale.y(below)
        below += part.value
        const head = scale.y(below)
        return html`<a href="${part.href}" tabindex="-1"><rect class="part" fill="var(--c${part.colour})" x="${left}%" y="${head}" width="${barWidth}%" height="${round(foot - head)}"><title>Epoch ${epoch}, ${part.title}: ${options.format(part.value)} ${options.unit}</title></rect></a>`
      })
    }
    const head = Math.min(scale.y(value), ground - 1)
    const bar = html`<rect class="mark" x="${left}%" y="${head}" width="${barWidth}%" height="${round(ground - head)}" rx="1.5">${hint(epoch, value, options)}</rect>`
    return href === undefined ? bar : html`<a href="${href}" tabindex="-1">${bar}</a>`
  })
  return frame(points, scale, options, html`${bars}`)
}

/** A line through the epochs that have a value; `ghost` is a second, quiet line of the same unit. */
export function lineChart(points: readonly Point[], options: ChartOptions & { ghost?: readonly Point[] }): Html {
  const scale = scaleOf(points, ceilingOf([...points, ...(options.ghost ?? [])]))
  const dots = points.map(({ epoch, value, href }, i) => {
    if (value === null) return null
    const dot = html`<circle class="mark" cx="${scale.x(i)}%" cy="${scale.y(value)}" r="3">${hint(epoch, value, options)}</circle>`
    return href === undefined ? dot : html`<a href="${href}" tabindex="-1">${dot}</a>`
  })
  const ghost = options.ghost && segments(options.ghost, scale, 'ghost')
  return frame(points, scale, options, html`${ghost}${segments(points, scale, 'line')}${dots}`)
}

const hint = (epoch: number, value: bigint, { format, unit }: ChartOptions) =>
  html`<title>Epoch ${epoch}: ${format(value)} ${unit}</title>`

/** From each epoch to the next, where both have a value. */
const segments = (points: readonly Point[], { x, y }: Scale, name: string): Html =>
  html`${points.map(({ value }, i) => {
    const before = points[i - 1]?.value ?? null
    return value === null || before === null
      ? null
      : html`<line class="${name}" x1="${x(i - 1)}%" y1="${y(before)}" x2="${x(i)}%" y2="${y(value)}"/>`
  })}`

/** Parts of a bar can be told apart by this many colours. */
export const mostColours = 8

/** What the marks of a picture mean, each drawn in 11 × 11. */
export const legend = (entries: readonly (readonly [mark: Html, meaning: Html | string])[]): Html =>
  html`<ul class="legend">${entries.map(([mark, meaning]) => html`<li><svg width="11" height="11" aria-hidden="true">${mark}</svg> ${meaning}</li>`)}</ul>`

/** A colour of a bar's parts, for {@link legend}. */
export const colourMark = (colour: number): Html =>
  html`<rect class="part" fill="var(--c${colour})" width="11" height="11" rx="2"/>`

/** The course of a value in the height of a line of text; the figures are beside it. */
export function sparkPicture(values: readonly (bigint | null)[]): Html {
  const shown = values.slice(-24).map((value, epoch) => ({ epoch, value }))
  const ceiling = ceilingOf(shown)
  const steps = shown.map(({ value }, i) => {
    if (value === null) return ''
    const isFirst = (shown[i - 1]?.value ?? null) === null
    return `${isFirst ? 'M' : 'L'}${i * 5 + 1} ${round(19 - 18 * fractionOf(value, ceiling))}`
  })
  return html`<svg class="spark" viewBox="0 0 120 20" aria-hidden="true"><path d="${steps.join('')}"/></svg>`
}

/** Labels of epochs that a wide chart and a phone have room for. */
const mostLabels = { wide: 16, narrow: 5 }

function frame(points: readonly Point[], { x, y, ceiling }: Scale, options: ChartOptions, marks: Html): Html {
  const { format } = options
  const places = Math.max(points.length, 12)
  const every = Math.max(1, Math.ceil(places / mostLabels.wide))
  const everyNarrow = every * Math.max(1, Math.ceil(places / mostLabels.narrow / every))
  const levels = [0n, ceiling / 2n, ceiling]
  const names = levels.map(value => html`<text x="100%" y="${y(value) + 4}" text-anchor="end">${format(value)}</text>`)
  const grid = levels.map(value => html`<line class="grid" x1="0" x2="100%" y1="${y(value)}" y2="${y(value)}"/>`)
  const labels = points.map(
    ({ epoch }, i) =>
      i % every === 0 &&
      html`<text${i % everyNarrow !== 0 && html` class="dense"`} x="${x(i)}%" y="${height - 6}" text-anchor="middle">${epoch}</text>`,
  )
  return html`<div class="chart" role="group" aria-label="${summaryOf(points, options)}"><svg class="axis" height="${height}">${names}</svg><svg class="plot" height="${height}">${grid}${labels}${marks}</svg></div>`
}

function summaryOf(points: readonly Point[], { title, unit, format }: ChartOptions): string {
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
