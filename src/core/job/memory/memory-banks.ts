/**
 * A device's groups in the memory of this process: filled once an epoch in pieces, read one whole group a step. Groups lie in banks of at most a gibibyte,
 * since what one buffer or one binding holds is limited everywhere. Each bank begins with room for the state that is read and the one
 * that is written:
 *
 *     byte 0         16384       32768      + K² · d        + 2 · K² · d
 *     ┌─────────────┬───────────┬──────────┬───────────────┬──────
 *     │ x           │ next x    │ group 0  │ group 1       │  …        a group: [K rows][d layers][K bytes]
 *     └─────────────┴───────────┴──────────┴───────────────┴──────
 */
import { setImmediate } from 'node:timers/promises'
import { jobErrors } from '../errors.ts'
import type { PhiloxKey } from '../philox.ts'
import { drawLines, type FillLine } from './drawn-entries.ts'
import { type Memory, type Step, walkedBy } from './memory.ts'
import { groupBytes, groupsLimit, type MemorySpec } from './memory-spec.ts'
import type { RowChain } from './row-chain.ts'
import { type StepMemory, stepMemories } from './step-code.ts'

const nextAt = 16_384
/** WebAssembly rounds memory up to its pages. */
const roundedBytes = 65_536
const groupsAt = 32_768
/** Drawn rows of one run of the chain of products. */
const pieceLines = 256

export type MemoryBanks = Memory & {
  readonly step: Step
  /** Reads every byte of a group and does nothing with it. */
  read(group: number): void
}

export type FillOptions = {
  readonly spec: MemorySpec
  readonly key: PhiloxKey
  /** Groups wanted. */
  readonly groups: number
  /** Most of one bank; default a gibibyte. */
  readonly bankBytes?: number
  readonly signal?: AbortSignal
  /** After each group. */
  readonly onProgress?: (filledGroups: number) => void
  /**
   * Banks that an earlier fill of the same specification gave back: they are filled anew in place of others, since what is dropped is
   * freed some time later. What is shrunk away of this fill comes back here.
   */
  readonly pool?: StepMemory[]
  /** What gives one bank of so many bytes, or throws; default this process. */
  readonly allocate?: (bytes: number) => StepMemory
}

/**
 * Fills memory, from the epoch's matrices and the device's key. Where the machine gives less than was wanted there are as many groups
 * as it gave.
 *
 * @throws JOB_MEMORY_TOO_SMALL below the spec's least, JOB_FILL_CANCELLED
 */
export async function fillMemory(options: FillOptions, chain: Pick<RowChain, 'run'>): Promise<MemoryBanks> {
  const { spec, key, groups, bankBytes = 2 ** 30, signal, onProgress, pool = [] } = options
  const { allocate = stepMemories(spec) } = options
  const { width, layers } = spec
  const bytes = groupBytes(spec)
  checkGroups(spec, groups)
  const perBank = Math.max(1, Math.floor((bankBytes - groupsAt) / bytes))
  const banks: StepMemory[] = []
  let ready = 0

  for (let first = 0; first < groups; first += perBank) {
    const count = Math.min(perBank, groups - first)
    const size = groupsAt + count * bytes
    const bank = takeOf(pool, size) ?? orNull(() => allocate(size))
    if (bank === null) break
    banks.push(bank)
    for (let group = first; group < first + count; group++) await fillGroup(bank, group, group - first)
  }
  checkGroups(spec, ready)

  async function fillGroup(bank: StepMemory, group: number, place: number): Promise<void> {
    const lineCount = width * layers
    for (let from = 0; from < lineCount; from += pieceLines) {
      // Other work of this thread comes first: a fill takes seconds.
      await setImmediate()
      if (signal?.aborted) throw jobErrors.JOB_FILL_CANCELLED()
      const lines = Array.from({ length: Math.min(pieceLines, lineCount - from) }, (_, index) => {
        const line = from + index
        return { key, group, layer: line % layers, row: Math.floor(line / layers) } satisfies FillLine & {
          key: PhiloxKey
        }
      })
      bank.bytes.set(await chain.run(drawLines(spec, lines)), groupsAt + place * bytes + from * width)
    }
    ready = group + 1
    onProgress?.(ready)
  }

  const bankOf = (group: number): StepMemory => {
    if (!Number.isSafeInteger(group) || group < 0 || group >= ready) throw new RangeError(`group ${group} of ${ready}`)
    return banks[Math.floor(group / perBank)]!
  }
  const addressOf = (group: number): number => groupsAt + (group % perBank) * bytes
  const step: Step = (group, x, next) => {
    const { bytes: memory, code } = bankOf(group)
    memory.set(x)
    code.rows(addressOf(group), 0, nextAt, 0, width)
    next.set(memory.subarray(nextAt, nextAt + width))
  }
  return {
    ...walkedBy(spec, step),
    spec,
    get ready() {
      return ready
    },
    step,
    read(group) {
      bankOf(group).code.read(addressOf(group), bytes)
    },
    shrink(fewer) {
      ready = Math.min(ready, fewer)
      pool.push(...banks.splice(Math.ceil(ready / perBank)))
    },
  }
}

/** Whether so many groups can be claimed. @throws JOB_MEMORY_TOO_SMALL, JOB_SPEC_INVALID */
export function checkGroups(spec: MemorySpec, groups: number): void {
  const { leastGroups } = spec
  if (groups < leastGroups) throw jobErrors.JOB_MEMORY_TOO_SMALL({ groups, leastGroups, groupBytes: groupBytes(spec) })
  if (groups > groupsLimit)
    throw jobErrors.JOB_SPEC_INVALID({ problem: `${groups} groups asked for; at most ${groupsLimit} are possible` })
}

/** A bank of at least this size and a little more at most, taken out of the pool. */
function takeOf(pool: StepMemory[], size: number): StepMemory | null {
  const at = pool.findIndex(({ bytes }) => bytes.length >= size && bytes.length <= size + roundedBytes)
  return at < 0 ? null : pool.splice(at, 1)[0]!
}

/** What `allocate` gives, or null where the machine has no room for it. */
function orNull<T>(allocate: () => T): T | null {
  try {
    return allocate()
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}
