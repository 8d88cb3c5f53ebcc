import { expect, it } from 'vitest'
import { deviceRecord, type ProbeResult, probedDevice } from '../../../src/core/devices/probed-device.ts'
import { createHealthWatch } from '../../../src/core/provider/health-watch.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

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
const fault = (code: string, uuid: string, critical: boolean): ProbeResult['faults'][number] => ({
  code,
  device: uuid,
  meaning: 'What is wrong.',
  fix: 'What to do.',
  critical,
  detail: null,
  contradiction: null,
})
const reset = (uuid: string) => fault('GPU_RESET_REQUIRED', uuid, true)
const hot = (uuid: string) => fault('GPU_THERMAL_THROTTLE', uuid, false)

/** Looks once for each of these, and says what stops the card `GPU-a` after each look, by code. */
async function stopsOver(probes: readonly ProbeResult[]) {
  const clock = createManualClock()
  const events: string[] = []
  const rest = [...probes]
  const watch = createHealthWatch(
    { intervalMs: 1000, first: seen('GPU-a') },
    { probe: { probe: async () => rest.shift()! }, clock, onEvent: ({ type }) => events.push(type) },
  )
  const stop = new AbortController()
  const running = watch.run(stop.signal)
  const stops: (string | null)[] = []
  for (const _ of probes) {
    await clock.advance(1000)
    stops.push(watch.stopReason('GPU-a')?.split(':')[0] ?? null)
  }
  stop.abort()
  await running
  return { stops, events }
}

it('the health watch probes again after a probe has failed', async () => {
  const clock = createManualClock()
  const troubles: unknown[] = []
  const looks = [() => Promise.reject(new Error('the disk is full')), async () => seen()]
  const watch = createHealthWatch(
    { intervalMs: 1000, first: seen('GPU-a') },
    { probe: { probe: () => looks.shift()!() }, clock, onEvent: () => {}, onTrouble: error => troubles.push(error) },
  )
  const stop = new AbortController()
  const running = watch.run(stop.signal)
  await clock.advance(1000)
  expect(watch.stopReason('GPU-a')).toBeNull()
  await clock.advance(1000)
  expect(watch.stopReason('GPU-a')).toMatch(/^GPU_LOST/)
  expect(troubles).toHaveLength(1)
  stop.abort()
  await running
})

it('a throttled card works, and the throttling is reported', async () => {
  const one = seen('GPU-a')
  const { stops, events } = await stopsOver([{ ...one, faults: [hot('GPU-a')] }, one])
  expect(stops).toEqual([null, null])
  expect(events).toEqual(['throttling', 'recovered'])
})

it('a stopped card is not taken for one that works, whatever else about it is new', async () => {
  const one = seen('GPU-a')
  const stopped = { ...one, faults: [reset('GPU-a')] }
  const both = { ...one, faults: [reset('GPU-a'), hot('GPU-a')] }
  const { stops } = await stopsOver([stopped, both, stopped, seen(), stopped, one])
  const needsReset = 'GPU_RESET_REQUIRED'
  expect(stops).toEqual([needsReset, needsReset, needsReset, 'GPU_LOST', 'GPU_LOST', null])
})

it('a card that is lost or needs a reset is stopped, the others work on, and it works again when it is back', async () => {
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
