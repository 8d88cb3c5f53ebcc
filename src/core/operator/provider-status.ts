/**
 * A Provider from the chain outwards: what the network has recorded of its devices first, what runs here second, and where the two
 * do not fit, that is what is said. Pure.
 *
 * Why: docs/why/daemons-and-operators.md
 */
import type { Address, Hex } from 'viem'
import type { DeviceEpochView, DeviceView, NetworkView } from '../network/network-view.ts'
import { epochStartsAt } from '../protocol/trigger.ts'
import type { ProviderRecords } from '../provider/journal.ts'
import { counted, duration } from '../view/figures.ts'
import {
  type LocalDaemon,
  type NetworkStatus,
  networkStatus,
  type StatusWarning,
  staleWarning,
} from './status-parts.ts'

/** What this machine's probe says of a device. */
export type LocalDevice = {
  readonly id: Hex
  readonly model: string
  readonly faults: readonly {
    readonly code: string
    readonly meaning: string
    readonly fix: string
    readonly critical: boolean
  }[]
}

export type LocalProvider = LocalDaemon & {
  /** Null where no Provider ever ran with this data folder. */
  readonly records: ProviderRecords | null
  readonly devices: readonly LocalDevice[]
}

export type ProviderDeviceStatus = Pick<
  DeviceView,
  | 'id'
  | 'operator'
  | 'payout'
  | 'lane'
  | 'generation'
  | 'since'
  | 'until'
  | 'standing'
  | 'silentEpochs'
  | 'earned'
  | 'owed'
> & {
  /** Null where this machine's probe does not see it. */
  readonly model: string | null
  /** The newest epoch that the chain has a result of. */
  readonly lastProof: DeviceEpochView | null
  /** Resolved epochs, oldest first; score null where the cohort was void. */
  readonly history: readonly { readonly epoch: number; readonly score: bigint | null }[]
  /** Codes; null where this machine's probe does not see it. */
  readonly faults: readonly string[] | null
}

export type ProviderStatus = {
  readonly operator: Address
  readonly network: NetworkStatus
  /** Null where the status is not about this machine's Provider. */
  readonly daemon: LocalDaemon | null
  readonly devices: readonly ProviderDeviceStatus[]
  readonly warnings: readonly StatusWarning[]
}

export type ProviderStatusInput = {
  readonly view: NetworkView
  readonly operator: Address
  readonly local: LocalProvider | null
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

export function providerStatus({ view, operator, local, nowMs }: ProviderStatusInput): ProviderStatus {
  const network = networkStatus(view, nowMs)
  const devices = view.devices.filter(device => device.operator === operator).map(device => deviceStatus(device, local))
  return {
    operator,
    network,
    daemon: local === null ? null : { running: local.running },
    devices,
    warnings: [
      ...staleWarning(network),
      ...(local === null ? [] : daemonWarnings(devices, local)),
      ...devices.flatMap(device => deviceWarnings(device, view, local)),
    ],
  }
}

function deviceStatus(device: DeviceView, local: LocalProvider | null): ProviderDeviceStatus {
  const { id, operator, payout, lane, generation, since, until, standing, silentEpochs, earned, owed, history } = device
  const seen = local?.devices.find(each => each.id === id)
  return {
    id,
    operator,
    payout,
    lane,
    generation,
    since,
    until,
    standing,
    silentEpochs,
    earned,
    owed,
    model: seen?.model ?? null,
    lastProof: history.at(-1) ?? null,
    history: history.map(({ epoch, score }) => ({ epoch, score })),
    faults: seen?.faults.map(({ code }) => code) ?? null,
  }
}

function daemonWarnings(devices: readonly ProviderDeviceStatus[], { running }: LocalProvider): StatusWarning[] {
  if (running === null && devices.length > 0)
    return [
      {
        code: 'DAEMON_DOWN',
        device: null,
        message: 'Devices are registered and no Provider runs with this data folder: every round counts as missed.',
        fix: 'Start it with "kaisar provider run"; where it runs with another folder, name that with --data-dir.',
      },
    ]
  if (running !== null && devices.length === 0)
    return [
      {
        code: 'DEVICE_UNREGISTERED',
        device: null,
        message: `The Provider runs (process ${running.pid}) and the chain knows no device of this operator.`,
        fix: 'Look at its log: registering needs a deposit in KAI and gas. "kaisar provider doctor" says whether a device can work.',
      },
    ]
  return []
}

function deviceWarnings(device: ProviderDeviceStatus, view: NetworkView, local: LocalProvider | null): StatusWarning[] {
  const warn = (code: string, message: string, fix: string): StatusWarning => ({
    code,
    device: device.id,
    message,
    fix,
  })
  const faults = local?.devices.find(({ id }) => id === device.id)?.faults ?? []
  return [
    ...faults.filter(({ critical }) => critical).map(({ code, meaning, fix }) => warn(code, meaning, fix)),
    ...proofWarning(device, view, local, warn),
    ...(device.until === null
      ? []
      : [
          warn(
            'DEVICE_LEAVING',
            `The device was signed off or delisted: epoch ${device.until} is its last.`,
            'If that was not wanted, start the Provider: it registers the device again.',
          ),
        ]),
    ...(device.owed === 0n
      ? []
      : [
          warn(
            'PAYMENT_OWED',
            'A payment could not be delivered to the payout wallet; the vault keeps it.',
            'Check that the wallet can receive KAI; it is sent with "kaisar epoch settle".',
          ),
        ]),
  ]
}

/** What the last result on chain means for somebody whose daemon may well be running. */
function proofWarning(
  { id, lastProof, since }: ProviderDeviceStatus,
  { timeline, currentEpoch, head }: NetworkView,
  local: LocalProvider | null,
  warn: (code: string, message: string, fix: string) => StatusWarning,
): StatusWarning[] {
  if (lastProof === null || timeline === null) {
    // An epoch is resolved during the next one: before that there is nothing to miss.
    const late = timeline !== null && currentEpoch !== null && currentEpoch >= since + 2
    return late
      ? [
          warn(
            'DEVICE_UNPROVEN',
            `The device is a member since epoch ${since} and the chain has no result of it.`,
            'Check with "kaisar epoch status" whether epochs are settled, and with "kaisar epoch explain" what became of this device.',
          ),
        ]
      : []
  }
  const { epoch, verdict } = lastProof
  const { reason } = verdict
  const explain = `"kaisar epoch explain" shows what each seat said.`
  if (verdict.verdict === 'WRONG')
    return [warn('DEVICE_WRONG', `Epoch ${epoch}: ${reason}.`, `Run "kaisar provider self-test". ${explain}`)]
  if (verdict.verdict === 'UNSUPPORTED')
    return [warn('DEVICE_UNSUPPORTED', `Epoch ${epoch}: ${reason}.`, `Run "kaisar provider doctor". ${explain}`)]
  if (verdict.verdict !== 'MISSED' && verdict.verdict !== 'ABSTAINED') return []

  const running = local?.running ?? null
  const upSince = running === null ? Number.POSITIVE_INFINITY : Date.parse(running.since) / 1000
  if (upSince > epochStartsAt(timeline, epoch)) {
    // It was not up for all of that epoch; what it does now is not on chain yet.
    return running !== null
      ? []
      : [warn('DEVICE_MISSED', `Epoch ${epoch}: ${reason}.`, `Keep the Provider running. ${explain}`)]
  }
  const rounds = local?.records?.rounds.filter(round => round.epoch === epoch && round.deviceId === id) ?? []
  const up = `The Provider has run for ${duration(Math.max(0, head.timestamp - upSince))}`
  if (rounds.length === 0)
    return [
      warn(
        'DEVICE_UNSEEN',
        `${up}, and for the Checkers it was not there in epoch ${epoch}: ${reason}.`,
        'It worked no round of that epoch: check in its log that sessions to its Checkers open, and the firewall for outgoing connections.',
      ),
    ]
  if (rounds.every(({ rows }) => rows === 0))
    return [
      warn(
        'DEVICE_TOO_SLOW',
        `${up} and finished no row inside the window of any of ${counted(rounds.length, 'round')} of epoch ${epoch}.`,
        'Something else uses the device: stop it, then compare with "kaisar provider self-test".',
      ),
    ]
  return [
    warn(
      'DEVICE_UNSEEN',
      `${up} and committed to ${counted(rounds.length, 'round')} of epoch ${epoch}, and the Checkers counted none of them: ${reason}.`,
      'Its commitments come late or do not arrive: look for refusals in "kaisar provider report", and check connection, RPC endpoint and clock.',
    ),
  ]
}
