import type { Hex } from 'viem'
import { printable } from '../platform/printable.ts'
import { type DeviceRecord, deviceHash, deviceRecordSchema, localId } from '../protocol/device-record.ts'

/**
 * The port: what looks at a host and says which devices it has and how they are. A probe's output is a claim: it never
 * earns score by itself.
 */

/** `unreadable`: something is there and cannot be read or used. `degraded`: works, with a named fault. */
export type DeviceState = 'healthy' | 'degraded' | 'unreadable'
/**
 * The host as a whole: the worst state of its devices, and of cards that are counted and not described. `absent`: a tool says
 * that there is none. `unknown`: nothing that was read lists cards, so nothing is said of them.
 */
export type ProbeState = DeviceState | 'absent' | 'unknown'

export type Fault = {
  /** Stable, e.g. `GPU_DRIVER_MISMATCH`. */
  readonly code: string
  /** Identity of the device, or null when it concerns the host. */
  readonly device: string | null
  /** Whose cards it concerns, where no device is named; null: all. */
  readonly vendor?: 'nvidia' | 'amd' | 'intel' | null
  readonly meaning: string
  readonly fix: string
  /** A device (or a host without a usable device) cannot work until it is fixed. */
  readonly critical: boolean
  /** What was seen, word for word and shortened, where that helps. */
  readonly detail: string | null
  /** Two sources disagree, or a combination that cannot exist: the field, what was claimed, what contradicts. */
  readonly contradiction: Contradiction | null
}

type Contradiction = {
  readonly field: string
  readonly claimed: string
  readonly observed: string
  /** Where the contradicting value comes from: `procfs`, `pci`, `class-table`, `measured-work` … */
  readonly source: string
}

/** Something worth saying that is not a fault: an unknown newer driver, masked serials, another process on the card. */
export type Note = { readonly code: string; readonly device: string | null; readonly detail: string }

/** Volatile readings of a device that reports none: null where the tool did not say. Temperatures in °C, power in W, memory in MiB. */
const noReadings = {
  temperatureC: null as number | null,
  memoryTemperatureC: null as number | null,
  powerDrawWatts: null as number | null,
  powerLimitWatts: null as number | null,
  memoryUsedMiB: null as number | null,
  utilisationPercent: null as number | null,
  performanceState: null as string | null,
  /** Active reasons that slow the clocks, e.g. `hw_thermal_slowdown`; `idle` is not one. */
  throttleReasons: [] as readonly string[],
  linkWidth: null as number | null,
  linkWidthMax: null as number | null,
  linkGeneration: null as number | null,
  linkGenerationMax: null as number | null,
  eccMode: null as string | null,
  eccCorrected: null as number | null,
  eccUncorrected: null as number | null,
  retiredPages: null as number | null,
  retirementPending: null as boolean | null,
  processes: [] as readonly DeviceProcess[],
}

export type DeviceReadings = Readonly<typeof noReadings>

export type DeviceProcess = {
  readonly pid: number
  readonly name: string | null
  readonly kind: string | null
  readonly memoryMiB: number | null
}

export type ProbedDevice = {
  readonly record: DeviceRecord
  readonly localId: Hex
  readonly deviceHash: Hex
  readonly state: DeviceState
  /** Position in the tool's list: for people only, never identity. */
  readonly index: number | null
  readonly uuid: string | null
  readonly serial: string | null
  readonly architecture: string | null
  /** CUDA (NVIDIA), ROCm (AMD) or Level Zero (Intel) version the driver supports. */
  readonly computeApi: string | null
  /** Row of the class table this model belongs to, or null. */
  readonly deviceClass: string | null
  /** Whether it can be given jobs: false for a card split into MIG instances and for an unreadable one. */
  readonly schedulable: boolean
  readonly readings: DeviceReadings
  /** Files or tools it was read from. */
  readonly sources: readonly string[]
}

export type ProbeResult = {
  readonly state: ProbeState
  readonly devices: readonly ProbedDevice[]
  readonly faults: readonly Fault[]
  readonly notes: readonly Note[]
}

export type GpuProbe = {
  /** Never throws for what a tool says or fails to say: that is a state and a fault. */
  probe(): Promise<ProbeResult>
}

const order: readonly ProbeState[] = ['absent', 'healthy', 'degraded', 'unreadable']

/** The worst state of the devices; `absent` without any. */
export const worstState = (devices: readonly Pick<ProbedDevice, 'state'>[]): ProbeState =>
  order[Math.max(0, ...devices.map(({ state }) => order.indexOf(state)))]!

/** Critical faults without which a device could work: its own, those of its vendor's tools, and those of the whole host. */
export function criticalFaults(result: ProbeResult, device: string | null = null): readonly Fault[] {
  const own = result.devices.find(({ record }) => record.identity === device)?.record.vendor
  const concerns = (fault: Fault): boolean =>
    device === null || (fault.device === null ? !fault.vendor || fault.vendor === own : fault.device === device)
  return result.faults.filter(fault => fault.critical && concerns(fault))
}

type Given = Pick<DeviceRecord, 'kind' | 'vendor' | 'model' | 'identity' | 'identitySource'> & Partial<DeviceRecord>

/** A record with everything unsaid null; strings that a hostile tool made too long or unprintable are made what the schema takes. */
export function deviceRecord(given: Given): DeviceRecord {
  const cut = (text: string | null | undefined): string | null => (text ? printable(text).slice(0, 256) : null)
  return deviceRecordSchema.parse({
    version: 1,
    kind: given.kind,
    vendor: given.vendor,
    model: cut(given.model) ?? 'unknown',
    identity: cut(given.identity),
    identitySource: given.identitySource,
    pciBusId: cut(given.pciBusId),
    pciDeviceId: cut(given.pciDeviceId),
    memoryMiB: given.memoryMiB ?? null,
    driver: cut(given.driver),
    firmware: cut(given.firmware),
    cores: given.cores ?? null,
    isa: given.isa ?? [],
    part: given.part ? { ...given.part, of: cut(given.part.of), profile: cut(given.part.profile) } : null,
  } satisfies Record<keyof DeviceRecord, unknown>)
}

/** A device with its hashes, from its record and what else is known of it. */
export function probedDevice(
  record: DeviceRecord,
  known: Partial<Omit<ProbedDevice, 'record' | 'localId' | 'deviceHash' | 'readings'>> & {
    readonly readings?: Partial<DeviceReadings>
  } = {},
): ProbedDevice {
  return {
    record,
    localId: localId(record),
    deviceHash: deviceHash(record),
    state: 'healthy',
    index: null,
    uuid: null,
    serial: null,
    architecture: null,
    computeApi: null,
    deviceClass: null,
    schedulable: true,
    sources: [],
    ...known,
    readings: { ...noReadings, ...known.readings },
  }
}

/** What of a card's memory is free, as far as its tool says. */
export function freeMemory({ record, readings }: Pick<ProbedDevice, 'record' | 'readings'>) {
  const { memoryMiB, vendor } = record
  const { memoryUsedMiB, processes } = readings
  const isKnown = memoryMiB !== null && memoryUsedMiB !== null
  return {
    /** Null where the tool does not say what is used, or how much there is. */
    freeBytes: isKnown ? Math.max(0, memoryMiB - memoryUsedMiB) * 2 ** 20 : null,
    /** Whether a display needs some of it: known by a program that draws, and assumed where a tool lists no programs (AMD's, Intel's). */
    display: vendor !== 'nvidia' || processes.some(({ kind }) => kind?.includes('G') === true),
  }
}
