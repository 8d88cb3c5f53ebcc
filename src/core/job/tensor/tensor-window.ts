/**
 * Works one window: rows 0, 1, 2, … in batches until the deadline. A batch that ends inside the window counts, one that does not is
 * thrown away; a batch is at most 1% of the window and the last ones are fitted to what is left, so under 2% is ever lost. A card has
 * two batches under way, so that it computes one while the thread draws and hashes rows of others, as far as its kernel does not block that.
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
  /** Batches under way at once; default 1. */
  readonly batchesAtOnce?: number
  readonly signal?: AbortSignal
}

/** The work of a window: its tree, and what is kept of its digests. */
export type WorkedRows = { readonly tree: DigestTree; readonly collector: Pick<LeafCollector, 'digests'> }

export type WorkedWindow = WorkedRows & {
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

type Batch = { readonly rows: number; readonly beganMs: number; readonly digests: Promise<Uint8Array> }

/** @throws JOB_WINDOW_CANCELLED, and as the kernel does */
export async function runWindow(
  options: WindowOptions,
  { compute, clock }: { readonly compute: ComputeDigests; readonly clock: MonotonicClock },
): Promise<WorkedWindow> {
  const { seed, deadlineMs, batchRows, keepBytes, batchesAtOnce = 1, signal } = options
  const collector = createLeafCollector({ keepBytes })
  let drawnRows = 0
  const startMs = clock.monotonicMs()
  const mostMs = (deadlineMs - startMs) * batchShare
  const underWay: Batch[] = []
  let { rowMs } = options
  let kernelMs = 0
  let countedMs = startMs

  /** Begins the next batch, unless none fits into what is left behind those under way, or nothing is known of how long one takes. */
  function begin(): boolean {
    if (rowMs === 0 && underWay.length > 0) return false
    const leftMs = deadlineMs - clock.monotonicMs() - underWay.reduce((sum, batch) => sum + batch.rows * rowMs, 0)
    const rows = batchSize(leftMs, mostMs, rowMs, batchRows)
    if (leftMs <= 0 || rows === 0) return false
    const inputs = rowInput(seed, drawnRows, rows)
    drawnRows += rows
    const beganMs = clock.monotonicMs()
    const digests = compute(inputs)
    // Where the window ends first, nobody waits for it.
    digests.catch(() => undefined)
    underWay.push({ rows, beganMs, digests })
    return true
  }

  try {
    for (;;) {
      if (signal?.aborted) throw jobErrors.JOB_WINDOW_CANCELLED()
      while (underWay.length < batchesAtOnce && begin());
      const batch = underWay.shift()
      if (batch === undefined) break
      const digests = await batch.digests
      const afterMs = clock.monotonicMs()
      // One that began behind another had the kernel when that one was done.
      const tookMs = afterMs - Math.max(batch.beganMs, countedMs)
      // Slower at once, faster slowly: an estimate that is too low costs the batch at the end.
      rowMs = Math.max(tookMs / batch.rows, rowMs + (tookMs / batch.rows - rowMs) * 0.2)
      if (afterMs > deadlineMs) break
      collector.append(digests)
      kernelMs += tookMs
      countedMs = afterMs
    }
    const lostMs = Math.max(0, deadlineMs - countedMs)
    return { tree: collector.finish(), collector, usedMs: countedMs - startMs, kernelMs, lostMs, rowMs }
  } finally {
    await Promise.allSettled(underWay.map(({ digests }) => digests))
  }
}

/** The first `rows` rows again, however long they take. */
export async function reworkWindow(
  { seed, rows, batchRows, keepBytes }: Pick<WindowOptions, 'seed' | 'batchRows' | 'keepBytes'> & { rows: number },
  { compute }: { readonly compute: ComputeDigests },
): Promise<WorkedRows> {
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
