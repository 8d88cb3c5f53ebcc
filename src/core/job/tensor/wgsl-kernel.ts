/**
 * The model as WGSL shaders on a card: rows of bytes in, digests of bytes out, with nothing but bytes between the layers.
 *
 * Why: docs/why/work-proof.md
 */
import { isKaisarError } from '../../platform/errors.ts'
import { jobErrors } from '../errors.ts'
import {
  kernelFailed,
  openDevice,
  ownBuffers,
  problemOf,
  readBack,
  reasonOf,
  takeDevice,
  usage,
  type WebGpu,
  type WgslDevice,
} from '../webgpu-device.ts'
import { layerShader, tileSide, type WgslForm } from '../wgsl-shader.ts'
import type { Kernel, KernelOptions } from './kernel.ts'
import { rowBytes } from './tensor-spec.ts'
import type { Weights } from './weights.ts'

const wordBytes = 4
const nothing = () => undefined

/** @throws JOB_PROVIDER_UNAVAILABLE, JOB_ADAPTER_NOT_THE_CARD, JOB_KERNEL_FAILED */
export async function openWgslKernel(
  weights: Weights,
  form: WgslForm,
  { inner = false, webgpuModule, card }: Pick<KernelOptions, 'inner' | 'webgpuModule' | 'card'>,
  gpu?: WebGpu,
): Promise<Kernel> {
  const { spec } = weights
  if (spec.width % wordBytes !== 0)
    throw jobErrors.JOB_PROVIDER_UNAVAILABLE({
      provider: 'webgpu',
      reason: `a width of ${spec.width} is not a multiple of ${wordBytes}, as products of bytes need it.`,
    })
  const opened = gpu === undefined ? await takeDevice(webgpuModule, card) : await openDevice(gpu, card)
  const { keep, giveBack } = ownBuffers(opened)
  const keeping: WgslDevice = {
    ...opened,
    buffer: keep,
    release() {
      giveBack()
      opened.release()
    },
  }
  try {
    return await buildKernel(opened, keeping, weights, form, inner)
  } catch (error) {
    keeping.release()
    throw isKaisarError(error) ? error : kernelFailed(reasonOf(error), error)
  }
}

type Layer = { readonly pipeline: GPUComputePipeline; readonly matrix: GPUBuffer; readonly size: GPUBuffer }
/** Activations of a batch and where its results are read; they grow with the largest batch. */
type Room = { readonly rows: number; readonly input: GPUBuffer; readonly activations: readonly [GPUBuffer, GPUBuffer] }

/** `keeping`: the same device, whose buffers last as long as the kernel. */
async function buildKernel(
  opened: WgslDevice,
  keeping: WgslDevice,
  weights: Weights,
  form: WgslForm,
  inner: boolean,
): Promise<Kernel> {
  const { device, orLost } = opened
  const { spec, embed, layers, reduce } = weights
  const { width } = spec
  const matrices = await Promise.all(layers.map(entries => uploadMatrix(keeping, entries, width, width)))
  const first = await pipelineOf(opened, form, { fromBytes: true, to: 'signed' })
  const middle = await pipelineOf(opened, form, { fromBytes: false, to: 'signed' })
  const last = await pipelineOf(opened, form, { fromBytes: false, to: 'bytes' })
  const sizeOf = () => keeping.buffer(4 * wordBytes, usage.uniform | usage.copyTarget)
  const [firstSize, middleSize, lastSize] = [await sizeOf(), await sizeOf(), await sizeOf()]
  const chain: Layer[] = [
    { pipeline: first, matrix: await uploadMatrix(keeping, embed, rowBytes, width), size: firstSize },
    ...Array.from({ length: spec.layers }, (_, layer) => ({
      pipeline: middle,
      matrix: matrices[layer % matrices.length]!,
      size: middleSize,
    })),
    { pipeline: last, matrix: await uploadMatrix(keeping, reduce, width, rowBytes), size: lastSize },
  ]
  let room: Room | null = null
  let sizedFor = 0
  /** Runs are prepared one after the other; the card may still work on the one before. */
  let preparing: Promise<unknown> = Promise.resolve()

  async function roomFor(rows: number): Promise<Room> {
    if (room !== null && room.rows >= rows) return room
    // What the card still works on stays until it is done with it.
    room?.input.destroy()
    for (const buffer of room?.activations ?? []) buffer.destroy()
    room = null
    const bytes = rows * width
    const activation = () => keeping.buffer(bytes, usage.storage | usage.copySource)
    const input = await keeping.buffer(rows * rowBytes, usage.storage | usage.copyTarget)
    room = { rows, input, activations: [await activation(), await activation()] }
    return room
  }

  async function submit(inputs: Uint8Array, withInner: boolean) {
    const rows = inputs.length / rowBytes
    const { input, activations } = await roomFor(rows)
    const outputs = await opened.buffer(inputs.length, usage.storage | usage.copySource)
    const staging = (bytes: number) => opened.buffer(bytes, usage.mapRead | usage.copyTarget)
    const digests = await staging(inputs.length)
    const activated = withInner ? await staging(rows * width) : null
    const problem = problemOf(device, () => {
      device.queue.writeBuffer(input, 0, asSource(inputs))
      if (sizedFor !== rows) {
        const write = (size: GPUBuffer, k: number, columns: number) =>
          device.queue.writeBuffer(size, 0, Uint32Array.of(rows, k / wordBytes, columns, 0))
        write(firstSize, rowBytes, width)
        write(middleSize, width, width)
        write(lastSize, width, rowBytes)
        sizedFor = rows
      }
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      let x = input
      for (const [number, { pipeline, matrix, size }] of chain.entries()) {
        const isLast = number === chain.length - 1
        const y = isLast ? outputs : activations[number % 2]!
        const entries = [x, matrix, y, size].map((buffer, binding) => ({ binding, resource: { buffer } }))
        pass.setPipeline(pipeline)
        pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }))
        const columns = isLast ? rowBytes : width
        pass.dispatchWorkgroups(Math.ceil(columns / tileSide(form)), Math.ceil(rows / tileSide(form)))
        if (!isLast) x = y
      }
      pass.end()
      encoder.copyBufferToBuffer(outputs, 0, digests, 0, inputs.length)
      if (activated !== null) encoder.copyBufferToBuffer(x, 0, activated, 0, rows * width)
      device.queue.submit([encoder.finish()])
    })
    return { outputs, digests, activated, problem }
  }

  async function compute(inputs: Uint8Array, withInner: boolean): Promise<(Uint8Array | null)[]> {
    const submitted = preparing.then(() => submit(inputs, withInner))
    preparing = submitted.then(nothing, nothing)
    try {
      const { outputs, digests, activated, problem } = await orLost(submitted)
      const found = await orLost(problem)
      if (found !== undefined) throw found
      const read = [await orLost(readBack(digests)), null as Uint8Array | null]
      digests.destroy()
      if (activated !== null) read[1] = toBytes(await orLost(readBack(activated)))
      activated?.destroy()
      outputs.destroy()
      return read
    } catch (cause) {
      throw isKaisarError(cause) ? cause : kernelFailed(reasonOf(cause), cause)
    }
  }

  return {
    form,
    run: async inputs => (await compute(inputs, false))[0]!,
    ...(inner && {
      async runInner(inputs: Uint8Array) {
        const [digests, activations] = await compute(inputs, true)
        return { digests: digests!, inner: activations! }
      },
    }),
    async release() {
      keeping.release()
    },
  }
}

const pipelineOf = (
  { pipeline, matrix }: WgslDevice,
  form: WgslForm,
  entries: Parameters<typeof layerShader>[1],
): Promise<GPUComputePipeline> => pipeline(layerShader(form, entries, matrix), 'layer')

/** [k, columns] entries as [k ÷ 4, columns] words. */
async function uploadMatrix(opened: WgslDevice, entries: Int8Array, k: number, columns: number): Promise<GPUBuffer> {
  const words = new Uint8Array(k * columns)
  for (let row = 0; row < k; row++) {
    const base = (row >> 2) * columns * wordBytes + (row & 3)
    for (let column = 0; column < columns; column++) words[base + column * wordBytes] = entries[row * columns + column]!
  }
  const buffer = await opened.buffer(words.length, usage.storage | usage.copyTarget)
  opened.device.queue.writeBuffer(buffer, 0, words)
  return buffer
}

/** Signed activations as bytes x + 64, four at a time: the lower seven bits with the sixth turned round. */
function toBytes(signed: Uint8Array): Uint8Array {
  const words = new Uint32Array(signed.buffer, signed.byteOffset, signed.length / wordBytes)
  for (let i = 0; i < words.length; i++) words[i] = (words[i]! & 0x7f7f7f7f) ^ 0x40404040
  return signed
}

/** A view that a shared buffer may not be behind. */
const asSource = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
