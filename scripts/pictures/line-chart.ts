/** Lines over numbers as an SVG that is read on light and dark pages, with its figures in words for who cannot see it. */

export type Axis = {
  readonly label: string
  /** Where the axis begins and ends; both above 0 where it is logarithmic. */
  readonly from: number
  readonly to: number
  readonly isLogarithmic?: boolean
  readonly ticks: readonly number[]
  readonly format: (value: number) => string
}
export type Curve = { readonly name: string; readonly at: (x: number) => number }
export type Panel = {
  readonly title: string
  readonly curves: readonly Curve[]
  /** Values of x whose figures are said in words. */
  readonly said: readonly number[]
}
export type Chart = { readonly title: string; readonly x: Axis; readonly y: Axis; readonly panels: readonly Panel[] }

const width = 840
const margin = { left: 58, right: 14, top: 58, bottom: 50 }
const plotHeight = 230
const rowHeight = 19
export const pointsOfCurve = 160

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const escapeXml = (text: string) => text.replace(/[&<>]/g, character => escapes[character]!)

/** Lines differ by their dashes too, for who does not tell colours apart. */
const dashes = ['', '7 4', '2 4', '10 3 2 3']

const style = `
.page { fill: #ffffff } .text { fill: #22282d } .soft { fill: #57616a } .grid { stroke: #d8dde1 } .edge { stroke: #8a949c }
.line { fill: none; stroke-width: 2.2 } .c0 { stroke: #0b63a5 } .c1 { stroke: #a8480b } .c2 { stroke: #2f7433 } .c3 { stroke: #7a3e9d }
@media (prefers-color-scheme: dark) {
.page { fill: #101315 } .text { fill: #e6e8ea } .soft { fill: #9ba4ac } .grid { stroke: #2b3136 } .edge { stroke: #6b757d }
.c0 { stroke: #7fb7e8 } .c1 { stroke: #e5ac5d } .c2 { stroke: #62d2bc } .c3 { stroke: #cba6f7 }
}`

/** 0 at the beginning of the axis, 1 at its end. */
function placeOn({ from, to, isLogarithmic = false }: Axis, value: number): number {
  if (!isLogarithmic) return (value - from) / (to - from)
  return Math.log(value / from) / Math.log(to / from)
}

function valueAt({ from, to, isLogarithmic = false }: Axis, place: number): number {
  return isLogarithmic ? from * (to / from) ** place : from + (to - from) * place
}

/** What the chart shows, panel by panel, in words. */
export function describe({ x, y, panels }: Chart): string {
  return panels
    .map(({ title, curves, said }) => {
      const lines = curves.map(({ name, at }) => {
        const figures = said.map(value => `${y.format(at(value))} at ${x.format(value)}`)
        return `${name}: ${figures.join(', ')}`
      })
      return `${title}. ${lines.join('. ')}.`
    })
    .join(' ')
}

export function lineChart(chart: Chart): string {
  const { title, x, y, panels } = chart
  const plotWidth = (width - margin.left - margin.right * panels.length) / panels.length
  const names = [...new Set(panels.flatMap(({ curves }) => curves.map(({ name }) => name)))]
  const height = margin.top + plotHeight + margin.bottom + names.length * rowHeight + 8
  const bottom = margin.top + plotHeight
  const text = (at: readonly [number, number], words: string, more = 'class="text"') =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${more}>${escapeXml(words)}</text>`

  const drawn = panels.map(({ title: name, curves }, number) => {
    const left = margin.left + number * (plotWidth + margin.right)
    const placeX = (value: number) => left + plotWidth * placeOn(x, value)
    const placeY = (value: number) => bottom - plotHeight * placeOn(y, value)
    const rows = y.ticks.map(tick => {
      const line = `<path class="grid" d="M${left.toFixed(1)} ${placeY(tick).toFixed(1)}h${plotWidth.toFixed(1)}"/>`
      const label = text([left - 8, placeY(tick) + 4], y.format(tick), 'class="soft" text-anchor="end"')
      return number === 0 ? line + label : line
    })
    const columns = x.ticks.map(tick => {
      const line = `<path class="grid" d="M${placeX(tick).toFixed(1)} ${margin.top}v${plotHeight}"/>`
      const anchor = tick === x.to ? 'end' : tick === x.from ? 'start' : 'middle'
      return line + text([placeX(tick), bottom + 18], x.format(tick), `class="soft" text-anchor="${anchor}"`)
    })
    const lines = curves.map(curve => {
      const points = Array.from({ length: pointsOfCurve + 1 }, (_, i) => {
        const value = valueAt(x, i / pointsOfCurve)
        return `${placeX(value).toFixed(1)} ${placeY(curve.at(value)).toFixed(1)}`
      })
      return pathOf(names.indexOf(curve.name), `M${points.join('L')}`)
    })
    const frame = `<path class="edge" fill="none" d="M${left.toFixed(1)} ${margin.top}v${plotHeight}h${plotWidth.toFixed(1)}"/>`
    // Lines that leave the plot end at its edge, half a line's width further out.
    const plot = `<clipPath id="plot${number}"><rect x="${left.toFixed(1)}" y="${margin.top - 2}" width="${plotWidth.toFixed(1)}" height="${plotHeight + 4}"/></clipPath>`
    const clipped = [`<g clip-path="url(#plot${number})">`, ...lines, '</g>']
    return [text([left, margin.top - 10], name), plot, ...rows, ...columns, frame, ...clipped].join('\n')
  })
  const legend = names.map((name, number) => {
    const at = bottom + margin.bottom + number * rowHeight + 8
    return `${pathOf(number, `M${margin.left} ${at - 4}h40`)}\n${text([margin.left + 52, at], name)}`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-labelledby="title figures" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="13">
<title id="title">${escapeXml(title)}</title>
<desc id="figures">${escapeXml(describe(chart))}</desc>
<style>${style}
</style>
<rect class="page" width="100%" height="100%" rx="8"/>
${text([margin.left, 24], title, 'class="text" font-weight="600" font-size="14"')}
${drawn.join('\n')}
${text([width / 2, bottom + 38], x.label, 'class="soft" text-anchor="middle"')}
${legend.join('\n')}
</svg>
`
}

const pathOf = (number: number, d: string): string =>
  `<path class="line c${number}" stroke-dasharray="${dashes[number] || 'none'}" d="${d}"/>`
