/**
 * Job specifications as data. The chain names the one in force by {@link specHash}, for everybody.
 *
 * Cost of one row: E and R are 32 × K, each of the L layers is K × K, an entry costs one multiply and one add.
 */
import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import { pieceBytes, piecesLimit } from '../../protocol/pieces.ts'
import { jobErrors } from '../errors.ts'

export type TensorSpec = {
  /** K: inner dimension of every layer. */
  readonly width: number
  /** L: layers of a chain. */
  readonly layers: number
  /** w: distinct weight matrices, used cyclically. */
  readonly weights: number
  /** D: the window, in milliseconds. */
  readonly windowMs: number
  /** t: rows one seat samples. */
  readonly samples: number
  /** Only in bundles from before weights were drawn by columns, whose weights are {@link import('./keystream-weights.ts')}. */
  readonly version?: 1
}

/** N: bytes in and bytes out of one row, whatever the spec, so that PCIe and hashing never bound a fast card. */
export const rowBytes = 32
/** Rows whose digests share one leaf of the Merkle tree. */
export const leafRows = 64
/** Fp32 sums of products of |x| ≤ 64 and |w| ≤ 63 stay below 2^24, so exact in any order, up to this width. */
const widthLimit = 4161
/**
 * Chunks that one piece of openings holds, after its version byte: each has 64 · 32 bytes of digests and, among the 2^34 chunks of the most
 * rows there may be, 34 siblings of 32.
 */
export const chunksOfPiece = Math.floor((pieceBytes - 1) / (leafRows * rowBytes + 34 * 32))
/** Each sampled row has at most a chunk of its own. */
const samplesLimit = piecesLimit * chunksOfPiece
const modelBytesLimit = 512 * 1024 * 1024

export const tensorSpecs = {
  devnet: { width: 1024, layers: 8, weights: 8, windowMs: 1_000, samples: 16 },
  /** The width keeps a card's products ahead of the activations between them, and its rows few enough to be fed. */
  standard: { width: 4096, layers: 16, weights: 4, windowMs: 10_000, samples: 16 },
} as const satisfies Record<string, TensorSpec>

/** Bytes of the model in fp32; the int8 forms take a quarter. */
export const modelBytes = ({ width, weights }: TensorSpec): number =>
  4 * (weights * width * width + 2 * rowBytes * width)

/** @throws JOB_SPEC_INVALID for a spec whose arithmetic would not be exact or whose model would not fit. */
export function checkSpec(spec: TensorSpec): TensorSpec {
  const refuse = (problem: string) => jobErrors.JOB_SPEC_INVALID({ problem })
  for (const [name, value] of Object.entries(spec))
    if (!Number.isSafeInteger(value) || value < 1) throw refuse(`${name} is ${value}, not a positive integer`)
  if (spec.width > widthLimit)
    throw refuse(`width ${spec.width} is above ${widthLimit}, where fp32 sums stop being exact`)
  if (spec.weights > spec.layers) throw refuse(`${spec.weights} weight matrices for ${spec.layers} layers`)
  if (modelBytes(spec) > modelBytesLimit) throw refuse(`the model would take ${modelBytes(spec)} bytes in fp32`)
  if (spec.layers > 1024) throw refuse(`${spec.layers} layers; at most 1024`)
  if (spec.samples > samplesLimit)
    throw refuse(`${spec.samples} samples; at most ${samplesLimit}, whose openings fit ${piecesLimit} pieces`)
  return spec
}

/** The text that is hashed: every number that changes a digest, a leaf or a rate. */
export const encodeSpec = (spec: TensorSpec): string => {
  const { width, layers, weights, windowMs, samples, version = 2 } = checkSpec(spec)
  return `kaisar/spec/v${version} width=${width} layers=${layers} weights=${weights} rowBytes=${rowBytes} leafRows=${leafRows} windowMs=${windowMs} samples=${samples}`
}

/** SHA-256 of {@link encodeSpec}: the bytes32 by which the chain names a spec. */
export const specHash = (spec: TensorSpec): Hex => `0x${createHash('sha256').update(encodeSpec(spec)).digest('hex')}`

/** Integer operations of one row: 2·K²·L + 4·K·32. */
export const operationsPerRow = ({ width, layers }: TensorSpec): number =>
  2 * width * width * layers + 4 * width * rowBytes

/** Rate of a window in Mop/s, rounded down: rows × operations per row ÷ D. */
export const windowRate = (spec: TensorSpec, rows: number): number =>
  Math.floor((rows * operationsPerRow(spec)) / spec.windowMs / 1_000)
