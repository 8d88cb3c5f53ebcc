/**
 * The work engine: one thread, or process, that holds the epoch's model, works windows, opens samples and recomputes other devices'
 * rows. The Provider has one per device, the Checker one in all; model building, hashing and ONNX Runtime stay off the event loop.
 *
 * @example
 * const engine = await createWorkEngine({ spec: specs.devnet, provider: 'cpu', threads: 1 })
 * await engine.prepare(epochSeed)
 * const { handle, rows, root } = await engine.runWindow({ epochSeed, seed: jobSeed(identity) })
 * const openings = await engine.open({ handle, sample: sampleRows(specs.devnet, rows, { secret, root, samplingBlockHash }) })
 * await engine.close()
 *
 * Why: docs/why/work-proof.md
 */
import { systemClock } from '../platform/clock.ts'
import { type ExitCode, KaisarError } from '../platform/errors.ts'
import { startProcess, startThread } from './engine-host.ts'
import { jobErrors } from './errors.ts'
import { type MonotonicClock, threadClock } from './thread-clock.ts'
import type { WorkCore, WorkDescription, WorkOptions } from './work-core.ts'

export type WorkEngine = WorkCore

type Method = 'prepare' | 'runWindow' | 'rework' | 'open' | 'verify' | 'release'
export type WorkCall = {
  readonly id: number
  readonly method: Method | 'cancel' | 'close'
  readonly argument?: unknown
}
export type WorkAnswer =
  | { readonly id: number; readonly failed: false; readonly result: unknown }
  | {
      readonly id: number
      readonly failed: true
      readonly error: {
        message: string
        code?: string
        meaning?: string
        fix?: string
        exit?: ExitCode
        context?: Record<string, unknown>
      }
    }

/** Whether an engine of this process has WebGPU: two threads that use it would end the process. */
let webgpuTaken = false
/** Engines that may take WebGPU start one after another, so that no two of them try it at once. */
let starting: Promise<unknown> = Promise.resolve()

/**
 * Starts the thread, chooses the execution provider and the kernel. @throws as {@link createWorkCore}
 * `clock`: the one by which a caller says when a trigger was seen; default the platform's. `ownProcess`: it gets a process of its own,
 * whose memory is free when it is closed; for verifying alone, since windows are measured in this process's time.
 */
export function createWorkEngine(
  options: WorkOptions,
  { clock = systemClock, ownProcess = false }: { readonly clock?: MonotonicClock; readonly ownProcess?: boolean } = {},
): Promise<WorkEngine> {
  if (ownProcess || options.provider === 'cpu' || options.provider === 'cuda')
    return startEngine(options, clock, ownProcess)
  const started = starting.then(async () => {
    const engine = await startEngine({ ...options, webgpuTaken }, clock, false)
    if (engine.description.provider !== 'webgpu') return engine
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

async function startEngine(options: WorkOptions, clock: MonotonicClock, ownProcess: boolean): Promise<WorkEngine> {
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
  const call = (method: WorkCall['method'], argument?: unknown, id = ++calls): Promise<unknown> => {
    const reply = expect(id)
    host.post({ id, method, argument })
    return reply
  }
  const stop = (reason: string, cause?: unknown) => {
    stopped ??= jobErrors.JOB_WORKER_STOPPED({ reason, cause })
    for (const { reject } of waiting.values()) reject(stopped)
    waiting.clear()
  }
  host.onAnswer(reply => {
    const asked = waiting.get(reply.id)
    // An answer may still be on its way when the engine has ended and everything that waited was told so.
    if (asked === undefined) return
    waiting.delete(reply.id)
    if (reply.failed) asked.reject(toError(reply.error))
    else asked.resolve(reply.result)
  })
  const exited = new Promise<void>(resolve =>
    host.onEnd((reason, cause) => {
      stop(reason, cause)
      resolve()
    }),
  )
  const close = async () => {
    if (stopped === null) await call('close').catch(() => undefined)
    await exited
  }

  try {
    const description = (await expect(0)) as WorkDescription
    return {
      description,
      prepare: epochSeed => call('prepare', epochSeed) as ReturnType<WorkCore['prepare']>,
      runWindow(request, signal) {
        const id = ++calls
        const cancel = () => host.post({ id, method: 'cancel', argument: id })
        if (signal?.aborted) return Promise.reject(jobErrors.JOB_WINDOW_CANCELLED())
        signal?.addEventListener('abort', cancel, { once: true })
        // The window runs from when its trigger was seen here, not from when the thread hears of it.
        const elapsedMs = request.startedAtMs === undefined ? 0 : clock.monotonicMs() - request.startedAtMs
        const argument = { ...request, startedAtMs: threadClock.monotonicMs() - elapsedMs }
        const reply = call('runWindow', argument, id) as ReturnType<WorkCore['runWindow']>
        return reply.finally(() => signal?.removeEventListener('abort', cancel))
      },
      rework: request => call('rework', request) as ReturnType<WorkCore['rework']>,
      open: request => call('open', request) as ReturnType<WorkCore['open']>,
      verify: request => call('verify', request) as ReturnType<WorkCore['verify']>,
      release: handle => call('release', handle) as Promise<void>,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const toError = (error: Extract<WorkAnswer, { failed: true }>['error']): Error => {
  const { message, code, meaning = '', fix = '', exit = 1, context = {} } = error
  return code === undefined ? new Error(message) : new KaisarError(message, { code, meaning, fix, exit, context })
}
