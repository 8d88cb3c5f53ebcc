/**
 * Which execution provider computes: on a card the faster of CUDA and WebGPU, else the CPU, chosen once at start and never switched quietly.
 * Sessions are refused if any node would run elsewhere than asked (`session.disable_cpu_ep_fallback`).
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { InferenceSession } from 'onnxruntime-node'
import * as ort from 'onnxruntime-node'
import { isKaisarError, type KaisarError } from '../platform/errors.ts'
import { jobErrors } from './errors.ts'
import { missingLibrary } from './missing-library.ts'
import type { MeantCard } from './webgpu-device.ts'

/** In order of preference. */
const executionProviders = ['cuda', 'webgpu', 'cpu'] as const
export type ExecutionProvider = (typeof executionProviders)[number]

export type SessionOptions = {
  readonly provider: ExecutionProvider
  /** CUDA only: which device of this host. */
  readonly deviceIndex: number
  /** CPU only: threads of one operator; 0 lets ONNX Runtime take every core. */
  readonly threads: number
  /** WebGPU's shaders only: the URL of the package `webgpu`, null for none; default: as Node finds it from here. */
  readonly webgpuModule?: string | null
  /** WebGPU only: another adapter is refused. Default: whatever WebGPU reaches. */
  readonly card?: MeantCard
}

/** Opens a session that runs entirely on the provider asked for. @throws JOB_PROVIDER_UNAVAILABLE, JOB_CUDA_LIBRARIES_MISSING, JOB_CUDA_LIBRARY_NOT_FOUND */
export async function openSession(model: Uint8Array, options: SessionOptions): Promise<InferenceSession> {
  const { provider, deviceIndex, threads } = options
  if (provider === 'cuda') requireCudaLibraries()
  if (provider === 'webgpu') requireVulkanLoader()
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: [provider === 'cuda' ? { name: 'cuda', deviceId: deviceIndex } : provider],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
      // Threads may spin between the operators of a run, never after it: the cores are shared with other devices and daemons.
      extra: {
        session: { force_spinning_stop: '1', ...(provider === 'cpu' ? {} : { disable_cpu_ep_fallback: '1' }) },
      },
      ...(provider === 'cpu' && threads > 0 ? { intraOpNumThreads: threads } : {}),
    })
  } catch (cause) {
    throw sessionRefusal(provider, cause)
  }
}

/** Why a session could not be opened, with the library that CUDA lacks where the loader names it. */
export function sessionRefusal(provider: ExecutionProvider, cause: unknown): KaisarError {
  const missing = provider === 'cuda' && cause instanceof Error ? missingLibrary(cause.message) : null
  if (missing !== null) return jobErrors.JOB_CUDA_LIBRARY_NOT_FOUND({ ...missing, cause })
  return jobErrors.JOB_PROVIDER_UNAVAILABLE({ provider, reason: firstLine(cause), cause })
}

/**
 * Tries the providers in order with `attempt` (which must throw where one cannot be used) and returns the first that works; with
 * `compare`, the faster of CUDA and WebGPU where both do. A named preference is tried alone: whoever asks for CUDA gets CUDA or an error.
 * With it come the providers that could be used, it among them, and those that could not, and why.
 *
 * @param rateOf - how fast a result is, in any unit
 */
export async function chooseExecutionProvider<T>(
  preference: ExecutionProvider | 'auto',
  attempt: (provider: ExecutionProvider) => Promise<T>,
  { rateOf, compare }: { readonly rateOf: (result: T) => number; readonly compare: boolean },
) {
  const usable: { provider: ExecutionProvider; result: T }[] = []
  const refused: { provider: ExecutionProvider; error: KaisarError }[] = []
  for (const provider of preference === 'auto' ? executionProviders : [preference]) {
    if (usable.length > 0 && (provider === 'cpu' || !compare)) break
    try {
      usable.push({ provider, result: await attempt(provider) })
    } catch (error) {
      if (!isKaisarError(error)) throw error
      refused.push({ provider, error })
    }
  }
  const [fastest] = usable.toSorted((a, b) => rateOf(b.result) - rateOf(a.result))
  if (fastest === undefined) throw refused.at(-1)!.error
  return { ...fastest, usable, refused }
}

/** The runtime prints to stderr and gives a riddle when these are missing, so they are looked for first. */
function requireCudaLibraries(): void {
  const packageFile = createRequire(import.meta.url).resolve('onnxruntime-node/package.json')
  const folder = join(dirname(packageFile), 'bin', 'napi-v6', process.platform, process.arch)
  const suffix = process.platform === 'win32' ? '.dll' : '.so'
  const prefix = process.platform === 'win32' ? '' : 'lib'
  for (const name of ['onnxruntime_providers_shared', 'onnxruntime_providers_cuda']) {
    const library = join(folder, `${prefix}${name}${suffix}`)
    if (!existsSync(library)) throw jobErrors.JOB_CUDA_LIBRARIES_MISSING({ library })
  }
}

/** Without a Vulkan loader the runtime warns on stderr from native code; Linux lists its libraries where that can be seen first. */
function requireVulkanLoader(): void {
  const cache = '/etc/ld.so.cache'
  const library = 'libvulkan.so.1'
  if (process.platform !== 'linux' || !existsSync(cache)) return
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter(folder => folder !== '')
  if (readFileSync(cache).includes(library) || folders.some(folder => existsSync(join(folder, library)))) return
  throw jobErrors.JOB_PROVIDER_UNAVAILABLE({
    provider: 'webgpu',
    reason: `${library}, the Vulkan loader, is not installed.`,
  })
}

/** The first line of a native error, without the source position in front of it. */
export const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .split('\n')[0]!
    .replace(/^\/\S+:\d+ .* was false\. /, '')
    .slice(0, 400)
