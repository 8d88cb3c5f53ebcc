/** A seat's opening for a cohort: its words, and the tree by which a seat's owner commits to all of its openings. */
import { type Address, concat, encodeAbiParameters, type Hex, toHex } from 'viem'
import { keccak256 } from '../platform/keccak.ts'
import {
  allFlags,
  cohortLanes,
  creditBits,
  creditsPerWord,
  flagBits,
  fullUptime,
  laneBits,
  lanesPerWord,
  maxRateLane,
  rateWords,
} from '../protocol/constants.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import type { Network } from '../protocol/typed-data.ts'
import { type Flag, flagBit } from '../protocol/verdict.ts'

const flagsWord = 2 * rateWords
const rootWord = flagsWord + 1

/** A seat's word on one lane. `rate` is a minifloat lane value, `uptime` 0 to 10000, `flags` bits of {@link flagBit}. */
export type LaneOpening = { readonly rate: number; readonly uptime: number; readonly flags: number }

/** A seat's opening for a cohort: one entry per lane (missing entries are all zero) and the evidence root. */
export type Opening = { readonly lanes: readonly LaneOpening[]; readonly evidenceRoot: Hex }

/** The words as they are committed, sent and verified. */
export type OpeningWords = readonly [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]

const wordBytes = 32
/** Of a lane that has no device, or that a seat does not judge. */
export const emptyLane: LaneOpening = { rate: 0, uptime: 0, flags: 0 }

/** Packs rates or uptimes; the layout is drawn in constants.ts. */
export function packLanes(values: readonly number[]): [bigint, bigint, bigint, bigint] {
  const words: [bigint, bigint, bigint, bigint] = [0n, 0n, 0n, 0n]
  values.forEach((value, lane) => {
    words[Math.floor(lane / lanesPerWord)]! |= BigInt(value) << fieldAt(lane % lanesPerWord, laneBits)
  })
  return words
}

export const unpackLanes = (words: readonly bigint[]): number[] =>
  words.flatMap(word => Array.from({ length: lanesPerWord }, (_, lane) => field(word, lane, laneBits)))

/** Packs the flags of all lanes; the layout is drawn in constants.ts. */
export const packFlags = (flags: readonly number[]): bigint =>
  flags.reduce((word, value, lane) => word | (BigInt(value) << fieldAt(lane, flagBits)), 0n)

export const unpackFlags = (word: bigint): number[] =>
  Array.from({ length: cohortLanes }, (_, lane) => field(word, lane, flagBits))

/** The credits of a cohort's lanes, as the contracts pack them; the layout is drawn in constants.ts. */
export const unpackCredits = (words: readonly bigint[]): bigint[] =>
  Array.from({ length: cohortLanes }, (_, lane) =>
    bits(words[Math.floor(lane / creditsPerWord)]!, lane % creditsPerWord, creditBits),
  )

const fieldAt = (place: number, width: number): bigint => BigInt(place * width)
const bits = (word: bigint, place: number, width: number): bigint =>
  BigInt.asUintN(width, word >> fieldAt(place, width))
const field = (word: bigint, place: number, width: number): number => Number(bits(word, place, width))

/** @throws RangeError when a value does not fit its lane, so that a seat never commits to an opening that the contracts would refuse */
export function packOpening({ lanes, evidenceRoot }: Opening): OpeningWords {
  if (lanes.length > cohortLanes) throw new RangeError(`${lanes.length} lanes; a cohort has ${cohortLanes}`)
  lanes.forEach(({ rate, uptime, flags }, lane) => {
    inRange('rate', rate, maxRateLane, lane)
    inRange('uptime', uptime, fullUptime, lane)
    inRange('flags', flags, allFlags, lane)
  })
  return [
    ...packLanes(lanes.map(lane => lane.rate)),
    ...packLanes(lanes.map(lane => lane.uptime)),
    packFlags(lanes.map(lane => lane.flags)),
    BigInt(evidenceRoot),
  ]
}

function inRange(name: string, value: number, max: number, lane: number) {
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new RangeError(`${name} ${value} of lane ${lane} is outside 0..${max}`)
}

export function unpackOpening(words: OpeningWords): Opening {
  const rates = unpackLanes(words.slice(0, rateWords))
  const uptimes = unpackLanes(words.slice(rateWords, flagsWord))
  const flags = unpackFlags(words[flagsWord]!)
  return {
    lanes: rates.map((rate, lane) => ({ rate, uptime: uptimes[lane]!, flags: flags[lane]! })),
    evidenceRoot: toHex(words[rootWord]!, { size: wordBytes }),
  }
}

export const hasFlag = (flags: number, flag: Flag): boolean => (flags & flagBit[flag]) !== 0

/** The values that bind an opening to its owner, epoch and network. */
export type CommitmentScope = Network & { readonly epoch: number; readonly owner: Address; readonly salt: Hex }

/** A seat owner's commitment of an epoch: one tree over all of its openings. */
export type CommitmentTree = ReturnType<typeof buildCommitmentTree>

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
) {
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
    /** Siblings of the leaf of `cohort`, from the leaf up; as many as the depth. */
    proof: (cohort: number): Hex[] => Array.from({ length: depth }, (_, level) => at(level, (cohort >> level) ^ 1)),
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
