/** The engine of tensor rounds: the epoch's model in the kernel that the self-test chose, windows of rows, and their openings. */
import type { Hex } from 'viem'
import { bytesToHex, hexToBytes } from '../../platform/hex.ts'
import { jobErrors } from '../errors.ts'
import type { SessionOptions } from '../execution-provider.ts'
import { createKeptWindows, type KindEngine } from '../round-kind.ts'
import type { MonotonicClock } from '../thread-clock.ts'
import type { WindowGate } from '../window-gate.ts'
import { createLeafCollector, type DigestTree, type LeafCollector, rowsInChunk } from './digest-tree.ts'
import type { KernelForm, openKernel } from './kernel.ts'
import { createModelCache, type PreparedModel } from './model-cache.ts'
import { rowInput } from './row-input.ts'
import { checkSample, chunksOf, encodeOpenings } from './row-openings.ts'
import { leafRows, type TensorSpec, windowRate } from './tensor-spec.ts'
import { type ComputeDigests, verifyOpenings } from './verify-rows.ts'
import type { Weights } from './weights.ts'

export type TensorEngineOptions = {
  readonly spec: TensorSpec
  readonly session: SessionOptions
  /** The form of the model that is computed. */
  readonly form: KernelForm
  /** Most rows of one run. */
  readonly batchRows: number
  readonly keepWindows: number
  /** Bytes of digests kept per window. Rows beyond are computed again when opened. */
  readonly keepBytes: number
  /** Batches of a window under way at once. */
  readonly batchesAtOnce: number
  /** Whether `verify` gives the witnesses that it is asked for, which takes memory in every run. */
  readonly witnesses: boolean
}

type KeptWindow = {
  readonly epochSeed: Hex
  readonly seed: Uint8Array
  readonly worked: WorkedRows
}

export function createTensorEngine(
  { spec, session, form, batchRows, batchesAtOnce, keepWindows, keepBytes, witnesses }: TensorEngineOptions,
  { open, ...timing }: { readonly gate: WindowGate; readonly clock: MonotonicClock; readonly open: typeof openKernel },
): KindEngine<PreparedModel> {
  const { gate, clock } = timing
  const load = (weights: Weights) => open(weights, form, { ...session, inner: witnesses })
  const models = createModelCache({ spec }, { load, ...timing })
  const windows = createKeptWindows<KeptWindow>(keepWindows)
  let rowMs = 0

  return {
    prepare: ({ epochSeed }) => models.prepare(epochSeed),

    async runWindow(request, { signal } = {}) {
      const { epochSeed, seed, startedAtMs = clock.monotonicMs(), durationMs = spec.windowMs } = request
      const worked = await models.use(epochSeed, kernel =>
        gate.during(startedAtMs + durationMs, () =>
          runWindow(
            { seed, deadlineMs: startedAtMs + durationMs, batchRows, batchesAtOnce, rowMs, keepBytes, signal },
            { compute: kernel.run, clock },
          ),
        ),
      )
      rowMs = worked.rowMs
      const { rows, root } = worked.tree
      const { kernelMs, lostMs } = worked
      return {
        ...{ handle: windows.keep({ epochSeed, seed, worked }), units: rows, root: bytesToHex(root) },
        ...{ figures: { tensor: windowRate(spec, rows) }, durationMs, kernelMs, lostMs, notes: '' },
      }
    },

    async rework({ epochSeed, seed, units }) {
      const worked = await models.use(epochSeed, kernel =>
        reworkWindow({ seed, rows: units, batchRows, keepBytes }, { compute: kernel.run }),
      )
      return { handle: windows.keep({ epochSeed, seed, worked }), root: bytesToHex(worked.tree.root) }
    },

    async open({ handle, sample, dueMs = Number.POSITIVE_INFINITY }) {
      const kept = windows.of(handle)
      if (kept === undefined) throw jobErrors.JOB_WINDOW_UNKNOWN({ handle })
      const { tree, collector } = kept.worked
      checkSample(sample, tree.rows, spec.samples)
      const digests = new Map<number, Uint8Array>()
      for (const chunk of chunksOf(sample))
        digests.set(chunk, collector.digests(chunk) ?? (await recompute(kept, chunk, dueMs)))
      return encodeOpenings(tree, sample, chunk => digests.get(chunk)!)
    },

    verify: ({ epochSeed, items }) =>
      models.use(epochSeed, async kernel => {
        const claims = items.map(({ units, root, ...item }) => ({ ...item, rows: units, root: hexToBytes(root, 32) }))
        const answers = await verifyOpenings(claims, kernel.run, {
          ...{ sampleLimit: spec.samples, batchRows, computeInner: kernel.runInner },
        })
        return answers.map((answer, i) =>
          answer.ok ? { ...answer, figures: { tensor: windowRate(spec, items[i]!.units) } } : answer,
        )
      }),

    release: async handle => windows.forget(handle),
    async free() {
      await gate.pass(() => false)
      await models.free()
    },
    async close() {
      windows.clear()
      await models.close()
    },
  }

  async function recompute({ epochSeed, seed, worked }: KeptWindow, chunk: number, dueMs: number) {
    await gate.pass(endsAtMs => endsAtMs > dueMs)
    const count = rowsInChunk(worked.tree.rows, chunk)
    return models.use(epochSeed, kernel => kernel.run(rowInput(seed, chunk * leafRows, count)))
  }
}

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

/**
 * Works one window: rows 0, 1, 2, … in batches until the deadline. A batch that ends inside the window counts, one that does not is
 * thrown away; a batch is at most 1% of the window and the last ones are fitted to what is left, so under 2% is ever lost. A card has
 * two batches under way, so that it computes one while the thread draws and hashes rows of others, as far as its kernel does not block that.
 *
 * @throws JOB_WINDOW_CANCELLED, and as the kernel does
 */
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
