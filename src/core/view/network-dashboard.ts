/** The dashboard of a whole network: `devnet up` and `chain watch --dashboard`. Pure. */
import type { CheckerView } from '../network/network-view.ts'
import {
  type DashboardFacts,
  headLines,
  paymentsSection,
  percentText,
  stackSections,
  tableSection,
  verdictsSection,
} from './dashboard-sections.ts'
import { type DeviceRow, deviceColumns, deviceRows } from './device-rows.ts'
import { counted, shortHex, tokens } from './figures.ts'
import { type Line, type Size, span } from './line.ts'
import type { Column } from './table.ts'

export type NetworkDashboardFacts = DashboardFacts & { readonly rpcUrl: string; readonly explorerUrl: string | null }

const { id, model, job, seats, tensor, bandwidth, resident, capacity, scores, standing, earned } = deviceColumns
const columnsOfDevices: readonly Column<DeviceRow>[] = [
  id,
  { ...model, rank: 4 },
  job,
  seats,
  { ...tensor, rank: 5 },
  { ...bandwidth, rank: 6 },
  { ...resident, rank: 6 },
  capacity,
  { ...scores, rank: 3 },
  { ...standing, rank: 2 },
  earned,
]

const agreementOf = ({ agreedLanes, drawnLanes }: CheckerView): number | null =>
  drawnLanes === 0 ? null : agreedLanes / drawnLanes

const columnsOfCheckers: readonly Column<CheckerView>[] = [
  { title: 'CHECKER', cell: ({ operator }) => shortHex(operator) },
  { title: 'ENDPOINT', cell: ({ endpoint }) => endpoint, rank: 1, least: 12 },
  { title: 'SEATS', cell: ({ jailed, seats }) => (jailed ? { text: 'jailed', tone: 'bad' } : seats), numeric: true },
  {
    title: 'STRIKES',
    cell: ({ strikes }) => (strikes === 0 ? 0 : { text: String(strikes), tone: 'warn' }),
    numeric: true,
  },
  { title: 'AGREEMENT', cell: checker => percentText(agreementOf(checker)), numeric: true },
  { title: 'EARNED', cell: ({ earned }) => tokens(earned), numeric: true },
]

/** A network as a frame of at most `rows` lines of at most `columns` columns. */
export function networkFrame(facts: NetworkDashboardFacts, size: Size): Line[] {
  const { name, rpcUrl, explorerUrl, live, view } = facts
  const { columns } = size
  const { devices, checkers } = view
  const agreements = checkers.map(agreementOf).filter(agreement => agreement !== null)
  const jailed = checkers.filter(checker => checker.jailed).length
  const head = headLines(
    facts,
    [span(`kaisar ${name}`, 'strong'), span(`  chain ${view.chainId}  `, 'dim')],
    [
      [
        span('rpc ', 'dim'),
        span(rpcUrl),
        ...(explorerUrl === null ? [] : [span('   explorer ', 'dim'), span(explorerUrl, 'accent')]),
      ],
      [
        span(
          `${counted(devices.length, 'device')}   ${counted(checkers.length, 'checker')}   least agreement ${percentText(agreements.length === 0 ? null : Math.min(...agreements))}   `,
        ),
        ...(jailed > 0 ? [span(`${jailed} jailed   `, 'bad')] : []),
        span(`${tokens(devices.reduce((sum, device) => sum + device.earned, 0n))} KAI earned`),
      ],
    ],
    columns,
  )
  return stackSections(
    head,
    [
      tableSection('Devices', columnsOfDevices, deviceRows(facts, null), columns),
      paymentsSection(view.payments, columns),
      verdictsSection(live, columns),
      tableSection('Checkers', columnsOfCheckers, checkers, columns),
    ],
    size,
  )
}
