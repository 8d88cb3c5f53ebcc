/** What openings take is computed while no window runs: who asks again and again takes nothing from one. */
import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { jobOf } from '../../../src/core/job/jobs.ts'
import { type Memory, walkedBy } from '../../../src/core/job/memory/memory.ts'
import { createMemoryEngine } from '../../../src/core/job/memory/memory-engine.ts'
import { openRowChain } from '../../../src/core/job/memory/row-chain.ts'
import type { WindowResult } from '../../../src/core/job/round-kind.ts'
import { openKernel } from '../../../src/core/job/tensor/kernel.ts'
import { rowBytes } from '../../../src/core/job/tensor/tensor-spec.ts'
import { createWindowGate } from '../../../src/core/job/window-gate.ts'
import { createWorkCore } from '../../../src/core/job/work-core.ts'
import { smallMemorySpec } from './small-memory-spec.ts'
import { epochSeed, smallJobs } from './small-spec.ts'

const word = (byte: string) => `0x${byte.repeat(32)}` as const
const device = { deviceId: word('d1'), generation: 1 }
const seed = new Uint8Array(32).fill(5)
const sampling = { secret: word('c3'), samplingBlockHash: word('d4') }

/** More than enough for what does not wait. */
async function turns() {
  for (let turn = 0; turn < 100; turn++) await setImmediate()
}

it('no opening walks memory while a beat runs, however often it is asked for, but for one that is due before the beat ends', async () => {
  // States so wide that not all of a window's are kept.
  const spec = { ...smallMemorySpec, width: 4096 }
  let nowMs = 0
  let walks = 0
  /** Holds the next run up. */
  let held: Promise<void> | null = null
  const { pace, walk } = walkedBy(spec, (_, state, next) => {
    nowMs += 0.05
    next.set(state)
  })
  const memory: Memory = {
    ...{ spec, pace, ready: spec.leastGroups, shrink: () => undefined },
    walk(from) {
      walks++
      const { run, end } = walk(from)
      return {
        end,
        async run(steps) {
          const own = held
          held = null
          await own
          return run(steps)
        },
      }
    },
  }
  const engine = createMemoryEngine(
    { spec, groups: spec.leastGroups, threads: 1, keepWindows: 2 },
    {
      gate: createWindowGate(),
      clock: { monotonicMs: () => nowMs },
      openChain: openRowChain,
      fill: async () => memory,
    },
  )
  const beatMs = spec.markMs
  const beats = engine.beats({ ...spec, windowMs: beatMs }, 2)
  await engine.prepare({ epochSeed, device })
  const { handle, units, root } = await engine.runWindow({ epochSeed, device, seed })
  const sample = jobOf({ ...smallJobs, memory: spec }, 'memory').sample(units, { ...sampling, root })
  const openings = await engine.open({ handle, sample })
  const walksOfOne = walks - 1
  expect(walksOfOne).toBeGreaterThan(0)

  const hold = Promise.withResolvers<void>()
  held = hold.promise
  const began = nowMs
  const beat = beats.runWindow({ epochSeed, device, seed, startedAtMs: began })
  walks = 0
  const asked = [{}, {}, {}, {}, {}, {}, {}, { dueMs: began + beatMs }].map(due =>
    engine.open({ handle, sample, ...due }),
  )
  await turns()
  expect(walks, 'the beat’s own').toBe(1)
  expect(await engine.open({ handle, sample, dueMs: began + beatMs - 1 })).toEqual(openings)
  expect(walks).toBe(1 + walksOfOne)
  hold.resolve()
  expect((await beat).units).toBeGreaterThan(0)
  expect(await Promise.all(asked)).toEqual(asked.map(() => openings))
  expect(walks).toBe(1 + 9 * walksOfOne)
  await engine.close()
})

it('no row is computed again for openings while a window runs, but for one that is due before it ends', async () => {
  let nowMs = 0
  const core = await createWorkCore(
    { jobs: smallJobs, provider: 'cpu', form: 'u8', threads: 1, keepBytes: 0 },
    {
      clock: { monotonicMs: () => nowMs },
      async open(...given) {
        const kernel = await openKernel(...given)
        return {
          ...kernel,
          async run(inputs) {
            const digests = await kernel.run(inputs)
            nowMs += (inputs.length / rowBytes) * 0.1
            return digests
          },
        }
      },
    },
  )
  const { tensor } = core.kinds
  await tensor.prepare({ epochSeed })
  const { handle, units, root }: WindowResult = await tensor.runWindow({ epochSeed, seed })
  const sample = jobOf(smallJobs, 'tensor').sample(units, { ...sampling, root })
  const ended: string[] = []
  const endsAtMs = nowMs + 1_000
  const told = (name: string) => () => void ended.push(name)
  await Promise.all([
    tensor.runWindow({ epochSeed, seed, startedAtMs: nowMs, durationMs: 1_000 }).then(told('window')),
    tensor.open({ handle, sample }).then(told('opened')),
    tensor.open({ handle, sample, dueMs: endsAtMs }).then(told('opened')),
    tensor.open({ handle, sample, dueMs: endsAtMs - 1 }).then(told('opened before')),
  ])
  expect(ended).toEqual(['opened before', 'window', 'opened', 'opened'])
  await core.close()
})
