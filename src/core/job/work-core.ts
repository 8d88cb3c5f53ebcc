/**
 * The work of one device, or the recomputing of one Checker, in the thread that calls it. Daemons use it behind
 * {@link import('./work-engine.ts').createWorkEngine}, which moves it to a thread of its own.
 */
import type { Hex } from 'viem'
import { bytesToHex, hexToBytes } from '../platform/hex.ts'
import { jobErrors } from './errors.ts'
import { chooseExecutionProvider, type ExecutionProvider } from './execution-provider.ts'
import { rowsInChunk } from './tensor/digest-tree.ts'
import { type KernelForm, openKernel } from './tensor/kernel.ts'
import { type FormResult, selfTest } from './tensor/kernel-self-test.ts'
import { createModelCache, type PreparedModel } from './tensor/model-cache.ts'
import { rowInput } from './tensor/row-input.ts'
import { checkSample, chunksOf, encodeOpenings } from './tensor/row-openings.ts'
import { checkSpec, type JobSpec, leafRows, windowRate } from './tensor/tensor-spec.ts'
import { reworkWindow, runWindow, type WorkedWindow } from './tensor/tensor-window.ts'
import { type OpeningsClaim, type Verification, verifyOpenings } from './tensor/verify-rows.ts'
import type { MonotonicClock } from './thread-clock.ts'
import { createWindowGate } from './window-gate.ts'

export type WorkOptions = {
  readonly spec: JobSpec
  /** Default 'auto': CUDA, then WebGPU, then the CPU. A named one is used or refused, never replaced. */
  readonly provider?: ExecutionProvider | 'auto'
  /** CUDA's number of the device among those of this process, in the order of the PCI bus; default 0. */
  readonly deviceIndex?: number
  /** Providers that cannot be pinned to the device, and why: they are refused. */
  readonly notPinned?: Partial<Record<ExecutionProvider, string>>
  /** The form that a self-test of this provider on this host has chosen before; default: it is tested now. */
  readonly form?: KernelForm
  /** Threads of one operator on the CPU; default 0, every core. */
  readonly threads?: number
  /** Most rows of one run; default 1024 on the CPU, 16384 elsewhere. */
  readonly batchRows?: number
  /** Windows that can still be opened; default 4. */
  readonly keepWindows?: number
  /** Whether `verify` gives the witnesses that it is asked for, which takes memory in every run; default no. */
  readonly witnesses?: boolean
  /** URL of the file of the package `webgpu`, where it is not installed beside kaisar; default: as Node finds it. */
  readonly webgpuModule?: string
  /** Whether another thread of this process has WebGPU, which serves one at a time. Set by the engine. */
  readonly webgpuTaken?: boolean
  /** Bytes of digests kept per window; default 256 MiB, 8 million rows. Rows beyond are computed again when opened. */
  readonly keepBytes?: number
}

export type WorkDescription = {
  readonly provider: ExecutionProvider
  readonly form: KernelForm
  /** Self-test: every form tried, whether it is exact, and its speed in Mop/s. */
  readonly forms: readonly FormResult[]
  /** Execution providers tried before this one, and why each was refused. */
  readonly refused: readonly {
    readonly provider: ExecutionProvider
    readonly code: string
    readonly message: string
    readonly fix: string
  }[]
}

export type WindowRequest = {
  readonly epochSeed: Hex
  /** Job seed, 32 bytes. */
  readonly seed: Uint8Array
  /** When the trigger was seen, on the caller's monotonic clock; default now. */
  readonly startedAtMs?: number
  /** Default the spec's window. */
  readonly durationMs?: number
}

type WindowResult = {
  /** Names the rows for {@link WorkCore.open}. */
  readonly handle: string
  readonly rows: number
  readonly root: Hex
  /** Mop/s, as a seat will count it. */
  readonly rate: number
  readonly durationMs: number
  readonly kernelMs: number
  readonly lostMs: number
}

/** A window that was worked and committed to before, by a process that has lost its rows. */
type ReworkRequest = { readonly epochSeed: Hex; readonly seed: Uint8Array; readonly rows: number }

/** A claim about one device's window: as {@link OpeningsClaim}, the root as hex. */
export type VerifyItem = Omit<OpeningsClaim, 'root'> & { readonly root: Hex }

export type WorkCore = {
  readonly description: WorkDescription
  prepare(epochSeed: Hex): Promise<PreparedModel>
  runWindow(request: WindowRequest, signal?: AbortSignal): Promise<WindowResult>
  /** Computes the rows of a recorded commitment again, so that it can still be opened; the same root, for the same rows. */
  rework(request: ReworkRequest): Promise<Pick<WindowResult, 'handle' | 'rows' | 'root'>>
  /** Encoded openings of these rows. @throws JOB_WINDOW_UNKNOWN, JOB_SAMPLE_INVALID */
  open(request: { readonly handle: string; readonly sample: readonly number[] }): Promise<Uint8Array>
  /** One answer per item, in order; never throws for what an item holds. */
  verify(request: { readonly epochSeed: Hex; readonly items: readonly VerifyItem[] }): Promise<Verification[]>
  /** Forgets a window's rows. */
  release(handle: string): Promise<void>
  close(): Promise<void>
}

type KeptWindow = {
  readonly request: Pick<WindowRequest, 'epochSeed' | 'seed'>
  readonly worked: Pick<WorkedWindow, 'tree' | 'collector'>
}

/** @throws JOB_SPEC_INVALID, JOB_PROVIDER_UNAVAILABLE, JOB_CUDA_LIBRARIES_MISSING, JOB_WEBGPU_TAKEN, JOB_DEVICE_NOT_PINNED, JOB_NO_EXACT_KERNEL */
export async function createWorkCore(
  options: WorkOptions,
  { clock, open = openKernel }: { readonly clock: MonotonicClock; readonly open?: typeof openKernel },
): Promise<WorkCore> {
  const { deviceIndex = 0, threads = 0, keepWindows = 4, keepBytes = 256 * 1024 * 1024, webgpuModule } = options
  const spec = checkSpec(options.spec)
  const choice = await chooseExecutionProvider(options.provider ?? 'auto', async provider => {
    const problem = options.notPinned?.[provider]
    if (problem !== undefined) throw jobErrors.JOB_DEVICE_NOT_PINNED({ provider, problem })
    if (provider === 'webgpu' && options.webgpuTaken) throw jobErrors.JOB_WEBGPU_TAKEN()
    const session = { provider, deviceIndex, threads, ...(webgpuModule === undefined ? {} : { webgpuModule }) }
    const batchRows = options.batchRows ?? (provider === 'cpu' ? 1024 : 16_384)
    const { form } = options
    const tested = form === undefined ? selfTest(spec, { ...session, mostRows: batchRows }, clock, open) : null
    return { session, batchRows, test: (await tested) ?? { form: form!, results: [] } }
  })
  const { session, batchRows, test } = choice.result
  const gate = createWindowGate()
  const models = createModelCache(
    { spec },
    { load: weights => open(weights, test.form, { ...session, inner: options.witnesses === true }), gate, clock },
  )
  const windows = new Map<string, KeptWindow>()
  let windowCount = 0
  let rowMs = 0

  return {
    description: {
      provider: choice.provider,
      form: test.form,
      forms: test.results,
      refused: choice.refused.map(({ provider, error: { code, message, fix } }) => ({ provider, code, message, fix })),
    },
    prepare: epochSeed => models.prepare(epochSeed),

    async runWindow(request, signal) {
      const { epochSeed, seed, startedAtMs = clock.monotonicMs(), durationMs = spec.windowMs } = request
      const worked = await models.use(epochSeed, kernel =>
        gate.during(() =>
          runWindow(
            { seed, deadlineMs: startedAtMs + durationMs, batchRows, rowMs, keepBytes, ...(signal ? { signal } : {}) },
            { compute: kernel.run, clock },
          ),
        ),
      )
      rowMs = worked.rowMs
      const handle = keep({ request, worked })
      const { rows, root } = worked.tree
      const rate = windowRate(spec, rows)
      return {
        handle,
        rows,
        root: bytesToHex(root),
        rate,
        durationMs,
        kernelMs: worked.kernelMs,
        lostMs: worked.lostMs,
      }
    },

    async rework(request) {
      const { epochSeed, seed, rows } = request
      const worked = await models.use(epochSeed, kernel =>
        reworkWindow({ seed, rows, batchRows, keepBytes }, { compute: kernel.run }),
      )
      return { handle: keep({ request, worked }), rows, root: bytesToHex(worked.tree.root) }
    },

    async open({ handle, sample }) {
      const kept = windows.get(handle)
      if (kept === undefined) throw jobErrors.JOB_WINDOW_UNKNOWN({ handle })
      const { tree, collector } = kept.worked
      checkSample(sample, tree.rows, spec.samples)
      const digests = new Map<number, Uint8Array>()
      for (const chunk of chunksOf(sample))
        digests.set(chunk, collector.digests(chunk) ?? (await recompute(kept, chunk)))
      return encodeOpenings(tree, sample, chunk => digests.get(chunk)!)
    },

    verify: ({ epochSeed, items }) =>
      models.use(epochSeed, kernel => {
        const claims = items.map(item => ({ ...item, root: hexToBytes(item.root, 32) }))
        return verifyOpenings(claims, kernel.run, {
          ...{ sampleLimit: spec.samples, batchRows },
          ...(kernel.runInner && { computeInner: kernel.runInner }),
        })
      }),

    async release(handle) {
      windows.delete(handle)
    },
    async close() {
      windows.clear()
      await models.close()
    },
  }

  function keep(window: KeptWindow): string {
    const handle = `window-${++windowCount}`
    windows.set(handle, window)
    for (const oldest of [...windows.keys()].slice(0, -keepWindows)) windows.delete(oldest)
    return handle
  }

  function recompute({ request, worked }: KeptWindow, chunk: number): Promise<Uint8Array> {
    const count = rowsInChunk(worked.tree.rows, chunk)
    return models.use(request.epochSeed, kernel => kernel.run(rowInput(request.seed, chunk * leafRows, count)))
  }
}
