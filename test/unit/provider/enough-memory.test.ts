import { describe, expect, it } from 'vitest'
import { deviceRecord, probedDevice } from '../../../src/core/devices/probed-device.ts'
import { jobSets } from '../../../src/core/job/jobs.ts'
import { withEnoughMemory } from '../../../src/core/provider/own-devices.ts'

const device = (memoryMiB: number | null) => {
  const record = { kind: 'gpu', vendor: 'nvidia', model: `card of ${memoryMiB}`, identity: `GPU-${memoryMiB}` } as const
  return {
    deviceId: `0x${'1'.repeat(64)}` as const,
    probed: probedDevice(deviceRecord({ ...record, identitySource: 'uuid', memoryMiB })),
  }
}

describe('devices with too little memory for memory rounds', () => {
  it('a device is not worked with where it cannot hold the least, which for the standard job is 4 GiB, and the log says why', () => {
    const said: unknown[] = []
    const log = { warn: (fields: unknown) => void said.push(fields) }
    const given = [device(4_095), device(4_096), device(null)]
    expect(withEnoughMemory(given, jobSets.standard, log as never)).toEqual(given.slice(1))
    expect(said).toMatchObject([{ code: 'PROVIDER_MEMORY_TOO_SMALL' }])
  })

  it('a host on which no device can hold the least is told so, before anything is registered', () => {
    const none = () => withEnoughMemory([device(2_048)], jobSets.standard, { warn: () => undefined } as never)
    expect(none).toThrow(expect.objectContaining({ code: 'PROVIDER_MEMORY_TOO_SMALL' }))
    expect(none).toThrow('2048 MiB')
  })
})
