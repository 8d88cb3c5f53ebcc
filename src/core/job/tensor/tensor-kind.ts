/** Tensor rounds: how many integer operations a device does a second in products of matrices. */
import { hexToBytes } from '../../platform/hex.ts'
import { sampleRows } from '../job-seed.ts'
import { numbers, type RoundKind } from '../round-kind.ts'
import { pieceParts } from './row-openings.ts'
import { checkSpec, specHash, type TensorSpec } from './tensor-spec.ts'
import { openingsFault } from './verify-rows.ts'

export const tensorKind: RoundKind<TensorSpec> = {
  unit: 'row',
  figures: { tensor: 'Mop/s' },
  // Thirty-two bytes of 128 values each.
  guess: 0,
  checkSpec,
  specHash,
  bundle: {
    version: 7,
    before: [1, 2, 3],
    spec: numbers('width', 'layers', 'weights', 'windowMs', 'samples'),
    marks: false,
  },
  sample: sampleRows,
  pieces: {
    cut: (_, sample) => pieceParts(sample),
    headBytes: () => 1,
    fault: ({ samples }, { units, root }, sample, openings) =>
      openingsFault({ rows: units, root: hexToBytes(root, 32), sample, openings }, samples),
  },
  markDueMs: () => null,
  idleTailMs: () => 0,
  emptyRoot: `0x${'0'.repeat(64)}`,
  keptWindows: 4,
  async openEngine(spec, { gate, clock, open, ...ground }) {
    const { createTensorEngine } = await import('./tensor-engine.ts')
    return createTensorEngine({ spec, ...ground }, { gate, clock, open })
  },
}
