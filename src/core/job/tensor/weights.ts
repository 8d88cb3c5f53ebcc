/**
 * The numbers of an epoch's model, from the epoch seed alone: E [32, K], W_0 … W_{w-1} [K, K], R [K, 32], row-major, entries in
 * [-63, 63]. Matrix m is read from the keystream of SHA-256('kaisar/weights/v1' ‖ spec hash ‖ epoch seed ‖ m as u32), E being
 * m = 0, W_l m = 1 + l and R m = 1 + w. Byte b gives (b mod 128) − 64, and −64 gives 0: symmetric, so that sums have mean zero.
 *
 * Why: docs/why/work-proof.md
 */
import type { Hex } from 'viem'
import { bytesToHex, hexToBytes } from '../../platform/hex.ts'
import { atOnce, type Sliced } from '../../platform/slices.ts'
import { sha256Of } from '../hash-tree.ts'
import { keystream } from '../keystream.ts'
import { rowBytes, specHash, type TensorSpec } from './tensor-spec.ts'

export type Weights = {
  readonly spec: TensorSpec
  readonly embed: Int8Array
  readonly layers: readonly Int8Array[]
  readonly reduce: Int8Array
}

/** Builds the weights: about K²·w bytes, from AES at memory speed. */
export const createWeights = (spec: TensorSpec, epochSeed: Hex): Weights => atOnce(weightsByStep(spec, epochSeed))

/** The same, one matrix a step, for a thread that has something else to do in between. */
export function* weightsByStep(spec: TensorSpec, epochSeed: Hex): Sliced<Weights> {
  const { width, weights } = spec
  const matrices: Int8Array[] = []
  for (let index = 0; index < weights + 2; index++) {
    const entries = index === 0 || index > weights ? rowBytes * width : width * width
    matrices.push(toEntries(keystream(matrixSeed(spec, epochSeed, index), 0, entries)))
    yield
  }
  return { spec, embed: matrices[0]!, layers: matrices.slice(1, -1), reduce: matrices.at(-1)! }
}

/** The seal of a model: SHA-256('kaisar/model/v1' ‖ spec hash ‖ E ‖ W_0 … ‖ R as signed bytes). Equal for every kernel form. */
export const modelHash = ({ spec, embed, layers, reduce }: Weights): Hex =>
  bytesToHex(sha256Of('kaisar/model/v1', hexToBytes(specHash(spec), 32), embed, ...layers, reduce))

function matrixSeed(spec: TensorSpec, epochSeed: Hex, index: number): Uint8Array {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(index)
  return sha256Of('kaisar/weights/v1', hexToBytes(specHash(spec), 32), hexToBytes(epochSeed, 32), number)
}

function toEntries(bytes: Uint8Array): Int8Array {
  const entries = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < entries.length; i++) {
    const low = bytes[i]! & 127
    entries[i] = low === 0 ? 0 : low - 64
  }
  return entries
}
