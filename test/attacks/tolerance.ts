/**
 * Why equality is the test. A scheme on real numbers cannot compare bits, since every kernel sums in another order, and allows a
 * relative error instead: entries in [0, 1) kept in eight bits stay below it, because their errors average out over a long sum.
 */
import { seededRandom } from '../helpers/seeded-random.ts'
import type { Attack } from './attack.ts'

const width = 2048
const columns = 32
const rows = 8
const rtol = 5e-4

/** The number with this many significant bits. */
export function significant(value: number, bits: number): number {
  if (value === 0) return 0
  const step = 2 ** (Math.floor(Math.log2(Math.abs(value))) - bits + 1)
  return Math.round(value / step) * step
}

const formats: Record<string, (value: number) => number> = {
  int8: value => Math.round(value * 255) / 255,
  bf16: value => significant(value, 8),
}

/** Sampled rows of A · B, computed from entries as the prover and as the verifier keep them; true when `differ` sees a difference. */
function rowsDiffer(
  seed: number,
  round: (value: number) => number,
  differ: (honest: number, other: number) => boolean,
) {
  const random = seededRandom(seed)
  const matrix = (length: number) => Float64Array.from({ length }, random)
  const [a, b] = [matrix(rows * width), matrix(width * columns)]
  const [cheapA, cheapB] = [a.map(round), b.map(round)]
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      let [honest, cheap] = [0, 0]
      for (let k = 0; k < width; k++) {
        honest += a[row * width + k]! * b[k * columns + column]!
        cheap += cheapA[row * width + k]! * cheapB[k * columns + column]!
      }
      if (differ(honest, cheap)) return true
    }
  return false
}

const trap = (name: string, formula: string, expected: number, differ: (honest: number, other: number) => boolean) =>
  Object.entries(formats).map(
    ([format, round]): Attack => ({
      name: `${format} instead of fp32, real numbers (${name})`,
      how: 'computed',
      formula,
      expected,
      seeds: 20,
      attempt: async (_, seed) => rowsDiffer(seed, round, differ),
    }),
  )

export const toleranceTrap: Attack[] = [
  ...trap(
    `weakened: rtol ${rtol}`,
    '0: the errors of 2,048 products average to a fraction of the tolerance',
    0,
    (honest, other) => Math.abs(honest - other) > rtol * Math.abs(honest),
  ),
  ...trap('equality', '1: the last bits differ', 1, (honest, other) => Math.fround(honest) !== Math.fround(other)),
]
