/**
 * Rows of memory from the numbers that were drawn for them, in ONNX Runtime: what fills a device's memory, and what recomputes a row of
 * it for whoever checks. Rows of one group or of many share the epoch's matrices, so they are one batch.
 *
 *     stored = Φ8((Φ ∘ W_(c−2)) … (Φ ∘ W_0)(V) · W_(c−1))
 *     Φ(y)   = ((y >> 7) & 127) − 64        between the products, kept as x + 64
 *     Φ8(y)  = bits 7 to 14 of y, read as a signed byte
 *
 * |y| ≤ 64 · 63 · K < 2^24 for K ≤ 4161, so the products are exact in fp32, too. Here they are of bytes: a pair of them is at most
 * 2 · 127 · 63 < 2^15, exact where a kernel adds pairs in 16 bits.
 */
import * as ort from 'onnxruntime-node'
import type { Hex } from 'viem'
import { encodeOnnxModel, type OnnxNode, type OnnxTensor, onnxType } from '../../platform/onnx-model.ts'
import { drawWeights } from '../drawn-weights.ts'
import { jobErrors } from '../errors.ts'
import { firstLine, openSession, type SessionOptions } from '../execution-provider.ts'
import { weightsKey } from './drawn-entries.ts'
import type { MemorySpec } from './memory-spec.ts'

export type RowChain = {
  /** Stored rows [m, K], bytes read as signed, of the drawn rows [m, K], bytes x + 64. @throws JOB_KERNEL_FAILED */
  run(drawn: Uint8Array): Promise<Uint8Array>
  release(): Promise<void>
}

/** The matrices of an epoch, drawn and loaded. @throws JOB_PROVIDER_UNAVAILABLE */
export async function openRowChain(
  spec: MemorySpec,
  epochSeed: Hex,
  options: Pick<SessionOptions, 'threads'>,
): Promise<RowChain> {
  const provider = 'cpu'
  const session = await openSession(chainModel(spec, epochSeed), { provider, deviceIndex: 0, ...options })
  return {
    async run(drawn) {
      const x = new ort.Tensor('uint8', drawn, [drawn.length / spec.width, spec.width])
      try {
        return (await session.run({ x }, ['y'])).y!.data as Uint8Array
      } catch (cause) {
        throw jobErrors.JOB_KERNEL_FAILED({ provider, reason: firstLine(cause), cause })
      }
    },
    release: () => session.release(),
  }
}

function chainModel(spec: MemorySpec, epochSeed: Hex): Uint8Array {
  const { width, products } = spec
  const key = weightsKey(spec, epochSeed)
  const scalar = (
    name: string,
    type: number,
    values: Uint8Array | Int8Array | Int32Array | Float32Array,
  ): OnnxTensor => ({
    ...{ name, dims: [], type },
    data: new Uint8Array(values.buffer),
  })
  const constants = [
    scalar('inputZero', onnxType.uint8, Uint8Array.of(64)),
    scalar('weightZero', onnxType.int8, Int8Array.of(0)),
    scalar('seven', onnxType.int32, Int32Array.of(127 << 7)),
    scalar('eight', onnxType.int32, Int32Array.of(255 << 7)),
    scalar('step', onnxType.float32, Float32Array.of(2 ** 7)),
    scalar('zero', onnxType.uint8, Uint8Array.of(0)),
  ]
  const nodes: OnnxNode[] = []
  const apply = (opType: string, input: string[], attributes: OnnxNode['attributes'] = [], output?: string): string => {
    const made = output ?? `v${nodes.length}`
    nodes.push({ opType, input, output: [made], attributes })
    return made
  }
  let x = 'x'
  for (let product = 0; product < products; product++) {
    const data = new Uint8Array(drawWeights(key, product, { rows: width, columns: width }).buffer)
    constants.push({ name: `W${product}`, dims: [width, width], type: onnxType.int8, data })
    const isLast = product === products - 1
    const sum = apply('MatMulInteger', [x, `W${product}`, 'inputZero', 'weightZero'])
    // Seven bits of it go on, eight come out last. A float holds them exactly, and quantizing divides it without a remainder to round.
    const masked = apply('BitwiseAnd', [sum, isLast ? 'eight' : 'seven'])
    const bits = apply('Cast', [masked], [{ name: 'to', int: onnxType.float32 }])
    x = apply('QuantizeLinear', [bits, 'step', 'zero'], [], isLast ? 'y' : undefined)
  }
  const value = (name: string) => ({ name, type: onnxType.uint8, shape: ['m', width] })
  return encodeOnnxModel({
    ...{ producer: 'kaisar', opset: 18, name: 'memory', nodes, constants },
    ...{ inputs: [value('x')], outputs: [value('y')] },
  })
}
