/** A model loaded in one form, into ONNX Runtime or as shaders of our own: rows of bytes in, digests of bytes out. */
import * as ort from 'onnxruntime-node'
import { jobErrors } from '../errors.ts'
import { firstLine, openSession, type SessionOptions } from '../execution-provider.ts'
import { checkReached } from '../webgpu-device.ts'
import { isWgslForm, type WgslForm } from '../wgsl-shader.ts'
import { buildModel, type GraphForm } from './model-graph.ts'
import { rowBytes } from './tensor-spec.ts'
import type { Weights } from './weights.ts'
import { openWgslKernel } from './wgsl-kernel.ts'

/** Every form of the model: graphs of ONNX Runtime, and shaders. */
export type KernelForm = GraphForm | WgslForm

export type Kernel = {
  readonly form: KernelForm
  /** Digests [m, 32] of the inputs [m, 32], both as bytes x + 64. @throws JOB_KERNEL_FAILED */
  run(inputs: Uint8Array): Promise<Uint8Array>
  /** The same with the activations [m, K] that the digests are made of, as bytes x + 64; where it was opened with them. */
  readonly runInner?: (inputs: Uint8Array) => Promise<{ readonly digests: Uint8Array; readonly inner: Uint8Array }>
  release(): Promise<void>
}

/** `inner`: whether it can give inner activations; default no, which spares a window from keeping them. */
export type KernelOptions = SessionOptions & { readonly inner?: boolean }

/** @throws JOB_PROVIDER_UNAVAILABLE when the execution provider cannot run this form, JOB_DEVICE_NOT_PINNED; as {@link openWgslKernel} */
export async function openKernel(weights: Weights, form: KernelForm, options: KernelOptions): Promise<Kernel> {
  if (isWgslForm(form)) return openWgslKernel(weights, form, options)
  const { inner = false, ...sessionOptions } = options
  const { provider, card, webgpuModule } = options
  if (provider === 'webgpu' && card?.model !== undefined)
    throw jobErrors.JOB_DEVICE_NOT_PINNED({ provider, problem: 'ONNX Runtime takes the default adapter of this host' })
  if (provider === 'webgpu' && card !== undefined) await checkReached(card, webgpuModule)
  const session = await openSession(buildModel(weights, form, inner), sessionOptions)
  const { pack, unpack } = elements[form]

  async function compute(inputs: Uint8Array, outputs: readonly ('y' | 'h')[]): Promise<Uint8Array[]> {
    const x = pack(inputs, [inputs.length / rowBytes, rowBytes])
    try {
      const values = await session.run({ x }, outputs)
      return outputs.map(name => unpack(values[name]!.data as never))
    } catch (cause) {
      throw jobErrors.JOB_KERNEL_FAILED({ provider, reason: firstLine(cause), cause })
    }
  }

  return {
    form,
    run: async inputs => (await compute(inputs, ['y']))[0]!,
    ...(inner && {
      async runInner(inputs: Uint8Array) {
        const [digests, activations] = await compute(inputs, ['y', 'h'])
        return { digests: digests!, inner: activations! }
      },
    }),
    release: () => session.release(),
  }
}

type Elements = {
  readonly pack: (bytes: Uint8Array, dims: number[]) => ort.Tensor
  readonly unpack: (values: never) => Uint8Array
}

const elements: Record<GraphForm, Elements> = {
  u8: { pack: (bytes, dims) => new ort.Tensor('uint8', bytes, dims), unpack: (values: Uint8Array) => values },
  s8: {
    pack: (bytes, dims) => new ort.Tensor('int8', centred(new Int8Array(bytes.length), bytes), dims),
    unpack: shifted,
  },
  fp32: {
    pack: (bytes, dims) => new ort.Tensor('float32', centred(new Float32Array(bytes.length), bytes), dims),
    unpack: shifted,
  },
}

function centred<T extends Float32Array | Int8Array>(values: T, bytes: Uint8Array): T {
  for (let i = 0; i < bytes.length; i++) values[i] = bytes[i]! - 64
  return values
}

function shifted(values: Float32Array | Int8Array): Uint8Array {
  const bytes = new Uint8Array(values.length)
  for (let i = 0; i < values.length; i++) bytes[i] = values[i]! + 64
  return bytes
}
