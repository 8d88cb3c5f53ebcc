/**
 * What a device is paid by: one index of its three measures, of degree one, so that twice the card is twice the index and neither
 * splitting a card into registrations nor leaving one measure out is worth anything.
 *
 *     capacity = ⌊ ∛( T · M · min(R, τ · M) ) ⌋      T in Gop/s, M in MB/s, R and τ · M in MB, τ = 80 ms
 *
 * Means of the epoch come first and one root at the end, all of it in whole numbers, so that everybody gets the same.
 *
 * Why: docs/why/capacity.md
 */
import { fullUptime, type RoundKindName, roundKinds } from '../protocol/constants.ts'
import type { Figures, Verdict } from '../protocol/verdict.ts'
import { encodeRateDown } from './minifloat.ts'

/** Means over an epoch's rounds, whole numbers. */
export type Measures = {
  /** T: integer operations in products of matrices, Mop/s. */
  readonly tensor: number
  /** M: bytes of memory read, MB/s. */
  readonly bandwidth: number
  /** R: bytes of memory filled, MB, as far as each round read them within τ. */
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
 */
export function measuresOf(rounds: readonly MeasuredRound[]): Measures | null {
  const means: Record<string, number> = {}
  for (const kind of roundKinds) {
    const own = rounds.filter(round => round.kind === kind && round.verdict !== 'BUSY')
    const judged = own.filter(({ verdict }) => verdict !== 'CHECKER_FAULT')
    if (own.length === 0 || judged.length * 2 < own.length) return null
    for (const name of new Set(judged.flatMap(({ figures }) => Object.keys(figures))))
      means[name] = Math.floor(judged.reduce((sum, { figures }) => sum + countedOf(figures, name), 0) / judged.length)
  }
  return { tensor: 0, bandwidth: 0, resident: 0, ...means }
}

const countedOf = (figures: Figures, name: string): number =>
  name === 'resident' ? residentOf(figures) : (figures[name] ?? 0)

/** Heartbeats answered of those asked, in 1/10000, rounded down; null where a seat asked for none. */
export const uptimeOf = ({ asked, answered }: { readonly asked: number; readonly answered: number }): number | null =>
  asked === 0 ? null : Math.floor((fullUptime * answered) / asked)

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
