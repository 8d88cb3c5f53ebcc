/**
 * What a device sends for a sample: version byte 1, then for each chunk that holds a sampled row, ascending, the digests of all
 * its rows and its Merkle proof. Every length follows from the committed row count and the sample, so there is exactly one
 * encoding and nothing to trust.
 *
 * Why: docs/why/work-proof.md
 */

import { jobErrors } from '../errors.ts'
import { hashBytes, proofLength } from '../hash-tree.ts'
import { cutEvery, readerOf } from '../round-kind.ts'
import { chunkCount, chunkOf, createProofChecker, type DigestTree, rowsInChunk } from './digest-tree.ts'
import { chunksOfPiece, leafRows, rowBytes } from './tensor-spec.ts'

const version = 1
const wordBytes = 4

export type OpenedChunk = {
  readonly chunk: number
  readonly digests: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** The chunks that hold these rows, ascending, each once. */
export const chunksOf = (sample: readonly number[]): number[] => [...new Set(sample.map(chunkOf))].sort((a, b) => a - b)

/** A sample, ascending, cut into parts whose chunks fit a piece each: rows of one chunk stay together. */
export function pieceParts(sample: readonly number[]): number[][] {
  if (sample.length <= chunksOfPiece) return [[...sample]]
  const byChunk = Map.groupBy(sample, chunkOf)
  return cutEvery([...byChunk.values()], chunksOfPiece).map(rows => rows.flat())
}

const openedBytes = (rows: number, chunk: number): number =>
  rowsInChunk(rows, chunk) * rowBytes + proofLength(chunkCount(rows), chunk) * hashBytes

/** Exact length in bytes of the openings of a sample: the limit for a frame before anything in it is read. */
export const openingsBytes = (rows: number, sample: readonly number[]): number =>
  chunksOf(sample).reduce((sum, chunk) => sum + openedBytes(rows, chunk), 1)

/** `digestsOf(chunk)` gives the digests of all rows of a chunk. */
export function encodeOpenings(
  tree: DigestTree,
  sample: readonly number[],
  digestsOf: (chunk: number) => Uint8Array,
): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(version)]
  for (const chunk of chunksOf(sample)) parts.push(digestsOf(chunk), ...tree.proof(chunk))
  const encoded = Buffer.concat(parts)
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength)
}

/** @throws JOB_OPENINGS_MALFORMED */
export function decodeOpenings(bytes: Uint8Array, rows: number, sample: readonly number[]): OpenedChunk[] {
  const refuse = (problem: string) => jobErrors.JOB_OPENINGS_MALFORMED({ problem })
  if (bytes[0] !== version) throw refuse(bytes.length === 0 ? 'they are empty' : `version ${bytes[0]} is unknown`)
  const expected = openingsBytes(rows, sample)
  if (bytes.length !== expected) throw refuse(`they have ${bytes.length} bytes, ${expected} are expected`)
  // One copy of all, so placed that what follows the version begins at a multiple of four and can be read as words.
  const aligned = new Uint8Array(wordBytes - 1 + bytes.length)
  aligned.set(bytes, wordBytes - 1)
  const take = readerOf(aligned, wordBytes)
  return chunksOf(sample).map(chunk => {
    const digests = take(rowsInChunk(rows, chunk) * rowBytes)
    if (!areDigests(digests)) throw refuse(`a byte of chunk ${chunk} is outside [0, 127]`)
    return {
      chunk,
      digests,
      proof: Array.from({ length: proofLength(chunkCount(rows), chunk) }, () => take(hashBytes)),
    }
  })
}

/** Whether no byte is above 127: four at a time, since a seat reads 2 KiB for every row it samples. */
function areDigests({ buffer, byteOffset, length }: Uint8Array): boolean {
  const words = new Uint32Array(buffer, byteOffset, length / wordBytes)
  let bits = 0
  for (let i = 0; i < words.length; i++) bits |= words[i]!
  return (bits & 0x80808080) === 0
}

/** Whether these rows may be sampled from a window of `rows` rows. @throws JOB_SAMPLE_INVALID */
export function checkSample(sample: readonly number[], rows: number, limit: number): void {
  const refuse = (problem: string) => jobErrors.JOB_SAMPLE_INVALID({ problem })
  if (sample.length > limit) throw refuse(`${sample.length} rows asked for, at most ${limit} are allowed`)
  if (new Set(sample).size !== sample.length) throw refuse('a row is asked for twice')
  const outside = sample.find(row => !Number.isSafeInteger(row) || row < 0 || row >= rows)
  if (outside !== undefined) throw refuse(`row ${outside} is not below the row count ${rows}`)
}

/** The chunk whose proof does not lead to the root, or null when all do. */
export function chunkOutsideRoot(opened: readonly OpenedChunk[], rows: number, root: Uint8Array): number | null {
  const rootOf = createProofChecker(rows)
  const stray = opened.find(({ chunk, digests, proof }) => !rootOf(chunk, digests, proof).equals(root))
  return stray?.chunk ?? null
}

/** The digest of one row, from the chunk that holds it. */
export function openedDigest(opened: readonly OpenedChunk[], row: number): Uint8Array {
  const { digests } = opened.find(({ chunk }) => chunk === chunkOf(row))!
  const offset = (row % leafRows) * rowBytes
  return digests.subarray(offset, offset + rowBytes)
}

/** The openings of one row alone, cut from larger ones: what a seat forwards when that row is wrong. */
export function openingsOfRow(opened: readonly OpenedChunk[], row: number): Uint8Array {
  const { digests, proof } = opened.find(({ chunk }) => chunk === chunkOf(row))!
  return Uint8Array.from(Buffer.concat([Uint8Array.of(version), digests, ...proof]))
}
