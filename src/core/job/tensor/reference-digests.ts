/**
 * The job in plain integers, one multiply at a time: what every kernel must equal. Slow by design (2·K²·L operations a row in
 * JavaScript); used by the self-test, the vectors and the tests.
 */
import { rowBytes } from './tensor-spec.ts'
import type { Weights } from './weights.ts'

/** Φ: the middle bits, floor(y ÷ 2^7) mod 128 − 64. The low bits would be a ring homomorphism, and could be short-cut. */
export const middleBits = (sum: number): number => ((sum >> 7) & 127) - 64

/** Digests [m, 32] of the inputs [m, 32], both as bytes x + 64. */
export function referenceDigests({ spec, embed, layers, reduce }: Weights, inputs: Uint8Array): Uint8Array {
  const digests = new Uint8Array(inputs.length)
  for (let offset = 0; offset < inputs.length; offset += rowBytes) {
    let x: Int32Array = Int32Array.from(inputs.subarray(offset, offset + rowBytes), byte => byte - 64)
    x = multiply(x, embed, spec.width)
    for (let layer = 0; layer < spec.layers; layer++) x = multiply(x, layers[layer % spec.weights]!, spec.width)
    x = multiply(x, reduce, rowBytes)
    for (let i = 0; i < rowBytes; i++) digests[offset + i] = x[i]! + 64
  }
  return digests
}

/** Φ(x · matrix) for a row x and a row-major matrix of `columns` columns. */
function multiply(x: Int32Array, matrix: Int8Array, columns: number): Int32Array {
  const sums = new Int32Array(columns)
  for (let k = 0; k < x.length; k++) {
    const factor = x[k]!
    const row = k * columns
    for (let column = 0; column < columns; column++) sums[column]! += factor * matrix[row + column]!
  }
  return sums.map(middleBits)
}
