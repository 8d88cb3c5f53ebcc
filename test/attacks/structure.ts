/**
 * Provers that use the structure of the job instead of doing it. Each is run against a deliberately weakened job, where it must go
 * unnoticed (so the test can see), and against the real one.
 */
import { rowInput } from '../../src/core/job/tensor/row-input.ts'
import { rowBytes } from '../../src/core/job/tensor/tensor-spec.ts'
import type { Weights } from '../../src/core/job/tensor/weights.ts'
import { seedOf } from '../../src/core/report/commitment.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { type Arena, commitTo, network, spec } from './arena.ts'
import type { Attack } from './attack.ts'
import { chain, each, join, type Matrix, middle, product, type Row } from './plain-job.ts'

const { width, weights: distinct } = spec
const rows = 64

// --- Low bits: y mod 128 is a ring homomorphism, so the whole chain is one 32 × 32 matrix.

/** y mod 128, in [-64, 63]. */
const lowBits = (sum: number): number => ((((sum + 64) % 128) + 128) % 128) - 64
const lowBitsJob = (weights: Weights, inputs: Uint8Array): Uint8Array =>
  each(inputs, x => chain(weights).reduce<Row>((value, matrix) => product(value, matrix).map(lowBits), x))

/** The chain multiplied out once: then a row costs 32 × 32 instead of 2·K²·L. */
function shortCut(weights: Weights, inputs: Uint8Array, phi: (sum: number) => number): Uint8Array {
  const identity = Array.from({ length: rowBytes }, (_, i) =>
    Array.from({ length: rowBytes }, (_, j) => Number(i === j)),
  )
  const multiplied = chain(weights).reduce<Row[]>(
    (left, matrix) => left.map(row => product(row, matrix).map(lowBits)),
    identity,
  )
  const whole = { rows: rowBytes, columns: rowBytes, entries: Int8Array.from(multiplied.flat()) }
  return each(inputs, x => product(x, whole).map(phi))
}

// --- Hankel: entries that depend on i + j alone make the product a convolution.

const hankel = (values: Int8Array, { rows: inner, columns }: Matrix): Matrix => ({
  rows: inner,
  columns,
  entries: Int8Array.from({ length: inner * columns }, (_, at) => values[Math.floor(at / columns) + (at % columns)]!),
})
/** The 2K − 1 values of a matrix if it were Hankel: its first row, then its last column. */
const antiDiagonals = ({ rows: inner, columns, entries }: Matrix): Int8Array =>
  Int8Array.from({ length: inner + columns - 1 }, (_, at) =>
    at < columns ? entries[at]! : entries[(at - columns + 1) * columns + columns - 1]!,
  )

/** x · Hankel(values) by one multiplication of long integers (Kronecker), which is below n² operations. */
function convolution(x: Row, values: Int8Array, columns: number): number[] {
  const digit = 24n
  const pack = (numbers: readonly number[]) => numbers.reduceRight((sum, value) => (sum << digit) | BigInt(value), 0n)
  const long = pack([...x].reverse().map(value => value + 64)) * pack([...values].map(value => value + 63))
  const sumOfX = x.reduce((sum, value) => sum + value, 0)
  return Array.from({ length: columns }, (_, column) => {
    const raw = Number((long >> (digit * BigInt(x.length - 1 + column))) & ((1n << digit) - 1n))
    const window = values.subarray(column, column + x.length).reduce((sum, value) => sum + value, 0)
    return raw - 63 * sumOfX - 64 * window - 64 * 63 * x.length
  })
}
const hankelChain = (weights: Weights): Matrix[] => chain(weights).map(matrix => hankel(antiDiagonals(matrix), matrix))
const hankelJob = (weights: Weights, inputs: Uint8Array): Uint8Array => {
  const matrices = hankelChain(weights)
  return each(inputs, x => matrices.reduce<Row>((value, matrix) => product(value, matrix).map(middle), x))
}
const hankelShortCut = (weights: Weights, inputs: Uint8Array): Uint8Array => {
  const steps = chain(weights).map(matrix => ({ values: antiDiagonals(matrix), columns: matrix.columns }))
  return each(inputs, x =>
    steps.reduce<Row>((value, { values, columns }) => convolution(value, values, columns).map(middle), x),
  )
}

/** Compares, as a verifier of the weakened job would: are the prover's digests those of the job? */
const differs = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) !== 0

type Job = (weights: Weights, inputs: Uint8Array) => Uint8Array
function againstBoth(name: string, weakening: string, weakJob: Job, attack: Job): Attack[] {
  const inputs = (arena: Arena, seed: number) => rowInput(seedOf(network, arena.identity(seed)), 0, rows)
  return [
    {
      name: `${name} (weakened: ${weakening})`,
      how: 'computed',
      formula: '0: the weakened job has this structure',
      expected: 0,
      seeds: 20,
      attempt: async (arena, seed) =>
        differs(attack(arena.weights, inputs(arena, seed)), weakJob(arena.weights, inputs(arena, seed))),
    },
    {
      name,
      how: 'driven',
      formula: '1: a digest byte agrees by chance in 1 of 128',
      expected: 1,
      seeds: 50,
      attempt: async (arena, seed) => {
        const digests = attack(arena.weights, inputs(arena, seed))
        return (await arena.trial(arena.identity(seed), commitTo(digests), seed)).passed === 0
      },
    },
  ]
}

// --- Checkpoints: layers are committed, and single segments sampled. Weights are shared by all rows.

const checkpoints = 32
const checkpointSamples = 16

/**
 * The weakened scheme: a row commits to the state after every layer, a seat samples (row, layer) and recomputes one step. The prover
 * sets the first checkpoint of every row to one garbage row, computes onward once, and copies.
 */
const checkpointAttack: Attack = {
  name: `checkpoints (weakened: ${checkpoints} committed layers, ${checkpointSamples} sampled steps)`,
  how: 'computed',
  formula: '1 − (1 − 1/32)^16: only the first step of a row is wrong',
  expected: 1 - (1 - 1 / checkpoints) ** checkpointSamples,
  seeds: 400,
  async attempt(arena, seed) {
    const random = seededRandom(seed)
    const matrix = (step: number): Matrix => ({
      rows: width,
      columns: width,
      entries: arena.weights.layers[step % distinct]!,
    })
    const states = [Array.from({ length: width }, () => Math.floor(random() * 128) - 64)]
    for (let step = 1; step < checkpoints; step++) states.push(product(states[step - 1]!, matrix(step)).map(middle))
    const committed = (_row: number, step: number) => states[step]!
    const start = (row: number) => Array.from({ length: width }, (_, i) => ((row * 37 + i * 11) % 128) - 64)
    for (let sample = 0; sample < checkpointSamples; sample++) {
      const row = Math.floor(random() * 1_000)
      const step = Math.floor(random() * checkpoints)
      const before = step === 0 ? start(row) : committed(row, step - 1)
      const recomputed = product(before, matrix(step)).map(middle)
      if (recomputed.some((value, i) => value !== committed(row, step)[i])) return true
    }
    return false
  },
}
/** The same prover against the real scheme, where a row is its whole chain: one digest, copied to every row. */
const copiedChain: Attack = {
  name: 'checkpoints',
  how: 'driven',
  formula: '1: a row is its whole chain; of 8 sampled rows at most one is right',
  expected: 1,
  seeds: 100,
  async attempt(arena, seed) {
    const identity = arena.identity(seed)
    const one = await arena.digests(identity, 1)
    const digests = join(Array.from({ length: rows }, () => one))
    return (await arena.trial(identity, commitTo(digests), seed)).passed === 0
  },
}

// --- Checks beside the root: a vector that the prover sends proves nothing about what it committed to.

/**
 * A scheme for C = A · B that asks for r · C with a random r and compares it with (r · A) · B. The prover commits to a garbage C and answers
 * with that product, in n² operations instead of n³. `tied`: the verifier also compares the vector with the committed C.
 */
const vectorAttack = (tied: boolean): Attack => ({
  name: tied ? 'C · r tied to the committed C' : 'C · r beside the root (weakened: not tied to the committed C)',
  how: 'computed',
  formula: tied ? '1: garbage · r is another vector' : '0: A · (B · r) needs no C',
  expected: tied ? 1 : 0,
  seeds: 20,
  async attempt(arena, seed) {
    const random = seededRandom(seed)
    const square = (entries: Int8Array): Matrix => ({ rows: width, columns: width, entries })
    const [a, b] = [square(arena.weights.layers[0]!), square(arena.weights.layers[1]!)]
    const committed = square(Int8Array.from({ length: width * width }, () => Math.floor(random() * 128) - 64))
    const r = Array.from({ length: width }, () => Math.floor(random() * 128) - 64)
    const answer = product(product(r, a), b)
    const differsFrom = (vector: Row) => answer.some((value, i) => value !== vector[i])
    return differsFrom(product(product(r, a), b)) || (tied && differsFrom(product(r, committed)))
  },
})

export const structure: Attack[] = [
  ...againstBoth('low bits homomorphism', 'y mod 128 instead of the middle bits', lowBitsJob, (weights, inputs) =>
    shortCut(weights, inputs, lowBits),
  ),
  ...againstBoth('Hankel product by convolution', 'entries that depend on i + j', hankelJob, hankelShortCut),
  checkpointAttack,
  copiedChain,
  vectorAttack(false),
  vectorAttack(true),
]
