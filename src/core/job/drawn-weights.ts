/**
 * Matrices of weights, of every kind of round: entries in [-63, 63], symmetric, so that sums have mean zero. Entry k of column j of
 * matrix m is byte k of line j of item m ({@link import('./philox.ts')}), mod 128, less 64, where −64 becomes 0. Whoever checks one
 * element of a product derives one column.
 *
 * Why: docs/why/work-proof.md
 */
import { blockEntries, counterOf, type PhiloxKey, philox } from './philox.ts'

export type MatrixShape = { readonly rows: number; readonly columns: number }

/** A matrix, row-major. Blocks run along columns, so sixteen rows are written at a time. */
export function drawWeights(key: PhiloxKey, matrix: number, { rows, columns }: MatrixShape): Int8Array {
  const entries = new Int8Array(rows * columns)
  const words = new Uint32Array(4 * columns)
  const bytes = new Int8Array(words.buffer)
  for (let first = 0; first < rows; first += blockEntries) {
    const counter = counterOf('weights', { block: first / blockEntries, item: matrix })
    philox(key, counter, { blocks: columns, along: 'line', words })
    const end = Math.min(first + blockEntries, rows)
    for (let row = first; row < end; row++)
      for (let column = 0, from = row - first, to = row * columns; column < columns; column++, from += blockEntries)
        entries[to + column] = centred(bytes[from]!)
  }
  return entries
}

/** The weight that a byte gives. */
export function centred(byte: number): number {
  const low = byte & 127
  return low === 0 ? 0 : low - 64
}
