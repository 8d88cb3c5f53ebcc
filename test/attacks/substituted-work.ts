/** Provers that compute something else: cheaper arithmetic, or an answer that belongs to another job. */
import { referenceDigests } from '../../src/core/job/tensor/reference-digests.ts'
import { rowInput } from '../../src/core/job/tensor/row-input.ts'
import { createWeights, type Weights } from '../../src/core/job/tensor/weights.ts'
import { seedOf } from '../../src/core/report/commitment.ts'
import { type Arena, commitTo, hashOf, type Identity, network, spec, windowRows } from './arena.ts'
import type { Attack } from './attack.ts'
import { chain, each, middle, product, type Row } from './plain-job.ts'
import { significant, toleranceTrap } from './tolerance.ts'

/** Weights as a cheaper number format keeps them. */
const rounded = (weights: Weights, round: (value: number) => number): Weights => ({
  spec: weights.spec,
  embed: weights.embed.map(round),
  layers: weights.layers.map(layer => layer.map(round)),
  reduce: weights.reduce.map(round),
})
/** Four bits: multiples of 8 in [-64, 56]. */
const int4 = (value: number): number => Math.max(-64, Math.min(56, Math.round(value / 8) * 8))
/** E4M3: three bits after the leading one. */
const fp8 = (value: number): number => {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.abs(value) || 1)) - 3)
  return Math.round(value / step) * step
}

const substitute = (name: string, round: (value: number) => number): Attack => ({
  name: `low-precision substitute, ${name}`,
  how: 'driven',
  formula: '1: a row is right by chance in about 128^-32',
  expected: 1,
  seeds: 100,
  attempt: (arena, seed) => isCaught(arena, seed, inputs => referenceDigests(rounded(arena.weights, round), inputs)),
})

/** Whether all five seats reject what a prover makes of its 64 inputs. */
async function isCaught(arena: Arena, seed: number, digests: (inputs: Uint8Array) => Uint8Array): Promise<boolean> {
  const identity = arena.identity(seed)
  const inputs = rowInput(seedOf(network, identity), 0, 64)
  return (await arena.trial(identity, commitTo(digests(inputs)), seed)).passed === 0
}

/**
 * Every entry is exact in int8 and bf16, so that only the sums can be made cheaper: kept to this many significant bits, as a
 * bf16 (8) or fp16 (11) accumulator keeps them.
 */
const shortSums = (name: string, bits: number): Attack => ({
  name: `sums kept in ${name}`,
  how: 'driven',
  formula: '1: the middle bits are what such a sum loses',
  expected: 1,
  seeds: 50,
  attempt: (arena, seed) =>
    isCaught(arena, seed, inputs =>
      each(inputs, x =>
        chain(arena.weights).reduce<Row>(
          (value, matrix) => product(value, matrix).map(sum => middle(significant(sum, bits))),
          x,
        ),
      ),
    ),
})

/** The model of another epoch, the inputs of this job. */
const anotherEpoch: Attack = {
  name: 'answers under another epoch seed',
  how: 'driven',
  formula: '1: every weight differs',
  expected: 1,
  seeds: 50,
  attempt: (arena, seed) =>
    isCaught(arena, seed, inputs => referenceDigests(createWeights(spec, hashOf('another epoch', seed)), inputs)),
}

const anotherJob = (name: string, change: (identity: Identity, seed: number) => Identity): Attack => ({
  name: `answers for another ${name}`,
  how: 'driven',
  formula: '1: every row differs but by chance of 128^-32',
  expected: 1,
  seeds: 200,
  async attempt(arena, seed) {
    const identity = arena.identity(seed)
    const digests = await arena.digests(change(identity, seed))
    return (await arena.trial(identity, commitTo(digests), seed)).passed === 0
  },
})

/** The verifier sees the openings; a wrong digest byte is enough, so an honest tree under one wrong byte per row is the nearest miss. */
const nearMiss: Attack = {
  name: 'every row wrong in one bit',
  how: 'driven',
  formula: '1: equality is the test, there is no tolerance',
  expected: 1,
  seeds: 200,
  async attempt(arena: Arena, seed) {
    const identity = arena.identity(seed)
    const digests = (await arena.digests(identity)).map((byte, i) => (i % 32 === seed % 32 ? byte ^ 1 : byte))
    return (await arena.trial(identity, commitTo(digests), seed)).passed === 0
  },
}

export const substitutedWork: Attack[] = [
  substitute('int4', int4),
  substitute('fp8', fp8),
  shortSums('bf16', 8),
  shortSums('fp16', 11),
  ...toleranceTrap,
  anotherEpoch,
  anotherJob('spec', identity => ({ ...identity, specHash: hashOf('another spec') })),
  anotherJob('device', identity => ({ ...identity, deviceId: hashOf('another device') })),
  anotherJob('generation', identity => ({ ...identity, generation: identity.generation + 1 })),
  anotherJob('round', (identity, seed) => ({ ...identity, round: hashOf('round', seed + windowRows) })),
  nearMiss,
]
