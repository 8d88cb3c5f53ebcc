/**
 * The commitment to a window's digests. 64 rows share a leaf:
 *
 *   leaf = SHA-256('kaisar/leaf/v1' ‖ chunk u64 ‖ digests)      the last leaf holds only the rows there are
 *   node = SHA-256('kaisar/node/v1' ‖ left ‖ right)             a node without a sibling moves up unchanged
 *   root = SHA-256('kaisar/root/v1' ‖ rows u64 ‖ top)           the row count fixes the shape of the tree
 *
 * No rows: the root is 32 zero bytes. Integers are big-endian.
 */
import { growHashTree, hashBytes, hashNodes, sha256, siblingOf } from '../hash-tree.ts'
import { leafRows, rowBytes } from './tensor-spec.ts'

const leafBytes = leafRows * rowBytes
/** Leaves whose digests are kept in one piece of memory. */
const slabLeaves = 64
const leafDomain = Buffer.from('kaisar/leaf/v1')
const leafPrefixBytes = leafDomain.length + 8
const nodeDomain = Buffer.from('kaisar/node/v1')
const nodePrefixBytes = nodeDomain.length
const nodeBytes = nodePrefixBytes + 2 * hashBytes
const rootDomain = Buffer.from('kaisar/root/v1')

/** More rows than any window can hold; a commitment above it is refused before anything is computed from it. */
export const rowsLimit = 2 ** 40

export const chunkCount = (rows: number): number => Math.ceil(rows / leafRows)
/** Rows of this chunk of a window of `rows` rows. */
export const rowsInChunk = (rows: number, chunk: number): number => Math.min(leafRows, rows - chunk * leafRows)
export const chunkOf = (row: number): number => Math.floor(row / leafRows)

/** `digests`: [1 to 64, 32] bytes. */
export function leafHash(chunk: number, digests: Uint8Array): Buffer {
  const input = leafInput(chunk)
  input.set(digests, leafPrefixBytes)
  return sha256(input.subarray(0, leafPrefixBytes + digests.length))
}

/** What is hashed for a leaf, with room for the digests of all its rows. */
function leafInput(chunk: number): Buffer {
  const input = Buffer.allocUnsafeSlow(leafPrefixBytes + leafBytes)
  input.set(leafDomain)
  input.writeBigUInt64BE(BigInt(chunk), leafDomain.length)
  return input
}

function rootHash(rows: number, top: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(rootDomain.length + 8 + hashBytes)
  input.set(rootDomain)
  input.writeBigUInt64BE(BigInt(rows), rootDomain.length)
  input.set(top, rootDomain.length + 8)
  return sha256(input)
}

/**
 * The root that a leaf and its proof lead to, for chunks of one tree. `proof`: as many hashes as {@link import('../hash-tree.ts').proofShape} has entries. Paths meet:
 * a node that an earlier proof came by with the same children has the same hash and is not hashed again. With other children it is, so
 * that each proof is judged as if it were alone.
 */
export function createProofChecker(
  rows: number,
): (chunk: number, digests: Uint8Array, proof: readonly Uint8Array[]) => Buffer {
  const chunks = chunkCount(rows)
  const input = Buffer.allocUnsafe(leafPrefixBytes + leafBytes)
  /** By level and place, the last children seen and their hash. */
  const known = new Map<number, { readonly children: Buffer; readonly hash: Buffer }>()
  let top: Buffer | null = null
  let root: Buffer = Buffer.alloc(hashBytes)

  /** The parent of the two nodes that `input` holds. */
  function parent(key: number): Buffer {
    const earlier = known.get(key)
    if (earlier !== undefined && input.compare(earlier.children, 0, 2 * hashBytes, nodePrefixBytes, nodeBytes) === 0)
      return earlier.hash
    const nodeInput = input.subarray(0, nodeBytes)
    const hash = sha256(nodeInput)
    known.set(key, { children: Buffer.from(nodeInput.subarray(nodePrefixBytes)), hash })
    return hash
  }

  return (chunk, digests, proof) => {
    input.set(leafDomain)
    input.writeBigUInt64BE(BigInt(chunk), leafDomain.length)
    input.set(digests, leafPrefixBytes)
    let node = sha256(input.subarray(0, leafPrefixBytes + digests.length))
    input.set(nodeDomain)
    let used = 0
    let base = chunks
    for (let count = chunks, position = chunk; count > 1; count = Math.ceil(count / 2)) {
      const isRight = position % 2 === 1
      if (siblingOf(position) < count) {
        const sibling = proof[used++]!
        input.set(isRight ? sibling : node, nodePrefixBytes)
        input.set(isRight ? node : sibling, nodePrefixBytes + hashBytes)
        node = parent(base + (position - (position % 2)) / 2)
      }
      position = Math.floor(position / 2)
      base += Math.ceil(count / 2)
    }
    if (top === null || !top.equals(node)) {
      top = node
      root = rootHash(rows, node)
    }
    return root
  }
}

export type DigestTree = {
  readonly rows: number
  readonly root: Buffer
  /** Sibling hashes of this chunk's leaf, from the leaf up. */
  proof(chunk: number): Buffer[]
}

export type LeafCollector = ReturnType<typeof createLeafCollector>

/** Hashes leaves as digests arrive, keeps the first `keepBytes` of digests and 32 bytes per leaf. */
export function createLeafCollector({ keepBytes }: { readonly keepBytes: number }) {
  const most = Math.floor(keepBytes / leafBytes)
  const slabs: Uint8Array[] = []
  const tree = growHashTree(hashNodes(nodeDomain))
  const input = leafInput(0)
  let filled = 0
  let rows = 0

  const closeLeaf = () => {
    const digests = input.subarray(leafPrefixBytes, leafPrefixBytes + filled)
    const chunk = tree.leaves
    if (chunk < most) {
      if (chunk % slabLeaves === 0) slabs.push(Buffer.allocUnsafeSlow(slabLeaves * leafBytes))
      slabs.at(-1)!.set(digests, (chunk % slabLeaves) * leafBytes)
    }
    tree.append(sha256(input.subarray(0, leafPrefixBytes + filled)))
    input.writeBigUInt64BE(BigInt(tree.leaves), leafDomain.length)
    rows += filled / rowBytes
    filled = 0
  }
  return {
    get rows(): number {
      return rows + filled / rowBytes
    },
    /** Adds the digests of the next rows, [m, 32] bytes. */
    append(digests: Uint8Array): void {
      for (let offset = 0; offset < digests.length; ) {
        const taken = Math.min(leafBytes - filled, digests.length - offset)
        input.set(digests.subarray(offset, offset + taken), leafPrefixBytes + filled)
        filled += taken
        offset += taken
        if (filled === leafBytes) closeLeaf()
      }
    },
    /** The digests of a chunk, or null when they were beyond the memory allowed and have to be computed again. */
    digests(chunk: number): Uint8Array | null {
      if (chunk >= most || chunk >= chunkCount(rows)) return null
      const offset = (chunk % slabLeaves) * leafBytes
      return slabs[Math.floor(chunk / slabLeaves)]!.subarray(offset, offset + rowsInChunk(rows, chunk) * rowBytes)
    },
    /** Hashes the last leaf and builds the tree: 1 byte a row, its leaves included. */
    finish(): DigestTree {
      if (filled > 0) closeLeaf()
      const { top, proof } = tree.finish()
      return { rows, root: rows === 0 ? top : rootHash(rows, top), proof }
    },
  }
}
