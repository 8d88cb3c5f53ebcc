/**
 * Weights of specifications of version 1, which bundles of that time are verified with and nothing else: a matrix by rows from the
 * keystream of SHA-256('kaisar/weights/v1' ‖ spec hash ‖ epoch seed ‖ matrix u32).
 */
import type { Hex } from 'viem'
import { hexToBytes } from '../../platform/hex.ts'
import { centred, type MatrixShape } from '../drawn-weights.ts'
import { sha256Of } from '../hash-tree.ts'
import { keystream } from '../keystream.ts'
import { specHash, type TensorSpec } from './tensor-spec.ts'

export function keystreamWeights(
  spec: TensorSpec,
  epochSeed: Hex,
  matrix: number,
  { rows, columns }: MatrixShape,
): Int8Array {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(matrix)
  const seed = sha256Of('kaisar/weights/v1', hexToBytes(specHash(spec), 32), hexToBytes(epochSeed, 32), number)
  return new Int8Array(keystream(seed, 0, rows * columns)).map(centred)
}
