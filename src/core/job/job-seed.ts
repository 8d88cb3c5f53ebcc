/** What fixes a device's job for a round, and which of its rows a seat will ask for. SHA-256 over fixed-width fields. */
import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import { hexToBytes } from '../platform/hex.ts'
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
  return createHash('sha256')
    .update('kaisar/job/v1')
    .update(numbers.subarray(0, 8))
    .update(hexToBytes(round, 32))
    .update(hexToBytes(deviceId, 32))
    .update(numbers.subarray(8))
    .update(hexToBytes(specHash, 32))
    .digest()
}

export type SampleIdentity = { readonly secret: Hex; readonly root: Hex; readonly samplingBlockHash: Hex }

/**
 * min(t, rows) distinct rows in ascending order, uniform over all such sets. Words of 8 bytes, big-endian, are read from the
 * keystream of SHA-256('kaisar/sample/v1' ‖ secret ‖ root ‖ sampling block hash); a word that would bias the draw is skipped.
 */
export function sampleRows({ samples }: Pick<TensorSpec, 'samples'>, rows: number, identity: SampleIdentity): number[] {
  if (rows <= samples) return Array.from({ length: rows }, (_, row) => row)
  const seed = createHash('sha256')
    .update('kaisar/sample/v1')
    .update(hexToBytes(identity.secret, 32))
    .update(hexToBytes(identity.root, 32))
    .update(hexToBytes(identity.samplingBlockHash, 32))
    .digest()
  const bound = BigInt(rows)
  const unbiased = (1n << 64n) - ((1n << 64n) % bound)
  const drawn = new Set<number>()
  const wordsPerRead = 2 * samples
  for (let read = 0; drawn.size < samples; read++) {
    const words = Buffer.from(keystream(seed, (read * wordsPerRead) / 2, wordsPerRead * 8))
    for (let offset = 0; offset < words.length && drawn.size < samples; offset += 8) {
      const word = words.readBigUInt64BE(offset)
      if (word < unbiased) drawn.add(Number(word % bound))
    }
  }
  return [...drawn].sort((a, b) => a - b)
}
