/// <reference types="@webgpu/types" />
/** A card by Dawn for Node, which brings WGSL to every card with a driver for Vulkan, Metal or D3D12, and nothing else to install. */
import { isKaisarError, type KaisarError } from '../platform/errors.ts'
import type { DeviceRecord } from '../protocol/device-record.ts'
import { jobErrors } from './errors.ts'
import { firstLine } from './execution-provider.ts'
import { findWebgpu, installWebgpu } from './webgpu-package.ts'
import { type MatrixShape, matrixFeatures, matrixShape } from './wgsl-matrix-shader.ts'

/** Of cards, as the probe names them, and as WebGPU does. */
type CardVendor = Exclude<DeviceRecord['vendor'], 'cpu'>

/** The card that is meant: what WebGPU reaches beside it is refused. */
export type MeantCard = {
  readonly vendor: CardVendor
  /** Its model, where the host has others of this vendor: WebGPU is asked for the adapter of this name. Default: whatever it prefers. */
  readonly model?: string
}

/** Usage of buffers: https://www.w3.org/TR/webgpu/#namespacedef-gpubufferusage. */
export const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const
const mapForReading = 1

/** What the WGSL kernels need of the package. */
export type WebGpu = Pick<GPU, 'requestAdapter' | 'wgslLanguageFeatures'>

export type WgslDevice = {
  readonly device: GPUDevice
  /** Of its subgroup matrices, where it has those that are exact. */
  readonly matrix: MatrixShape | null
  /** Tells why once the device is lost, or at once where it is. @returns what stops it from telling */
  whenLost(tell: (loss: KaisarError) => void): () => void
  /** What the work gives, unless the device is lost first, when much of it would never end. @throws JOB_KERNEL_FAILED */
  orLost<T>(work: Promise<T>): Promise<T>
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

const notInstalled = () =>
  unavailable(`the package "webgpu" is not installed beside kaisar; "${installWebgpu()}" brings it (132 MB).`)
const unavailable = (reason: string, cause?: unknown) =>
  jobErrors.JOB_PROVIDER_UNAVAILABLE({ provider: 'webgpu', reason, cause })
export const kernelFailed = (reason: string, cause?: unknown) =>
  jobErrors.JOB_KERNEL_FAILED({ provider: 'webgpu', reason, cause })

/** By module and model, held for good: once one is collected, work that is under way ends the process. */
const loaded = new Map<string, Promise<WebGpu>>()

/** @throws JOB_PROVIDER_UNAVAILABLE where the package does not load */
function loadWebGpu(module: string, model: string | undefined): Promise<WebGpu> {
  const key = `${module} ${model ?? ''}`
  const known = loaded.get(key)
  if (known !== undefined) return known
  const loading = importWebGpu(module, model)
  loaded.set(key, loading)
  loading.catch(() => loaded.delete(key))
  return loading
}

/** What Dawn calls unsafe are features that it has not settled yet, subgroup matrices among them; each is still asked for by name. */
const options = ['enable-dawn-features=allow_unsafe_apis']

async function importWebGpu(module: string, model: string | undefined): Promise<WebGpu> {
  try {
    // By its place, which no bundler follows.
    const { create }: { create(options: string[]): WebGpu } = await import(module)
    // The first adapter whose name has this in it.
    return create(model === undefined ? options : [...options, `adapter=${model}`])
  } catch (cause) {
    const isMissing = (cause as { code?: string }).code === 'ERR_MODULE_NOT_FOUND'
    throw unavailable(isMissing ? `${module} is not there.` : firstLine(cause), cause)
  }
}

/**
 * Looks at what WebGPU would compute on, before anything is opened. @returns what keeps it from reaching this card, null: nothing
 */
export async function unreached(
  card: MeantCard | undefined,
  module: string | null = findWebgpu(),
): Promise<KaisarError | null> {
  try {
    if (module === null) throw notInstalled()
    await requestAdapter(await loadWebGpu(module, card?.model), card)
    return null
  } catch (error) {
    return isKaisarError(error) ? error : unavailable(firstLine(error), error)
  }
}

/**
 * For whoever reaches the card otherwise and is not told: ONNX Runtime. What keeps the package from answering is not said here.
 *
 * @throws JOB_ADAPTER_NOT_THE_CARD
 */
export async function checkReached(card: MeantCard, module?: string | null): Promise<void> {
  const problem = await unreached(card, module)
  if (problem !== null && isNotTheCard(problem)) throw problem
}

/** Of a sentence on its memory. */
export const reasonUnreached = ({ context }: KaisarError): string =>
  `WebGPU does not reach it: ${String(context.problem ?? context.reason).replace(/\.$/, '')}`

export const isNotTheCard = (error: unknown): error is KaisarError => isKaisarError(error, 'JOB_ADAPTER_NOT_THE_CARD')

/** The card that the kernels of this process share, and how many they are. */
let shared: {
  readonly module: string
  readonly card: MeantCard | undefined
  readonly opened: Promise<WgslDevice>
  users: number
} | null = null

/**
 * The card, opened where nobody has it yet.
 * @param module - URL of the file of the package `webgpu`, null where there is none; default: as Node finds it
 * @param card - default: whatever WebGPU reaches
 * @throws as {@link openDevice}
 */
export async function takeDevice(module: string | null = findWebgpu(), card?: MeantCard): Promise<WgslDevice> {
  if (module === null) throw notInstalled()
  if (shared?.module !== module || shared.card?.vendor !== card?.vendor || shared.card?.model !== card?.model)
    shared = { module, card, opened: loadWebGpu(module, card?.model).then(gpu => openDevice(gpu, card)), users: 0 }
  const taken = shared
  const forget = () => {
    if (shared === taken) shared = null
  }
  taken.users++
  try {
    const opened = await taken.opened
    // A card that was lost is asked for again by whoever comes next.
    const stop = opened.whenLost(forget)
    return {
      ...opened,
      release() {
        stop()
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

/**
 * @param card - default: whatever WebGPU reaches
 * @throws JOB_PROVIDER_UNAVAILABLE where there is no card, or one without products of bytes; as {@link checkAdapter}
 */
export async function openDevice(gpu: WebGpu, card?: MeantCard): Promise<WgslDevice> {
  if (!gpu.wgslLanguageFeatures.has(product)) throw unavailable(`WGSL has no ${product} here.`)
  const { device, matrix } = await requestDevice(gpu, card)
  const whenLost = hearOfLoss(device)
  const pipelines = new Map<string, GPUComputePipeline>()
  return {
    device,
    matrix,
    whenLost,
    orLost: work =>
      new Promise((resolve, reject) => {
        const stop = whenLost(reject)
        work.finally(stop).then(resolve, reject)
      }),
    async buffer(bytes, usage) {
      const made: GPUBuffer[] = []
      const problem = await problemOf(device, () => made.push(device.createBuffer({ size: bytes, usage })))
      const [buffer] = made
      if (problem === undefined && buffer !== undefined) return buffer
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
 * One reaction to the loss of a device for all that wait for it, each forgotten once it has stopped. What races with a promise that never
 * settles would be kept, with its result, for as long as the device lives: https://github.com/nodejs/node/issues/17469.
 */
function hearOfLoss(device: GPUDevice): WgslDevice['whenLost'] {
  const told = new Set<{ readonly tell: (loss: KaisarError) => void }>()
  let loss: KaisarError | null = null
  void device.lost.then(({ message }) => {
    loss = kernelFailed(`the device was lost: ${firstLine(message)}`)
    for (const { tell } of told) tell(loss)
    told.clear()
  })
  return tell => {
    const listener = { tell }
    if (loss === null) told.add(listener)
    else tell(loss)
    return () => void told.delete(listener)
  }
}

/**
 * Does this to the card at once, and resolves with what it threw, or what the card has against it; undefined: nothing. WebGPU names the limit
 * of a buffer that is too large only where validation is asked, and of memory that ran out elsewhere.
 */
export async function problemOf(device: GPUDevice, act: () => void): Promise<unknown> {
  device.pushErrorScope('out-of-memory')
  device.pushErrorScope('validation')
  let thrown: unknown
  try {
    act()
  } catch (error) {
    thrown = error
  }
  // Both at once: whoever pushes scopes in between would get the wrong ones.
  const errors = await Promise.all([device.popErrorScope(), device.popErrorScope()])
  return thrown ?? errors.find(error => error !== null)
}

/**
 * Does this to the card at once, and resolves when the card has accepted it.
 *
 * @throws JOB_KERNEL_FAILED where it is refused, memory ran out, or the card is lost; what `act` throws of ours
 */
export async function accepted(
  { device, orLost }: Pick<WgslDevice, 'device' | 'orLost'>,
  act: () => void,
): Promise<void> {
  const problem = await orLost(problemOf(device, act))
  if (problem !== undefined) throw isKaisarError(problem) ? problem : kernelFailed(reasonOf(problem), problem)
}

/** Keeps buffers that are given back together. */
export function ownBuffers({ buffer }: Pick<WgslDevice, 'buffer'>) {
  const own: GPUBuffer[] = []
  return {
    /** @throws as {@link WgslDevice.buffer} */
    async keep(bytes: number, usage: number): Promise<GPUBuffer> {
      const made = await buffer(bytes, usage)
      own.push(made)
      return made
    },
    giveBack() {
      for (const each of own) each.destroy()
    },
  }
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

/** With subgroup matrices where the adapter has them, and without where its driver fails then. */
async function requestDevice(
  gpu: WebGpu,
  card: MeantCard | undefined,
  withMatrix = true,
): Promise<Pick<WgslDevice, 'device' | 'matrix'>> {
  let matrix: MatrixShape | null = null
  try {
    const adapter = await requestAdapter(gpu, card)
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits
    const has = (feature: string) => adapter.features.has(feature)
    if (withMatrix && matrixFeatures.every(has)) matrix = matrixShape(adapter.info)
    // Not in the standard yet, so not in its types.
    const requiredFeatures = (matrix === null ? [] : matrixFeatures) as Iterable<GPUFeatureName>
    const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize }
    return { device: await adapter.requestDevice({ requiredFeatures, requiredLimits }), matrix }
  } catch (cause) {
    if (isKaisarError(cause)) throw cause
    if (matrix !== null) return requestDevice(gpu, card, false)
    throw unavailable(firstLine(cause), cause)
  }
}

/** @throws JOB_PROVIDER_UNAVAILABLE where there is none; as {@link checkAdapter} */
async function requestAdapter(gpu: WebGpu, card: MeantCard | undefined): Promise<GPUAdapter> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(cause => {
    // Of those that it names instead, none is the card.
    const names = [...String(cause?.message ?? cause).matchAll(/, name: '(.*)'$/gm)].map(([, name]) => name!)
    if (card?.model === undefined || names.length === 0) throw cause
    throw notTheCard(`none of its adapters (${firstLine(names.join(', '))}) is called "${card.model}"`)
  })
  if (adapter === null) throw unavailable('no graphics adapter was found; its driver may be missing.')
  checkAdapter(adapter.info, card)
  return adapter
}

const notTheCard = (problem: string) => jobErrors.JOB_ADAPTER_NOT_THE_CARD({ problem })

/**
 * Dawn calls an adapter that computes on the CPU a fallback, whoever made it, and gives "" for a vendor that it does not know. What it calls
 * the device is the name that the driver gives the model; nothing that it says tells two cards of one model apart.
 *
 * @throws JOB_ADAPTER_NOT_THE_CARD for one in software, another vendor's, and another model where one is meant
 */
function checkAdapter(
  { vendor, architecture, device, description, isFallbackAdapter }: GPUAdapterInfo,
  card: MeantCard | undefined,
): void {
  if (card === undefined) return
  const isModel = card.model === undefined || words(device).includes(words(card.model))
  if (vendor === card.vendor && !isFallbackAdapter && isModel) return
  const name = firstLine([vendor || 'unknown vendor', architecture, device, description].filter(Boolean).join(', '))
  const isOther = vendor === card.vendor ? `is not called "${card.model}"` : `is not of the vendor ${card.vendor}`
  throw notTheCard(`its adapter (${name}) ${isFallbackAdapter ? 'computes on the CPU' : isOther}`)
}

/** As WebGPU spells names, between dashes: whole words are found in them. */
const words = (name: string): string => `-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-`.replace(/--+/g, '-')
