/** Memory rounds: how many bytes a device holds, and how many it reads a second. */
import { hexToBytes } from '../../platform/hex.ts'
import { cutEvery, numbers, type RoundKind } from '../round-kind.ts'
import { idleTailMs } from './memory-credit.ts'
import { placeOfStep, sampleSteps, stepOfPlace } from './memory-sample.ts'
import { checkMemorySpec, headBytes, type MemorySpec, memorySpecHash, stepsOfPiece } from './memory-spec.ts'
import { openingsFault } from './verify-memory.ts'

export const memoryKind: RoundKind<MemorySpec> = {
  unit: 'step',
  figures: { bandwidth: 'MB/s', resident: 'MB' },
  guess: 1 / 128,
  checkSpec: checkMemorySpec,
  specHash: memorySpecHash,
  bundle: {
    version: 4,
    spec: numbers('width', 'layers', 'products', 'leastGroups', 'windowMs', 'markMs', 'samples', 'leastReadMs'),
    marks: true,
  },
  // The last mark is the commitment's own.
  markDueMs: ({ markMs, windowMs }, index) => (markMs * (index + 1) < windowMs ? markMs * (index + 1) : null),
  idleTailMs,
  sample: (spec, units, identity) => sampleSteps(spec, units, identity).map(step => placeOfStep(spec, step)),
  emptyRoot: null,
  keptWindows: 4,
  async openEngine(spec, { gate, clock, fill, ...ground }) {
    const { createMemoryEngine } = await import('./memory-engine.ts')
    return createMemoryEngine({ spec, groups: spec.leastGroups, ...ground }, { gate, clock, fill })
  },
  pieces: {
    cut: (spec, sample) => cutEvery(sample, stepsOfPiece(spec)),
    headBytes,
    fault: (spec, { units, root }, part, openings) =>
      openingsFault(spec, {
        ...{ steps: units, root: hexToBytes(root, 32), openings },
        sample: part.map(place => stepOfPlace(spec, place)),
      }),
  },
}
