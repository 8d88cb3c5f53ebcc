/** Cells that more than one dashboard shows. */
import type { DeviceRow, EventRow, JobStage, PaymentRow, VerdictRow } from './dashboard-views.ts'
import { grouped, shortHex, sparkline, tokens } from './figures.ts'
import { type Line, span, type Tone } from './line.ts'
import type { Cell, Column } from './table-lines.ts'
import { tableLines } from './table-lines.ts'

const stageTones: Record<JobStage, Tone> = {
  idle: 'dim',
  offered: 'accent',
  working: 'accent',
  committed: 'accent',
  opened: 'accent',
  judged: 'good',
  offline: 'bad',
}
export const stageCell = (stage: JobStage): Cell => ({ text: stage, tone: stageTones[stage] })

/** ✓ valid, ✗ wrong, ! any other verdict, · none yet; the words are in the list of verdicts. */
export function verdictsCell(verdicts: readonly (string | null)[]): Cell {
  const marks = verdicts.map(verdict =>
    verdict === null ? '·' : verdict === 'VALID' ? '✓' : verdict === 'WRONG' ? '✗' : '!',
  )
  const tone: Tone = marks.includes('✗') ? 'bad' : marks.includes('!') ? 'warn' : marks.includes('✓') ? 'good' : 'dim'
  return { text: marks.join(''), tone }
}

export const verdictTone = (verdict: string): Tone =>
  verdict === 'VALID' ? 'good' : verdict === 'WRONG' ? 'bad' : verdict === 'CHECKER_FAULT' ? 'dim' : 'warn'

export const rateText = (rate: number | null): string => (rate === null ? '—' : grouped(Math.round(rate)))
export const percentText = (fraction: number | null): string =>
  fraction === null ? '—' : `${(Math.floor(fraction * 1000) / 10).toFixed(1)}%`
export const historyText = (scores: DeviceRow['scores'], width = 8): string =>
  scores.length === 0 ? '—' : sparkline(scores, width)

const verdictColumns: readonly Column[] = [
  { title: 'TIME', rank: 3 },
  { title: 'EPOCH', align: 'right', rank: 4 },
  { title: 'DEVICE' },
  { title: 'SEAT', rank: 1 },
  { title: 'VERDICT' },
  { title: 'REASON', least: 12 },
  { title: 'MOP/S', align: 'right', rank: 2 },
]

export const verdictLines = (verdicts: readonly VerdictRow[], width: number, most: number): Line[] =>
  tableLines(
    verdictColumns,
    verdicts
      .slice(0, most - 1)
      .map(({ time, epoch, device, seat, verdict, reason, rate }) => [
        time,
        String(epoch),
        shortHex(device),
        shortHex(seat),
        { text: verdict, tone: verdictTone(verdict) },
        reason,
        rateText(rate),
      ]),
    { width },
  )

const paymentColumns: readonly Column[] = [
  { title: 'EPOCH', align: 'right' },
  { title: 'DEVICE' },
  { title: 'TO', rank: 2 },
  { title: 'SCORE', align: 'right', rank: 1 },
  { title: 'KAI', align: 'right', least: 8 },
  { title: 'TRANSACTION', rank: 3 },
]

export const paymentLines = (payments: readonly PaymentRow[], width: number, most: number): Line[] =>
  tableLines(
    paymentColumns,
    payments
      .slice(0, most - 1)
      .map(({ epoch, device, payout, score, amount, txHash }) => [
        String(epoch),
        shortHex(device),
        shortHex(payout),
        grouped(score),
        { text: tokens(amount), tone: amount > 0n ? ('good' as const) : ('dim' as const) },
        shortHex(txHash),
      ]),
    { width },
  )

export const eventLines = (events: readonly EventRow[], most: number): Line[] =>
  events
    .slice(0, most)
    .map(({ time, level, text }) => [
      span(`${time}  `, 'dim'),
      span(text, level === 'error' ? 'bad' : level === 'warn' ? 'warn' : 'plain'),
    ])

export const warningLines = (warning: string | null): Line[] =>
  warning === null ? [] : [[span(`! ${warning}`, 'warn')]]
