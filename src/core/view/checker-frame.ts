import { clockLines, headSpan } from './clock-lines.ts'
import type { CheckerView, SeatEpochRow } from './dashboard-views.ts'
import { grouped, shortHex, tokens } from './figures.ts'
import { blankLine, type Line, type Size, span, spread } from './line.ts'
import { eventLines, percentText, verdictLines, verdictTone, warningLines } from './row-cells.ts'
import { stackSections } from './stack-sections.ts'
import { type Column, tableLines } from './table-lines.ts'

const dutyColumns: readonly Column[] = [
  { title: 'EPOCH', align: 'right' },
  { title: 'COHORTS', align: 'right' },
  { title: 'DEVICES', align: 'right' },
  { title: 'COMMITMENT', least: 12 },
  { title: 'AGREEMENT', align: 'right' },
  { title: 'EARNED', align: 'right', rank: 1 },
]
const dutyCells = (duty: SeatEpochRow) => [
  String(duty.epoch),
  String(duty.cohorts),
  String(duty.devices),
  duty.state,
  percentText(duty.agreement),
  duty.earned === null ? '—' : tokens(duty.earned),
]

/** A Checker as a frame of at most `rows` lines of at most `columns` columns. Pure. */
export function checkerFrame(view: CheckerView, size: Size): Line[] {
  const { columns } = size
  const counts = Object.entries(view.verdictCounts).filter(([, count]) => count > 0)
  const head: Line[] = [
    spread(
      [span('kaisar checker', 'strong'), span(`  ${view.network}  `, 'dim'), headSpan(view.head)],
      [span('q quit', 'dim')],
      columns,
    ),
    [
      span('operator ', 'dim'),
      span(shortHex(view.operator)),
      span('   endpoint ', 'dim'),
      span(view.endpoint),
      span(`   ${view.sessions} sessions`, view.sessions === 0 ? 'warn' : 'plain'),
    ],
    [
      span('seats ', 'dim'),
      span(view.jailed ? 'jailed' : String(view.seats), view.jailed ? 'bad' : 'plain'),
      span('   strikes ', 'dim'),
      span(String(view.strikes), view.strikes === 0 ? 'plain' : 'warn'),
      span('   bond ', 'dim'),
      span(`${tokens(view.bond, 2)} KAI`),
    ],
    ...warningLines(view.warning),
    blankLine,
    ...clockLines(view.epochs, columns),
    ...(counts.length === 0
      ? []
      : [
          counts.flatMap(([verdict, count]) => [
            span(`${verdict} `, verdictTone(verdict)),
            span(`${grouped(count)}   `, 'plain'),
          ]),
        ]),
  ]
  return stackSections(
    head,
    [
      {
        title: 'Duties',
        wants: view.duties.length === 0 ? 0 : view.duties.length + 1,
        least: 3,
        draw: rows => tableLines(dutyColumns, view.duties.map(dutyCells), { width: columns, most: rows - 1 }),
      },
      {
        title: 'Verdicts',
        wants: view.verdicts.length === 0 ? 0 : view.verdicts.length + 1,
        least: 3,
        draw: rows => verdictLines(view.verdicts, columns, rows),
      },
      { title: 'Events', wants: view.events.length, least: 1, draw: rows => eventLines(view.events, rows) },
    ],
    size,
  )
}
