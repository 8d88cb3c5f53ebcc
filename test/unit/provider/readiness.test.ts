/** What a pause frees, and when it is there again: the device is busy until then. */
import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import type { ProviderEvent } from '../../../src/core/provider/provider-event.ts'
import { createReadiness } from '../../../src/core/provider/readiness.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const deviceId: Hex = `0x${'1a'.repeat(32)}`
const rosterOf = (epoch: number) =>
  ({
    epoch,
    members: [{ deviceId, generation: 1 }],
    rounds: { seed: `0x0${epoch}`, startsAt: 0, epochSeconds: 100, rules: { openingsMs: 1_000 } },
  }) as never
const settled = () => new Promise<void>(resolve => setImmediate(resolve))
const filled = { groups: 4, megabytes: 1, fillMs: 1, problem: null }
const cancelled = { ...filled, groups: 0, problem: { code: 'JOB_FILL_CANCELLED', message: '' } }

/** A device whose fills end when the test says so, with what its engine was asked for. */
function openReadiness() {
  const asked: string[] = []
  const events: ProviderEvent[] = []
  const troubles: unknown[] = []
  const state = { isPaused: false, modelFails: false, close: () => {}, closed: Promise.resolve() }
  const fills: { resolve(result: unknown): void; reject(error: unknown): void }[] = []
  const note = (what: string, result: unknown = undefined) => {
    asked.push(what)
    return Promise.resolve(result)
  }
  const kinds = {
    tensor: {
      prepare: () => (state.modelFails ? Promise.reject(new Error('no room')) : note('model')),
      free: () => note('free model'),
    },
    memory: {
      prepare: () => note('fill').then(() => new Promise((resolve, reject) => fills.push({ resolve, reject }))),
      free: () => note('free memory'),
    },
  }
  const readiness = createReadiness({
    devices: [{ deviceId, engine: { kinds } as never }],
    isPaused: () => state.isPaused,
    runner: { idleOf: () => null },
    roundWork: { untilClosed: () => state.closed },
    newestRoster: () => rosterOf(3),
    blockTime: () => 10,
    log: silentLogger,
    emit: event => events.push(event),
    onTrouble: () => error => void troubles.push(error),
  })
  const set = async (isPaused: boolean) => {
    state.isPaused = isPaused
    await readiness.settle(deviceId)
    await settled()
  }
  return { ...readiness, asked, events, troubles, state, fills, set }
}

it('what a pause has freed is missing until model and memory are there again, not until the pause is over', async () => {
  const { prepare, isFreed, asked, fills, set, events } = openReadiness()
  await prepare(rosterOf(3))
  await settled()
  fills[0]!.resolve(filled)
  await settled()
  expect(isFreed(deviceId)).toBe(false)
  await set(true)
  await set(false)
  expect(asked).toEqual(['model', 'fill', 'free model', 'free memory', 'model', 'fill'])
  expect(isFreed(deviceId)).toBe(true)
  fills[1]!.resolve(filled)
  await settled()
  expect(isFreed(deviceId)).toBe(false)
  expect(events.map(({ type }) => type)).toEqual(['memory.filled', 'memory.filled'])
})

it('a fill that another pause or the next epoch has overtaken makes nothing ready', async () => {
  const { prepare, isFreed, fills, set } = openReadiness()
  await set(true)
  await set(false)
  await set(true)
  // It was over when the engine heard of the pause, and is told of later.
  fills[0]!.resolve(filled)
  await settled()
  await set(false)
  expect(isFreed(deviceId)).toBe(true)
  await prepare(rosterOf(4))
  await settled()
  fills[1]!.resolve(cancelled)
  await settled()
  expect(isFreed(deviceId)).toBe(true)
  fills[2]!.resolve(filled)
  await settled()
  expect(isFreed(deviceId)).toBe(false)
})

it('a device that cannot be made ready is not busy but broken: its rounds are tried, and say why', async () => {
  const { isFreed, fills, set, state, troubles } = openReadiness()
  const problem = { code: 'JOB_MEMORY_TOO_SMALL', message: '' }
  const failures = [
    () => fills.at(-1)!.resolve({ ...filled, groups: 0, problem }),
    () => fills.at(-1)!.reject(new Error('the worker has ended')),
  ]
  for (const fail of failures) {
    await set(true)
    await set(false)
    expect(isFreed(deviceId)).toBe(true)
    fail()
    await settled()
    expect(isFreed(deviceId)).toBe(false)
  }
  expect(troubles).toHaveLength(1)
  await set(true)
  state.modelFails = true
  await set(false)
  expect(isFreed(deviceId)).toBe(false)
})

it('a paused device that an epoch finds with filled memory gives it back, once its rounds are closed', async () => {
  const { prepare, isFreed, asked, state } = openReadiness()
  state.isPaused = true
  state.closed = new Promise(resolve => {
    state.close = resolve
  })
  await prepare(rosterOf(3))
  await settled()
  expect([isFreed(deviceId), asked]).toEqual([true, []])
  state.close()
  await settled()
  expect(asked).toEqual(['free model', 'free memory'])
})
