/**
 * Specifications of the memory job as data. The chain names one by {@link memorySpecHash}.
 *
 * Memory holds G groups of K · d stored rows of K bytes. A step reads one whole group, G is what a device claims, and how many steps
 * end inside the window is what it is paid for: bytes resident, and bytes read a second.
 */
import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import { pieceBytes, piecesLimit } from '../../protocol/pieces.ts'
import { jobErrors } from '../errors.ts'

export type MemorySpec = {
  /** K: entries of a stored row, coordinates of a state, inner dimension of every product. */
  readonly width: number
  /** d: stored rows that make one coordinate. */
  readonly layers: number
  /** c: products between the numbers drawn for a row and what is stored; as many distinct matrices. */
  readonly products: number
  /** Fewest groups a device may claim. */
  readonly leastGroups: number
  /** D: the window, in milliseconds. */
  readonly windowMs: number
  /** Time between marks, in milliseconds; the whole window where there is one mark, which is the commitment's own. */
  readonly markMs: number
  /** t: steps one seat samples. */
  readonly samples: number
  /** τ₀: reading all of memory more often than once in this time is not paid, in milliseconds. */
  readonly leastReadMs: number
}

const samplesLimit = 256
/** Marks have one byte for their number, and the last is not sent. */
const marksLimit = 256
/** Entries of a row are signed bytes and those of a state at most 127: sums of this many stay below 2^31. */
const widthLimit = 8192
/** The order of groups is drawn by a 32-bit product, whose bias is G ÷ 2^32. */
export const groupsLimit = 2 ** 20
/** Bytes of the matrices of an epoch. */
const matricesLimit = 512 * 1024 * 1024
/** More steps than any window can hold. */
export const stepsLimit = 2 ** 32

export const memorySpecs = {
  devnet: {
    width: 512,
    layers: 1,
    products: 1,
    leastGroups: 64,
    windowMs: 1_000,
    markMs: 1_000,
    samples: 16,
    leastReadMs: 1,
  },
  standard: {
    width: 4096,
    layers: 4,
    products: 4,
    leastGroups: 64,
    windowMs: 10_000,
    markMs: 1_000,
    samples: 64,
    leastReadMs: 10,
  },
} as const satisfies Record<string, MemorySpec>

/** @throws JOB_SPEC_INVALID for a spec whose arithmetic would not be exact or whose openings would not be sent. */
export function checkMemorySpec(spec: MemorySpec): MemorySpec {
  const refuse = (problem: string) => jobErrors.JOB_SPEC_INVALID({ problem })
  for (const [name, value] of Object.entries(spec))
    if (!Number.isSafeInteger(value) || value < 1) throw refuse(`${name} is ${value}, not a positive integer`)
  const { width, layers, products, leastGroups, windowMs, markMs, samples } = spec
  if (width % 64 !== 0 || width > widthLimit) throw refuse(`width ${width} is not a multiple of 64 up to ${widthLimit}`)
  if (layers > 64 || products > 64) throw refuse(`${layers} layers and ${products} products; at most 64 of each`)
  if (products * width * width > matricesLimit)
    throw refuse(`the matrices would take ${products * width * width} bytes`)
  if (leastGroups > groupsLimit) throw refuse(`${leastGroups} groups at least; at most ${groupsLimit} are possible`)
  if (windowMs % markMs !== 0) throw refuse(`a window of ${windowMs} ms is no multiple of marks every ${markMs} ms`)
  if (samples > samplesLimit) throw refuse(`${samples} samples; at most ${samplesLimit}`)
  if (windowMs / markMs > marksLimit) throw refuse(`${windowMs / markMs} marks; at most ${marksLimit}`)
  const pieces = Math.ceil(samples / stepsOfPiece(spec))
  if (pieces > piecesLimit)
    throw refuse(
      `${samples} samples of ${width} bytes are opened in ${pieces} pieces; at most ${piecesLimit} are taken`,
    )
  return spec
}

/** The text that is hashed: every number that changes a state, a root, a sample or what is paid. */
export const encodeMemorySpec = (spec: MemorySpec): string => {
  const { width, layers, products, leastGroups, windowMs, markMs, samples, leastReadMs } = checkMemorySpec(spec)
  return `kaisar/memory-spec/v1 width=${width} layers=${layers} products=${products} leastGroups=${leastGroups} windowMs=${windowMs} markMs=${markMs} samples=${samples} leastReadMs=${leastReadMs}`
}

/** SHA-256 of {@link encodeMemorySpec}. */
export const memorySpecHash = (spec: MemorySpec): Hex =>
  `0x${createHash('sha256').update(encodeMemorySpec(spec)).digest('hex')}`

/** Bytes of one group, which a step reads: K² · d. */
export const groupBytes = ({ width, layers }: MemorySpec): number => width * width * layers

/** Marks of a window: one for each `markMs` of it. */
export const markCount = ({ windowMs, markMs }: MemorySpec): number => windowMs / markMs

/** Bytes of openings before their steps: version, groups, and 40 for each mark. */
export const headBytes = (spec: MemorySpec): number => 1 + 4 + markCount(spec) * 40

/** Steps that one piece of openings holds: two states each, with the longest proofs there can be. */
export const stepsOfPiece = (spec: MemorySpec): number =>
  Math.floor((pieceBytes - headBytes(spec)) / (2 * (spec.width + Math.log2(stepsLimit) * 32)))

/** Integer operations that fill one group, or half of them in multiplications: 2 · K³ · d · c. */
export const fillOperations = ({ width, layers, products }: MemorySpec): number => 2 * width ** 3 * layers * products
