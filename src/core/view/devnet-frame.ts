import { clockLines, headSpan } from './clock-lines.ts'
import type { CheckerRow, DeviceRow, DevnetView } from './dashboard-views.ts'
import { counted, grouped, shortHex, tokens } from './figures.ts'
import { blankLine, type Line, type Size, span, spread } from './line.ts'
import {
  historyText,
  paymentLines,
  percentText,
  rateText,
  stageCell,
  verdictLines,
  verdictsCell,
  warningLines,
} from './row-cells.ts'
import { stackSections } from './stack-sections.ts'
import { type Column, tableLines } from './table-lines.ts'

const deviceColumns: readonly Column[] = [
  { title: 'DEVICE' },
  { title: 'MODEL', least: 10, rank: 4 },
  { title: 'JOB' },
  { title: 'SEATS' },
  { title: 'MOP/S', align: 'right' },
  { title: 'SCORES', rank: 3 },
  { title: 'STANDING', align: 'right', rank: 2 },
  { title: 'EARNED', align: 'right' },
]
const deviceCells = (device: DeviceRow) => [
  shortHex(device.id),
  device.model,
  stageCell(device.stage),
  verdictsCell(device.verdicts),
  rateText(device.rate),
  historyText(device.scores),
  device.standing === null ? '—' : grouped(device.standing),
  tokens(device.earned),
]

const checkerColumns: readonly Column[] = [
  { title: 'CHECKER' },
  { title: 'ENDPOINT', rank: 1, least: 12 },
  { title: 'SEATS', align: 'right' },
  { title: 'STRIKES', align: 'right' },
  { title: 'AGREEMENT', align: 'right' },
  { title: 'EARNED', align: 'right' },
]
const checkerCells = (checker: CheckerRow) => [
  shortHex(checker.operator),
  checker.endpoint,
  checker.jailed ? { text: 'jailed', tone: 'bad' as const } : String(checker.seats),
  checker.strikes === 0 ? '0' : { text: String(checker.strikes), tone: 'warn' as const },
  percentText(checker.agreement),
  tokens(checker.earned),
]

function summaryLine({ devices, checkers }: DevnetView): Line {
  const agreements = checkers.flatMap(({ agreement }) => (agreement === null ? [] : [agreement]))
  const agreement = agreements.length === 0 ? null : Math.min(...agreements)
  const jailed = checkers.filter(checker => checker.jailed).length
  const earned = devices.reduce((sum, device) => sum + device.earned, 0n)
  return [
    span(
      `${counted(devices.length, 'device')}   ${counted(checkers.length, 'checker')}   least agreement ${percentText(agreement)}   `,
    ),
    ...(jailed > 0 ? [span(`${jailed} jailed   `, 'bad')] : []),
    span(`${tokens(earned)} KAI earned`),
  ]
}

/** The devnet as a frame of at most `rows` lines of at most `columns` columns. Pure. */
export function devnetFrame(view: DevnetView, size: Size): Line[] {
  const { columns } = size
  const head: Line[] = [
    spread(
      [span(`kaisar ${view.name}`, 'strong'), span(`  chain ${view.chainId}  `, 'dim'), headSpan(view.head)],
      [span('q quit', 'dim')],
      columns,
    ),
    [
      span('rpc ', 'dim'),
      span(view.rpcUrl),
      ...(view.explorerUrl === null ? [] : [span('   explorer ', 'dim'), span(view.explorerUrl, 'accent')]),
    ],
    summaryLine(view),
    ...warningLines(view.warning),
    blankLine,
    ...clockLines(view.epochs, columns),
  ]
  return stackSections(
    head,
    [
      {
        title: 'Devices',
        wants: view.devices.length === 0 ? 0 : view.devices.length + 1,
        least: 3,
        draw: rows => tableLines(deviceColumns, view.devices.map(deviceCells), { width: columns, most: rows - 1 }),
      },
      {
        title: 'Payments',
        wants: view.payments.length === 0 ? 0 : view.payments.length + 1,
        least: 3,
        draw: rows => paymentLines(view.payments, columns, rows),
      },
      {
        title: 'Verdicts',
        wants: view.verdicts.length === 0 ? 0 : view.verdicts.length + 1,
        least: 3,
        draw: rows => verdictLines(view.verdicts, columns, rows),
      },
      {
        title: 'Checkers',
        wants: view.checkers.length === 0 ? 0 : view.checkers.length + 1,
        least: 3,
        draw: rows => tableLines(checkerColumns, view.checkers.map(checkerCells), { width: columns, most: rows - 1 }),
      },
    ],
    size,
  )
}
