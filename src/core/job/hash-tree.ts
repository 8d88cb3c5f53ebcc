/**
 * Trees of hashes: two nodes make the one above them, and a node without a sibling moves up unchanged. Each kind of round says what its leaves
 * and its root are, and which domain its nodes have.
 */
import { createHash, hash } from 'node:crypto'

export const hashBytes = 32

/** By way of text: Node asks the system for the memory of each buffer that it returns itself, which takes longer than the hash. */
export const sha256 = (bytes: Uint8Array): Buffer => Buffer.from(hash('sha256', bytes, 'binary'), 'binary')

/** The same of several parts, one behind the other; text counts as UTF-8. */
export const sha256Of = (...parts: readonly (string | NodeJS.ArrayBufferView)[]): Buffer =>
  parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest()

/** The node above two others: SHA-256(domain ‖ left ‖ right). */
export type HashNodes = (left: Uint8Array, right: Uint8Array) => Buffer

export const hashNodes =
  (domain: Buffer): HashNodes =>
  (left, right) => {
    const input = Buffer.allocUnsafe(domain.length + 2 * hashBytes)
    input.set(domain)
    input.set(left, domain.length)
    input.set(right, domain.length + hashBytes)
    return sha256(input)
  }

/** Not by XOR, which would cut a place to 32 bits: there may be 2^34 leaves. */
export const siblingOf = (place: number): number => (place % 2 === 0 ? place + 1 : place - 1)

/** Which siblings the proof of a place among so many leaves has, from the leaf up. */
export function proofShape(leaves: number, place: number): { readonly siblingIsLeft: boolean }[] {
  const shape: { siblingIsLeft: boolean }[] = []
  for (let count = leaves, at = place; count > 1; count = Math.ceil(count / 2), at = Math.floor(at / 2))
    if (siblingOf(at) < count) shape.push({ siblingIsLeft: at % 2 === 1 })
  return shape
}

/** How many siblings the proof has: the length of {@link proofShape}, without making it. */
export function proofLength(leaves: number, place: number): number {
  let length = 0
  for (let count = leaves, at = place; count > 1; count = Math.ceil(count / 2), at = Math.floor(at / 2))
    if (siblingOf(at) < count) length++
  return length
}

export type HashTree = {
  readonly leaves: number
  /** The node above all leaves; 32 zero bytes where there are none. */
  readonly top: Buffer
  /** Siblings of this leaf, from the leaf up. */
  proof(place: number): Buffer[]
}

/** Hashes one after the other in one buffer: one of their own would cost each some hundred bytes more. */
function createHashList() {
  let bytes = Buffer.allocUnsafeSlow(128 * hashBytes)
  let count = 0
  return {
    get count() {
      return count
    },
    at: (place: number): Buffer => bytes.subarray(place * hashBytes, (place + 1) * hashBytes),
    push(hash: Uint8Array) {
      if (count * hashBytes === bytes.length) bytes = Buffer.concat([bytes], 2 * bytes.length)
      bytes.set(hash, count++ * hashBytes)
    },
    /** Takes no more memory than the hashes do, when no more come. */
    trim() {
      bytes = Buffer.concat([bytes], count * hashBytes)
    },
  }
}

/** A tree that grows with its leaves, so that nothing is left to be hashed when a window ends. */
export function growHashTree(nodes: HashNodes) {
  const levels = [createHashList()]
  function push(height: number, hash: Uint8Array): void {
    const level = levels[height] ?? createHashList()
    levels[height] = level
    level.push(hash)
    if (level.count % 2 === 0) push(height + 1, nodes(level.at(level.count - 2), hash))
  }
  return {
    get leaves() {
      return levels[0]!.count
    },
    append: (leaf: Uint8Array): void => push(0, leaf),
    finish(): HashTree {
      // What has no sibling moves up unchanged.
      for (let height = 0; levels[height]!.count > 1; height++) {
        const { count, at } = levels[height]!
        if (count % 2 === 1) push(height + 1, Buffer.from(at(count - 1)))
      }
      for (const level of levels) level.trim()
      const leaves = levels[0]!.count
      return {
        leaves,
        top: leaves === 0 ? Buffer.alloc(hashBytes) : levels.at(-1)!.at(0),
        proof: place =>
          levels.slice(0, -1).flatMap(({ count, at }, height) => {
            const sibling = siblingOf(Math.floor(place / 2 ** height))
            return sibling < count ? [at(sibling)] : []
          }),
      }
    },
  }
}
