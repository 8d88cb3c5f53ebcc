/**
 * What a device sends for sampled steps, of the whole sample or of a piece of it:
 *
 *     version 1 ‖ groups u32 ‖ the window's marks ‖ for each step, ascending:
 *         x_s ‖ its proof        absent for s = 0, which everybody derives
 *         x_(s+1) ‖ its proof
 *
 * Every length follows from the marks and the sample, and the marks from the committed root: there is one encoding and nothing to trust.
 */
import { setImmediate } from 'node:timers/promises'
import { jobErrors } from '../errors.ts'
import { hashBytes, proofLength } from '../hash-tree.ts'
import { readerOf } from '../round-kind.ts'
import type { Memory } from './memory.ts'
import type { SampledStep } from './memory-sample.ts'
import { headBytes, type MemorySpec } from './memory-spec.ts'
import { type WorkedMemoryWindow, walkAgain } from './memory-window.ts'
import { decodeMarks, encodeMarks, leafHash, type Mark, placeOf, rootOfMarks, topFromProof } from './state-tree.ts'

const version = 1
/** Version and groups, before the marks. */
const prefixBytes = 1 + 4

/** Groups and marks are in the root. */
export type MemoryCommitment = {
  readonly steps: number
  /** 32 bytes. */
  readonly root: Uint8Array
}

type OpenedStep = SampledStep & {
  /** As sent; null for x_0. */
  readonly from: OpenedState | null
  readonly to: OpenedState
}
type OpenedState = { readonly state: Uint8Array; readonly proof: readonly Uint8Array[] }

/** The states of a step that are opened: two, or one where the other is x_0. */
const openedStates = ({ step }: SampledStep): number[] => (step === 0 ? [1] : [step, step + 1])

const siblingCount = (marks: readonly Mark[], state: number): number => {
  const { leaves, place } = placeOf(marks, state)
  return proofLength(leaves, place)
}

/** Exact length of the openings of these steps. */
function openingsLength(spec: MemorySpec, marks: readonly Mark[], sample: readonly SampledStep[]): number {
  const states = sample.flatMap(openedStates)
  const proofs = states.reduce((sum, state) => sum + siblingCount(marks, state) * hashBytes, 0)
  return headBytes(spec) + states.length * spec.width + proofs
}

function prefixOf(groups: number): Uint8Array {
  const prefix = Buffer.of(version, 0, 0, 0, 0)
  prefix.writeUInt32BE(groups, 1)
  return prefix
}

/** @param giveWay - resolves when the next step may be walked to. @throws JOB_SAMPLE_INVALID, JOB_MEMORY_LOST, JOB_KERNEL_FAILED */
export async function openSteps(
  memory: Memory,
  window: WorkedMemoryWindow,
  sample: readonly SampledStep[],
  giveWay: () => Promise<void> = () => setImmediate(undefined),
): Promise<Uint8Array> {
  const { groups, marks, trees, steps } = window
  checkStepSample(memory.spec, sample, steps)
  const parts: Uint8Array[] = [prefixOf(groups), encodeMarks(marks)]
  for (const sampled of sample) {
    await giveWay()
    const states = await walkAgain(memory, window, sampled.step, sampled.step + 1)
    for (const state of openedStates(sampled)) {
      const { mark, place } = placeOf(marks, state)
      parts.push(states[state - sampled.step]!, ...trees[mark]!.proof(place))
    }
  }
  return Uint8Array.from(Buffer.concat(parts))
}

/** Whether these steps may be asked for, of a window of `steps` steps. @throws JOB_SAMPLE_INVALID */
export function checkStepSample(
  { samples, width }: Pick<MemorySpec, 'samples' | 'width'>,
  sample: readonly SampledStep[],
  steps: number,
): void {
  const refuse = (problem: string) => jobErrors.JOB_SAMPLE_INVALID({ problem })
  if (sample.length > samples) throw refuse(`${sample.length} steps asked for, at most ${samples} are allowed`)
  sample.forEach(({ step, coordinate }, index) => {
    if (!Number.isSafeInteger(step) || step < 0 || step >= steps) throw refuse(`step ${step} is not below ${steps}`)
    if (index > 0 && step <= sample[index - 1]!.step) throw refuse(`step ${step} is not in ascending order`)
    if (!Number.isSafeInteger(coordinate) || coordinate < 0 || coordinate >= width)
      throw refuse(`coordinate ${coordinate} is not below ${width}`)
  })
}

export type OpenedSteps = {
  readonly groups: number
  readonly marks: readonly Mark[]
  readonly steps: readonly OpenedStep[]
}

/** `null` in place of the steps: the marks are not those of the root. @throws JOB_OPENINGS_MALFORMED */
export function decodeSteps(
  spec: MemorySpec,
  { steps, root }: MemoryCommitment,
  sample: readonly SampledStep[],
  bytes: Uint8Array,
): OpenedSteps | null {
  const refuse = (problem: string) => jobErrors.JOB_OPENINGS_MALFORMED({ problem })
  if (bytes[0] !== version) throw refuse(bytes.length === 0 ? 'they are empty' : `version ${bytes[0]} is unknown`)
  const head = headBytes(spec)
  if (bytes.length < head) throw refuse(`they have ${bytes.length} bytes, less than the marks of a window`)
  const groups = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1)
  const sent = bytes.subarray(prefixBytes, head)
  if (!rootOfMarks(groups, sent).equals(root)) return null
  const marks = decodeMarks(sent)
  marks.reduce((before, mark) => {
    if (mark.steps < before) throw refuse(`a mark has ${mark.steps} steps after one of ${before}`)
    return mark.steps
  }, 0)
  if (marks.at(-1)!.steps !== steps)
    throw refuse(`the last mark has ${marks.at(-1)!.steps} steps, the commitment ${steps}`)
  const expected = openingsLength(spec, marks, sample)
  if (bytes.length !== expected) throw refuse(`they have ${bytes.length} bytes, ${expected} are expected`)

  const take = readerOf(bytes, head)
  const takeState = (number: number): OpenedState => {
    const state = take(spec.width)
    if (state.some(byte => byte > 127)) throw refuse(`a byte of state ${number} is outside [0, 127]`)
    return { state, proof: Array.from({ length: siblingCount(marks, number) }, () => take(hashBytes)) }
  }
  return {
    groups,
    marks,
    steps: sample.map(sampled => ({
      ...sampled,
      from: sampled.step === 0 ? null : takeState(sampled.step),
      to: takeState(sampled.step + 1),
    })),
  }
}

/** The first opened state whose proof does not lead to its mark, or null when all do. */
export function stateOutsideRoot({ marks, steps }: OpenedSteps): number | null {
  const leads = (number: number, { state, proof }: OpenedState) => {
    const { mark, place, leaves } = placeOf(marks, number)
    return Buffer.compare(topFromProof(leaves, place, leafHash(state), proof), marks[mark]!.top) === 0
  }
  for (const { step, from, to } of steps) {
    if (from !== null && !leads(step, from)) return step
    if (!leads(step + 1, to)) return step + 1
  }
  return null
}

/** The opening of one step alone, cut from larger ones: what a seat forwards when that step's coordinate is wrong. */
export function openingsOfStep({ groups, marks, steps }: OpenedSteps, step: number): Uint8Array {
  const { from, to } = steps.find(opened => opened.step === step)!
  const states = from === null ? [to] : [from, to]
  const parts = states.flatMap(({ state, proof }) => [state, ...proof])
  return Uint8Array.from(Buffer.concat([prefixOf(groups), encodeMarks(marks), ...parts]))
}
