/**
 * The commitment to a window's states. State s is what s steps lead to; x_0 follows from the round and is not committed to.
 *
 *     leaf = SHA-256(x_s)                                                    K bytes, so that no leaf is a node
 *     node = SHA-256('kaisar/memory-node/v1' ‖ left ‖ right)                 a node without a sibling moves up unchanged
 *     mark = steps so far u64 ‖ top of the tree of the leaves since the last mark; 32 zero bytes where there are none
 *     root = SHA-256('kaisar/memory-root/v1' ‖ groups u32 ‖ marks u32 ‖ mark ‖ mark …)
 *
 * Integers are big-endian. A mark is sent when its time is over, so that what follows cannot be put before it any more. It has no
 * signature of its own: that of the commitment is over all of them, by the root.
 */
import { createHash } from 'node:crypto'
import { growHashTree, hashBytes, hashNodes, proofShape, sha256 } from '../hash-tree.ts'

export const markBytes = 8 + hashBytes
const nodeHash = hashNodes(Buffer.from('kaisar/memory-node/v1'))

export type Mark = {
  /** Steps from the start of the window to the end of this mark's time. */
  readonly steps: number
  /** Top of the tree of this mark's own leaves. */
  readonly top: Uint8Array
}

export const leafHash = (state: Uint8Array): Buffer => sha256(state)

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

/** A tree of the leaves of a mark. */
export const growLeafTree = () => growHashTree(nodeHash)
