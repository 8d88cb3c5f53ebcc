/** Specs small enough that a thousand rounds take seconds; same code, same rules. */
import { type Jobs, jobsOf } from '../../../src/core/job/jobs.ts'
import { createLeafCollector, type DigestTree } from '../../../src/core/job/tensor/digest-tree.ts'
import { encodeOpenings } from '../../../src/core/job/tensor/row-openings.ts'
import type { TensorSpec } from '../../../src/core/job/tensor/tensor-spec.ts'
import { leafRows, rowBytes } from '../../../src/core/job/tensor/tensor-spec.ts'
import type { WorkCore } from '../../../src/core/job/work-core.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'
import { smallMemorySpec } from './small-memory-spec.ts'

export const smallSpec: TensorSpec = { width: 64, layers: 3, weights: 2, windowMs: 60, samples: 8 }
export const smallJobs: Jobs = jobsOf(smallSpec, smallMemorySpec, 150, 30)
export const epochSeed = `0x${'e5'.repeat(32)}` as const

/** Ten rows or ten steps a millisecond, by count. */
export const smallCore = (): Promise<WorkCore> =>
  createCountedEngine({ jobs: smallJobs, provider: 'cpu', threads: 1, witnesses: true }, 0.1, 1)

/** A window whose digests are given: what any prover, honest or not, can commit to. */
export function commitTo(digests: Uint8Array): { tree: DigestTree; open: (sample: readonly number[]) => Uint8Array } {
  const collector = createLeafCollector({ keepBytes: Number.MAX_SAFE_INTEGER })
  collector.append(digests)
  const tree = collector.finish()
  const chunk = (index: number) => digests.subarray(index * leafRows * rowBytes, (index + 1) * leafRows * rowBytes)
  return { tree, open: sample => encodeOpenings(tree, sample, chunk) }
}
