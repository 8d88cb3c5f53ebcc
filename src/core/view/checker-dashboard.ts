/** What `checker run --watch` shows: the chain's view of our seats, and what the daemon itself tells meanwhile. Pure. */
import type { Address } from 'viem'
import type { DutyStatus } from '../network/duties.ts'
import {
  type DashboardFacts,
  eventsSection,
  headLines,
  percentText,
  stackSections,
  tableSection,
  verdictsSection,
  verdictTone,
} from './dashboard-sections.ts'
import { grouped, shortHex, tokens } from './figures.ts'
import { type Line, type Size, span } from './line.ts'
import type { Column } from './table.ts'

export type CheckerDashboardFacts = DashboardFacts & {
  readonly operator: Address
  /** Newest first. */
  readonly duties: readonly DutyStatus[]
}

/** @param devices - that the seats judge, by epoch */
export const seatEpochRows = (duties: readonly DutyStatus[], devices: ReadonlyMap<number, number>) =>
  [...Map.groupBy(duties, ({ epoch }) => epoch)].map(([epoch, cohorts]) =>
    seatEpochRow(epoch, cohorts, devices.get(epoch) ?? 0),
  )

/** What became of an epoch that the seats were drawn for. */
function seatEpochRow(epoch: number, cohorts: readonly DutyStatus[], devices: number) {
  const committed = cohorts[0]!.committedTxHash
  const paid = cohorts.map(({ earned }) => earned).filter(amount => amount !== null)
  const agreed = cohorts.map(({ agreedLanes }) => agreedLanes).filter(lanes => lanes !== null)
  const state =
    committed === null
      ? cohorts.some(cohort => cohort.state !== 'pending')
        ? 'missed COMMIT'
        : 'at work'
      : cohorts.every(({ opened }) => opened === true)
        ? 'opened'
        : cohorts.some(cohort => cohort.state === 'void')
          ? 'void'
          : `committed ${shortHex(committed)}`
  return {
    epoch,
    cohorts: cohorts.length,
    devices,
    /** e.g. `committed 0x12…ab`, `opened`, `missed COMMIT`. */
    state,
    /** 0 to 1; null before it is paid. */
    agreement: agreed.length === 0 || devices === 0 ? null : agreed.reduce((sum, lanes) => sum + lanes, 0) / devices,
    earned: paid.length === 0 ? null : paid.reduce((sum, amount) => sum + amount, 0n),
  }
}

const dutyColumns: readonly Column<ReturnType<typeof seatEpochRow>>[] = [
  { title: 'EPOCH', cell: ({ epoch }) => epoch, numeric: true },
  { title: 'COHORTS', cell: ({ cohorts }) => cohorts, numeric: true },
  { title: 'DEVICES', cell: ({ devices }) => devices, numeric: true },
  { title: 'COMMITMENT', cell: ({ state }) => state, least: 12 },
  { title: 'AGREEMENT', cell: ({ agreement }) => percentText(agreement), numeric: true },
  { title: 'EARNED', cell: ({ earned }) => (earned === null ? '—' : tokens(earned)), numeric: true, rank: 1 },
]

/** A Checker as a frame of at most `rows` lines of at most `columns` columns. */
export function checkerFrame(facts: CheckerDashboardFacts, size: Size): Line[] {
  const { name, view, live, operator, duties } = facts
  const { columns } = size
  const own = view.checkers.find(checker => checker.operator === operator)
  const strikes = own?.strikes ?? 0
  const counts = Object.entries(live.verdictCounts).filter(([, count]) => count > 0)
  const head = headLines(
    facts,
    [span('kaisar checker', 'strong'), span(`  ${name}  `, 'dim')],
    [
      [
        span('operator ', 'dim'),
        span(shortHex(operator)),
        span('   endpoint ', 'dim'),
        span(own?.endpoint ?? live.endpoint ?? 'not listening yet'),
        span(`   ${live.sessions.size} sessions`, live.sessions.size === 0 ? 'warn' : 'plain'),
      ],
      [
        span('seats ', 'dim'),
        own?.jailed ? span('jailed', 'bad') : span(String(own?.seats ?? 0)),
        span('   strikes ', 'dim'),
        span(String(strikes), strikes === 0 ? 'plain' : 'warn'),
        span('   bond ', 'dim'),
        span(`${tokens(own?.bond ?? 0n, 2)} KAI`),
      ],
    ],
    columns,
  )
  const countLine = counts.flatMap(([verdict, count]) => [
    span(`${verdict} `, verdictTone(verdict)),
    span(`${grouped(count)}   `),
  ])
  return stackSections(
    counts.length === 0 ? head : [...head, countLine],
    [
      tableSection('Duties', dutyColumns, seatEpochRows(duties, live.judgedDevices), columns),
      verdictsSection(live, columns),
      eventsSection(live),
    ],
    size,
  )
}
