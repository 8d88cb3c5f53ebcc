/**
 * Writes ONNX models, with the part of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 that we use. Fields are written in the
 * order of their numbers, so that a model has one form. Weights are hundreds of megabytes, so a message stays a list of parts until
 * the end, and each part is copied once.
 *
 * Why: docs/why/dependencies-and-build.md
 */

/** TensorProto.DataType */
export const onnxType = { float32: 1, uint8: 2, int8: 3, int32: 6 } as const

export type OnnxAttribute = { readonly name: string } & ({ readonly int: number } | { readonly string: string })
export type OnnxNode = {
  readonly opType: string
  readonly input: readonly string[]
  readonly output: readonly string[]
  readonly attributes?: readonly OnnxAttribute[]
}
export type OnnxTensor = {
  readonly name: string
  /** Empty for a scalar. */
  readonly dims: readonly number[]
  readonly type: number
  /** Elements in row-major order, little endian. */
  readonly data: Uint8Array
}
type OnnxValue = {
  readonly name: string
  readonly type: number
  /** A name stands for a dimension that is known only when the model runs. */
  readonly shape: readonly (number | string)[]
}
export type OnnxModel = {
  readonly producer: string
  /** Version of ONNX's own operators. */
  readonly opset: number
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly constants: readonly OnnxTensor[]
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
}

/** The model as the bytes of an `.onnx` file. */
export const encodeOnnxModel = (model: OnnxModel): Uint8Array =>
  Buffer.concat([
    ...integer(1, 8), // ir_version
    ...text(2, model.producer),
    ...message(7, [
      ...model.nodes.flatMap(node => message(1, nodeParts(node))),
      ...text(2, model.name),
      ...model.constants.flatMap(tensor => message(5, tensorParts(tensor))),
      ...model.inputs.flatMap(value => message(11, valueParts(value))),
      ...model.outputs.flatMap(value => message(12, valueParts(value))),
    ]),
    ...message(8, [...text(1, ''), ...integer(2, model.opset)]),
  ])

const nodeParts = ({ opType, input, output, attributes = [] }: OnnxNode): Parts => [
  ...input.flatMap(name => text(1, name)),
  ...output.flatMap(name => text(2, name)),
  ...text(4, opType),
  ...attributes.flatMap(attribute => message(5, attributeParts(attribute))),
]

/** The last field is AttributeProto.AttributeType. */
const attributeParts = (attribute: OnnxAttribute): Parts => [
  ...text(1, attribute.name),
  ...('int' in attribute
    ? [...integer(3, attribute.int), ...integer(20, 2)]
    : [...text(4, attribute.string), ...integer(20, 3)]),
]

const tensorParts = ({ name, dims, type, data }: OnnxTensor): Parts => [
  ...(dims.length > 0 ? message(1, dims.map(varint)) : []),
  ...integer(2, type),
  ...text(8, name),
  ...message(9, [data]),
]

const valueParts = ({ name, type, shape }: OnnxValue): Parts => [
  ...text(1, name),
  ...message(
    2,
    message(1, [
      ...integer(1, type),
      ...message(
        2,
        shape.flatMap(dim => message(1, dimParts(dim))),
      ),
    ]),
  ),
]

const dimParts = (dim: number | string): Parts => (typeof dim === 'number' ? integer(1, dim) : text(2, dim))

// Protobuf's wire format, https://protobuf.dev/programming-guides/encoding: a field is its number and kind, then a varint or a length and bytes.
type Parts = readonly Uint8Array[]

const integer = (field: number, value: number): Parts => [varint(field * 8), varint(value)]

const message = (field: number, parts: Parts): Parts => {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return [varint(field * 8 + 2), varint(length), ...parts]
}

const text = (field: number, value: string): Parts => message(field, [Buffer.from(value)])

/** Seven bits a byte, the lowest first, the eighth bit where more follow. Up to 2^53. */
function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return Uint8Array.of(...bytes, value)
}
