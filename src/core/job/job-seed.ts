/** What fixes a device's job for a round, and which of its rows a seat will ask for. SHA-256 over fixed-width fields. */
import type { Hex } from 'viem'
import { hexToBytes } from '../platform/hex.ts'
import { sha256Of } from './hash-tree.ts'
import { keystream } from './keystream.ts'
import type { TensorSpec } from './tensor/tensor-spec.ts'

export type JobIdentity = {
  readonly chainId: number
  /** The trigger block's hash. */
  readonly round: Hex
  readonly deviceId: Hex
  readonly generation: number
  readonly specHash: Hex
}

/** seed = SHA-256('kaisar/job/v1' ‖ chainId u64 ‖ round ‖ device id ‖ generation u32 ‖ spec hash): 32 bytes. */
export function jobSeed({ chainId, round, deviceId, generation, specHash }: JobIdentity): Uint8Array {
  const numbers = Buffer.alloc(12)
  numbers.writeBigUInt64BE(BigInt(chainId), 0)
  numbers.writeUInt32BE(generation, 8)
  return sha256Of(
    'kaisar/job/v1',
    numbers.subarray(0, 8),
    hexToBytes(round, 32),
    hexToBytes(deviceId, 32),
    numbers.subarray(8),
    hexToBytes(specHash, 32),
  )
}

export type SampleIdentity = { readonly secret: Hex; readonly root: Hex; readonly samplingBlockHash: Hex }

/** SHA-256(domain ‖ secret ‖ root ‖ sampling block hash): what the samples of a commitment are drawn by. */
export const sampleSeed = (domain: string, { secret, root, samplingBlockHash }: SampleIdentity): Uint8Array =>
  sha256Of(domain, ...[secret, root, samplingBlockHash].map(part => hexToBytes(part, 32)))

/**
 * Numbers below `bound`, uniform, without end: words of 8 bytes, big-endian, of the seed's keystream, modulo `bound`; a word that would
 * bias the draw is skipped. So many words, an even number, are read at a time.
 */
export function* drawBelow(bound: bigint, seed: Uint8Array, wordsPerRead: number): Generator<number, never> {
  const unbiased = (1n << 64n) - ((1n << 64n) % bound)
  for (let read = 0; ; read++) {
    const words = Buffer.from(keystream(seed, (read * wordsPerRead) / 2, wordsPerRead * 8))
    for (let offset = 0; offset < words.length; offset += 8) {
      const word = words.readBigUInt64BE(offset)
      if (word < unbiased) yield Number(word % bound)
    }
  }
}

/** min(t, rows) distinct rows in ascending order, uniform over all such sets: drawn one after the other by 'kaisar/sample/v1'. */
export function sampleRows({ samples }: Pick<TensorSpec, 'samples'>, rows: number, identity: SampleIdentity): number[] {
  if (rows <= samples) return Array.from({ length: rows }, (_, row) => row)
  const drawn = new Set<number>()
  const draws = drawBelow(BigInt(rows), sampleSeed('kaisar/sample/v1', identity), 2 * samples)
  while (drawn.size < samples) drawn.add(draws.next().value)
  return [...drawn].sort((a, b) => a - b)
}
