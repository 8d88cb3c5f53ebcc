/**
 * The evidence root of a seat's opening: a keccak256 tree over one leaf per lane and round, number lane × maxRounds + ordinal,
 *
 *   leaf = keccak256(abi.encode(round, commitmentHash, reason))     node = keccak256(left ‖ right)
 *
 * of depth ⌈log2(cohort's lanes × maxRounds)⌉, padded with zero leaves. EpochConsensus checks the same when it audits a seat.
 *
 * Why: docs/why/evidence.md
 */
import { bytesToHex, concatBytes, type Hex, hexToBytes, stringToHex } from 'viem'
import { keccak256 } from '../platform/keccak.ts'
import { atOnce, type Sliced } from '../platform/slices.ts'
import { cohortLanes } from '../protocol/constants.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { reportErrors } from './errors.ts'

export type EvidenceLeaf = {
  /** Trigger block hash; zero where the epoch had no round of that ordinal. */
  readonly round: Hex
  /** Digest of the device's Commitment; zero where the device did no work that this seat could judge. */
  readonly commitmentHash: Hex
  /** The verdict's stable code as {@link reasonWord}; where the leaf claims work, the seat's witness that it recomputed the rows. */
  readonly reason: Hex
}

/** A verdict's reason code as bytes32: left-aligned ASCII, at most 32 characters. */
export function reasonWord(reason: string): Hex {
  if (!/^[\x20-\x7e]{0,32}$/.test(reason))
    throw reportErrors.REPORT_EVIDENCE_INVALID({
      problem: `the reason "${reason}" is not ASCII of at most 32 characters`,
    })
  return stringToHex(reason, { size: 32 })
}

/** The leaf of an ordinal in which the epoch had no round, or of a lane without a device. */
export const noRound: EvidenceLeaf = { round: zeroBytes32, commitmentHash: zeroBytes32, reason: reasonWord('NO_ROUND') }

/**
 * The leaf of a round that a seat gave a verdict on. It claims work only where the seat counted something for it: then an audit asks for
 * the signed commitment, and in place of the reason, which is always that all is equal, stands what only who recomputed it knows.
 */
export function leafOfVerdict(
  round: Hex,
  seen: {
    readonly figures: Readonly<Record<string, number>>
    readonly reason: string
    readonly commitmentHash: Hex | null
    readonly witness: Hex | null
  },
): EvidenceLeaf {
  const { figures, reason, commitmentHash, witness } = seen
  const claims = Object.values(figures).some(figure => figure > 0)
  return {
    round,
    commitmentHash: (claims ? commitmentHash : null) ?? zeroBytes32,
    reason: (claims ? witness : null) ?? reasonWord(reason),
  }
}

const bytesOfLeaf = ({ round, commitmentHash, reason }: EvidenceLeaf): Uint8Array =>
  concatBytes([round, commitmentHash, reason].map(word => hexToBytes(word, { size: 32 })))

export const hashEvidenceLeaf = (leaf: EvidenceLeaf): Hex => keccak256(bytesOfLeaf(leaf))

export const evidenceDepth = (maxRounds: number): number => Math.ceil(Math.log2(cohortLanes * maxRounds))

const hashBytes = 32

export type EvidenceTree = {
  readonly root: Hex
  /** All hashes of the tree, 32 bytes each: the root is number 1, and below number n are 2n and 2n + 1. Proofs need nothing else. */
  readonly nodes: Uint8Array
  leaf(lane: number, ordinal: number): EvidenceLeaf
  /** Siblings of that leaf, from the leaf up. */
  proof(lane: number, ordinal: number): Hex[]
}

/** Hashes of a tree between two pauses: some milliseconds. A tree of production has 12,799. */
export const hashesOfSlice = 256

/** keccak256 of these bytes. */
export type Hash = (bytes: Uint8Array) => Uint8Array
const keccak: Hash = bytes => keccak256(bytes, 'bytes')

/** `leafOf(lane, ordinal)` gives each leaf; null means {@link noRound}. @throws REPORT_EVIDENCE_INVALID */
export function* slicedEvidenceTree(
  maxRounds: number,
  leafOf: (lane: number, ordinal: number) => EvidenceLeaf | null,
  hash: Hash = keccak,
): Sliced<EvidenceTree> {
  if (!Number.isInteger(maxRounds) || maxRounds < 1 || maxRounds > 255)
    throw reportErrors.REPORT_EVIDENCE_INVALID({ problem: `${maxRounds} rounds an epoch, 1 to 255 are possible` })
  const leaves = Array.from({ length: cohortLanes * maxRounds }, (_, number) => {
    const lane = Math.floor(number / maxRounds)
    return leafOf(lane, number % maxRounds) ?? noRound
  })
  const ofLeaf = new Map<EvidenceLeaf, Uint8Array>()
  const width = 2 ** evidenceDepth(maxRounds)
  const nodes = new Uint8Array(2 * width * hashBytes)
  let hashes = 0
  for (const [number, leaf] of leaves.entries()) {
    let own = ofLeaf.get(leaf)
    if (own === undefined) {
      if (hashes++ % hashesOfSlice === hashesOfSlice - 1) yield
      own = hash(bytesOfLeaf(leaf))
      ofLeaf.set(leaf, own)
    }
    nodes.set(own, hashBytes * (width + number))
  }
  for (let n = width - 1; n > 0; n--) {
    if (hashes++ % hashesOfSlice === hashesOfSlice - 1) yield
    const below = nodes.subarray(2 * n * hashBytes, 2 * (n + 1) * hashBytes)
    nodes.set(hash(below), n * hashBytes)
  }
  return {
    nodes,
    root: nodeOf(nodes, 1),
    leaf: (lane, ordinal) => leaves[leafNumber(maxRounds, lane, ordinal)]!,
    proof: (lane, ordinal) => evidenceProof(nodes, maxRounds, lane, ordinal),
  }
}

/** {@link slicedEvidenceTree} without a pause. */
export const buildEvidenceTree = (
  maxRounds: number,
  leafOf: (lane: number, ordinal: number) => EvidenceLeaf | null,
): EvidenceTree => atOnce(slicedEvidenceTree(maxRounds, leafOf))

const nodeOf = (nodes: Uint8Array, n: number): Hex => bytesToHex(nodes.subarray(n * hashBytes, (n + 1) * hashBytes))

function leafNumber(maxRounds: number, lane: number, ordinal: number): number {
  if (lane < 0 || lane >= cohortLanes || ordinal < 0 || ordinal >= maxRounds)
    throw reportErrors.REPORT_EVIDENCE_INVALID({ problem: `there is no leaf of lane ${lane} and round ${ordinal}` })
  return lane * maxRounds + ordinal
}

/** Siblings of a leaf, from the leaf up. `nodes`: those of the tree. @throws REPORT_EVIDENCE_INVALID */
export function evidenceProof(nodes: Uint8Array, maxRounds: number, lane: number, ordinal: number): Hex[] {
  const proof: Hex[] = []
  for (let n = nodes.length / (2 * hashBytes) + leafNumber(maxRounds, lane, ordinal); n > 1; n >>= 1)
    proof.push(nodeOf(nodes, n ^ 1))
  return proof
}

/** The root that a leaf and its proof lead to, as the contract computes it. */
export function evidenceRootFromProof(leaf: EvidenceLeaf, number: number, proof: readonly Hex[]): Hex {
  let node = hexToBytes(hashEvidenceLeaf(leaf))
  proof.forEach((sibling, level) => {
    const other = hexToBytes(sibling, { size: 32 })
    const pair = (number >> level) & 1 ? [other, node] : [node, other]
    node = keccak256(concatBytes(pair), 'bytes')
  })
  return bytesToHex(node)
}
