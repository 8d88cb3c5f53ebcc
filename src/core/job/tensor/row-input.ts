/**
 * Rows as bytes. Everywhere in the toolkit a row entry x in [-64, 63] is kept as the byte x + 64, in [0, 127];
 * one row is 32 such bytes. Row i of a job is bytes [32·i, 32·i + 32) of its keystream, each with the top bit cleared.
 */
import { keystream, keystreamAt } from '../keystream.ts'
import { rowBytes } from './tensor-spec.ts'

const blocksPerRow = rowBytes / 16

/** [count, 32] bytes: rows `first` to `first + count - 1` of the job. */
export const rowInput = (seed: Uint8Array, first: number, count: number): Uint8Array =>
  clearTopBits(keystream(seed, first * blocksPerRow, count * rowBytes))

/** [rows.length, 32] bytes: these rows of the job, in the order given. */
export const rowInputAt = (seed: Uint8Array, rows: readonly number[]): Uint8Array =>
  clearTopBits(
    keystreamAt(
      seed,
      rows.map(row => row * blocksPerRow),
      blocksPerRow,
    ),
  )

function clearTopBits(bytes: Uint8Array): Uint8Array {
  // Four bytes at a time where the memory is aligned; an odd start is copied once.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes)
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 2)
  for (let i = 0; i < words.length; i++) words[i]! &= 0x7f7f7f7f
  return aligned
}
