import type { DeviceRecord } from '../protocol/device-record.ts'
import { usableSerial, usableUuid, vendorUuid } from './cell.ts'
import type { CombinedDevice } from './combine-devices.ts'

export type Identity = Pick<DeviceRecord, 'identity' | 'identitySource'>

/** AMD's tools print one number with and without leading zeros and `0x`. */
const uniqueId = (raw: string): string => raw.replace(/^0x/i, '').toLowerCase().padStart(16, '0')

function strongest(device: CombinedDevice, others: readonly CombinedDevice[], machine: string | null): Identity {
  const alone = (field: (one: CombinedDevice) => string | null): boolean =>
    others.filter(other => other !== device && other.host === device.host && field(other) === field(device)).length ===
    0
  const boardId = usableUuid(device.boardId)
  const boardAlone = boardId !== null && alone(other => other.boardId)
  if (device.vendor === 'amd' && boardId !== null && boardAlone)
    return { identity: `AMD-${uniqueId(boardId)}`, identitySource: 'unique-id' }
  const uuid = vendorUuid(device.uuid, device.vendor)
  if (uuid !== null && !device.uuidDuplicated) return { identity: uuid, identitySource: 'uuid' }
  if (boardId !== null && boardAlone) return { identity: `PDI-${boardId.toLowerCase()}`, identitySource: 'board-id' }
  const serial = usableSerial(device.serial)
  // Boards with two GPUs give both one serial number.
  if (serial !== null && alone(other => other.serial))
    return { identity: `${device.vendor}-serial-${serial}`, identitySource: 'serial' }
  const place = `${device.vendor}:${machine ?? 'unknown-machine'}`
  if (device.pciBusId !== null) return { identity: `${place}:pci-${device.pciBusId}`, identitySource: 'pci-address' }
  return { identity: `${place}:slot-${device.index ?? 0}`, identitySource: 'host-slot' }
}

/**
 * The strongest identity that tells this device from the others of its host: UUID, factory number, serial, PCI address.
 * `machine` (a derived UUID, or null in a recording) keeps slots of different hosts apart.
 */
export function identifyDevices(devices: readonly CombinedDevice[], machine: string | null): readonly Identity[] {
  const taken = new Map<string, number>()
  return devices.map(device => {
    const found = strongest(device, devices, machine)
    // Two devices are never one, whatever their sources leave out.
    const times = taken.get(found.identity) ?? 0
    taken.set(found.identity, times + 1)
    return times === 0 ? found : { ...found, identity: `${found.identity}#${times}` }
  })
}
