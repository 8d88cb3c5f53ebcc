import { clockLines, headSpan } from './clock-lines.ts'
import type { ProviderDeviceRow, ProviderView } from './dashboard-views.ts'
import { shortHex, tokens } from './figures.ts'
import { blankLine, type Line, type Size, span, spread } from './line.ts'
import { eventLines, historyText, paymentLines, rateText, stageCell, verdictsCell, warningLines } from './row-cells.ts'
import { stackSections } from './stack-sections.ts'
import { type Column, tableLines } from './table-lines.ts'

const columnsOfDevices: readonly Column[] = [
  { title: 'DEVICE' },
  { title: 'MODEL', least: 10, rank: 3 },
  { title: 'SESSIONS', align: 'right' },
  { title: 'JOB' },
  { title: 'SEATS', rank: 4 },
  { title: 'MOP/S', align: 'right' },
  { title: 'SCORES', rank: 5 },
  { title: 'ON CHAIN', least: 12, rank: 2 },
  { title: 'EARNED', align: 'right' },
]
const cellsOf = (device: ProviderDeviceRow) => [
  shortHex(device.id),
  device.model,
  { text: `${device.sessions}/5`, tone: device.sessions >= 3 ? ('good' as const) : ('bad' as const) },
  stageCell(device.stage),
  verdictsCell(device.verdicts),
  rateText(device.rate),
  historyText(device.scores),
  device.lastOnChain,
  tokens(device.earned),
]

/** A Provider as a frame of at most `rows` lines of at most `columns` columns. Pure. */
export function providerFrame(view: ProviderView, size: Size): Line[] {
  const { columns } = size
  const owed = view.devices.reduce((sum, device) => sum + device.owed, 0n)
  const faults = view.devices.flatMap(({ id, faults }) => faults.map(fault => `${shortHex(id)}  ${fault}`))
  // A daemon that is up but that no Checker reaches earns nothing, however healthy it looks.
  const unseen = view.devices.filter(({ sessions }) => sessions === 0).length
  const head: Line[] = [
    spread(
      [span('kaisar provider', 'strong'), span(`  ${view.network}  `, 'dim'), headSpan(view.head)],
      [span('q quit', 'dim')],
      columns,
    ),
    [
      span('operator ', 'dim'),
      span(shortHex(view.operator)),
      span('   pays to ', 'dim'),
      span(shortHex(view.payout)),
      ...(owed > 0n ? [span(`   owed ${tokens(owed)} KAI`, 'warn')] : []),
    ],
    ...warningLines(view.warning),
    ...warningLines(unseen === 0 ? null : `${unseen} of ${view.devices.length} devices are seen by no Checker`),
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
        draw: rows => tableLines(columnsOfDevices, view.devices.map(cellsOf), { width: columns, most: rows - 1 }),
      },
      {
        title: 'Faults',
        wants: faults.length,
        least: 1,
        draw: rows => faults.slice(0, rows).map(fault => [span(fault, 'bad')]),
      },
      {
        title: 'Payments',
        wants: view.payments.length === 0 ? 0 : view.payments.length + 1,
        least: 3,
        draw: rows => paymentLines(view.payments, columns, rows),
      },
      { title: 'Events', wants: view.events.length, least: 1, draw: rows => eventLines(view.events, rows) },
    ],
    size,
  )
}
