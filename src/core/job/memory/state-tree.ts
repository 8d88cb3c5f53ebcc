/**
 * The commitment to a window's states. State s is what s steps lead to; x_0 follows from the round and is not committed to.
 *
 *     leaf = SHA-256(x_s)                                                    K bytes, so that no leaf is a node
 *     node = SHA-256('kaisar/memory-node/v1' ‖ left ‖ right)                 a node without a sibling moves up unchanged
 *     mark = steps so far u64 ‖ top of the tree of the leaves since the last mark; 32 zero bytes where there are none
 *     root = SHA-256('kaisar/memory-root/v1' ‖ groups u32 ‖ marks u32 ‖ mark ‖ mark …)
 *
 * Integers are big-endian. A mark is signed when its second is over, so that what follows cannot be put before it any more.
 */
import { createHash, hash } from 'node:crypto'

export const hashBytes = 32
export const markBytes = 8 + hashBytes
const nodeDomain = Buffer.from('kaisar/memory-node/v1')

export type Mark = {
  /** Steps from the start of the window to the end of this mark's time. */
  readonly steps: number
  /** Top of the tree of this mark's own leaves. */
  readonly top: Uint8Array
}

export const leafHash = (state: Uint8Array): Buffer => hash('sha256', state, 'buffer')

function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(nodeDomain.length + 2 * hashBytes)
  input.set(nodeDomain)
  input.set(left, nodeDomain.length)
  input.set(right, nodeDomain.length + hashBytes)
  return hash('sha256', input, 'buffer')
}

export function encodeMarks(marks: readonly Mark[]): Buffer {
  const encoded = Buffer.alloc(marks.length * markBytes)
  marks.forEach(({ steps, top }, index) => {
    encoded.writeBigUInt64BE(BigInt(steps), index * markBytes)
    encoded.set(top, index * markBytes + 8)
  })
  return encoded
}

/** Numbers of steps above 2^53 come out rounded, and are no less above every limit. */
export function decodeMarks(bytes: Uint8Array): Mark[] {
  const buffer = Buffer.from(bytes)
  return Array.from({ length: bytes.length / markBytes }, (_, index) => ({
    steps: Number(buffer.readBigUInt64BE(index * markBytes)),
    top: buffer.subarray(index * markBytes + 8, (index + 1) * markBytes),
  }))
}

/** `encoded`: the marks as they are sent. */
export function rootOfMarks(groups: number, encoded: Uint8Array): Buffer {
  const counts = Buffer.alloc(8)
  counts.writeUInt32BE(groups)
  counts.writeUInt32BE(encoded.length / markBytes, 4)
  return createHash('sha256').update('kaisar/memory-root/v1').update(counts).update(encoded).digest()
}

export const memoryRoot = (groups: number, marks: readonly Mark[]): Buffer => rootOfMarks(groups, encodeMarks(marks))

/** Where the leaf of state `state` is: its mark, its place among that mark's leaves, and how many these are. States count from 1. */
export function placeOf(marks: readonly Mark[], state: number): { mark: number; place: number; leaves: number } {
  const mark = marks.findIndex(({ steps }) => state <= steps)
  const before = mark === 0 ? 0 : marks[mark - 1]!.steps
  return { mark, place: state - before - 1, leaves: marks[mark]!.steps - before }
}

/** Which siblings the proof of a place among so many leaves has, from the leaf up. */
export function proofShape(leaves: number, place: number): { readonly siblingIsLeft: boolean }[] {
  const shape: { siblingIsLeft: boolean }[] = []
  for (let count = leaves, at = place; count > 1; count = Math.ceil(count / 2), at = Math.floor(at / 2))
    if ((at ^ 1) < count) shape.push({ siblingIsLeft: at % 2 === 1 })
  return shape
}

/** The top that a leaf and its proof lead to. */
export function topFromProof(
  leaves: number,
  place: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array {
  return proofShape(leaves, place).reduce(
    (node, { siblingIsLeft }, level) => (siblingIsLeft ? nodeHash(proof[level]!, node) : nodeHash(node, proof[level]!)),
    leaf,
  )
}

export type LeafTree = {
  readonly leaves: number
  readonly top: Uint8Array
  /** Siblings of this leaf, from the leaf up. */
  proof(place: number): Uint8Array[]
}

/** Hashes of 32 bytes, one after the other. */
function createHashes() {
  let bytes = Buffer.allocUnsafeSlow(128 * hashBytes)
  let count = 0
  return {
    get count() {
      return count
    },
    at: (place: number): Uint8Array => bytes.subarray(place * hashBytes, (place + 1) * hashBytes),
    push(hash: Uint8Array) {
      if (count * hashBytes === bytes.length) bytes = Buffer.concat([bytes], 2 * bytes.length)
      bytes.set(hash, count++ * hashBytes)
    },
  }
}

/** A tree that grows with its leaves, so that nothing is left to be hashed when a window ends. */
export function growLeafTree() {
  const levels = [createHashes()]
  function push(height: number, hash: Uint8Array): void {
    const level = levels[height] ?? createHashes()
    levels[height] = level
    level.push(hash)
    if (level.count % 2 === 0) push(height + 1, nodeHash(level.at(level.count - 2), hash))
  }
  return {
    append: (leaf: Uint8Array): void => push(0, leaf),
    finish(): LeafTree {
      // What has no sibling moves up unchanged.
      for (let height = 0; levels[height]!.count > 1; height++) {
        const { count, at } = levels[height]!
        if (count % 2 === 1) push(height + 1, Buffer.from(at(count - 1)))
      }
      const [leaves] = levels
      return {
        leaves: leaves!.count,
        top: leaves!.count === 0 ? Buffer.alloc(hashBytes) : levels.at(-1)!.at(0),
        proof: place =>
          levels.slice(0, -1).flatMap(({ count, at }, height) => {
            const sibling = Math.floor(place / 2 ** height) ^ 1
            return sibling < count ? [at(sibling)] : []
          }),
      }
    },
  }
}
