import { faultDefinition } from './make-fault.ts'
import type { Fault, ProbedDevice, ProbeResult } from './probed-device.ts'

/** What changed with one device between two probes of a running host. */
export type DeviceEvent = {
  readonly type:
    | 'card-lost'
    | 'reset-required'
    | 'throttling'
    | 'failed'
    | 'recovered'
    | 'hardware-changed'
    | 'card-added'
  /** Identity before and after; they differ only where hardware changed. */
  readonly device: string
  readonly localId: ProbedDevice['localId']
  /** Stable code for the signed abort, and a sentence for people. */
  readonly reason: string
  readonly detail: string
  /** The device cannot do the round it is in: the daemon signs an abort. */
  readonly abort: boolean
}

const gone = new Set(['GPU_LOST', 'GPU_FELL_OFF_BUS', 'GPU_NOT_LISTED'])
/** Slow, but computing: a card at its power limit under full load is as it should be. */
const throttles = new Set(['GPU_THERMAL_THROTTLE', 'GPU_TEMPERATURE_HIGH', 'GPU_POWER_BRAKE', 'GPU_HARDWARE_SLOWDOWN'])

const faultsOf = (result: ProbeResult, device: ProbedDevice): readonly Fault[] =>
  result.faults.filter(fault => fault.device === device.record.identity && fault.contradiction === null)

/** The hardware, without what a driver or firmware update changes. */
const hardwareOf = ({ record }: ProbedDevice): string =>
  JSON.stringify([record.kind, record.model, record.pciDeviceId, record.memoryMiB, record.cores])

const isPart = (kind: ProbedDevice['record']['kind']): boolean => kind === 'mig' || kind === 'partition'

/** A card that lost its name and UUID is still the one at its PCI address. */
function counterpart(device: ProbedDevice, after: ProbeResult): ProbedDevice | undefined {
  const { identity, pciBusId, kind } = device.record
  const same = after.devices.find(({ record }) => record.identity === identity)
  if (same !== undefined || isPart(kind) || pciBusId === null) return same
  const isThere = ({ record }: ProbedDevice) => !isPart(record.kind) && record.pciBusId === pciBusId
  return after.devices.find(other => isThere(other) && other.state === 'unreadable')
}

/** Pure: what the daemon acts on, from the probe at start (or the last one) and a new one. Cards that did not change say nothing. */
export function compareProbes(before: ProbeResult, after: ProbeResult): readonly DeviceEvent[] {
  const events = before.devices.flatMap(device => compareDevice(device, before, after))
  const known = new Set(before.devices.map(({ record }) => record.identity))
  const places = new Set(before.devices.map(({ record }) => record.pciBusId).filter(place => place !== null))
  for (const device of after.devices)
    if (!known.has(device.record.identity) && (device.state !== 'unreadable' || !places.has(device.record.pciBusId!)))
      events.push(event('card-added', device, 'CARD_ADDED', `${device.record.model} appeared`, false))
  return events
}

const event = (type: DeviceEvent['type'], device: ProbedDevice, reason: string, detail: string, abort: boolean) =>
  ({ type, device: device.record.identity, localId: device.localId, reason, detail, abort }) satisfies DeviceEvent

function compareDevice(device: ProbedDevice, before: ProbeResult, after: ProbeResult): DeviceEvent[] {
  const now = counterpart(device, after)
  const was = faultsOf(before, device)
  const wasUsable = device.state !== 'unreadable' && !was.some(({ critical }) => critical)
  if (!now) {
    const why = hostFault(after)
    // Nothing listed at all with a failing tool: the cards may be there, and nothing can be said of their work either.
    if (why) return wasUsable ? [event('failed', device, why.code, why.detail ?? why.meaning, true)] : []
    return [event('card-lost', device, 'GPU_LOST', `${device.record.model} is no longer listed`, true)]
  }
  const is = faultsOf(after, now)
  const fresh = is.filter(({ code }) => !was.some(fault => fault.code === code))
  // A card that fell off and answers again has it in its log, not critical any more.
  const lost = is.find(({ code, critical }) => critical && gone.has(code))
  if (lost || now.state === 'unreadable') {
    const detail = lost?.detail ?? `${device.record.model} cannot be read`
    return device.state === 'unreadable'
      ? []
      : [event('card-lost', device, lost?.code ?? 'GPU_UNREADABLE', detail, true)]
  }
  if (hardwareOf(now) !== hardwareOf(device))
    return [event('hardware-changed', device, 'HARDWARE_CHANGED', `${describe(device)} is now ${describe(now)}`, true)]
  const reset = fresh.find(({ code }) => code === 'GPU_RESET_REQUIRED')
  if (reset) return [event('reset-required', device, reset.code, reset.detail ?? reset.meaning, true)]
  const critical = fresh.find(fault => fault.critical)
  if (critical) return [event('failed', device, critical.code, critical.detail ?? critical.meaning, true)]
  const stopped = ({ code, critical: stops }: Fault) => stops || gone.has(code)
  const isOver = ({ code }: Fault) => !is.some(fault => fault.code === code)
  const slow = fresh.find(({ code }) => throttles.has(code))
  const isSlow = is.some(({ code }) => throttles.has(code))
  const over = was.find(fault => (stopped(fault) || (throttles.has(fault.code) && !isSlow)) && isOver(fault))
  const worksAgain = (device.state === 'unreadable' || over) && !is.some(fault => fault.critical)
  return [
    ...(worksAgain
      ? [event('recovered', now, over?.code ?? 'GPU_UNREADABLE', `${now.record.model} works again`, false)]
      : []),
    // A throttled card works what it can and is paid for that: nothing keeps it from the round.
    ...(slow ? [event('throttling', now, slow.code, slow.detail ?? slow.meaning, false)] : []),
  ]
}

const describe = ({ record }: ProbedDevice): string =>
  `${record.model}, ${record.memoryMiB ?? 'unknown'} MiB, ${record.pciDeviceId ?? 'no PCI id'}`

const hostFault = ({ faults, devices }: ProbeResult): Fault | undefined =>
  devices.length > 0
    ? undefined
    : faults.find(({ device, code }) => device === null && faultDefinition(code).effect === 'unreadable')
