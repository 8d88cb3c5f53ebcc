// Why: docs/why/devices.md

import type { DeviceRecord } from '../protocol/device-record.ts'
import { usableSerial, usableUuid, vendorUuid } from './cell.ts'
import { bareModel, classOfModel, classOfPciDevice } from './class-table.ts'
import { type CardIdentity, type CombinedDevice, combineDevices, identifyDevices } from './combine-devices.ts'
import { crossCheck, type HostFacts, osOf } from './cross-check.ts'
import { judgeDriver } from './driver-policy.ts'
import { hostFaults, isAnswer, stateOf, unlistedCards, unshown, withoutProcessors } from './judge-host.ts'
import { faultDefinition, faultFromText, makeFault } from './make-fault.ts'
import type { Observation, ObservedPart, Vendor } from './observation.ts'
import {
  type DeviceState,
  deviceRecord,
  type Fault,
  type Note,
  type ProbedDevice,
  type ProbeResult,
  probedDevice,
} from './probed-device.ts'

export type HostContext = {
  /** Facts of the host that the observations are of; recordings have none but what they contain. */
  readonly facts?: HostFacts
  /** Derived machine UUID, or null for a recording. */
  readonly machine: string | null
  /** Whether faults name the file they come from: in a folder of several. */
  readonly nameSources?: boolean
}

/** From what tools printed to devices, states, faults and notes. Pure: the same for a live host and for a recording. */
export function analyseHost(observed: readonly Observation[], context: HostContext): ProbeResult {
  const observations = withoutProcessors(observed, context.facts)
  const { devices: combined, byHost } = combineDevices(observations)
  const factsOf = new Map([...byHost].map(([host, own]) => [host, hostFacts(own, context)]))
  const identities = identifyDevices(combined, context.machine)
  const taken = new Set(identities.map(({ identity }) => identity))
  const results = combined.map((device, at) =>
    analyseDevice(device, identities[at]!, factsOf.get(device.host)!, { taken, live: context.machine !== null }),
  )
  const devices = results.flatMap(result => result.devices)
  const faults = results.flatMap(result => result.faults)
  const notes = results.flatMap(result => result.notes)

  for (const [host, own] of byHost) {
    const facts = factsOf.get(host)!
    const seen = combined.filter(device => device.host === host)
    const works = results.filter((_, at) => combined[at]!.host === host).flatMap(result => result.devices)
    const said = hostFaults(own, seen, works, facts, context.nameSources ?? false)
    faults.push(...said.faults)
    notes.push(...said.notes)
    if (seen.length === 0 && context.machine === null)
      notes.push(...own.flatMap(one => one.notes.map(note => ({ ...note, device: null }))))
    if (context.machine !== null) faults.push(...unshown(seen, identities, combined, faults))
    const asked = (vendor: Vendor): boolean => own.some(one => one.vendor === vendor && one.format !== 'kernel-log')
    const missing = unlistedCards(seen, facts, { machine: context.machine, asked })
    devices.push(...missing.map(({ device }) => device))
    faults.push(...missing.map(({ fault }) => fault))
  }
  return { state: stateOf(devices, faults, observations), devices, faults, notes }
}

function hostFacts(own: readonly Observation[], context: HostContext): HostFacts {
  const kernelDriver = own.find(observation => observation.kernelDriver !== null)?.kernelDriver
  const pciCards = [
    ...new Map(own.flatMap(({ pciCards: cards }) => (cards ?? []).map(card => [card.address, card] as const))).values(),
  ]
  const linux = own.some(({ format }) => format === 'kernel-log' || format === 'nvidia-procfs' || format === 'pci-list')
  return {
    os: linux ? 'linux' : 'unknown',
    ...(kernelDriver ? { nvidiaKernelDriver: kernelDriver } : {}),
    ...(pciCards.length > 0 ? { pciCards } : {}),
    ...context.facts,
  }
}

function analyseDevice(
  device: CombinedDevice,
  { identity, identitySource }: CardIdentity,
  facts: HostFacts,
  { taken, live }: { readonly taken: Set<string>; readonly live: boolean },
): { devices: ProbedDevice[]; faults: Fault[]; notes: Note[] } {
  const profile = device.name === null ? null : bareModel(device.name).slice(0, 256)
  const record = deviceRecord({
    ...device,
    kind: device.vgpu ? 'vgpu' : 'gpu',
    // Where the tool has no name, the PCI id is what it is called by everywhere else.
    model: device.name ?? device.pciDeviceId ?? 'unknown',
    identity,
    identitySource,
    part: device.vgpu ? { of: null, profile, gpuInstance: null, computeInstance: null } : null,
  })
  const card = { device: record.identity, vendor: device.vendor, place: placeOf(device) }
  const faults: Fault[] = device.faults.map(fault =>
    faultFromText(fault.code, { ...card, detail: fault.detail, ...(fault.past ? { critical: false } : {}) }),
  )
  if (device.listing === 'log' && faults.length === 0) faults.push(makeFault('GPU_ONLY_LOGGED', card))
  const isBlank = device.name === null && device.memoryMiB === null && (device.readings.temperatureC ?? null) === null
  if (isBlank && isAnswer(device.listing) && faults.some(({ code }) => code === 'GPU_READING_FAILED'))
    faults.push(makeFault('GPU_NOT_ANSWERING', { ...card, detail: 'neither name nor memory nor temperature' }))
  const { linkWidth, linkWidthMax } = device.readings
  if (linkWidth && linkWidthMax && linkWidth < linkWidthMax)
    faults.push(makeFault('GPU_LINK_WIDTH_REDUCED', { ...card, detail: `x${linkWidth} of x${linkWidthMax}` }))
  const notes: Note[] = device.notes.map(note => ({ ...note, device: record.identity }))
  judgeDriverOf(device, record.identity, facts, faults, notes)
  // What a log or the kernel says is no claim.
  if (isAnswer(device.listing)) faults.push(...crossCheck(device, record.identity, facts))
  addNotes(device, record, notes)

  const split = device.partsEnabled === true || device.parts.length > 0
  const state = deviceState(device, faults, live)
  const { architecture, computeApi, sources, index, uuid, serial, readings } = device
  const probed = probedDevice(record, {
    ...{ architecture, computeApi, sources, state, index, uuid, serial, readings },
    deviceClass: device.vgpu ? null : ((classOfModel(device.name) ?? classOfPciDevice(device.pciDeviceId))?.id ?? null),
    schedulable:
      state !== 'unreadable' && device.listing !== 'log' && !split && !faults.some(({ critical }) => critical),
  })
  const parts = device.parts.map((part, at) => {
    const instance = partOf(part, at, probed, taken)
    const about = { device: instance.record.identity, vendor: device.vendor }
    taken.add(instance.record.identity)
    faults.push(...part.faults.map(({ code, detail }) => faultFromText(code, { ...about, detail })))
    return instance
  })
  return { devices: [probed, ...parts], faults, notes }
}

/** What a fix names a card by: the tools of NVIDIA take a PCI address, those of the others the number that they print. */
const placeOf = ({ vendor, index, pciBusId }: CombinedDevice): string | null =>
  vendor === 'nvidia' ? (pciBusId ?? index?.toString() ?? null) : (index?.toString() ?? pciBusId)

/**
 * The worst that its own faults do to it. A card known from a log alone is unreadable where the log ends with what is wrong, and on a
 * live host whatever its log says: its tool does not show it.
 */
function deviceState(device: CombinedDevice, faults: readonly Fault[], live: boolean): DeviceState {
  const past = new Set(device.faults.filter(fault => fault.past).map(({ code }) => code))
  const effects = faults.map(({ code }) => (past.has(code) ? 'degraded' : faultDefinition(code).effect))
  if (effects.includes('unreadable')) return 'unreadable'
  if (live && !isAnswer(device.listing)) return 'unreadable'
  if (device.listing === 'log' && faults.some(({ critical }) => critical)) return 'unreadable'
  // A log does not say that a card is well.
  return effects.includes('degraded') || device.listing === 'log' ? 'degraded' : 'healthy'
}

function judgeDriverOf(
  device: CombinedDevice,
  identity: string,
  facts: HostFacts,
  faults: Fault[],
  notes: Note[],
): void {
  if (device.driver === null || !/^\d+\.\d/.test(device.driver)) return
  const judged = judgeDriver(device.vendor, device.driver, { os: osOf(device, facts) })
  if (judged.newerThanKnown)
    notes.push({
      code: 'GPU_DRIVER_UNKNOWN',
      device: identity,
      detail: `driver ${device.driver} is newer than those known here`,
    })
  if (judged.tooOldFor.length === 0) return
  const detail = judged.tooOldFor
    .map(rule => `${device.driver}; ${rule.executionProvider} needs ${rule.minimum}`)
    .join('; ')
  const code = judged.unusable ? 'GPU_DRIVER_UNUSABLE' : 'GPU_DRIVER_TOO_OLD'
  faults.push(makeFault(code, { device: identity, vendor: device.vendor, detail }))
}

function addNotes(device: CombinedDevice, record: DeviceRecord, notes: Note[]): void {
  const note = (code: string, detail: string) => notes.push({ code, device: record.identity, detail })
  if (device.uuid !== null && usableUuid(device.uuid) === null)
    note('GPU_UUID_MASKED', `UUID ${device.uuid} is masked; identity is the ${record.identitySource}`)
  else if (device.uuid !== null && vendorUuid(device.uuid, device.vendor) === null)
    note(
      'GPU_UUID_NOT_UNIQUE',
      `UUID ${device.uuid} is made of the model’s ids and no serial number, so that other hosts have it too; identity is the ${record.identitySource}`,
    )
  else if (device.uuid === null && device.vendor === 'nvidia' && device.listing === 'full')
    note('GPU_UUID_ABSENT', `no UUID; identity is the ${record.identitySource}`)
  if (device.serial !== null && usableSerial(device.serial) === null)
    note('GPU_SERIAL_MASKED', `serial number ${device.serial} is masked`)
  const computing = (device.readings.processes ?? []).filter(({ kind }) => kind === 'C')
  const named = computing.slice(0, 4).map(({ pid, name }) => `${pid} ${name ?? ''}`.trim())
  if (computing.length > 0) note('GPU_BUSY', `${computing.length} other compute processes: ${named.join(', ')}`)
  if (device.name !== null && !device.vgpu && classOfModel(device.name) === null)
    note('GPU_CLASS_UNKNOWN', `${device.name} is not in the class table`)
  if (/\(nvgpu\)/i.test(device.name ?? ''))
    note('GPU_INTEGRATED', 'integrated GPU: its driver reports neither UUID, memory nor health')
}

function distinct(identity: string, taken: ReadonlySet<string>): string {
  let free = identity
  for (let times = 1; taken.has(free); times++) free = `${identity}#${times}`
  return free
}

/** A MIG instance or a compute partition: a device of its own, a part of the physical card. */
function partOf(part: ObservedPart, at: number, card: ProbedDevice, taken: ReadonlySet<string>): ProbedDevice {
  const { profile, gpuInstance, computeInstance } = part
  const stated = usableUuid(part.uuid)
  const uuid = stated !== null && !taken.has(stated) ? stated : null
  const isMig = card.record.vendor === 'nvidia'
  const place = isMig
    ? `gi-${gpuInstance ?? 'unknown'}:ci-${computeInstance ?? part.index ?? at}`
    : `partition-${gpuInstance ?? at}`
  const suffix = `${isMig ? ' MIG' : ' partition'}${profile ? ` ${profile}` : ''}`
  const record = deviceRecord({
    ...card.record,
    kind: isMig ? 'mig' : 'partition',
    model: `${card.record.model}${suffix}`,
    identity: uuid ?? distinct(`${card.record.identity}:${place}`, taken),
    identitySource: uuid ? 'uuid' : card.record.identitySource,
    memoryMiB: part.memoryMiB,
    part: { of: card.record.identity, profile, gpuInstance, computeInstance },
  })
  const classSuffix = profile ? `-${profile.split('.').slice(-2).join('.').toLowerCase().replace('/', '-')}` : ''
  const state = card.state === 'healthy' && part.faults.length > 0 ? 'degraded' : card.state
  const { architecture, computeApi, sources, serial } = card
  return probedDevice(record, {
    ...{ architecture, computeApi, sources, serial, state, index: part.index, uuid: part.uuid },
    deviceClass: card.deviceClass === null ? null : `${card.deviceClass}-${isMig ? 'mig' : 'partition'}${classSuffix}`,
    schedulable: state !== 'unreadable',
    readings: { memoryUsedMiB: part.memoryUsedMiB },
  })
}
