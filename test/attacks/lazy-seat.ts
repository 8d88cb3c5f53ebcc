/**
 * Seats that do not recompute: they take the openings of a device that most likely is honest, agree with the public medians, and put
 * something else than their witness into the evidence leaf. An audit draws one of a seat's rounds; whoever then fetches the bundle of
 * that round recomputes the witness and compares it with the leaf.
 */
import type { Hex } from 'viem'
import { decodeBundle, type EvidenceBundle, encodeBundle } from '../../src/core/report/evidence-bundle.ts'
import { reasonWord } from '../../src/core/report/evidence-root.ts'
import { verifyBundle } from '../../src/core/report/verify-bundle.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { type Arena, commitTo, hashOf } from './arena.ts'
import { type Attack, atLeast } from './attack.ts'
import { judgedBy, openSeat } from './seat.ts'

/** What an honest seat keeps of a round with an honest device. */
async function honestBundle(arena: Arena, seed: number, index: number): Promise<EvidenceBundle> {
  const seat = openSeat(arena, index)
  try {
    const identity = arena.identity(seed)
    const prover = commitTo(await arena.digests(identity, 128))
    const { verdict, evidence } = await judgedBy(seat, identity, await arena.commit(identity, prover), prover.open)
    if (verdict !== 'VALID') throw new Error(`an honest device is ${verdict}`)
    return seat.bundle(evidence!)
  } finally {
    seat.close()
  }
}

/** Whether an auditor who saw this leaf on chain, and fetched this bundle, finds that the seat did not recompute. */
async function isFound(arena: Arena, leaf: Hex, bundle: EvidenceBundle): Promise<boolean> {
  const fetched = decodeBundle(encodeBundle(bundle))
  const verified = await verifyBundle(fetched, { openVerifier: async () => arena.verifiers.fp32, shownWitness: leaf })
  return !verified.ok
}

/** What a lazy seat has without recomputing a row. */
const guesses: Record<string, (arena: Arena, seed: number) => Promise<Hex>> = {
  'a number of its own': async (_, seed) => hashOf('guess', seed),
  'the witness of another seat': async (arena, seed) => (await honestBundle(arena, seed, 1)).witness!,
  'its own witness of another round': async (arena, seed) => (await honestBundle(arena, seed + 7, 0)).witness!,
  'the reason that leaves had before': async () => reasonWord('ROWS_EQUAL'),
}

const lazy = ([what, guess]: [string, (typeof guesses)[string]]): Attack => ({
  name: `lazy seat, ${what}`,
  how: 'driven',
  formula: '1: of the inner activations nothing follows from what a device opens',
  expected: 1,
  seeds: 50,
  async attempt(arena, seed) {
    const leaf = await guess(arena, seed)
    return isFound(arena, leaf, { ...(await honestBundle(arena, seed, 0)), witness: leaf })
  },
})

/** Recomputes half of its rounds, and is audited this often. */
const halfLazy = (audits: number): Attack => ({
  name: `lazy seat in half of its rounds, ${audits} ${audits === 1 ? 'audit' : 'audits'}`,
  how: 'driven',
  formula: '1 − (1 − ε)^a: each audit draws one of its rounds',
  expected: atLeast(1, audits, 0.5),
  seeds: 100,
  async attempt(arena, seed) {
    const random = seededRandom(seed + 1_000_003 * audits)
    for (let audit = 0; audit < audits; audit++) {
      const bundle = await honestBundle(arena, seed * audits + audit, 0)
      const leaf = random() < 0.5 ? hashOf('guess', seed, audit) : bundle.witness!
      if (await isFound(arena, leaf, { ...bundle, witness: leaf })) return true
    }
    return false
  },
})

export const lazySeats: Attack[] = [
  ...Object.entries(guesses).map(lazy),
  halfLazy(1),
  halfLazy(3),
  {
    name: 'lazy seat (weakened: leaves that carry the reason alone)',
    how: 'driven',
    formula: '0: everybody knows the reason',
    expected: 0,
    seeds: 50,
    async attempt(arena, seed) {
      const { witness: _, ...old } = await honestBundle(arena, seed, 0)
      const verified = await verifyBundle(decodeBundle(encodeBundle(old)), {
        openVerifier: async () => arena.verifiers.fp32,
      })
      return !verified.ok
    },
  },
  {
    name: 'honest seat',
    how: 'driven',
    formula: '0: whoever recomputes has the same bits',
    expected: 0,
    seeds: 100,
    async attempt(arena, seed) {
      const bundle = await honestBundle(arena, seed, 0)
      return isFound(arena, bundle.witness!, bundle)
    },
  },
]
