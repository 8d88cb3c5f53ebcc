/**
 * The work engine: one thread, or process, that holds what an epoch's rounds need, works windows, opens samples and recomputes other
 * devices' work. The Provider has one per device, the Checker one in all; model building, fills, hashing and ONNX Runtime stay off the
 * event loop.
 *
 * @example
 * const engine = await createWorkEngine({ jobs: jobSets.devnet, provider: 'cpu', threads: 1 })
 * await engine.prepare({ epochSeed })
 * const { tensor } = engine.kinds
 * const { handle, units, root } = await tensor.runWindow({ epochSeed, seed: jobSeed(identity) })
 * const openings = await tensor.open({ handle, sample: jobOf(jobSets.devnet, 'tensor').sample(units, { secret, root, samplingBlockHash }) })
 * await engine.close()
 *
 * Why: docs/why/work-proof.md
 */
import type { Hex } from 'viem'
import { systemClock } from '../platform/clock.ts'
import { type DescribedError, errorOf, isKaisarError, type KaisarError } from '../platform/errors.ts'
import type { RoundKindName } from '../protocol/constants.ts'
import { startProcess, startThread } from './engine-host.ts'
import { jobErrors } from './errors.ts'
import { byKind } from './jobs.ts'
import type { KindEngine, WindowOptions } from './round-kind.ts'
import { type MonotonicClock, threadClock } from './thread-clock.ts'
import type { Prepared, WorkCore, WorkDescription, WorkOptions } from './work-core.ts'

export type WorkEngine = WorkCore

type Method = Exclude<keyof KindEngine, 'close'>
export type WorkCall = {
  readonly id: number
  /** Without one it is about all of them. */
  readonly kind?: RoundKindName
  readonly method: Method | 'cancel' | 'close'
  readonly argument?: unknown
}
export type WorkAnswer = WorkReply | WorkMark
/** Of a window that runs. */
type WorkMark = { readonly id: number; readonly index: number; readonly mark: Hex }
export type WorkReply =
  | { readonly id: number; readonly failed: false; readonly result: unknown }
  | {
      readonly id: number
      readonly failed: true
      readonly error: DescribedError
    }

export type EngineStart = {
  readonly clock?: MonotonicClock
  readonly ownProcess?: boolean
  readonly signal?: AbortSignal | undefined
}

/** Whether an engine of this process has WebGPU: two threads that use it would end the process. */
let webgpuTaken = false
/** Engines that may take WebGPU start one after another, so that no two of them try it at once. */
let starting: Promise<unknown> = Promise.resolve()

/**
 * Starts the thread, chooses the execution provider and the kernel. @throws as {@link createWorkCore}
 * `signal`: gives the start up, which then ends with its reason, or succeeds where the self-test is over; later it does nothing.
 * `clock`: the one by which a caller says when a trigger was seen; default the platform's. `ownProcess`: it gets a process of its own,
 * whose memory is free when it is closed; for verifying alone, since windows are measured in this process's time.
 */
export function createWorkEngine(
  options: WorkOptions,
  { clock = systemClock, ownProcess = false, signal }: EngineStart = {},
): Promise<WorkEngine> {
  if (ownProcess || options.provider === 'cpu' || options.notPinned?.webgpu !== undefined)
    return startEngine(options, { clock, ownProcess, signal })
  const started = starting.then(async () => {
    const engine = await startEngine({ ...options, webgpuTaken }, { clock, ownProcess: false, signal })
    const { provider, memory } = engine.description
    if (provider !== 'webgpu' && memory !== 'card') return engine
    webgpuTaken = true
    return {
      ...engine,
      close: () =>
        engine.close().finally(() => {
          webgpuTaken = false
        }),
    }
  })
  starting = started.catch(() => undefined)
  return started
}

async function startEngine(
  options: WorkOptions,
  { clock, ownProcess, signal }: EngineStart & Required<Pick<EngineStart, 'clock' | 'ownProcess'>>,
): Promise<WorkEngine> {
  signal?.throwIfAborted()
  // CUDA reads it once, when its library loads: the order in which devices are numbered. Only this thread sets what native code sees.
  process.env.CUDA_DEVICE_ORDER = 'PCI_BUS_ID'
  const host = ownProcess ? startProcess(options) : startThread(options)
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  let stopped: KaisarError | null = null
  let calls = 0

  const expect = (id: number) =>
    new Promise<unknown>((resolve, reject) => {
      if (stopped !== null) reject(stopped)
      else waiting.set(id, { resolve, reject })
    })
  const marks = new Map<number, WindowOptions['onMark']>()
  const call = (asked: Omit<WorkCall, 'id'>, id = ++calls): Promise<unknown> => {
    const reply = expect(id)
    host.post({ id, ...asked })
    return reply
  }
  const stop = (reason: string, cause?: unknown) => {
    stopped ??= jobErrors.JOB_WORKER_STOPPED({ reason, cause })
    for (const { reject } of waiting.values()) reject(stopped)
    waiting.clear()
  }
  host.onAnswer(reply => {
    if ('mark' in reply) return marks.get(reply.id)?.(reply.index, reply.mark)
    const asked = waiting.get(reply.id)
    // An answer may still be on its way when the engine has ended and everything that waited was told so.
    if (asked === undefined) return
    waiting.delete(reply.id)
    if (reply.failed) asked.reject(errorOf(reply.error))
    else asked.resolve(reply.result)
  })
  const exited = new Promise<void>(resolve =>
    host.onEnd((reason, cause) => {
      stop(reason, cause)
      resolve()
    }),
  )
  const close = async () => {
    if (stopped === null) await call({ method: 'close' }).catch(() => undefined)
    await exited
  }

  /** A time of the caller's clock, on that of the thread. */
  const inThread = (ms: number) => threadClock.monotonicMs() + (ms - clock.monotonicMs())

  function engineOf(kind: RoundKindName): KindEngine {
    const ask =
      <M extends Method>(method: M) =>
      (argument: Parameters<KindEngine[M]>[0]) =>
        call({ kind, method, argument }) as ReturnType<KindEngine[M]>
    return {
      prepare: ask('prepare'),
      runWindow(request, { signal, onMark } = {}) {
        const id = ++calls
        const cancel = () => host.post({ id, method: 'cancel', argument: id })
        if (signal?.aborted) return Promise.reject(jobErrors.JOB_WINDOW_CANCELLED())
        signal?.addEventListener('abort', cancel, { once: true })
        if (onMark) marks.set(id, onMark)
        // The window runs from when its trigger was seen here, not from when the thread hears of it.
        const argument = { ...request, startedAtMs: inThread(request.startedAtMs ?? clock.monotonicMs()) }
        const reply = call({ kind, method: 'runWindow', argument }, id) as ReturnType<KindEngine['runWindow']>
        return reply.finally(() => {
          signal?.removeEventListener('abort', cancel)
          marks.delete(id)
        })
      },
      rework: ask('rework'),
      open: ({ dueMs, ...request }) => {
        const due = dueMs !== undefined && { dueMs: inThread(dueMs) }
        return call({ kind, method: 'open', argument: { ...request, ...due } }) as ReturnType<KindEngine['open']>
      },
      verify: ask('verify'),
      release: ask('release'),
      free: () => call({ kind, method: 'free' }) as Promise<void>,
      // With the others, when the thread ends.
      close: async () => undefined,
    }
  }

  const cancelStart = () => host.post({ id: 0, method: 'cancel', argument: 0 })
  signal?.addEventListener('abort', cancelStart, { once: true })
  try {
    const description = (await expect(0)) as WorkDescription
    const kinds = byKind(engineOf) as WorkCore['kinds']
    return {
      description,
      kinds,
      prepare: request => call({ method: 'prepare', argument: request }) as Promise<Prepared>,
      close,
    }
  } catch (error) {
    await close()
    // A refusal is one whether somebody still waits for the engine or not.
    throw signal?.aborted && !isKaisarError(error) ? signal.reason : error
  } finally {
    signal?.removeEventListener('abort', cancelStart)
  }
}
