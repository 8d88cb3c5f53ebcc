/**
 * Works one window: rows 0, 1, 2, … in batches until the deadline. A batch that ends inside the window counts, one that does not is
 * thrown away; a batch is at most 1% of the window and the last ones are fitted to what is left, so under 2% is ever lost.
 */

import { jobErrors } from '../errors.ts'
import type { MonotonicClock } from '../thread-clock.ts'
import { createLeafCollector, type DigestTree, type LeafCollector } from './digest-tree.ts'
import { rowInput } from './row-input.ts'
import { leafRows } from './tensor-spec.ts'
import type { ComputeDigests } from './verify-rows.ts'

export type WindowOptions = {
  /** Job seed, 32 bytes. */
  readonly seed: Uint8Array
  /** On the clock given: when the window closes. */
  readonly deadlineMs: number
  /** Most rows of one batch: bounds the memory of a run. */
  readonly batchRows: number
  /** What a row took lately, in milliseconds; 0 where it is not known yet. */
  readonly rowMs: number
  /** Digests kept for opening; the rest is computed again when asked for. */
  readonly keepBytes: number
  readonly signal?: AbortSignal
}

export type WorkedWindow = {
  readonly tree: DigestTree
  readonly collector: LeafCollector
  /** Time from the start to the end of the last batch that counts, and what of it was spent in the kernel. */
  readonly usedMs: number
  readonly kernelMs: number
  /** From the end of the last batch that counts to the deadline: what the window lost. */
  readonly lostMs: number
  readonly rowMs: number
}

/** Share of the window that one batch may take. */
const batchShare = 0.01
/** The last batches take this share of what is left, so that one that is a little slower still ends inside. */
const tailShare = 0.9
/** Rows of the very first batch of a device, from which the size of the next is known. */
const firstBatch = 8

/** @throws JOB_WINDOW_CANCELLED */
export async function runWindow(
  options: WindowOptions,
  { compute, clock }: { readonly compute: ComputeDigests; readonly clock: MonotonicClock },
): Promise<WorkedWindow> {
  const { seed, deadlineMs, batchRows, keepBytes, signal } = options
  const collector = createLeafCollector({ keepBytes })
  const startMs = clock.monotonicMs()
  const mostMs = (deadlineMs - startMs) * batchShare
  let { rowMs } = options
  let kernelMs = 0
  let countedMs = startMs
  for (let first = 0; ; ) {
    if (signal?.aborted) throw jobErrors.JOB_WINDOW_CANCELLED()
    const leftMs = deadlineMs - clock.monotonicMs()
    const rows = batchSize(leftMs, mostMs, rowMs, batchRows)
    if (leftMs <= 0 || rows === 0) break
    const inputs = rowInput(seed, first, rows)
    const beforeMs = clock.monotonicMs()
    const digests = await compute(inputs)
    const afterMs = clock.monotonicMs()
    const tookMs = afterMs - beforeMs
    // Slower at once, faster slowly: an estimate that is too low costs the batch at the end.
    rowMs = Math.max(tookMs / rows, rowMs + (tookMs / rows - rowMs) * 0.2)
    if (afterMs > deadlineMs) break
    collector.append(digests)
    first += rows
    kernelMs += tookMs
    countedMs = afterMs
  }
  return {
    tree: collector.finish(),
    collector,
    usedMs: countedMs - startMs,
    kernelMs,
    lostMs: Math.max(0, deadlineMs - countedMs),
    rowMs,
  }
}

/** The first `rows` rows again, however long they take. */
export async function reworkWindow(
  { seed, rows, batchRows, keepBytes }: Pick<WindowOptions, 'seed' | 'batchRows' | 'keepBytes'> & { rows: number },
  { compute }: { readonly compute: ComputeDigests },
): Promise<Pick<WorkedWindow, 'tree' | 'collector'>> {
  const collector = createLeafCollector({ keepBytes })
  for (let first = 0; first < rows; first += batchRows)
    collector.append(await compute(rowInput(seed, first, Math.min(batchRows, rows - first))))
  return { tree: collector.finish(), collector }
}

/** Rows of the next batch; 0 when nothing more fits. */
function batchSize(leftMs: number, mostMs: number, rowMs: number, batchRows: number): number {
  if (rowMs === 0) return Math.min(batchRows, firstBatch)
  const full = Math.min(batchRows, Math.max(1, mostMs / rowMs))
  return roundDown(Math.min(full, (leftMs * tailShare) / rowMs))
}

/** Whole leaves, else eights, which kernels like, else what there is. */
const roundDown = (rows: number): number => {
  const step = rows >= leafRows ? leafRows : rows >= 8 ? 8 : 1
  return Math.floor(rows / step) * step
}
