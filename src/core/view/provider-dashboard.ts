/** What `provider run --watch` shows: the chain's view of our devices, and what the daemon itself tells meanwhile. Pure. */
import type { Address } from 'viem'
import { committeeSize, quorum } from '../protocol/constants.ts'
import {
  type DashboardFacts,
  eventsSection,
  headLines,
  paymentsSection,
  stackSections,
  tableSection,
  warningLines,
} from './dashboard-sections.ts'
import { type DeviceRow, deviceColumns, deviceRows } from './device-rows.ts'
import { counted, shortHex, tokens } from './figures.ts'
import { type Line, type Size, span } from './line.ts'
import type { Column } from './table.ts'

export type ProviderDashboardFacts = DashboardFacts & {
  readonly operator: Address
  readonly payout: Address
  /** What this machine's probe said of its devices. */
  readonly seen: NonNullable<Parameters<typeof deviceRows>[1]>
}

const onChain = ({ history }: DeviceRow): string => {
  const proof = history.at(-1)
  return proof === undefined
    ? 'no result yet'
    : `epoch ${proof.epoch} ${proof.verdict.verdict}: ${proof.verdict.reason}`
}

/** A Provider as a frame of at most `rows` lines of at most `columns` columns. */
export function providerFrame(facts: ProviderDashboardFacts, size: Size): Line[] {
  const { name, view, live, operator, payout, seen } = facts
  const { columns } = size
  const devices = deviceRows(facts, seen).filter(device => device.operator === operator)
  const sessions = Math.min(5, live.sessions.size)
  const owed = devices.reduce((sum, device) => sum + device.owed, 0n)
  const faults = devices.flatMap(({ id, faults }) => faults.map(fault => `${shortHex(id)}  ${fault}`))
  const { id, model, job, seats, tensor, bandwidth, resident, capacity, scores, earned } = deviceColumns
  const columnsOfDevices: readonly Column<DeviceRow>[] = [
    id,
    { ...model, rank: 3 },
    {
      title: 'SESSIONS',
      cell: () => ({ text: `${sessions}/${committeeSize}`, tone: sessions >= quorum ? 'good' : 'bad' }),
      numeric: true,
    },
    job,
    { ...seats, rank: 4 },
    { ...tensor, rank: 6 },
    { ...bandwidth, rank: 7 },
    { ...resident, rank: 7 },
    capacity,
    { ...scores, rank: 5 },
    { title: 'ON CHAIN', cell: onChain, least: 12, rank: 2 },
    earned,
  ]
  const head = headLines(
    facts,
    [span('kaisar provider', 'strong'), span(`  ${name}  `, 'dim')],
    [
      [
        span('operator ', 'dim'),
        span(shortHex(operator)),
        span('   pays to ', 'dim'),
        span(shortHex(payout)),
        ...(owed > 0n ? [span(`   owed ${tokens(owed)} KAI`, 'warn')] : []),
      ],
      ...[...live.paused].map(([device, until]) => [
        span(
          `device ${shortHex(device)} is paused ${until === null ? 'until it is resumed' : `until ${until}`}`,
          'warn',
        ),
      ]),
      // A daemon that is up but that no Checker reaches earns nothing, however healthy it looks.
      ...warningLines(
        sessions > 0 || devices.length === 0
          ? null
          : `no Checker has a session with this Provider: ${counted(devices.length, 'device')} cannot be judged`,
      ),
    ],
    columns,
  )
  return stackSections(
    head,
    [
      tableSection('Devices', columnsOfDevices, devices, columns),
      {
        title: 'Faults',
        wants: faults.length,
        least: 1,
        draw: rows => faults.slice(0, rows).map(fault => [span(fault, 'bad')]),
      },
      paymentsSection(
        view.payments.filter(payment => payment.payout === payout),
        columns,
      ),
      eventsSection(live),
    ],
    size,
  )
}
