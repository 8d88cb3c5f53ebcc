/** Provers that compute well and cheat in what they say. */
import { acceptCommitment, openCheck } from '../../src/core/checker/round/check.ts'
import { leafRows } from '../../src/core/job/tensor/tensor-spec.ts'
import { commitmentHash } from '../../src/core/report/commitment.ts'
import { isSignedBy } from '../../src/core/report/signer.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { type Arena, commitTo, hashOf, network, type Prover, spec, windowRows } from './arena.ts'
import type { Attack } from './attack.ts'

const limits = { windowMs: spec.windowMs, graceMs: 50 }
const always = { how: 'driven', expected: 1, seeds: 200 } as const
const trigger = (seed: number) => ({ hash: hashOf('round', seed), number: 1n, timestamp: 1n }) as never

const honest = async (arena: Arena, seed: number): Promise<Prover> =>
  commitTo(await arena.digests(arena.identity(seed), 128))

/** A commitment as one seat takes it, `afterMs` after its own sight of the trigger. */
async function received(arena: Arena, seed: number, afterMs: number) {
  const commitment = await arena.commit(arena.identity(seed), await honest(arena, seed))
  const arrival = {
    commitment,
    commitmentHash: commitmentHash(network, commitment.message),
    receivedAtMs: 5_000 + afterMs,
  }
  return acceptCommitment(openCheck(trigger(seed), 5_000, true), arrival, limits)
}

/** Spoils what is sent for a sample; nothing of it may count. */
const spoiledOpenings = (
  name: string,
  formula: string,
  spoil: (openings: Uint8Array, seed: number) => Uint8Array,
): Attack => ({
  name,
  formula,
  ...always,
  async attempt(arena, seed) {
    const prover = await honest(arena, seed)
    const cheat = { ...prover, open: (sample: readonly number[]) => spoil(prover.open(sample), seed) }
    return (await arena.trial(arena.identity(seed), cheat, seed)).passed === 0
  },
})

export const dishonestMessages: Attack[] = [
  {
    name: 'two commitments for one round',
    formula: '1: the second signature is proof of equivocation',
    ...always,
    async attempt(arena, seed) {
      const { check } = await received(arena, seed, 900)
      const second = await arena.commit(arena.identity(seed), { rows: 256, root: hashOf('second', seed) })
      const arrival = {
        commitment: second,
        commitmentHash: commitmentHash(network, second.message),
        receivedAtMs: 5_950,
      }
      const after = acceptCommitment(check, arrival, limits)
      const { contradiction, commitment } = after.check
      return (
        after.refusal === 'COMMITMENT_CONTRADICTS' &&
        [contradiction, commitment].every(signed => isSignedBy(network, 'Commitment', signed!, arena.device.address))
      )
    },
  },
  spoiledOpenings('truncated openings', '1: the length follows from the commitment', (openings, seed) =>
    openings.subarray(0, Math.floor(seededRandom(seed)() * openings.length)),
  ),
  spoiledOpenings('oversized openings', '1: the length follows from the commitment', (openings, seed) =>
    Uint8Array.of(...openings, ...new Uint8Array(1 + (seed % 4096))),
  ),
  spoiledOpenings('out-of-range digest bytes', '1: bytes above 127 are no digests', (openings, seed) =>
    openings.map((byte, i) => (i === 1 + (seed % 2048) ? byte | 128 : byte)),
  ),
  {
    name: 'openings for other rows',
    formula: '1: the chunks of the sample are recomputed by the seat',
    ...always,
    async attempt(arena, seed) {
      const prover = commitTo(await arena.digests(arena.identity(seed)))
      // The chunks next to those asked for: never the same set, since a sample cannot touch every chunk.
      const next = (sample: readonly number[]) => sample.map(row => (row + leafRows) % windowRows)
      const cheat = { ...prover, open: (sample: readonly number[]) => prover.open(next(sample)) }
      return (await arena.trial(arena.identity(seed), cheat, seed)).passed === 0
    },
  },
]
