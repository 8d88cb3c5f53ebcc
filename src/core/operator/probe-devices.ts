import type { Address } from 'viem'
import type { GpuProbe } from '../devices/probed-device.ts'
import { deviceIdOf } from '../protocol/device-record.ts'
import type { LocalDevice } from './provider-status.ts'

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
