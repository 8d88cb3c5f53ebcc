/** How figures read in a terminal: short, exact where it matters, the same everywhere. */

/** `0x12ab…34cd`: enough to recognise; commands that take a device take this form too. */
export const shortHex = (hex: string, digits = 4): string =>
  hex.length <= 2 * digits + 3 ? hex : `${hex.slice(0, 2 + digits)}…${hex.slice(-digits)}`

/** 1234567 → `1,234,567`. */
export const grouped = (value: bigint | number): string => value.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ',')

/** `1 cohort`, `2 cohorts`. */
export const counted = (count: bigint | number, one: string, many = `${one}s`): string =>
  `${grouped(count)} ${Number(count) === 1 ? one : many}`

/** Wei of an 18-decimal token, rounded down to `digits` decimals: what is shown is never more than what is there. */
export function tokens(wei: bigint, digits = 4): string {
  const [sign, positive] = wei < 0n ? ['-', -wei] : ['', wei]
  const fraction = (positive % 10n ** 18n).toString().padStart(18, '0').slice(0, digits)
  return `${sign}${grouped(positive / 10n ** 18n)}${digits > 0 ? `.${fraction}` : ''}`
}

/** Seconds → `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds))
  const parts = [
    ['d', Math.floor(total / 86_400)],
    ['h', Math.floor(total / 3_600) % 24],
    ['min', Math.floor(total / 60) % 60],
    ['s', total % 60],
  ] as const
  const first = parts.findIndex(([, count]) => count > 0)
  if (first === -1) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name}`)
    .join(' ')
}

/** `2026-11-29T16:00:00Z`: the same for everybody who compares. */
export const isoTime = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')

/** Parts of 10000, as uptimes are kept: 9950 → `99.50%`. */
export const uptimePercent = (uptime: number): string => `${(uptime / 100).toFixed(2)}%`

/** What a round is worth: `8,345 Mop/s`, or `5,432 MB/s, 67 MB`; a dash where it is nothing. */
export const figuresText = (figures: Readonly<Record<string, number>>): string => joined(figures, measureText)

/** The same to the last unit, for who computes with it: `12,345 Mop/s`. */
export const exactFiguresText = (figures: Readonly<Record<string, number>>): string =>
  joined(figures, (name, value) => `${grouped(value)} ${figureUnits[name] ?? name}`)

const joined = (figures: Readonly<Record<string, number>>, text: (name: string, value: number) => string): string =>
  Object.entries(figures)
    .map(([name, value]) => text(name, value))
    .join(', ') || '—'

/** One measure with its unit, the large ones of tensors in Gop/s, rounded down: `12.3 Gop/s`. */
export const measureText = (name: string, value: number): string =>
  name === 'tensor' && value >= 10_000
    ? `${grouped(Math.floor(value / 1_000))}.${Math.floor(value / 100) % 10} Gop/s`
    : `${grouped(value)} ${figureUnits[name] ?? name}`

/** Units of measure of figures, by their names. */
const figureUnits: Readonly<Record<string, string>> = { tensor: 'Mop/s', bandwidth: 'MB/s', resident: 'MB' }

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** The last `width` values as bars, from 0 to the largest; `·` where there is none. */
export function sparkline(values: readonly (number | bigint | null)[], width: number): string {
  const shown = values.slice(-width).map(value => (value === null ? null : Number(value)))
  const largest = Math.max(1, ...shown.map(value => value ?? 0))
  return shown
    .map(value => (value === null ? '·' : bars[Math.round((Math.max(0, value) / largest) * (bars.length - 1))]!))
    .join('')
}

/** How far something is, as a bar of `width` columns. */
export function progressBar(fraction: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * width)
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}
