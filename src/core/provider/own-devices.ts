/** From what the probe saw to the devices this Provider works with: identified by hardware, never by position. */
import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { criticalFaults, type ProbedDevice, type ProbeResult } from '../devices/probed-device.ts'
import { deviceIdOf, hardwareHash } from '../protocol/device-record.ts'
import { providerErrors } from './errors.ts'

export type OwnDevice = {
  readonly deviceId: Hex
  readonly probed: ProbedDevice
}

/**
 * The devices that can be given jobs, and those that cannot with the reason.
 * @throws PROVIDER_NO_DEVICE when none can work
 */
export function ownDevices(result: ProbeResult, operator: Address): OwnDevice[] {
  const able = result.devices.filter(
    ({ schedulable, record }) => schedulable && criticalFaults(result, record.identity).length === 0,
  )
  if (able.length === 0) {
    const [fault] = result.faults.filter(({ critical }) => critical)
    const reason = fault === undefined ? 'none was found' : `${fault.code}: ${fault.meaning} ${fault.fix}`
    throw providerErrors.PROVIDER_NO_DEVICE({ reason })
  }
  return able.map(probed => ({ deviceId: deviceIdOf(operator, probed.localId), probed }))
}

/** One hash over all hardware of this host, whatever its order: what the device certificate is bound to. */
export const hostHardwareHash = (devices: readonly OwnDevice[]): Hex =>
  keccak256(
    encodeAbiParameters([{ type: 'bytes32[]' }], [devices.map(({ probed }) => hardwareHash(probed.record)).sort()]),
  )
