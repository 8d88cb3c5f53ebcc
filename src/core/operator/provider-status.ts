/**
 * A Provider from the chain outwards: what the network has recorded of its devices first, what runs here second, and where the two
 * do not fit, that is what is said. Pure but for asking the probe.
 *
 * Why: docs/why/daemons-and-operators.md
 */
import type { Address, Hex } from 'viem'
import type { Fault, GpuProbe } from '../devices/probed-device.ts'
import type { Measures } from '../epoch/capacity.ts'
import { decodeRate } from '../epoch/minifloat.ts'
import { kindOfSpec } from '../job/jobs.ts'
import type { DeviceEpochView, DeviceView, NetworkView } from '../network/network-view.ts'
import { fullUptime } from '../protocol/constants.ts'
import { deviceIdOf } from '../protocol/device-record.ts'
import { epochStartsAt } from '../protocol/trigger.ts'
import type { ProviderRecords } from '../provider/journal.ts'
import { holdsAt } from '../provider/pause.ts'
import { counted, duration, figuresText, grouped, shortHex, sparkline, tokens, uptimePercent } from '../view/figures.ts'
import {
  type LocalDaemon,
  type NetworkStatus,
  networkStatus,
  paymentOwed,
  raised,
  type StatusWarning,
  staleWarning,
  statusHead,
  warningTexts,
} from './status-parts.ts'

/** What this machine's probe says of a device. */
export type LocalDevice = {
  readonly id: Hex
  readonly model: string
  readonly faults: readonly Pick<Fault, 'code' | 'meaning' | 'fix' | 'critical'>[]
}

export type LocalProvider = LocalDaemon & {
  /** Null where no Provider ever ran with this data folder. */
  readonly records: ProviderRecords | null
  readonly devices: readonly LocalDevice[]
}

type ProviderDeviceStatus = Omit<DeviceView, 'history'> & {
  /** Null where this machine's probe does not see it. */
  readonly model: string | null
  /** The newest epoch that the chain has a result of. */
  readonly lastProof: DeviceEpochView | null
  /** What its capacity is made of, by a receipt that says the same; null where this Provider has none. */
  readonly measures: Measures | null
  /** Resolved epochs, oldest first; score null where the cohort was void. */
  readonly history: readonly { readonly epoch: number; readonly score: bigint | null }[]
  /** Null where it is not paused, or this machine has no records of it. ISO 8601; `until` null: until it is resumed. */
  readonly pause: { readonly since: string; readonly until: string | null } | null
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
  const devices = view.devices
    .filter(device => device.operator === operator)
    .map(device => deviceStatus(device, local, nowMs))
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

function deviceStatus(device: DeviceView, local: LocalProvider | null, nowMs: number): ProviderDeviceStatus {
  const pause = local?.records?.pauses.find(each => each.deviceId === device.id && holdsAt(each, nowMs))
  const seen = local?.devices.find(({ id }) => id === device.id)
  const isoTime = (ms: number) => new Date(ms).toISOString()
  return {
    ...device,
    model: seen?.model ?? null,
    lastProof: device.history.at(-1) ?? null,
    measures: measuresOfProof(device, local),
    history: device.history.map(({ epoch, score }) => ({ epoch, score })),
    pause: pause ? { since: isoTime(pause.since), until: pause.until === null ? null : isoTime(pause.until) } : null,
    faults: seen?.faults.map(({ code }) => code) ?? null,
  }
}

/** Seats that say another capacity than the median measured something else. */
function measuresOfProof({ id, history }: DeviceView, local: LocalProvider | null): Measures | null {
  const last = history.at(-1)
  const receipt = local?.records?.receipts.find(
    ({ deviceId, epoch, rate, measures }) =>
      measures !== null && deviceId === id && epoch === last?.epoch && decodeRate(rate) === last.rate,
  )
  return receipt?.measures ?? null
}

const daemonWarnings = (devices: readonly ProviderDeviceStatus[], { running }: LocalProvider): StatusWarning[] =>
  raised(
    running === null &&
      devices.length > 0 && {
        code: 'DAEMON_DOWN',
        device: null,
        message: 'Devices are registered and no Provider runs with this data folder: every round counts as missed.',
        fix: 'Start it with "kaisar provider run"; where it runs with another folder, name that with --data-dir.',
      },
    running !== null &&
      devices.length === 0 && {
        code: 'DEVICE_UNREGISTERED',
        device: null,
        message: `The Provider runs (process ${running.pid}) and the chain knows no device of this operator.`,
        fix: 'Look at its log: registering needs a deposit in KAI and gas. "kaisar provider doctor" says whether a device can work.',
      },
  )

function deviceWarnings(status: ProviderDeviceStatus, view: NetworkView, local: LocalProvider | null): StatusWarning[] {
  const { id: device, until, owed } = status
  const faults = local?.devices.find(({ id }) => id === device)?.faults ?? []
  return [
    ...faults
      .filter(({ critical }) => critical)
      .map(({ code, meaning, fix }) => ({ code, device, message: meaning, fix })),
    ...raised(
      proofWarning(status, view, local),
      until !== null && {
        code: 'DEVICE_LEAVING',
        device,
        message: `The device was signed off or delisted: epoch ${until} is its last.`,
        fix: 'If that was not wanted, start the Provider: it registers the device again.',
      },
      owed > 0n && paymentOwed(device),
    ),
  ]
}

/** What the last result on chain means for somebody whose daemon may well be running. */
function proofWarning(
  { id: device, lastProof, since }: ProviderDeviceStatus,
  { timeline, currentEpoch, head }: NetworkView,
  local: LocalProvider | null,
): StatusWarning | false {
  const warn = (code: string, message: string, fix: string): StatusWarning => ({ code, device, message, fix })
  if (lastProof === null || timeline === null) {
    // An epoch is resolved during the next one: before that there is nothing to miss.
    const isLate = timeline !== null && currentEpoch !== null && currentEpoch >= since + 2
    return (
      isLate &&
      warn(
        'DEVICE_UNPROVEN',
        `The device is a member since epoch ${since} and the chain has no result of it.`,
        'Check with "kaisar epoch status" whether epochs are settled, and with "kaisar epoch explain" what became of this device.',
      )
    )
  }
  const { epoch, verdict } = lastProof
  const { reason } = verdict
  const explain = `"kaisar epoch explain" shows what each seat said.`
  if (verdict.verdict === 'WRONG')
    return warn('DEVICE_WRONG', `Epoch ${epoch}: ${reason}.`, `Run "kaisar provider self-test". ${explain}`)
  if (verdict.verdict === 'UNSUPPORTED')
    return warn('DEVICE_UNSUPPORTED', `Epoch ${epoch}: ${reason}.`, `Run "kaisar provider doctor". ${explain}`)
  // A device that was paused is expected to be missing.
  const wasBusy = local?.records?.busy.some(round => round.epoch === epoch && round.deviceId === device) ?? false
  if (wasBusy || (verdict.verdict !== 'MISSED' && verdict.verdict !== 'ABSTAINED')) return false

  const running = local?.running ?? null
  const upSince = running === null ? Number.POSITIVE_INFINITY : Date.parse(running.since) / 1000
  // The daemon did not run for all of that epoch; what it does now is not on chain yet.
  if (upSince > epochStartsAt(timeline, epoch))
    return (
      running === null && warn('DEVICE_MISSED', `Epoch ${epoch}: ${reason}.`, `Keep the Provider running. ${explain}`)
    )
  const rounds = local?.records?.rounds.filter(round => round.epoch === epoch && round.deviceId === device) ?? []
  const up = `The Provider has run for ${duration(Math.max(0, head.timestamp - upSince))}`
  if (rounds.length === 0)
    return warn(
      'DEVICE_UNSEEN',
      `${up}, and for the Checkers it was not there in epoch ${epoch}: ${reason}.`,
      'It worked no round of that epoch: check in its log that sessions to its Checkers open, and the firewall for outgoing connections.',
    )
  if (rounds.every(({ units }) => units === 0))
    return warn(
      'DEVICE_TOO_SLOW',
      `${up} and finished nothing inside the window of any of ${counted(rounds.length, 'round')} of epoch ${epoch}.`,
      'Something else uses the device: stop it, then compare with "kaisar provider self-test".',
    )
  if (rounds.every(({ specHash }) => kindOfSpec(specHash) !== 'memory'))
    return warn(
      'DEVICE_WITHOUT_MEMORY',
      `${up} and committed to no memory round of epoch ${epoch}: without one it is paid nothing.`,
      'Its log says why memory was not filled (memory.filled); "kaisar provider self-test" tries it.',
    )
  return warn(
    'DEVICE_UNSEEN',
    `${up} and committed to ${counted(rounds.length, 'round')} of epoch ${epoch}, and the Checkers counted none of them: ${reason}.`,
    'Its commitments come late or do not arrive: look for refusals in "kaisar provider report", and check connection, RPC endpoint and clock.',
  )
}

/** Epochs that the chart of scores shows. */
const chartEpochs = 32

/** The status as lines for people. */
export function providerStatusLines({ operator, network, daemon, devices, warnings }: ProviderStatus): string[] {
  const general = warnings.filter(({ device }) => device === null)
  return [
    ...statusHead('provider', operator, network, daemon),
    ...warningTexts(general),
    ...(devices.length === 0 ? ['', 'No device of this operator is registered.'] : []),
    ...devices.flatMap(device => [
      '',
      ...deviceLines(device),
      ...warningTexts(warnings.filter(each => each.device === device.id)),
    ]),
  ]
}

function deviceLines(device: ProviderDeviceStatus): string[] {
  const { lastProof, measures, history, faults } = device
  const shown = history.slice(-chartEpochs)
  const scores = shown.map(({ score }) => score)
  const highest = scores.reduce<bigint>((most, score) => (score !== null && score > most ? score : most), 0n)
  return [
    `device ${device.id}${device.model === null ? '' : `  ${device.model}`}`,
    `  lane        ${device.lane}, generation ${device.generation}, since epoch ${device.since}${device.until === null ? '' : `, until epoch ${device.until}`}`,
    `  last proof  ${lastProof === null ? 'none on chain yet' : `epoch ${lastProof.epoch}  ${lastProof.verdict.verdict}: ${lastProof.verdict.reason}`}`,
    ...(lastProof === null
      ? []
      : [
          `  score       ${lastProof.score === null ? 'none' : grouped(lastProof.score)} = capacity ${grouped(lastProof.rate)} × ${uptimePercent(lastProof.uptime)} uptime`,
          ...(lastProof.uptime === fullUptime || lastProof.score === null
            ? []
            : ['  beats       not all of them count: "kaisar epoch explain" names those that do not, and why']),
          ...(lastProof.rate === 0n
            ? []
            : [
                `  capacity    ${measures === null ? 'no receipt here says what it is made of: "kaisar epoch explain" asks the seats' : `of ${figuresText(measures)}`}`,
              ]),
          `  paid        ${lastProof.amount === null ? 'not yet' : `${tokens(lastProof.amount)} KAI`}${lastProof.txHash === null ? '' : ` in ${lastProof.txHash}`}`,
          `  scores      ${sparkline(scores, chartEpochs)}  epochs ${shown[0]!.epoch}–${shown.at(-1)!.epoch}, highest ${grouped(highest)}`,
        ]),
    ...(device.pause === null
      ? []
      : [
          `  paused      since ${device.pause.since}, until ${device.pause.until ?? '"kaisar provider resume"'}: its rounds are left out, and it earns nothing for them`,
        ]),
    `  standing    ${grouped(device.standing)}${device.silentEpochs === 0 ? '' : `, silent for ${counted(device.silentEpochs, 'epoch')}`}`,
    `  earned      ${tokens(device.earned)} KAI, owed ${tokens(device.owed)} KAI, to ${shortHex(device.payout)}`,
    `  faults      ${faults === null ? 'not seen by this machine’s probe' : faults.join(', ') || 'none'}`,
  ]
}

/** This machine's devices as an operator's registrations of them are called, each with its faults; faults of the host count for all. */
export async function probeDevices(
  operator: Address,
  { probes }: { readonly probes: readonly GpuProbe[] },
): Promise<LocalDevice[]> {
  const results = await Promise.all(probes.map(probe => probe.probe()))
  const devices = results.flatMap(({ devices, faults }) =>
    devices.map(({ record, localId }) => ({
      id: deviceIdOf(operator, localId),
      model: record.model,
      faults: faults.filter(({ device }) => device === null || device === record.identity),
    })),
  )
  return [...new Map(devices.map(device => [device.id, device])).values()]
}
