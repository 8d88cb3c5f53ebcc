import { concat, type Hex, sliceHex, toHex } from 'viem'
import { type Flag, flagBit } from '../protocol/verdict.ts'

/** Lanes of a cohort, each of at most one device. */
export const cohortLanes = 64
/** Uptime of a device that answered every heartbeat. */
export const fullUptime = 10_000
/** Words of an opening: 4 of rates, 4 of uptimes, 1 of flags, 1 evidence root. */
const openingWords = 10
const lanesPerWord = 16
const laneBits = 16n
const flagBits = 4n

/** A seat's word on one lane. `rate` is a minifloat lane value, `uptime` 0 to 10000, `flags` bits of {@link flagBit}. */
export type LaneOpening = { readonly rate: number; readonly uptime: number; readonly flags: number }

/** A seat's opening for a cohort: one entry per lane (missing entries are all zero) and the evidence root. */
export type Opening = { readonly lanes: readonly LaneOpening[]; readonly evidenceRoot: Hex }

/** The ten words as they are committed, sent and verified. */
export type OpeningWords = readonly [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]

const emptyLane: LaneOpening = { rate: 0, uptime: 0, flags: 0 }

/** Lane `i` is 16 bits at bit `16 × (i mod 16)` of word `i ÷ 16`. */
export function packLanes(values: readonly number[]): [bigint, bigint, bigint, bigint] {
  const words: [bigint, bigint, bigint, bigint] = [0n, 0n, 0n, 0n]
  values.forEach((value, lane) => {
    words[Math.floor(lane / lanesPerWord)]! |= BigInt(value) << (laneBits * BigInt(lane % lanesPerWord))
  })
  return words
}

export const unpackLanes = (words: readonly bigint[]): number[] =>
  words.flatMap(word =>
    Array.from({ length: lanesPerWord }, (_, lane) => Number((word >> (laneBits * BigInt(lane))) & 0xffffn)),
  )

/** Lane `i`'s four flags are at bit `4 × i`. */
export const packFlags = (flags: readonly number[]): bigint =>
  flags.reduce((word, value, lane) => word | (BigInt(value) << (flagBits * BigInt(lane))), 0n)

export const unpackFlags = (word: bigint): number[] =>
  Array.from({ length: cohortLanes }, (_, lane) => Number((word >> (flagBits * BigInt(lane))) & 0xfn))

/** @throws RangeError when a value does not fit its lane, so that a seat never commits to an opening that the contracts would refuse */
export function packOpening({ lanes, evidenceRoot }: Opening): OpeningWords {
  if (lanes.length > cohortLanes) throw new RangeError(`${lanes.length} lanes; a cohort has ${cohortLanes}`)
  lanes.forEach(({ rate, uptime, flags }, lane) => {
    inRange('rate', rate, 0x7fff, lane)
    inRange('uptime', uptime, fullUptime, lane)
    inRange('flags', flags, 0xf, lane)
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
  const rates = unpackLanes(words.slice(0, 4))
  const uptimes = unpackLanes(words.slice(4, 8))
  const flags = unpackFlags(words[8])
  return {
    lanes: rates.map((rate, lane) => ({ ...emptyLane, rate, uptime: uptimes[lane]!, flags: flags[lane]! })),
    evidenceRoot: toHex(words[9], { size: 32 }),
  }
}

export const hasFlag = (flags: number, flag: Flag): boolean => (flags & flagBit[flag]) !== 0

/** The ten words as 320 bytes. */
export const openingBytes = (words: OpeningWords): Hex => concat(words.map(word => toHex(word, { size: 32 })))

/** The words of 320 opening bytes; `null` for any other length. */
export function wordsOfBytes(bytes: Hex): OpeningWords | null {
  if (bytes.length !== 2 + openingWords * 64) return null
  const words = Array.from({ length: openingWords }, (_, i) => BigInt(sliceHex(bytes, i * 32, (i + 1) * 32)))
  // The length was checked above, which the type of an array does not show.
  return words as unknown as OpeningWords
}
