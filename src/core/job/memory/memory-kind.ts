/** Memory rounds: how many bytes a device holds, and how many it reads a second. */
import type { RoundKind } from '../round-kind.ts'
import { placeOfStep, sampleSteps } from './memory-sample.ts'
import { checkMemorySpec, type MemorySpec, memorySpecHash } from './memory-spec.ts'

export const memoryKind: RoundKind<MemorySpec> = {
  name: 'memory',
  unit: 'step',
  figures: { bandwidth: 'MB/s', resident: 'MB' },
  guess: 1 / 128,
  checkSpec: checkMemorySpec,
  specHash: memorySpecHash,
  // The last mark is the commitment's own.
  markDueMs: ({ markMs, windowMs }, index) => (markMs * (index + 1) < windowMs ? markMs * (index + 1) : null),
  sample: (spec, units, identity) => sampleSteps(spec, units, identity).map(step => placeOfStep(spec, step)),
}
