/** A fleet on 80 columns: totals first, then the devices. */

import { counted, grouped, shortHex, tokens } from '../view/figures.ts'
import type { Column } from '../view/table.ts'
import type { FleetDevice, FleetStatus } from './fleet-status.ts'

const percent = (hundredths: number | null) => (hundredths === null ? '—' : `${(hundredths / 100).toFixed(2)}%`)

export function fleetTotals({ wallet, network, firstEpoch, totals, hosts, devices }: FleetStatus): string[] {
  const { capacity, uptime, earned, owed, faulty, versions } = totals
  const answered = hosts.filter(({ trouble }) => trouble === null).length
  const releases = Object.entries(versions).map(([version, count]) => `${version} on ${grouped(count)}`)
  const unknown = devices.filter(({ version }) => version === null).length
  return [
    `wallet    ${wallet}`,
    `chain     ${network.chainId}, block ${grouped(network.head.number)}, epoch ${network.currentEpoch ?? 'none yet'}`,
    `devices   ${grouped(totals.devices)} of ${counted(totals.operators, 'operator')}, ${faulty === 0 ? 'none' : grouped(faulty)} with faults`,
    `capacity  ${grouped(capacity)} in the last resolved epoch, uptime ${percent(uptime)}`,
    `earned    ${tokens(earned)} KAI since epoch ${firstEpoch}, owed ${tokens(owed)} KAI`,
    `versions  ${
      hosts.length === 0
        ? 'not asked: --hosts names the hosts'
        : `${[...releases, ...(unknown > 0 ? [`unknown on ${grouped(unknown)}`] : [])].join(', ')}; ${grouped(answered)} of ${counted(hosts.length, 'host')} answered`
    }`,
  ]
}

export const fleetColumns: readonly Column<FleetDevice>[] = [
  { title: 'device', cell: ({ id }) => id, isHex: true },
  { title: 'operator', cell: ({ operator }) => operator, isHex: true, rank: 3 },
  { title: 'epoch', cell: ({ lastEpoch }) => lastEpoch ?? '—', numeric: true, rank: 4 },
  { title: 'verdict', cell: ({ verdict }) => verdict ?? '—' },
  { title: 'capacity', cell: ({ rate }) => (rate === null ? '—' : grouped(rate)), numeric: true },
  { title: 'uptime', cell: ({ uptime }) => percent(uptime), numeric: true, rank: 1 },
  { title: 'earned KAI', cell: ({ earned }) => tokens(earned, 2), numeric: true },
  { title: 'version', cell: ({ version }) => version ?? '—', rank: 2 },
  { title: 'faults', cell: ({ faults }) => faults.map(({ code }) => code).join(', '), least: 10 },
]

/** Faults of many devices by their kind, a line each. */
export function faultLines({ faults, devices }: Pick<FleetStatus, 'faults' | 'devices'>): string[] {
  const kinds = Map.groupBy(
    devices.flatMap(each => each.faults),
    ({ code }) => code,
  )
  return [
    ...faults.flatMap(({ code, message, fix }) => [`! ${code}  ${message}`, `  Fix: ${fix}`]),
    ...[...kinds].flatMap(([code, [first, ...others]]) => [
      `! ${code}  ${others.length === 0 ? shortHex(first!.device!) : `${counted(others.length + 1, 'device')}, such as ${shortHex(first!.device!)}`}: ${first!.message}`,
      `  Fix: ${first!.fix}`,
    ]),
  ]
}
