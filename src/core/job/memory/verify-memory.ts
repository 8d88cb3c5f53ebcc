/**
 * The verifier of the memory job: are these states what was committed to, and is the sampled coordinate of each step what the memory
 * that was claimed gives? A row of that memory is recomputed from the numbers it begins with, d chains of c products, and multiplied
 * by the opened state; one byte is compared and there is no tolerance. Rows of many devices are recomputed in one batch, with the same
 * answer as each alone. Nothing a Provider sends can make it throw.
 */
import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import { isKaisarError } from '../../platform/errors.ts'
import type { PhiloxKey } from '../philox.ts'
import { type FailedVerification, unproven } from '../round-kind.ts'
import { drawLines, firstState, stepOrder } from './drawn-entries.ts'
import {
  checkStepSample,
  decodeSteps,
  type MemoryCommitment,
  type OpenedSteps,
  openingsOfStep,
  stateOutsideRoot,
} from './memory-openings.ts'
import { placeOfStep, type SampledStep } from './memory-sample.ts'
import { groupsLimit, type MemorySpec, stepsLimit } from './memory-spec.ts'
import type { RowChain } from './row-chain.ts'
import type { Mark } from './state-tree.ts'

export type MemoryClaim = MemoryCommitment & {
  /** Job seed of the round, 32 bytes: order and first state. */
  readonly seed: Uint8Array
  /** Of the epoch and the device: {@link import('./drawn-entries.ts').fillKey}. */
  readonly key: PhiloxKey
  /** The sampled steps, ascending. */
  readonly sample: readonly SampledStep[]
  /** As received. */
  readonly openings: Uint8Array
  /** Whose witness is asked for: the seat's address ‖ the commitment's hash, 52 bytes as hex. */
  readonly witnessOf?: Hex
}

export type MemoryVerification =
  | {
      readonly ok: true
      /** Steps that were recomputed. */
      readonly checked: number
      /** Claimed groups, which are in the root. */
      readonly groups: number
      /** The marks that were committed to, to be compared with those that came during the window. */
      readonly marks: readonly Mark[]
      /** Where it was asked for: {@link witnessTag}. */
      readonly witness?: Hex
    }
  | FailedVerification

/**
 * What only who recomputed the rows can say, and each seat by itself:
 *
 *   witness = SHA-256(tag ‖ seat ‖ commitment hash ‖ stored rows of the samples, ascending, d · K bytes each)
 *
 * A coordinate is made of them and does not give them away.
 */
const witnessTag = 'kaisar/memory-witness/v1'

type Checked = { readonly claim: MemoryClaim; readonly opened: OpenedSteps }

/** One answer per claim, in order. `batchRows` bounds the rows that are recomputed at once; their sums leave a core's caches above 512. */
export async function verifyMemory(
  spec: MemorySpec,
  claims: readonly MemoryClaim[],
  chain: Pick<RowChain, 'run'>,
  { batchRows = 512 }: { readonly batchRows?: number } = {},
): Promise<MemoryVerification[]> {
  const checked = claims.map(claim => checkAgainstRoot(spec, claim))
  const lines = checked.flatMap(entry => ('opened' in entry ? linesOf(spec, entry) : []))
  const rows = new Uint8Array(lines.length * spec.width)
  for (let first = 0; first < lines.length; first += batchRows)
    rows.set(await chain.run(drawLines(spec, lines.slice(first, first + batchRows))), first * spec.width)
  let offset = 0
  return checked.map(entry => {
    if (!('opened' in entry)) return entry
    const length = entry.claim.sample.length * spec.layers * spec.width
    offset += length
    return compare(spec, entry, rows.subarray(offset - length, offset))
  })
}

/** What openings are checked against before anything is recomputed. */
type RootClaim = Pick<MemoryClaim, 'steps' | 'root' | 'sample' | 'openings'>

/** Why openings do not lead to the committed root, or null where they do. */
export function openingsFault(spec: MemorySpec, claim: RootClaim): string | null {
  const checked = checkAgainstRoot(spec, claim)
  return 'detail' in checked ? checked.detail : null
}

function checkAgainstRoot<C extends RootClaim>(
  spec: MemorySpec,
  claim: C,
): { readonly claim: C; readonly opened: OpenedSteps } | FailedVerification {
  const { steps, sample, openings } = claim
  if (!Number.isSafeInteger(steps) || steps < 0 || steps > stepsLimit)
    return unproven('COMMITMENT_INVALID', `The commitment claims ${steps} steps; at most ${stepsLimit} are possible.`)
  try {
    checkStepSample(spec, sample, steps)
    const opened = decodeSteps(spec, claim, sample, openings)
    if (opened === null) return unproven('OPENINGS_NOT_IN_ROOT', 'Groups and marks do not lead to the committed root.')
    const { groups } = opened
    if (groups < spec.leastGroups || groups > groupsLimit)
      return unproven(
        'COMMITMENT_INVALID',
        `The commitment claims ${groups} groups; ${spec.leastGroups} to ${groupsLimit} are possible.`,
      )
    const stray = stateOutsideRoot(opened)
    if (stray === null) return { claim, opened }
    return unproven('OPENINGS_NOT_IN_ROOT', `The proof of state ${stray} does not lead to its mark.`)
  } catch (error) {
    if (!isKaisarError(error)) throw error
    return unproven('OPENINGS_MALFORMED', error.message)
  }
}

/** Of each sampled step, the rows of its group that its coordinate is made of. */
function linesOf({ layers }: MemorySpec, { claim: { seed, key, sample }, opened }: Checked) {
  const order = stepOrder(seed, opened.groups)
  return sample.flatMap(({ step, coordinate }) => {
    const group = order.groupOf(step)
    return Array.from({ length: layers }, (_, layer) => ({ key, group, layer, row: coordinate }))
  })
}

function compare(spec: MemorySpec, { claim, opened }: Checked, rows: Uint8Array): MemoryVerification {
  const rowBytes = spec.layers * spec.width
  const wrong = opened.steps.find(({ from, to, coordinate }, index) => {
    const state = from?.state ?? firstState(spec, claim.seed)
    const own = rows.subarray(index * rowBytes, (index + 1) * rowBytes)
    return to.state[coordinate] !== coordinateOf(own, state)
  })
  if (wrong !== undefined)
    return {
      ...{ ok: false, step: 'COORDINATE_WRONG' },
      detail: `Coordinate ${wrong.coordinate} of the state after step ${wrong.step} was recomputed and differs from the committed one.`,
      wrong: { place: placeOfStep(spec, wrong), openings: openingsOfStep(opened, wrong.step) },
    }
  const { witnessOf } = claim
  const witness = (): Hex =>
    `0x${createHash('sha256').update(witnessTag).update(witnessOf!.slice(2), 'hex').update(rows).digest('hex')}`
  return {
    ...{ ok: true, checked: claim.sample.length, groups: opened.groups, marks: opened.marks },
    ...(witnessOf !== undefined && { witness: witness() }),
  }
}

/** One coordinate of the next state: of the stored rows [d, K] that make it, bytes read as signed, and the state before. */
export function coordinateOf(rows: Uint8Array, state: Uint8Array): number {
  let bits = 0
  for (let at = 0; at < rows.length; ) {
    let sum = 0
    for (let k = 0; k < state.length; k++, at++) sum += ((rows[at]! << 24) >> 24) * state[k]!
    bits ^= (sum >> 7) & 127
  }
  return bits
}
