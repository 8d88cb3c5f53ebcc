/**
 * Dawn for Node (the npm package `webgpu`), which brings WGSL to every card with a driver for Vulkan, Metal or D3D12, and nothing else
 * to install. The package is 132 MB for all platforms and not installed unless asked for.
 */
import type * as dawn from 'webgpu'
import { isKaisarError } from '../platform/errors.ts'
import { jobErrors } from './errors.ts'
import { firstLine } from './execution-provider.ts'

/** What the WGSL kernel needs of the package. */
export type WebGpu = Pick<GPU, 'requestAdapter' | 'wgslLanguageFeatures'>

export type WgslDevice = {
  readonly device: GPUDevice
  /** Rejects with why once the device is lost, and never resolves. */
  readonly lost: Promise<never>
  /** @throws JOB_KERNEL_FAILED where the device has not that much memory */
  buffer(bytes: number, usage: number): Promise<GPUBuffer>
  /** The pipeline of this shader's entry point, compiled once. @throws Error where the shader is refused */
  pipeline(code: string, entryPoint: string): Promise<GPUComputePipeline>
  /** Gives the card back; it is closed when nobody has it any more. */
  release(): void
}

const notInstalled =
  'the package "webgpu" is not installed beside kaisar; "npm install --global webgpu@0.6.2" brings it (132 MB).'
const product = 'packed_4x8_integer_dot_product'

const unavailable = (reason: string, cause?: unknown) =>
  jobErrors.JOB_PROVIDER_UNAVAILABLE({ provider: 'webgpu', reason, cause })
export const kernelFailed = (reason: string, cause?: unknown) =>
  jobErrors.JOB_KERNEL_FAILED({ provider: 'webgpu', reason, cause })

/** Held for good: once it is collected, work that is under way ends the process. */
let opened: Promise<WebGpu> | null = null

/** @throws JOB_PROVIDER_UNAVAILABLE where the package is not installed or does not load */
function loadWebGpu(): Promise<WebGpu> {
  opened ??= importWebGpu().catch(error => {
    opened = null
    throw error
  })
  return opened
}

async function importWebGpu(): Promise<WebGpu> {
  // A name that no bundler follows: the package is there, or it is not.
  const name: string = 'webgpu'
  try {
    const { create } = (await import(name)) as typeof dawn
    return create([])
  } catch (cause) {
    const isMissing = (cause as { code?: string }).code === 'ERR_MODULE_NOT_FOUND'
    throw unavailable(isMissing ? notInstalled : firstLine(cause), cause)
  }
}

/** The card that the kernels of this process share, and how many they are. */
let shared: { readonly opened: Promise<WgslDevice>; users: number } | null = null

/** The card, opened where nobody has it yet. @throws as {@link openDevice} */
export async function takeDevice(): Promise<WgslDevice> {
  shared ??= { opened: loadWebGpu().then(openDevice), users: 0 }
  const taken = shared
  const forget = () => {
    if (shared === taken) shared = null
  }
  taken.users++
  try {
    const opened = await taken.opened
    // A card that was lost is asked for again by whoever comes next.
    opened.lost.catch(forget)
    return {
      ...opened,
      release() {
        if (--taken.users > 0) return
        forget()
        opened.release()
      },
    }
  } catch (error) {
    forget()
    throw error
  }
}

/** @throws JOB_PROVIDER_UNAVAILABLE where there is no card, or one without products of bytes */
export async function openDevice(gpu: WebGpu): Promise<WgslDevice> {
  if (!gpu.wgslLanguageFeatures.has(product)) throw unavailable(`WGSL has no ${product} here.`)
  const device = await requestDevice(gpu)
  const lost = device.lost.then(({ message }) => {
    throw kernelFailed(`the device was lost: ${firstLine(message)}`)
  })
  // Whoever runs something hears of it; nobody may be listening when the device is closed.
  lost.catch(() => undefined)
  const pipelines = new Map<string, GPUComputePipeline>()
  return {
    device,
    lost,
    async buffer(bytes, usage) {
      // WebGPU names the limit of a buffer that is too large only where validation is asked, and of memory that ran out elsewhere.
      device.pushErrorScope('out-of-memory')
      device.pushErrorScope('validation')
      let buffer: GPUBuffer | null = null
      let thrown: unknown = null
      try {
        buffer = device.createBuffer({ size: bytes, usage })
      } catch (error) {
        thrown = error
      }
      const errors = [await device.popErrorScope(), await device.popErrorScope()]
      const problem = thrown ?? errors.find(error => error)
      if (problem === undefined && buffer !== null) return buffer
      buffer?.destroy()
      throw kernelFailed(`a buffer of ${bytes} bytes was refused: ${reasonOf(problem)}`, problem)
    },
    async pipeline(code, entryPoint) {
      const known = pipelines.get(code)
      if (known !== undefined) return known
      device.pushErrorScope('validation')
      const module = device.createShaderModule({ code })
      const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint } })
      const problem = await device.popErrorScope()
      if (problem !== null) throw kernelFailed(reasonOf(problem), problem)
      pipelines.set(code, pipeline)
      return pipeline
    },
    release: () => device.destroy(),
  }
}

/** WebGPU's errors are no `Error`. */
export const reasonOf = (problem: unknown): string =>
  firstLine((problem as { message?: unknown } | null)?.message ?? problem)

async function requestDevice(gpu: WebGpu): Promise<GPUDevice> {
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (adapter === null) throw unavailable('no graphics adapter was found; its driver may be missing.')
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits
    return await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } })
  } catch (cause) {
    if (isKaisarError(cause)) throw cause
    throw unavailable(firstLine(cause), cause)
  }
}
