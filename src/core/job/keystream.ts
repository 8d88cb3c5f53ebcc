/**
 * The one source of pseudorandom bytes of a job: AES-128-CTR with key = seed[0..16) and initial counter block = seed[16..32),
 * big-endian. Block i is AES(key, (IV + i) mod 2^128), so any position can be read without the ones before it.
 *
 * Why: docs/why/work-proof.md
 */
import { createCipheriv, createSecretKey } from 'node:crypto'
import { bytesToHex } from '../platform/hex.ts'

const blockBytes = 16
const counterMask = (1n << 128n) - 1n

const keyOf = (seed: Uint8Array) => {
  if (seed.length !== 32) throw new TypeError(`keystream: a seed has 32 bytes, not ${seed.length}`)
  // Bytes as a key are first tried as every other kind of key, which takes four times as long as a short stream.
  return createSecretKey(seed.subarray(0, blockBytes))
}

const counterBlock = (counter: bigint): Buffer =>
  Buffer.from((counter & counterMask).toString(16).padStart(32, '0'), 'hex')

/** `length` bytes of the stream, from block `firstBlock` on. */
export function keystream(seed: Uint8Array, firstBlock: number, length: number): Uint8Array {
  const iv = seed.subarray(blockBytes)
  const first = firstBlock === 0 ? iv : counterBlock(BigInt(bytesToHex(iv)) + BigInt(firstBlock))
  return createCipheriv('aes-128-ctr', keyOf(seed), first).update(new Uint8Array(length))
}

/** The same bytes at scattered places: for each entry of `firstBlocks`, `blocks` whole blocks, concatenated. One cipher for all. */
export function keystreamAt(seed: Uint8Array, firstBlocks: readonly number[], blocks: number): Uint8Array {
  const key = keyOf(seed)
  const initial = Buffer.from(seed.subarray(blockBytes))
  const words = [12, 8, 4, 0].map(at => initial.readUInt32BE(at))
  const counters = Buffer.allocUnsafe(firstBlocks.length * blocks * blockBytes)
  let offset = 0
  for (const first of firstBlocks)
    for (let block = 0; block < blocks; block++, offset += blockBytes) {
      // The sum in words of 32 bits, lowest first: what is left of a block's number and the carry stay below 2^53.
      let carry = first + block
      for (const [i, word] of words.entries()) {
        const sum = carry + word
        counters.writeUInt32BE(sum % 2 ** 32, offset + 12 - 4 * i)
        carry = Math.floor(sum / 2 ** 32)
      }
    }
  return createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(counters)
}
