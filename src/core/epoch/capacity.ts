/**
 * What a device is paid by: one index of its three measures, of degree one, so that twice the card is twice the index and neither
 * splitting a card into registrations nor leaving one measure out is worth anything.
 *
 *     capacity = ⌊ ∛( T · M · min(R, τ · M) ) ⌋      T in Gop/s, M in MB/s, R and τ · M in MB, τ = 80 ms
 *
 * Means of the epoch come first and one root at the end, all of it in whole numbers, so that everybody gets the same.
 *
 * Why: docs/why/capacity.md
 * Why: docs/why/beats.md
 */
import { fullUptime, type RoundKindName, slotKinds } from '../protocol/constants.ts'
import type { Figures, Verdict } from '../protocol/verdict.ts'
import { encodeRateDown } from './minifloat.ts'

/** Means over an epoch's rounds, whole numbers. */
export type Measures = {
  /** T: integer operations in products of matrices, Mop/s. */
  readonly tensor: number
  /** M: bytes of memory read, MB/s. */
  readonly bandwidth: number
  /** R: bytes of memory filled, MB, as far as each round read them within τ, and no more than the smallest round and the median beat had. */
  readonly resident: number
}

/** τ: memory counts as far as it is read within this time, in milliseconds. A card's own is; a host's memory behind a bus is not. */
export const readWithinMs = 80n

/**
 * What counts of the memory that one round claims, in MB: no more than was read within τ. Before any mean, since a round that claims
 * much and reads nothing would else lend its claim to the others.
 */
export const residentOf = ({ resident = 0, bandwidth = 0 }: Figures): number =>
  Math.min(resident, Math.floor((bandwidth * Number(readWithinMs)) / 1_000))

/** The capacity of these measures, a whole number. */
export const capacityOf = (measures: Measures): bigint => cubeRootDown(productOf(measures) / 1_000_000n)

/** T · M · min(R, τ · M) in Mop/s, MB/s and kB. */
export const productOf = ({ tensor, bandwidth, resident }: Measures): bigint =>
  BigInt(tensor) * BigInt(bandwidth) * countedKilobytes({ bandwidth, resident })

/** min(R, τ · M) in kB. */
export function countedKilobytes({ bandwidth, resident }: Pick<Measures, 'bandwidth' | 'resident'>): bigint {
  const filled = 1_000n * BigInt(resident)
  const read = readWithinMs * BigInt(bandwidth)
  return filled < read ? filled : read
}

/** The lane value of these measures. */
export const laneRateOf = (measures: Measures): number => encodeRateDown(capacityOf(measures))

/** What a seat says of one round, as far as means are made of it. */
export type MeasuredRound = {
  readonly kind: RoundKindName
  readonly verdict: Verdict
  /** What the round is worth, by its kind; none unless `VALID`. */
  readonly figures: Figures
}

/**
 * Means over the rounds that a seat judged, rounded down, by the names of the kinds' figures: a round that the device missed is 0 in
 * them, one that the seat itself missed, or in which the device was busy, is left out. Null where it judged fewer than half of a kind's
 * other rounds, or a kind had none.
 *
 * @param beatShare - as in {@link import('../job/jobs.ts').Jobs}
 */
export function measuresOf(rounds: readonly MeasuredRound[], beatShare: number): Measures | null {
  const means: Record<string, number> = {}
  for (const kind of slotKinds) {
    const own = rounds.filter(round => round.kind === kind && round.verdict !== 'BUSY')
    const judged = own.filter(({ verdict }) => verdict !== 'CHECKER_FAULT')
    if (own.length === 0 || judged.length * 2 < own.length) return null
    for (const name of new Set(judged.flatMap(({ figures }) => Object.keys(figures))))
      means[name] = meanDown(judged.map(({ figures }) => countedOf(figures, name)))
  }
  const { tensor = 0, bandwidth = 0, resident = 0 } = means
  const shown = shownByDevice(rounds)?.resident ?? resident
  return { tensor, bandwidth, resident: Math.min(resident, shown, residentAtBeats(rounds, beatShare)) }
}

const meanDown = (of: readonly number[]): number => Math.floor(of.reduce((sum, each) => sum + each, 0) / of.length)

const countedOf = (figures: Figures, name: string): number =>
  name === 'resident' ? residentOf(figures) : (figures[name] ?? 0)

/** A beat counts from this share of the memory that the device's own memory rounds had, in percent; of the bandwidth the jobs say. */
const leastOfMemory = 95

const isMeasured = ({ verdict, figures }: MeasuredRound): boolean => verdict === 'VALID' && (figures.bandwidth ?? 0) > 0

/**
 * What beats are held to: the means of the memory rounds in which the device did something, rounded down; null where there is none. Of memory
 * what its smallest round had, since no more is paid: a device whose memory changes within the epoch keeps its beats.
 */
function shownByDevice(rounds: readonly MeasuredRound[]): Figures | null {
  const own = rounds.filter(round => round.kind === 'memory' && isMeasured(round))
  if (own.length === 0) return null
  const of = (name: string) => own.map(({ figures }) => figures[name] ?? 0)
  return { bandwidth: meanDown(of('bandwidth')), resident: Math.min(...of('resident')) }
}

/**
 * Memory that was there at the median of the beats that verify, the lower of two; no bound where none does. It counts as far as it is read
 * within τ at the bandwidth that a beat stands for: so beats that count never lower it by their bandwidth, and slower ones do.
 */
function residentAtBeats(rounds: readonly MeasuredRound[], beatShare: number): number {
  const there = rounds.filter(round => round.kind === 'beat' && isMeasured(round))
  const sorted = there
    .map(({ figures: { bandwidth = 0, resident = 0 } }) =>
      residentOf({ resident, bandwidth: Math.floor((bandwidth * 100) / beatShare) }),
    )
    .sort((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1] ?? Number.POSITIVE_INFINITY
}

/** Why a beat that verifies does not count: a stable code and a sentence. */
export type Shortfall = { readonly reason: 'BEAT_SLOW' | 'BEAT_SHRUNK'; readonly detail: string }

/**
 * Of each of an epoch's rounds, in their order, why it does not count although it verifies; null for all but beats. A beat is compared with
 * what the device showed in the memory rounds of the epoch in which it did something; where there is none, verifying is enough.
 */
export function shortfallsOf(rounds: readonly MeasuredRound[], beatShare: number): (Shortfall | null)[] {
  const own = shownByDevice(rounds)
  return rounds.map(round => {
    if (own === null || round.kind !== 'beat' || !isMeasured(round)) return null
    const of = (name: string) => [round.figures[name] ?? 0, own[name] ?? 0] as const
    const falls = (name: string, percent: number) => of(name)[0] * 100 < of(name)[1] * percent
    if (falls('resident', leastOfMemory))
      return {
        reason: 'BEAT_SHRUNK',
        detail: `The device held ${of('resident').join(' MB at the beat and ')} MB in the smallest of its memory rounds; ${leastOfMemory}% of that count.`,
      }
    if (falls('bandwidth', beatShare))
      return {
        reason: 'BEAT_SLOW',
        detail: `The device read ${of('bandwidth').join(' MB/s at the beat and ')} MB/s in its memory rounds; ${beatShare}% of that count.`,
      }
    return null
  })
}

export type Beats = {
  /** Of the epoch. */
  readonly beats: number
  /** The beats that the seat could judge, and of them those that count. */
  readonly judged: number
  readonly counted: number
}

export function beatsOf(rounds: readonly MeasuredRound[], beatShare: number): Beats {
  const shortfalls = shortfallsOf(rounds, beatShare)
  const beats = rounds.filter(({ kind }) => kind === 'beat')
  const counted = rounds.filter((round, at) => round.kind === 'beat' && isMeasured(round) && shortfalls[at] === null)
  return {
    beats: beats.length,
    judged: beats.filter(({ verdict }) => verdict !== 'CHECKER_FAULT').length,
    counted: counted.length,
  }
}

/** Beats that count of those that the seat judged, in 1/10000, rounded down; null where it judged fewer than half of them, or there was none. */
export function uptimeOf(rounds: readonly MeasuredRound[], beatShare: number): number | null {
  const { beats, judged, counted } = beatsOf(rounds, beatShare)
  return judged === 0 || judged * 2 < beats ? null : Math.floor((fullUptime * counted) / judged)
}

/** ⌊∛n⌋ by Newton's steps from above. */
export function cubeRootDown(n: bigint): bigint {
  if (n < 0n) throw new RangeError(`negative: ${n}`)
  if (n < 8n) return n === 0n ? 0n : 1n
  let root = 1n << BigInt(Math.ceil(n.toString(2).length / 3))
  for (;;) {
    const next = (2n * root + n / (root * root)) / 3n
    if (next >= root) return root
    root = next
  }
}
