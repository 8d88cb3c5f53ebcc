/**
 * The honest prover: whole rounds of every length, with and without a last leaf that is full, judged by five seats and verified again
 * from the evidence bundle. Prover and seats never compute in the same form of the model. Not one may be rejected.
 */
import { jobOf } from '../../src/core/job/jobs.ts'
import { sampleOf } from '../../src/core/report/commitment.ts'
import { decodeBundle, encodeBundle } from '../../src/core/report/evidence-bundle.ts'
import { verifyBundle } from '../../src/core/report/verify-bundle.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import {
  type Arena,
  commitTo,
  epochSeed,
  type Form,
  type Identity,
  jobs,
  network,
  type Prover,
  seats,
  spec,
  windowRows,
} from './arena.ts'
import type { Attack } from './attack.ts'

/** What a seat keeps of the round: through its encoding, with all signatures. */
async function bundleHolds(
  arena: Arena,
  identity: Identity,
  prover: Prover,
  seed: number,
  form: Form,
): Promise<boolean> {
  const seat = seed % seats
  const offer = await arena.offer(identity, seed, seat)
  const commitment = await arena.commit(identity, prover)
  const request = await arena.request(commitment, seed, seat)
  const openings = prover.open(sampleOf(jobOf(jobs, 'tensor'), commitment.message, request.message))
  const sealed = { kind: 'tensor', network, spec, epochSeed, offer, commitment, request, openings } as const
  const kept = { ...sealed, environment: null, deviceReport: null }
  const bundle = decodeBundle(encodeBundle(kept))
  const openVerifier = async () => arena.verifiers[form]
  return (await verifyBundle(bundle, { openVerifier })).ok
}

export const honest: Attack = {
  name: 'honest',
  how: 'driven',
  formula: '0: equality of integers has no false alarms',
  expected: 0,
  seeds: 1_000,
  async attempt(arena, seed) {
    const identity = arena.identity(seed)
    const rows = seed < 200 ? seed + 1 : Math.floor(seededRandom(seed)() * 2 * windowRows) + 1
    const [own, form] = seed % 2 === 0 ? (['fp32', 'u8'] as const) : (['u8', 'fp32'] as const)
    const prover = commitTo(await arena.digests(identity, rows, own))
    const { passed, adopted } = await arena.trial(identity, prover, seed, { form })
    return passed < seats || adopted || !(await bundleHolds(arena, identity, prover, seed, form))
  },
}
