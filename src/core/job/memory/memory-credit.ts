/**
 * What a window counts for. Three rules keep a device from walking many chains at once over one read of its memory, none of which an
 * honest device meets:
 *
 * - Marks that came in time. A second whose mark is missing or late counts nothing.
 * - A second counts at most 1.25 × the second least: work of other seconds cannot be shown in one, and memory that is there for a part
 *   of the window counts little. The least may be one whose mark was lost.
 * - Reading all of memory more often than every τ₀ is not paid.
 *
 * Why: docs/why/memory-job.md
 */
import { groupBytes, type MemorySpec, markCount } from './memory-spec.ts'
import type { Mark } from './state-tree.ts'

const mostOfSecondLeast = 1.25
/** Of one or two seconds the least, since half of the window may not be lost. */
const secondLeastOf = (count: number): number => (count > 2 ? 1 : 0)

export type MemoryCredit = {
  /** M: bytes read a second, in MB/s. */
  readonly bandwidth: number
  /** R: bytes resident, in MB. */
  readonly resident: number
  /** Steps that count. */
  readonly countedSteps: number
}

type MemoryCreditOptions = { groups: number; marks: readonly Pick<Mark, 'steps'>[]; inTime?: readonly boolean[] }

/** `inTime[k]`: whether mark k came within the grace, and was the one committed to; default all. */
export function memoryCredit(spec: MemorySpec, { groups, marks, inTime = [] }: MemoryCreditOptions): MemoryCredit {
  const gains = marks.map(({ steps }, k) => (inTime[k] === false ? 0 : steps - (marks[k - 1]?.steps ?? 0)))
  const secondLeast = gains.toSorted((a, b) => a - b)[secondLeastOf(gains.length)] ?? 0
  const countedSteps = gains.reduce((sum, gain) => sum + Math.min(gain, Math.floor(secondLeast * mostOfSecondLeast)), 0)
  const bytes = groupBytes(spec)
  const most = (groups * bytes) / spec.leastReadMs
  const perMs = Math.min((countedSteps * bytes) / spec.windowMs, most)
  return { bandwidth: Math.floor(perMs / 1_000), resident: Math.floor((groups * bytes) / 1e6), countedSteps }
}

/** Of a window that was worked for no longer, at its end, the second least second has no step, and nothing counts. */
export const idleTailMs = (spec: MemorySpec): number =>
  (markCount(spec) - 1 - secondLeastOf(markCount(spec))) * spec.markMs

/** Of each committed mark, whether the one that came in time said the same. `received[k]`: the mark that came within its grace, if one did. */
export const marksInTime = (committed: readonly Mark[], received: readonly (Mark | undefined)[]): boolean[] =>
  committed.map(({ steps, top }, k) => {
    const sent = received[k]
    return sent !== undefined && sent.steps === steps && Buffer.compare(sent.top, top) === 0
  })
