/**
 * Beats: memory rounds of a moment, by which it is seen that a device is there, with all of its memory, at times that nobody foresees.
 * Engine, commitment, openings and recomputation are those of memory rounds, over the same fill; the window is shorter, it has no marks
 * and fewer samples.
 *
 * Why: docs/why/beats.md
 */
import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import { jobErrors } from '../errors.ts'
import type { MemoryEngine } from '../memory/memory-engine.ts'
import { memoryKind } from '../memory/memory-kind.ts'
import { checkMemorySpec, type MemorySpec, memorySpecHash } from '../memory/memory-spec.ts'
import { numbers, type RoundKind } from '../round-kind.ts'

/** What a beat is of, and how it differs. */
export type BeatSpec = {
  /** Of the memory rounds of the same network, by which memory is filled. */
  readonly memory: MemorySpec
  /** D: the window, in milliseconds. */
  readonly windowMs: number
  /** t: steps one seat samples. */
  readonly samples: number
}

const beatSamples = 4

/** The beats of a network with these memory rounds. */
export const beatOf = (memory: MemorySpec, windowMs: number): BeatSpec => ({ memory, windowMs, samples: beatSamples })

/** The memory round that a beat is: one mark, which is the commitment's own. */
export const roundOfBeat = ({ memory, windowMs, samples }: BeatSpec): MemorySpec => ({
  ...memory,
  ...{ windowMs, markMs: windowMs, samples },
})

/** @throws JOB_SPEC_INVALID */
function checkBeatSpec(spec: BeatSpec): BeatSpec {
  checkMemorySpec(spec.memory)
  checkMemorySpec(roundOfBeat(spec))
  if (spec.windowMs > spec.memory.windowMs)
    throw jobErrors.JOB_SPEC_INVALID({ problem: `a beat of ${spec.windowMs} ms is longer than a memory round` })
  return spec
}

export const beatKind: RoundKind<BeatSpec> = {
  ...memoryKind,
  // Beats that were left late in an epoch come up to eleven in the time in which one can be asked about.
  keptWindows: 12,
  base: 'memory',
  openEngine: async (spec, { base, keepWindows }) => (base as MemoryEngine).beats(roundOfBeat(spec), keepWindows),
  checkSpec: checkBeatSpec,
  specHash: spec => {
    const { memory, windowMs, samples } = checkBeatSpec(spec)
    const text = `kaisar/beat-spec/v1 memory=${memorySpecHash(memory)} windowMs=${windowMs} samples=${samples}`
    return `0x${createHash('sha256').update(text).digest('hex')}` satisfies Hex
  },
  bundle: {
    version: 6,
    spec: { memory: memoryKind.bundle.spec, ...numbers('windowMs', 'samples') },
    marks: false,
  },
  sample: (spec, units, identity) => memoryKind.sample(roundOfBeat(spec), units, identity),
  pieces: {
    cut: (spec, sample) => memoryKind.pieces.cut(roundOfBeat(spec), sample),
    headBytes: spec => memoryKind.pieces.headBytes(roundOfBeat(spec)),
    fault: (spec, ...piece) => memoryKind.pieces.fault(roundOfBeat(spec), ...piece),
  },
  markDueMs: () => null,
  idleTailMs: spec => memoryKind.idleTailMs(roundOfBeat(spec)),
}
