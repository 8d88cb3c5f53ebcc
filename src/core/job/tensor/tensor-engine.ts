/** The engine of tensor rounds: the epoch's model in the kernel that the self-test chose, windows of rows, and their openings. */
import type { Hex } from 'viem'
import { bytesToHex, hexToBytes } from '../../platform/hex.ts'
import { jobErrors } from '../errors.ts'
import type { SessionOptions } from '../execution-provider.ts'
import { createKeptWindows, type KindEngine, type Verification } from '../round-kind.ts'
import type { MonotonicClock } from '../thread-clock.ts'
import type { WindowGate } from '../window-gate.ts'
import { rowsInChunk } from './digest-tree.ts'
import type { KernelForm, openKernel } from './kernel.ts'
import { createModelCache, type PreparedModel } from './model-cache.ts'
import { rowInput } from './row-input.ts'
import { checkSample, chunksOf, encodeOpenings } from './row-openings.ts'
import { leafRows, type TensorSpec, windowRate } from './tensor-spec.ts'
import { reworkWindow, runWindow, type WorkedRows } from './tensor-window.ts'
import { verifyOpenings } from './verify-rows.ts'

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
  {
    gate,
    clock,
    open,
  }: {
    readonly gate: WindowGate
    readonly clock: MonotonicClock
    readonly open: typeof openKernel
  },
): KindEngine<PreparedModel> {
  const models = createModelCache(
    { spec },
    { load: weights => open(weights, form, { ...session, inner: witnesses }), gate, clock },
  )
  const windows = createKeptWindows<KeptWindow>(keepWindows)
  let rowMs = 0

  return {
    prepare: ({ epochSeed }) => models.prepare(epochSeed),

    async runWindow(request, { signal } = {}) {
      const { epochSeed, seed, startedAtMs = clock.monotonicMs(), durationMs = spec.windowMs } = request
      const worked = await models.use(epochSeed, kernel =>
        gate.during(() =>
          runWindow(
            {
              ...{ seed, deadlineMs: startedAtMs + durationMs, batchRows, batchesAtOnce, rowMs, keepBytes },
              ...(signal && { signal }),
            },
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

    async open({ handle, sample }) {
      const kept = windows.of(handle)
      if (kept === undefined) throw jobErrors.JOB_WINDOW_UNKNOWN({ handle })
      const { tree, collector } = kept.worked
      checkSample(sample, tree.rows, spec.samples)
      const digests = new Map<number, Uint8Array>()
      for (const chunk of chunksOf(sample))
        digests.set(chunk, collector.digests(chunk) ?? (await recompute(kept, chunk)))
      return encodeOpenings(tree, sample, chunk => digests.get(chunk)!)
    },

    verify: ({ epochSeed, items }) =>
      models.use(epochSeed, async kernel => {
        const claims = items.map(({ units, root, ...item }) => ({ ...item, rows: units, root: hexToBytes(root, 32) }))
        const answers = await verifyOpenings(claims, kernel.run, {
          ...{ sampleLimit: spec.samples, batchRows },
          ...(kernel.runInner && { computeInner: kernel.runInner }),
        })
        return answers.map((answer, i): Verification => {
          if (!answer.ok) {
            const { step, detail, wrongRow } = answer
            return { ok: false, step, detail, wrong: wrongRow && { place: wrongRow.row, openings: wrongRow.openings } }
          }
          const { rowsChecked: checked, witness } = answer
          const figures = { tensor: windowRate(spec, items[i]!.units) }
          return { ok: true, checked, figures, ...(witness !== undefined && { witness }) }
        })
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

  function recompute({ epochSeed, seed, worked }: KeptWindow, chunk: number): Promise<Uint8Array> {
    const count = rowsInChunk(worked.tree.rows, chunk)
    return models.use(epochSeed, kernel => kernel.run(rowInput(seed, chunk * leafRows, count)))
  }
}
