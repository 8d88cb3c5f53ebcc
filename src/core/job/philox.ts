/**
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011): 16 bytes for every counter of 128 bits
 * under a key of 64, ten rounds of two 32-bit products. A graphics card, a CPU and a contract can all derive them.
 *
 *     counter      word 0         word 1      word 2             word 3
 *                ┌──────────────┬───────────┬──────────────────┬──────────────────────┐
 *                │ position ÷ 16│   line    │ matrix or group  │ layer · 2^8 + domain │      each u32
 *                └──────────────┴───────────┴──────────────────┴──────────────────────┘
 *     block        word 0 … word 3, little-endian: byte n is the one at position 16 · (position ÷ 16) + n of the line
 *     key          the first 8 bytes of a SHA-256 over what is bound, as two little-endian words
 *
 * A line runs along the inner dimension of a product: a column of weights, a row of a fill. So whoever checks one element of a
 * product derives two lines and nothing else. Nobody chooses a counter or a key that is drawn from, and what is made of the numbers
 * passes through the middle bits of products: statistical quality is what is asked of them, not a cipher's.
 *
 * Why: docs/why/memory-job.md
 */
import { createHash } from 'node:crypto'

export type PhiloxKey = readonly [number, number]
/** The four words of a counter, each u32. */
export type PhiloxCounter = readonly [number, number, number, number]

/** What is drawn, so that no two uses of a key share a counter. */
export const philoxDomain = { weights: 1, fill: 2, order: 3 } as const

/** Entries, of one byte each, of a block. */
export const blockEntries = 16

/** The key that is bound to these parts: their SHA-256, of which the first 8 bytes are used. */
export function philoxKey(...parts: readonly (string | Uint8Array)[]): PhiloxKey {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  const digest = hash.digest()
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)]
}

export const counterOf = (
  domain: keyof typeof philoxDomain,
  { block = 0, line = 0, item = 0, layer = 0 }: { block?: number; line?: number; item?: number; layer?: number },
): PhiloxCounter => [block, line, item, layer * 256 + philoxDomain[domain]]

/** Which word of the counter goes up by one from block to block. */
export type Along = 'block' | 'line'

/**
 * Writes the blocks of `blocks` successive counters to `words` from `at` on, 4 words each; a pass of the loop is one block.
 *
 * JavaScript has no high half of a 32-bit product. It is put together of 16-bit halves, none of whose sums reaches 2^32:
 *
 *     a · m = (ah · 2^16 + al) · (mh · 2^16 + ml)
 *     u     = ah · ml + (al · ml >> 16)
 *     v     = al · mh + (u mod 2^16)
 *     high  = ah · mh + (u >> 16) + (v >> 16)
 */
export function philox(
  [key0, key1]: PhiloxKey,
  [first0, first1, word2, word3]: PhiloxCounter,
  { blocks, along = 'block', words, at = 0 }: { blocks: number; along?: Along; words: Uint32Array; at?: number },
): void {
  const step0 = along === 'block' ? 1 : 0
  const step1 = 1 - step0
  for (let i = 0, out = at; i < blocks; i++, out += 4) {
    let c0 = (first0 + i * step0) | 0
    let c1 = (first1 + i * step1) | 0
    let c2 = word2 | 0
    let c3 = word3 | 0
    let k0 = key0 | 0
    let k1 = key1 | 0
    for (let round = 0; round < 10; round++) {
      const al = c0 & 0xffff
      const ah = c0 >>> 16
      const u = (Math.imul(ah, 0x1f53) + (Math.imul(al, 0x1f53) >>> 16)) | 0
      const v = (Math.imul(al, 0xd251) + (u & 0xffff)) | 0
      const high0 = (Math.imul(ah, 0xd251) + (u >>> 16) + (v >>> 16)) | 0
      const low0 = Math.imul(c0, 0xd2511f53)
      const bl = c2 & 0xffff
      const bh = c2 >>> 16
      const s = (Math.imul(bh, 0x8d57) + (Math.imul(bl, 0x8d57) >>> 16)) | 0
      const t = (Math.imul(bl, 0xcd9e) + (s & 0xffff)) | 0
      const high1 = (Math.imul(bh, 0xcd9e) + (s >>> 16) + (t >>> 16)) | 0
      c2 = high0 ^ c3 ^ k1
      c3 = low0
      c0 = high1 ^ c1 ^ k0
      c1 = Math.imul(bl | (bh << 16), 0xcd9e8d57)
      k0 = (k0 + 0x9e3779b9) | 0
      k1 = (k1 + 0xbb67ae85) | 0
    }
    words[out] = c0
    words[out + 1] = c1
    words[out + 2] = c2
    words[out + 3] = c3
  }
}
