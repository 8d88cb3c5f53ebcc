/**
 * Job specifications as data. The chain names the one in force by {@link specHash}, for everybody.
 *
 * Cost of one row: E and R are 32 × K, each of the L layers is K × K, an entry costs one multiply and one add.
 */
import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import { committeeSize, quorum } from '../../protocol/constants.ts'
import { jobErrors } from '../errors.ts'

export type JobSpec = {
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
}

/** N: bytes in and bytes out of one row, whatever the spec, so that PCIe and hashing never bound a fast card. */
export const rowBytes = 32
/** Rows whose digests share one leaf of the Merkle tree. */
export const leafRows = 64
/** Fp32 sums of products of |x| ≤ 64 and |w| ≤ 63 stay below 2^24, so exact in any order, up to this width. */
const widthLimit = 4161
/**
 * A sample's openings fit the mebibyte of a `job.openings` frame with 1 KiB to spare for its header: each row has at most a chunk of its
 * own, 64 · 32 bytes of digests and, among the 2^34 chunks of the most rows there may be, 34 siblings of 32: ⌊(2^20 − 1 − 2^10) ÷ 3136⌋.
 */
const samplesLimit = 334
const modelBytesLimit = 512 * 1024 * 1024

export const specs = {
  devnet: { width: 1024, layers: 8, weights: 8, windowMs: 1_000, samples: 16 },
  standard: { width: 2048, layers: 16, weights: 16, windowMs: 10_000, samples: 32 },
} as const satisfies Record<string, JobSpec>
export type SpecName = keyof typeof specs

/** Bytes of the model in fp32; the int8 forms take a quarter. */
export const modelBytes = ({ width, weights }: JobSpec): number => 4 * (weights * width * width + 2 * rowBytes * width)

/** @throws JOB_SPEC_INVALID for a spec whose arithmetic would not be exact or whose model would not fit. */
export function checkSpec(spec: JobSpec): JobSpec {
  const refuse = (problem: string) => jobErrors.JOB_SPEC_INVALID({ problem })
  for (const [name, value] of Object.entries(spec))
    if (!Number.isSafeInteger(value) || value < 1) throw refuse(`${name} is ${value}, not a positive integer`)
  if (spec.width > widthLimit)
    throw refuse(`width ${spec.width} is above ${widthLimit}, where fp32 sums stop being exact`)
  if (spec.weights > spec.layers) throw refuse(`${spec.weights} weight matrices for ${spec.layers} layers`)
  if (modelBytes(spec) > modelBytesLimit) throw refuse(`the model would take ${modelBytes(spec)} bytes in fp32`)
  if (spec.layers > 1024) throw refuse(`${spec.layers} layers; at most 1024`)
  if (spec.samples > samplesLimit)
    throw refuse(`${spec.samples} samples; at most ${samplesLimit}, whose openings fit one frame`)
  return spec
}

/** The text that is hashed: every number that changes a digest, a leaf or a rate. */
export const encodeSpec = (spec: JobSpec): string => {
  const { width, layers, weights, windowMs, samples } = checkSpec(spec)
  return `kaisar/spec/v1 width=${width} layers=${layers} weights=${weights} rowBytes=${rowBytes} leafRows=${leafRows} windowMs=${windowMs} samples=${samples}`
}

/** SHA-256 of {@link encodeSpec}: the bytes32 by which the chain names a spec. */
export const specHash = (spec: JobSpec): Hex => `0x${createHash('sha256').update(encodeSpec(spec)).digest('hex')}`

const known = new Map<string, { readonly name: SpecName; readonly spec: JobSpec }>(
  (Object.keys(specs) as SpecName[]).map(name => [specHash(specs[name]), { name, spec: specs[name] }]),
)

/** The spec that the chain names. @throws JOB_SPEC_UNKNOWN when this release does not know it. */
export function specByHash(hash: Hex): { readonly name: SpecName; readonly spec: JobSpec } {
  const found = known.get(hash.toLowerCase())
  if (found === undefined) throw jobErrors.JOB_SPEC_UNKNOWN({ specHash: hash })
  return found
}

/** Integer operations of one row: 2·K²·L + 4·K·32. */
export const operationsPerRow = ({ width, layers }: JobSpec): number =>
  2 * width * width * layers + 4 * width * rowBytes

/** Rate of a window in Mop/s, rounded down: rows × operations per row ÷ D. */
export const windowRate = (spec: JobSpec, rows: number): number =>
  Math.floor((rows * operationsPerRow(spec)) / spec.windowMs / 1_000)

/**
 * Bits of soundness against a device that skips the fraction `skipped` of its rows: −log2 of the chance that nobody sees one.
 * `forwarding`: seats forward a wrong row, so one of the committee that sees one is enough. `alone`: a passing quorum of them suffices.
 */
export function soundnessBits(
  { samples }: Pick<JobSpec, 'samples'>,
  skipped = 0.25,
): { readonly oneSeat: number; readonly forwarding: number; readonly alone: number } {
  const oneSeat = -samples * Math.log2(1 - skipped)
  const pass = 2 ** -oneSeat
  let quorumPasses = 0
  for (let passing = quorum; passing <= committeeSize; passing++)
    quorumPasses += choose(committeeSize, passing) * pass ** passing * (1 - pass) ** (committeeSize - passing)
  return { oneSeat, forwarding: committeeSize * oneSeat, alone: -Math.log2(quorumPasses) }
}

/** What a window is worth and how well it is checked: shown in the report and by `provider self-test`. */
export const windowFigures = (spec: JobSpec, rows: number) => ({
  rows,
  /** Mop/s. */
  rate: windowRate(spec, rows),
  rowsChecked: Math.min(spec.samples, rows),
  /** How many times the work of one verifier the prover did: rows ÷ samples. */
  rowsPerSample: rows / spec.samples,
  /** Bits against a device that skips a quarter of its rows. */
  soundness: soundnessBits(spec),
})
export type WindowFigures = ReturnType<typeof windowFigures>

const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k)
