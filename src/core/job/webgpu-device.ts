/// <reference types="@webgpu/types" />
/** A card by Dawn for Node, which brings WGSL to every card with a driver for Vulkan, Metal or D3D12, and nothing else to install. */
import { isKaisarError } from '../platform/errors.ts'
import { jobErrors } from './errors.ts'
import { firstLine } from './execution-provider.ts'
import { findWebgpu, installWebgpu } from './webgpu-package.ts'

/** Usage of buffers: https://www.w3.org/TR/webgpu/#namespacedef-gpubufferusage. */
export const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const
const mapForReading = 1

/** What the WGSL kernels need of the package. */
export type WebGpu = Pick<GPU, 'requestAdapter' | 'wgslLanguageFeatures'>

export type WgslDevice = {
  readonly device: GPUDevice
  /** Rejects with why once the device is lost, and never resolves. */
  readonly lost: Promise<never>
  /** @throws JOB_KERNEL_FAILED where the device has not that much memory */
  buffer(bytes: number, usage: number): Promise<GPUBuffer>
  /**
   * The pipeline of this shader's entry point, compiled once. `layout`: of its bindings, where the shader does not say all of it.
   *
   * @throws JOB_KERNEL_FAILED where the shader is refused
   */
  pipeline(code: string, entryPoint: string, layout?: GPUPipelineLayout): Promise<GPUComputePipeline>
  /** Gives the card back; it is closed when nobody has it any more. */
  release(): void
}

const product = 'packed_4x8_integer_dot_product'

const unavailable = (reason: string, cause?: unknown) =>
  jobErrors.JOB_PROVIDER_UNAVAILABLE({ provider: 'webgpu', reason, cause })
export const kernelFailed = (reason: string, cause?: unknown) =>
  jobErrors.JOB_KERNEL_FAILED({ provider: 'webgpu', reason, cause })

/** By module, held for good: once one is collected, work that is under way ends the process. */
const loaded = new Map<string, Promise<WebGpu>>()

/** @throws JOB_PROVIDER_UNAVAILABLE where the package does not load */
function loadWebGpu(module: string): Promise<WebGpu> {
  const known = loaded.get(module)
  if (known !== undefined) return known
  const loading = importWebGpu(module)
  loaded.set(module, loading)
  loading.catch(() => loaded.delete(module))
  return loading
}

async function importWebGpu(module: string): Promise<WebGpu> {
  try {
    // By its place, which no bundler follows.
    const { create }: { create(options: string[]): WebGpu } = await import(module)
    return create([])
  } catch (cause) {
    const isMissing = (cause as { code?: string }).code === 'ERR_MODULE_NOT_FOUND'
    throw unavailable(isMissing ? `${module} is not there.` : firstLine(cause), cause)
  }
}

/** The card that the kernels of this process share, and how many they are. */
let shared: { readonly module: string; readonly opened: Promise<WgslDevice>; users: number } | null = null

/**
 * The card, opened where nobody has it yet.
 * @param module - URL of the file of the package `webgpu`, null where there is none; default: as Node finds it
 * @throws as {@link openDevice}
 */
export async function takeDevice(module: string | null = findWebgpu()): Promise<WgslDevice> {
  if (module === null)
    throw unavailable(`the package "webgpu" is not installed beside kaisar; "${installWebgpu()}" brings it (132 MB).`)
  if (shared?.module !== module) shared = { module, opened: loadWebGpu(module).then(openDevice), users: 0 }
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
      // Both at once: whoever pushes scopes in between would get the wrong ones.
      const errors = await Promise.all([device.popErrorScope(), device.popErrorScope()])
      const problem = thrown ?? errors.find(error => error)
      if (problem === undefined && buffer !== null) return buffer
      buffer?.destroy()
      throw kernelFailed(`a buffer of ${bytes} bytes was refused: ${reasonOf(problem)}`, problem)
    },
    async pipeline(code, entryPoint, layout) {
      const known = pipelines.get(code)
      if (known !== undefined) return known
      device.pushErrorScope('validation')
      const module = device.createShaderModule({ code })
      const pipeline = device.createComputePipeline({ layout: layout ?? 'auto', compute: { module, entryPoint } })
      const problem = await device.popErrorScope()
      if (problem !== null) throw kernelFailed(reasonOf(problem), problem)
      pipelines.set(code, pipeline)
      return pipeline
    },
    release: () => device.destroy(),
  }
}

/**
 * Does this to the card at once, and resolves when the card has accepted it.
 *
 * @throws JOB_KERNEL_FAILED where it is refused, memory ran out, or the card is lost; what `act` throws of ours
 */
export async function accepted({ device, lost }: Pick<WgslDevice, 'device' | 'lost'>, act: () => void): Promise<void> {
  device.pushErrorScope('out-of-memory')
  device.pushErrorScope('validation')
  let thrown: unknown = null
  try {
    act()
  } catch (error) {
    thrown = error
  }
  const errors = await Promise.race([Promise.all([device.popErrorScope(), device.popErrorScope()]), lost])
  const problem = thrown ?? errors.find(error => error !== null)
  if (problem !== undefined) throw isKaisarError(problem) ? problem : kernelFailed(reasonOf(problem), problem)
}

/** The first bytes of a buffer that was copied to, default all of it. */
export async function readBack(buffer: GPUBuffer, bytes: number = buffer.size): Promise<Uint8Array> {
  await buffer.mapAsync(mapForReading, 0, bytes)
  const read = new Uint8Array(buffer.getMappedRange(0, bytes)).slice()
  buffer.unmap()
  return read
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
