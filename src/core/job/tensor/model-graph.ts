/**
 * The epoch's model as an ONNX graph [m, 32] → [m, 32], built in memory. Three forms of the same integers, equal bit for bit:
 *
 * - `fp32`: MatMul, Floor, Sub, Mul. Weights carry a factor 2^-14, so a product is y ÷ 2^14 exactly and Φ is
 *   floor(128 · frac(y ÷ 2^14)) − 64. Runs on every execution provider; exact because |y| < 2^24.
 * - `u8`: MatMulInteger of bytes x + 64 (zero point 64) by signed weights; Φ is a mask and a shift. A pair of products is at most
 *   2 · 127 · 63 = 16,002 < 2^15, so it stays exact even where the kernel adds pairs in 16 bits (x86 without VNNI).
 * - `s8`: MatMulInteger of signed by signed bytes, Φ in fp32; for runtimes that only have that product (CUDA).
 *
 * Why: docs/why/work-proof.md
 */
import {
  encodeOnnxModel,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
  onnxType,
} from '../../platform/onnx-model.ts'
import { rowBytes } from './tensor-spec.ts'
import type { Weights } from './weights.ts'

export const graphForms = ['fp32', 'u8', 's8'] as const
export type GraphForm = (typeof graphForms)[number]

type TypedArray = Float32Array | Uint8Array | Int8Array | Int32Array

/** Collects nodes and constants of a graph; every method returns the name of the value it makes. */
function createGraph() {
  const nodes: OnnxNode[] = []
  const constants: OnnxTensor[] = []
  return {
    nodes,
    constants,
    apply(opType: string, input: string[], attributes: OnnxAttribute[] = []): string {
      const output = `v${nodes.length}`
      nodes.push({ opType, input, output: [output], attributes })
      return output
    },
    constant(name: string, dims: number[], type: number, values: TypedArray): string {
      if (!constants.some(existing => existing.name === name))
        constants.push({ name, dims, type, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) })
      return name
    },
  }
}
type Graph = ReturnType<typeof createGraph>
type Matrix = { readonly name: string; readonly rows: number; readonly columns: number; readonly entries: Int8Array }

type Form = {
  /** Element type of the input and the output. */
  readonly element: number
  /** Adds Φ(x · matrix) to the graph. */
  readonly layer: (graph: Graph, x: string, matrix: Matrix) => string
}

const cast = (graph: Graph, x: string, to: number): string => graph.apply('Cast', [x], [{ name: 'to', int: to }])

/** Φ of a product that carries the factor 2^-14. */
const middleBitsOfFraction = (graph: Graph, scaled: string): string => {
  const base = graph.constant('base', [], onnxType.float32, Float32Array.of(128))
  const middle = graph.constant('middle', [], onnxType.float32, Float32Array.of(64))
  const fraction = graph.apply('Sub', [scaled, graph.apply('Floor', [scaled])])
  return graph.apply('Sub', [graph.apply('Floor', [graph.apply('Mul', [fraction, base])]), middle])
}

const forms: Record<GraphForm, Form> = {
  fp32: {
    element: onnxType.float32,
    layer(graph, x, { name, rows, columns, entries }) {
      const scaled = new Float32Array(entries.length)
      for (let i = 0; i < entries.length; i++) scaled[i] = entries[i]! * 2 ** -14
      const matrix = graph.constant(name, [rows, columns], onnxType.float32, scaled)
      return middleBitsOfFraction(graph, graph.apply('MatMul', [x, matrix]))
    },
  },
  u8: {
    element: onnxType.uint8,
    layer(graph, x, { name, rows, columns, entries }) {
      const matrix = graph.constant(name, [rows, columns], onnxType.int8, entries)
      const inputZero = graph.constant('inputZero', [], onnxType.uint8, Uint8Array.of(64))
      const weightZero = graph.constant('weightZero', [], onnxType.int8, Int8Array.of(0))
      const middle = graph.constant('middle', [], onnxType.int32, Int32Array.of(127 << 7))
      const step = graph.constant('step', [], onnxType.float32, Float32Array.of(2 ** 7))
      const zero = graph.constant('zero', [], onnxType.uint8, Uint8Array.of(0))
      const sum = graph.apply('MatMulInteger', [x, matrix, inputZero, weightZero])
      // Of what is masked, a float holds every value exactly. Quantizing divides it by the step, without a remainder to round, in less
      // time than an integer takes to be shifted.
      const masked = cast(graph, graph.apply('BitwiseAnd', [sum, middle]), onnxType.float32)
      return graph.apply('QuantizeLinear', [masked, step, zero])
    },
  },
  s8: {
    element: onnxType.int8,
    layer(graph, x, { name, rows, columns, entries }) {
      const matrix = graph.constant(name, [rows, columns], onnxType.int8, entries)
      const scale = graph.constant('scale', [], onnxType.float32, Float32Array.of(2 ** -14))
      const sum = cast(graph, graph.apply('MatMulInteger', [x, matrix]), onnxType.float32)
      return cast(graph, middleBitsOfFraction(graph, graph.apply('Mul', [sum, scale])), onnxType.int8)
    },
  },
}

/**
 * The serialised ONNX model of these weights in this form; input `x` [m, 32], output `y` [m, 32].
 * @param inner - whether it also gives the activations that the digest is made of, output `h` [m, K]
 */
export function buildModel({ spec, embed, layers, reduce }: Weights, form: GraphForm, inner = false): Uint8Array {
  const { element, layer } = forms[form]
  const graph = createGraph()
  const { width } = spec
  let x = layer(graph, 'x', { name: 'E', rows: rowBytes, columns: width, entries: embed })
  const matrices = layers.map((entries, index) => ({ name: `W${index}`, rows: width, columns: width, entries }))
  for (let index = 0; index < spec.layers; index++) x = layer(graph, x, matrices[index % matrices.length]!)
  if (inner) rename(graph.nodes, 'h')
  layer(graph, inner ? 'h' : x, { name: 'R', rows: width, columns: rowBytes, entries: reduce })
  rename(graph.nodes, 'y')

  const value = (name: string, columns = rowBytes) => ({ name, type: element, shape: ['m', columns] })
  return encodeOnnxModel({
    producer: 'kaisar',
    opset: 18,
    name: 'job',
    nodes: graph.nodes,
    constants: graph.constants,
    inputs: [value('x')],
    outputs: inner ? [value('y'), value('h', width)] : [value('y')],
  })
}

/** Names the value that the last node makes, which nothing has used yet. */
function rename(nodes: OnnxNode[], output: string): void {
  const last = nodes.length - 1
  nodes[last] = { ...nodes[last]!, output: [output] }
}
