/** The job in plain integers, one row at a time, for provers that change something inside it. */
import { rowBytes } from '../../src/core/job/tensor/tensor-spec.ts'
import type { Weights } from '../../src/core/job/tensor/weights.ts'
import { spec } from './arena.ts'

export type Matrix = { readonly rows: number; readonly columns: number; readonly entries: Int8Array }
export type Row = readonly number[]

const { width, layers, weights: distinct } = spec
export const chain = (weights: Weights): Matrix[] => [
  { rows: rowBytes, columns: width, entries: weights.embed },
  ...Array.from({ length: layers }, (_, i) => ({
    rows: width,
    columns: width,
    entries: weights.layers[i % distinct]!,
  })),
  { rows: width, columns: rowBytes, entries: weights.reduce },
]
export const product = (x: Row, { rows: inner, columns, entries }: Matrix): number[] =>
  Array.from({ length: columns }, (_, column) => {
    let sum = 0
    for (let k = 0; k < inner; k++) sum += x[k]! * entries[k * columns + column]!
    return sum
  })
const toDigest = (x: Row): Uint8Array => Uint8Array.from(x, value => value + 64)
const inputOf = (bytes: Uint8Array, row: number): Row =>
  Array.from(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), byte => byte - 64)
export const join = (digests: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(digests))
export const each = (inputs: Uint8Array, work: (x: Row) => Row): Uint8Array =>
  join(Array.from({ length: inputs.length / rowBytes }, (_, row) => toDigest(work(inputOf(inputs, row)))))

export const middle = (sum: number): number => ((sum >> 7) & 127) - 64
