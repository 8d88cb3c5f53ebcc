import { concat, type Hex, sliceHex, toHex } from 'viem'
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
  openingWords,
  rateWords,
} from '../protocol/constants.ts'
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
const emptyLane: LaneOpening = { rate: 0, uptime: 0, flags: 0 }

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
    lanes: rates.map((rate, lane) => ({ ...emptyLane, rate, uptime: uptimes[lane]!, flags: flags[lane]! })),
    evidenceRoot: toHex(words[rootWord]!, { size: wordBytes }),
  }
}

export const hasFlag = (flags: number, flag: Flag): boolean => (flags & flagBit[flag]) !== 0

/** The words of an opening as bytes. */
export const openingBytes = (words: OpeningWords): Hex => concat(words.map(word => toHex(word, { size: wordBytes })))

/** The words of an opening's bytes; `null` for any other length. */
export function wordsOfBytes(bytes: Hex): OpeningWords | null {
  if (bytes.length !== 2 + openingWords * 2 * wordBytes) return null
  const words = Array.from({ length: openingWords }, (_, i) =>
    BigInt(sliceHex(bytes, i * wordBytes, (i + 1) * wordBytes)),
  )
  // The length was checked above, which the type of an array does not show.
  return words as unknown as OpeningWords
}
