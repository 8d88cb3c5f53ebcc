/** What the dashboards are put together from: a head, tables and lists below it, in a frame that fits the terminal. */
import { type EpochProgress, epochProgress, type SettlingPhase, settlingPhases } from '../network/epoch-progress.ts'
import type { NetworkView, PaymentView } from '../network/network-view.ts'
import { counted, duration, figuresText, grouped, progressBar, shortHex, tokens } from './figures.ts'
import { blankLine, cutLine, type Line, padEnd, type Size, type Span, span, spread, type Tone } from './line.ts'
import type { LiveState, VerdictRow } from './live-state.ts'
import { type Column, tableLines } from './table.ts'

/** What every dashboard is drawn from. */
export type DashboardFacts = {
  /** Name of the context, or where the chain is. */
  readonly name: string
  readonly view: NetworkView
  /** What daemons tell meanwhile. */
  readonly live: LiveState
  /** Seconds since 1970. */
  readonly now: number
  /** What has to be known above all, e.g. an RPC endpoint that does not answer; null when all is well. */
  readonly warning: string | null
}

export type Section = {
  readonly title: string
  /** Rows below the title that show everything, and the fewest that are worth showing. */
  readonly wants: number
  readonly least: number
  draw(rows: number): readonly Line[]
}

/**
 * A frame of exactly fitting height: the head, then the sections that fit, each with a title and at least its least rows; what
 * is left is shared out in order. A frame never is taller or wider than the terminal: taller ones flicker.
 */
export function stackSections(head: readonly Line[], sections: readonly Section[], { columns, rows }: Size): Line[] {
  const costOf = (content: number) => content + 2
  let left = rows - head.length
  const fitting = sections.filter(section => {
    if (section.wants === 0 || costOf(section.least) > left) return false
    left -= costOf(Math.min(section.least, section.wants))
    return true
  })
  const heights = fitting.map(section => Math.min(section.least, section.wants))
  for (let grew = true; grew && left > 0; ) {
    grew = false
    fitting.forEach((section, i) => {
      if (left <= 0 || heights[i]! >= section.wants) return
      heights[i]! += 1
      left -= 1
      grew = true
    })
  }
  const body = fitting.flatMap((section, i) => [
    blankLine,
    [span(section.title, 'accent')],
    ...section.draw(heights[i]!).slice(0, heights[i]!),
  ])
  return [...head, ...body].slice(0, rows).map(line => cutLine(line, columns))
}

/** The lines that every dashboard begins with; `title` says what it shows, `lines` belong to it. */
export function headLines(
  { view, now, warning }: DashboardFacts,
  title: readonly Span[],
  lines: readonly Line[],
  columns: number,
): Line[] {
  const ageSeconds = Math.max(0, now - view.head.timestamp)
  const isStale = ageSeconds > 30
  const age = `block ${grouped(view.head.number)} · ${duration(ageSeconds)} ago${isStale ? ' (stale)' : ''}`
  return [
    spread([...title, span(age, isStale ? 'warn' : 'dim')], [span('q quit', 'dim')], columns),
    ...lines,
    ...warningLines(warning),
    blankLine,
    ...clockLines(epochProgress(view), columns),
  ]
}

export const warningLines = (warning: string | null): Line[] =>
  warning === null ? [] : [[span(`! ${warning}`, 'warn')]]

/** One line per epoch that is working or settling: where it stands, how long that still takes. */
function clockLines(epochs: readonly EpochProgress[], columns: number): Line[] {
  const nameWidth = Math.max(0, ...epochs.map(({ epoch }) => `Epoch ${epoch}`.length))
  return epochs.map(progress => {
    const { epoch, phase, rounds, resolved, cohorts } = progress
    const name = span(`${padEnd(`Epoch ${epoch}`, nameWidth)}  `, 'strong')
    const isWorking = phase === 'WORK'
    const note = !isWorking
      ? `${resolved} of ${counted(cohorts, 'cohort')} resolved`
      : rounds === null
        ? ''
        : counted(rounds, 'round')
    return spread(
      [name, ...(isWorking ? workSpans(progress, columns) : settlingSpans(progress))],
      note === '' ? [] : [span(note, 'dim')],
      columns,
    )
  })
}

function workSpans({ elapsedSeconds, lengthSeconds }: EpochProgress, columns: number): Span[] {
  if (lengthSeconds === null) return [span('WORK', 'good')]
  const barWidth = Math.min(24, Math.max(8, columns - 56))
  return [
    span('WORK  ', 'good'),
    span(progressBar(elapsedSeconds / lengthSeconds, barWidth), 'good'),
    span(`  ${duration(lengthSeconds - elapsedSeconds)} left`),
  ]
}

/** Past phases are ticked, the present one is in brackets: readable without colour. */
function settlingSpans({ phase, elapsedSeconds, lengthSeconds }: EpochProgress): Span[] {
  if (phase === 'PAID') return [span('PAID ✓', 'good')]
  const present = settlingPhases.indexOf(phase as SettlingPhase)
  const steps = settlingPhases.map((name, i) =>
    i < present ? span(`${name}✓ `, 'dim') : i === present ? span(`[${name}] `, 'accent') : span(`${name} `, 'dim'),
  )
  return lengthSeconds === null ? steps : [...steps, span(` ${duration(lengthSeconds - elapsedSeconds)} left`)]
}

/** A table as a section; its last line says how many rows are left out, unless it is a list whose end nobody needs. */
export const tableSection = <T>(
  title: string,
  columns: readonly Column<T>[],
  rows: readonly T[],
  width: number,
  { isList = false }: { readonly isList?: boolean } = {},
): Section => ({
  title,
  wants: rows.length === 0 ? 0 : rows.length + 1,
  least: 3,
  draw: most => tableLines(columns, isList ? rows.slice(0, most - 1) : rows, { width, most: most - 1 }),
})

const verdictTones: Record<string, Tone> = { VALID: 'good', WRONG: 'bad', CHECKER_FAULT: 'dim', BUSY: 'dim' }
export const verdictTone = (verdict: string): Tone => verdictTones[verdict] ?? 'warn'

export const figureText = (figure: number | bigint | undefined): string =>
  figure === undefined ? '—' : grouped(figure)
/** Of a fraction, rounded down: what is not all is never shown as all. */
export const percentText = (fraction: number | null): string =>
  fraction === null ? '—' : `${(Math.floor(fraction * 1000) / 10).toFixed(1)}%`

const verdictColumns: readonly Column<VerdictRow>[] = [
  { title: 'TIME', cell: ({ time }) => time, rank: 3 },
  { title: 'EPOCH', cell: ({ epoch }) => epoch, numeric: true, rank: 4 },
  { title: 'DEVICE', cell: ({ device }) => shortHex(device) },
  { title: 'SEAT', cell: ({ seat }) => shortHex(seat), rank: 1 },
  { title: 'VERDICT', cell: ({ verdict }) => ({ text: verdict, tone: verdictTone(verdict) }) },
  { title: 'REASON', cell: ({ reason }) => reason, least: 12 },
  { title: 'WORTH', cell: ({ figures }) => figuresText(figures), rank: 2 },
]

export const verdictsSection = ({ verdicts }: LiveState, width: number): Section =>
  tableSection('Verdicts', verdictColumns, verdicts, width, { isList: true })

const shownPayments = 32

const paymentColumns: readonly Column<PaymentView>[] = [
  { title: 'EPOCH', cell: ({ epoch }) => epoch, numeric: true },
  { title: 'DEVICE', cell: ({ device }) => shortHex(device) },
  { title: 'TO', cell: ({ payout }) => shortHex(payout), rank: 2 },
  { title: 'SCORE', cell: ({ score }) => grouped(score), numeric: true, rank: 1 },
  {
    title: 'KAI',
    cell: ({ amount }) => ({ text: tokens(amount), tone: amount > 0n ? 'good' : 'dim' }),
    numeric: true,
    least: 8,
  },
  { title: 'TRANSACTION', cell: ({ txHash }) => shortHex(txHash), rank: 3 },
]

export const paymentsSection = (payments: readonly PaymentView[], width: number): Section =>
  tableSection('Payments', paymentColumns, payments.slice(0, shownPayments), width, { isList: true })

export const eventsSection = ({ events }: LiveState): Section => ({
  title: 'Events',
  wants: events.length,
  least: 1,
  draw: rows =>
    events
      .slice(0, rows)
      .map(({ time, level, text }) => [
        span(`${time}  `, 'dim'),
        span(text, level === 'error' ? 'bad' : level === 'warn' ? 'warn' : 'plain'),
      ]),
})
