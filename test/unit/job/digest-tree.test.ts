import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { proofLength, proofShape } from '../../../src/core/job/hash-tree.ts'
import {
  chunkCount,
  createLeafCollector,
  createProofChecker,
  leafHash,
  rowsInChunk,
} from '../../../src/core/job/tensor/digest-tree.ts'
import { runs } from '../../helpers/full-runs.ts'

const digestsOf = (rows: number, salt = 0) => new Uint8Array(rows * 32).map((_, i) => (i * 7 + salt) % 128)
const sha = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const u64 = (value: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')
/** Bytes of everything that is still reachable. */
const liveBytes = () => {
  // What the first finds is freed beside the program; the second waits for that.
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** The rule once more, recursively: an odd node moves up unchanged. */
function naiveRoot(rows: number, digests: Uint8Array): Buffer {
  if (rows === 0) return Buffer.alloc(32)
  let level: Buffer[] = []
  for (let chunk = 0; chunk * 64 < rows; chunk++)
    level.push(
      sha('kaisar/leaf/v1', u64(chunk), digests.subarray(chunk * 2048, Math.min((chunk + 1) * 2048, rows * 32))),
    )
  while (level.length > 1) {
    const above: Buffer[] = []
    for (let i = 0; i < level.length; i += 2)
      above.push(i + 1 === level.length ? level[i]! : sha('kaisar/node/v1', level[i]!, level[i + 1]!))
    level = above
  }
  return sha('kaisar/root/v1', u64(rows), level[0]!)
}

describe('digest tree', () => {
  it('the digest tree has the root of the plain rule, whatever the pieces in which digests arrive', () => {
    fc.assert(
      fc.property(fc.nat(900), fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 6 }), (rows, pieces) => {
        const digests = digestsOf(rows)
        const collector = createLeafCollector({ keepBytes: 1e9 })
        let offset = 0
        for (const piece of [...pieces, rows]) {
          collector.append(digests.subarray(offset * 32, (offset + piece) * 32))
          offset = Math.min(rows, offset + piece)
        }
        expect(collector.rows).toBe(rows)
        const tree = collector.finish()
        expect(tree.root.equals(naiveRoot(rows, digests))).toBe(true)
        for (let chunk = 0; chunk < chunkCount(rows); chunk++) {
          const kept = collector.digests(chunk)!
          expect(kept.length).toBe(rowsInChunk(rows, chunk) * 32)
          expect(createProofChecker(rows)(chunk, kept, tree.proof(chunk)).equals(tree.root)).toBe(true)
          expect(tree.proof(chunk)).toHaveLength(proofShape(chunkCount(rows), chunk).length)
        }
      }),
      { numRuns: runs(1000) },
    )
  })

  it('a proof of the digest tree holds for no other digest, chunk, row count or sibling', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), fc.nat(), fc.nat(), (rows, a, b, c) => {
        const collector = createLeafCollector({ keepBytes: 1e9 })
        collector.append(digestsOf(rows))
        const tree = collector.finish()
        const chunk = a % chunkCount(rows)
        const digests = Uint8Array.from(collector.digests(chunk)!)
        const proof = tree.proof(chunk)
        const longProof = [...proof, ...Array.from({ length: 12 }, () => Buffer.alloc(32))]
        const flipped = Uint8Array.from(digests, (byte, i) => (i === b % digests.length ? byte ^ 1 : byte))
        expect(createProofChecker(rows)(chunk, flipped, proof).equals(tree.root)).toBe(false)
        expect(createProofChecker(rows + 1 + (c % 64))(chunk, digests, longProof).equals(tree.root)).toBe(false)
        if (proof.length > 0) {
          const forged = proof.map((hash, i) => (i === c % proof.length ? leafHash(0, hash) : hash))
          expect(createProofChecker(rows)(chunk, digests, forged).equals(tree.root)).toBe(false)
          const neighbour = chunk === 0 ? 1 : chunk - 1
          expect(createProofChecker(rows)(neighbour, digests, longProof).equals(tree.root)).toBe(false)
        }
      }),
      { numRuns: runs(1000) },
    )
  })

  it('the digest tree judges each proof of several as if it were alone, whatever the others hold', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 65, max: 1500 }),
        fc.array(fc.record({ chunk: fc.nat(), forge: fc.boolean(), at: fc.nat() }), { minLength: 2, maxLength: 12 }),
        (rows, asked) => {
          const collector = createLeafCollector({ keepBytes: 1e9 })
          collector.append(digestsOf(rows))
          const tree = collector.finish()
          const rootOf = createProofChecker(rows)
          for (const { chunk: number, forge, at } of asked) {
            const chunk = number % chunkCount(rows)
            const digests = collector.digests(chunk)!
            const proof = tree
              .proof(chunk)
              .map((hash, i, { length }) => (forge && i === at % length ? leafHash(at, hash) : hash))
            const root = rootOf(chunk, digests, proof)
            expect(root.equals(createProofChecker(rows)(chunk, digests, proof))).toBe(true)
            expect(root.equals(tree.root)).toBe(!forge)
          }
        },
      ),
      { numRuns: runs(500) },
    )
  })

  it('the digest tree has the shape of its proofs beyond 2^32 chunks, too', () => {
    const rows = 2 ** 40
    expect(proofShape(chunkCount(rows), 2 ** 33 + 1)[0]).toEqual({ siblingIsLeft: true })
    for (const chunk of [0, 2 ** 31, 2 ** 33 + 1, 2 ** 34 - 1]) {
      expect(proofShape(chunkCount(rows), chunk)).toHaveLength(34)
      expect(proofLength(chunkCount(rows), chunk)).toBe(34)
    }
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.nat(), (rows, number) => {
        const leaves = chunkCount(rows)
        expect(proofLength(leaves, number % leaves)).toBe(proofShape(leaves, number % leaves).length)
      }),
    )
  })

  it('the digest tree keeps every leaf, and no more digests than it may', () => {
    const collector = createLeafCollector({ keepBytes: 2 * 2048 + 5 })
    collector.append(digestsOf(300))
    const tree = collector.finish()
    expect([0, 1, 2, 3, 4].map(chunk => collector.digests(chunk) !== null)).toEqual([true, true, false, false, false])
    expect(tree.root.equals(naiveRoot(300, digestsOf(300)))).toBe(true)
  })

  it('the digest tree takes 1 byte a row for leaves and tree, and 36 for digests that are kept', () => {
    const rows = 2 ** 20
    const piece = digestsOf(2 ** 14)
    const bytesPerRow = (keepBytes: number) => {
      const before = liveBytes()
      const collector = createLeafCollector({ keepBytes })
      for (let added = 0; added < rows; added += 2 ** 14) collector.append(piece)
      const tree = collector.finish()
      const perRow = (liveBytes() - before) / rows
      expect([collector.rows, tree.rows]).toEqual([rows, rows])
      return perRow
    }
    // Half a byte to spare, for what else the process keeps.
    expect(bytesPerRow(0)).toBeLessThan(1.5)
    expect(bytesPerRow(rows * 32)).toBeLessThan(1.5 + 36)
  })
})
