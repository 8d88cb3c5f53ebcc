import { type DeviceRecord, deviceHash, deviceRecordSchema, localId } from '../protocol/device-record.ts'
import { printable } from '../protocol/text.ts'
import { type DeviceReadings, noReadings, type ProbedDevice } from './gpu-probe.ts'

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
