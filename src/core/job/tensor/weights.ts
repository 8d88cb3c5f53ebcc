/**
 * The numbers of an epoch's model, from the epoch seed alone: E [32, K], W_0 … W_{w-1} [K, K], R [K, 32], row-major, entries in
 * [-63, 63]. They are drawn by columns ({@link import('../drawn-weights.ts')}): matrix 0 is E, 1 + l is W_l and 1 + w is R, under one key.
 *
 * Why: docs/why/work-proof.md
 */
import type { Hex } from 'viem'
import { bytesToHex, hexToBytes } from '../../platform/hex.ts'
import { atOnce, type Sliced } from '../../platform/slices.ts'
import { drawWeights, type MatrixShape } from '../drawn-weights.ts'
import { sha256Of } from '../hash-tree.ts'
import { type PhiloxKey, philoxKey } from '../philox.ts'
import { keystreamWeights } from './keystream-weights.ts'
import { rowBytes, specHash, type TensorSpec } from './tensor-spec.ts'

export type Weights = {
  readonly spec: TensorSpec
  readonly embed: Int8Array
  readonly layers: readonly Int8Array[]
  readonly reduce: Int8Array
}

/** SHA-256('kaisar/weights/v2' ‖ spec hash ‖ epoch seed). */
export const tensorWeightsKey = (spec: TensorSpec, epochSeed: Hex): PhiloxKey =>
  philoxKey('kaisar/weights/v2', hexToBytes(specHash(spec), 32), hexToBytes(epochSeed, 32))

/** Builds the weights: about K²·w bytes. */
export const createWeights = (spec: TensorSpec, epochSeed: Hex): Weights => atOnce(weightsByStep(spec, epochSeed))

/** The same, one matrix a step, for a thread that has something else to do in between. */
export function* weightsByStep(spec: TensorSpec, epochSeed: Hex): Sliced<Weights> {
  const { width, weights, version } = spec
  const key = tensorWeightsKey(spec, epochSeed)
  const matrices: Int8Array[] = []
  for (let index = 0; index < weights + 2; index++) {
    const shape: MatrixShape = { rows: index === 0 ? rowBytes : width, columns: index > weights ? rowBytes : width }
    matrices.push(version === 1 ? keystreamWeights(spec, epochSeed, index, shape) : drawWeights(key, index, shape))
    yield
  }
  return { spec, embed: matrices[0]!, layers: matrices.slice(1, -1), reduce: matrices.at(-1)! }
}

/** The seal of a model: SHA-256('kaisar/model/v1' ‖ spec hash ‖ E ‖ W_0 … ‖ R as signed bytes). Equal for every kernel form. */
export const modelHash = ({ spec, embed, layers, reduce }: Weights): Hex =>
  bytesToHex(sha256Of('kaisar/model/v1', hexToBytes(specHash(spec), 32), embed, ...layers, reduce))
