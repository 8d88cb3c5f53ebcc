import { type Address, concat, encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { zeroBytes32 } from '../protocol/primitives.ts'
import type { Network } from '../protocol/typed-data.ts'
import type { OpeningWords } from './opening.ts'

/** The values that bind an opening to its owner, epoch and network. */
export type CommitmentScope = Network & { readonly epoch: number; readonly owner: Address; readonly salt: Hex }

/** A seat owner's commitment of an epoch: one tree over all of its openings. */
export type CommitmentTree = {
  readonly root: Hex
  /** Siblings of the leaf of `cohort`, from the leaf up; as many as the depth. */
  proof(cohort: number): Hex[]
}

const leafTypes = [
  { type: 'uint256' },
  { type: 'address' },
  { type: 'uint64' },
  { type: 'address' },
  { type: 'uint32' },
  { type: 'bytes32' },
  { type: 'uint256[10]' },
] as const

/** The leaf of an opening, as `EpochConsensus.openingLeaf`. */
export const openingLeaf = (
  { chainId, consensus, epoch, owner, salt }: CommitmentScope,
  cohort: number,
  words: OpeningWords,
): Hex =>
  keccak256(encodeAbiParameters(leafTypes, [BigInt(chainId), consensus, BigInt(epoch), owner, cohort, salt, words]))

/** ⌈log2(cohorts)⌉: the same for all owners of an epoch. */
export const commitmentDepth = (cohorts: number): number => (cohorts <= 1 ? 0 : 32 - Math.clz32(cohorts - 1))

/**
 * Builds the tree whose leaf number `cohort` is that cohort's opening; leaves of cohorts that the owner does not judge are zero.
 * Only the paths to the owner's leaves are hashed, so the cost does not grow with the cohorts of the network.
 *
 * @throws RangeError for a cohort that has no leaf at this depth
 */
export function buildCommitmentTree(
  scope: CommitmentScope,
  openings: ReadonlyMap<number, OpeningWords>,
  depth: number,
): CommitmentTree {
  const levels: Map<number, Hex>[] = [new Map()]
  for (const [cohort, words] of openings) {
    if (cohort >= 2 ** depth) throw new RangeError(`cohort ${cohort} has no leaf in a tree of depth ${depth}`)
    levels[0]!.set(cohort, openingLeaf(scope, cohort, words))
  }
  const empty: Hex[] = [zeroBytes32]
  const at = (level: number, index: number): Hex => levels[level]!.get(index) ?? empty[level]!
  for (let level = 0; level < depth; level++) {
    empty.push(hashPair(empty[level]!, empty[level]!))
    const parents = new Set([...levels[level]!.keys()].map(index => index >> 1))
    levels.push(new Map([...parents].map(i => [i, hashPair(at(level, 2 * i), at(level, 2 * i + 1))])))
  }
  return {
    root: at(depth, 0),
    proof: cohort => Array.from({ length: depth }, (_, level) => at(level, (cohort >> level) ^ 1)),
  }
}

/** The root that a leaf, its number and its siblings give. */
const rootOfPath = (leaf: Hex, index: number, proof: readonly Hex[]): Hex =>
  proof.reduce<Hex>(
    (node, sibling, level) => ((index >> level) & 1 ? hashPair(sibling, node) : hashPair(node, sibling)),
    leaf,
  )

/**
 * Whether an opening is the one that its owner committed to; `commitment` is the root, or its first 28 bytes, which the chain keeps. The
 * proof must be as long as the epoch's trees are deep, since a proof of another length could prove another opening by the same root.
 */
export const isCommitted = (
  scope: CommitmentScope,
  cohort: number,
  opening: { readonly words: OpeningWords; readonly proof: readonly Hex[] },
  { root, depth }: { readonly root: Hex; readonly depth: number },
): boolean =>
  opening.proof.length === depth &&
  cohort < 2 ** depth &&
  rootOfPath(openingLeaf(scope, cohort, opening.words), cohort, opening.proof).startsWith(root)

const hashPair = (left: Hex, right: Hex): Hex => keccak256(concat([left, right]))
