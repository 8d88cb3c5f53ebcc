import { expect, it } from 'vitest'
import { deviceRecord, probedDevice } from '../../../src/core/gpu/build-device.ts'
import type { ProbeResult } from '../../../src/core/gpu/gpu-probe.ts'
import { createManualClock } from '../../../src/core/platform/manual-clock.ts'
import { createHealthWatch } from '../../../src/core/provider/health-watch.ts'

const card = (uuid: string) =>
  probedDevice(
    deviceRecord({ kind: 'gpu', vendor: 'nvidia', model: 'NVIDIA A10', identity: uuid, identitySource: 'uuid' }),
    { uuid },
  )
const seen = (...uuids: string[]): ProbeResult => ({
  state: 'healthy',
  devices: uuids.map(card),
  faults: [],
  notes: [],
})
const reset = (uuid: string): ProbeResult['faults'][number] => ({
  code: 'GPU_RESET_REQUIRED',
  device: uuid,
  meaning: 'The card needs a reset.',
  fix: 'Run nvidia-smi --gpu-reset.',
  critical: true,
  detail: null,
  contradiction: null,
})

it('stops a card that is lost or needs a reset, leaves the others alone, and lets it work again when it is back', async () => {
  const both = seen('GPU-a', 'GPU-b')
  const probes: ProbeResult[] = [both, seen('GPU-b'), both, { ...both, faults: [reset('GPU-b')] }, both]
  const clock = createManualClock()
  const events: string[] = []
  const watch = createHealthWatch(
    { intervalMs: 1000, first: both },
    {
      probe: { probe: async () => probes.shift() ?? both },
      clock,
      onEvent: ({ type, device }) => events.push(`${type} ${device}`),
    },
  )
  const stop = new AbortController()
  const running = watch.run(stop.signal)
  const look = async () => {
    await clock.advance(1000)
    return [watch.stopReason('GPU-a'), watch.stopReason('GPU-b')]
  }
  expect(await look()).toEqual([null, null])
  const [lost, other] = await look()
  expect(lost).toMatch(/^GPU_LOST: /)
  expect(other).toBeNull()
  expect((await look())[0]).toBeNull()
  expect((await look())[1]).toMatch(/^GPU_RESET_REQUIRED: /)
  expect(await look()).toEqual([null, null])
  expect(events).toEqual(['card-lost GPU-a', 'card-added GPU-a', 'reset-required GPU-b', 'recovered GPU-b'])
  stop.abort()
  await running
})
