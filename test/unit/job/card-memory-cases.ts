/** What card-memory.test.ts and its child both work: as small as every path of the shaders allows. */
import { fillKey } from '../../../src/core/job/memory/drawn-entries.ts'
import type { SampledStep } from '../../../src/core/job/memory/memory-sample.ts'
import type { MemorySpec } from '../../../src/core/job/memory/memory-spec.ts'
import { isFull } from '../../helpers/full-runs.ts'
import { smallMemorySpec } from './small-memory-spec.ts'

export const epochSeed = `0x${'e1'.repeat(32)}` as const
export const seed = new Uint8Array(32).fill(5)
export const groups = 7
/** More than one run of 64 steps, with an empty mark and ones that end within a run. */
export const markSteps = [70, 70, 100]
export const sample: readonly SampledStep[] = [0, 63, 64, 69, 70, 99].map(step => ({
  step,
  coordinate: (step * 7) % 64,
}))

/** Narrower than what a binding may begin at; several workgroups, vectors that fill no power of two, layers by threes; layers in turns. */
export const specs: Readonly<Record<'narrow' | 'uneven' | 'deep', MemorySpec>> = {
  narrow: smallMemorySpec,
  uneven: { ...smallMemorySpec, width: 192, layers: 3, products: 1 },
  deep: { ...smallMemorySpec, width: 64, layers: 8, products: 3 },
}
export const shapes = isFull ? (['uneven', 'deep'] as const) : (['uneven'] as const)
/** Groups and steps of those that are only compared. */
export const few = { groups: 4, markSteps: [0, 2, 5] }

export const device = { deviceId: `0x${'d1'.repeat(32)}`, generation: 1 } as const
export const keyOf = (spec: MemorySpec) => fillKey(spec, { epochSeed, ...device })

/** A clock that every look moves by so much. */
export const ticking = (ms: number) => {
  let nowMs = 0
  return { monotonicMs: () => (nowMs += ms) }
}
