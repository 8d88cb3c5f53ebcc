/** Tensor rounds: how many integer operations a device does a second in products of matrices. */
import { sampleRows } from '../job-seed.ts'
import type { RoundKind } from '../round-kind.ts'
import { checkSpec, specHash, type TensorSpec } from './tensor-spec.ts'

export const tensorKind: RoundKind<TensorSpec> = {
  name: 'tensor',
  unit: 'row',
  figures: { tensor: 'Mop/s' },
  // Thirty-two bytes of 128 values each.
  guess: 0,
  checkSpec,
  specHash,
  sample: sampleRows,
  markDueMs: () => null,
}
