/** All devices of one payout wallet, whichever hosts and operator keys they have: what the chain has of them, and what hosts say. Pure. */
import type { Address } from 'viem'
import type { DeviceView, NetworkView } from '../network/network-view.ts'
import { providerStatus } from '../operator/provider-status.ts'
import type { NetworkStatus, StatusWarning } from '../operator/status-parts.ts'
import type { HostReading } from './read-hosts.ts'
import type { FleetPayment } from './read-payments-of.ts'
import type { FaultChange } from './webhook.ts'

export type FleetDevice = Pick<DeviceView, 'id' | 'operator' | 'lane' | 'generation' | 'since' | 'until' | 'earned'> & {
  /** Newest epoch that the chain has a result of, and what that was; null before the first. */
  readonly lastEpoch: number | null
  readonly verdict: string | null
  /** Capacity in that epoch. */
  readonly rate: bigint | null
  /** Mean of the resolved epochs that were read, in hundredths of a percent. */
  readonly uptime: number | null
  /** Release of kaisar its host runs; null where no host that was asked has it. */
  readonly version: string | null
  readonly faults: readonly StatusWarning[]
}

export type FleetStatus = {
  readonly wallet: Address
  readonly network: NetworkStatus
  /** Oldest epoch that sums cover. */
  readonly firstEpoch: number
  readonly totals: {
    readonly devices: number
    readonly operators: number
    /** Sum of the last capacities of devices that were judged VALID. */
    readonly capacity: bigint
    readonly uptime: number | null
    readonly earned: bigint
    /** What could not be delivered to the wallet. */
    readonly owed: bigint
    readonly faulty: number
    /** Devices by release, where hosts were asked. */
    readonly versions: Readonly<Record<string, number>>
  }
  readonly devices: readonly FleetDevice[]
  /** Hosts that were asked. */
  readonly hosts: readonly HostReading[]
  /** Of the wallet, the network and hosts. */
  readonly faults: readonly StatusWarning[]
}

export type FleetStatusInput = {
  readonly view: NetworkView
  readonly wallet: Address
  readonly hosts: readonly HostReading[]
  /** Of the wallet, in the epochs that were read. */
  readonly payments: readonly FleetPayment[]
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

export function fleetStatus({ view, wallet, hosts, payments, nowMs }: FleetStatusInput): FleetStatus {
  const own = view.devices.filter(({ payout }) => payout === wallet)
  const operators = new Set(own.map(({ operator }) => operator))
  // A status is about one operator: each is asked for once, with its devices alone.
  const byOperator = Map.groupBy(own, ({ operator }) => operator)
  const warnings = [...byOperator].flatMap(
    ([operator, devices]) => providerStatus({ view: { ...view, devices }, operator, local: null, nowMs }).warnings,
  )
  const warningsOf = Map.groupBy(warnings, ({ device }) => device)
  const versionOf = new Map(hosts.flatMap(({ devices, version }) => devices.map(id => [id, version] as const)))
  const earnedBy = Map.groupBy(payments, ({ device }) => device)
  const devices = own.map(device =>
    // What could not be paid out is the wallet's and would be said of each of its devices.
    fleetDevice(
      device,
      earnedBy.get(device.id)?.reduce((sum, { amount }) => sum + amount, 0n) ?? 0n,
      (warningsOf.get(device.id) ?? []).filter(({ code }) => code !== 'PAYMENT_OWED'),
      versionOf.get(device.id) ?? null,
    ),
  )
  const { network } = providerStatus({ view: { ...view, devices: [] }, operator: wallet, local: null, nowMs })
  const owed = own[0]?.owed ?? 0n
  const general = new Map((warningsOf.get(null) ?? []).map(warning => [warning.code, warning]))
  return {
    wallet,
    network,
    firstEpoch: view.firstEpoch,
    totals: {
      devices: devices.length,
      operators: operators.size,
      capacity: devices.reduce((sum, { verdict, rate }) => sum + (verdict === 'VALID' ? (rate ?? 0n) : 0n), 0n),
      uptime: mean(devices.flatMap(({ uptime }) => uptime ?? [])),
      earned: devices.reduce((sum, { earned }) => sum + earned, 0n),
      owed,
      faulty: devices.filter(({ faults }) => faults.length > 0).length,
      versions: Object.fromEntries(
        [...Map.groupBy(devices, ({ version }) => version)]
          .filter(([version]) => version !== null)
          .map(([version, { length }]) => [version, length]),
      ),
    },
    devices,
    hosts,
    faults: [...general.values(), ...(owed === 0n ? [] : [owedFault]), ...hosts.flatMap(hostFault)],
  }
}

function fleetDevice(
  device: DeviceView,
  earned: bigint,
  faults: readonly StatusWarning[],
  version: string | null,
): FleetDevice {
  const { id, operator, lane, generation, since, until, history } = device
  const last = history.at(-1)
  return {
    id,
    operator,
    lane,
    generation,
    since,
    until,
    lastEpoch: last?.epoch ?? null,
    verdict: last?.verdict.verdict ?? null,
    rate: last?.rate ?? null,
    // Of a void cohort nothing is known.
    uptime: mean(history.filter(({ verdict }) => verdict.verdict !== 'VOID').map(({ uptime }) => uptime)),
    earned,
    version,
    faults,
  }
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : Math.round(values.reduce((sum, value) => sum + value, 0) / values.length)

const owedFault: StatusWarning = {
  code: 'PAYMENT_OWED',
  device: null,
  message: 'Payments could not be delivered to the payout wallet; the vault keeps them.',
  fix: 'Check that the wallet can receive KAI; it is sent with "kaisar epoch settle".',
}

const hostFault = ({ url, trouble }: HostReading): StatusWarning[] =>
  trouble === null
    ? []
    : [
        {
          code: 'HOST_UNREACHABLE',
          device: null,
          message: `The Provider at ${url} does not show its metrics: ${trouble}.`,
          fix: 'Check that it runs, with --metrics-port and a --metrics-host that this machine reaches.',
        },
      ]

/** Faults by what they are and of what; the texts may change while a fault lasts. */
export type KnownFaults = ReadonlyMap<string, Omit<FaultChange, 'change'>>

export function faultsOf({ faults, devices }: Pick<FleetStatus, 'faults' | 'devices'>): KnownFaults {
  const all = [
    ...faults.map(fault => ({ ...fault, operator: null })),
    ...devices.flatMap(({ operator, faults }) => faults.map(fault => ({ ...fault, operator }))),
  ]
  // Hosts have one code, and the address in the text; what follows it may change while a host is away.
  const host = /^The Provider at (\S+) /
  const key = ({ code, device, message }: (typeof all)[number]) => `${code} ${device ?? host.exec(message)?.[1] ?? ''}`
  return new Map(all.map(fault => [key(fault), fault]))
}

/** What came and what went, in this order. */
export const faultChanges = (before: KnownFaults, now: KnownFaults): FaultChange[] => [
  ...[...now].filter(([key]) => !before.has(key)).map(([, fault]) => ({ change: 'appeared' as const, ...fault })),
  ...[...before].filter(([key]) => !now.has(key)).map(([, fault]) => ({ change: 'cleared' as const, ...fault })),
]
