/** Provers that compute well and cheat in what they say, or when. */
import {
  acceptCommitment,
  closeCommitments,
  closeOpenings,
  openCheck,
  refuseOpenings,
} from '../../src/core/checker/round-check.ts'
import { leafRows } from '../../src/core/job/spec.ts'
import { isKaisarError } from '../../src/core/platform/errors.ts'
import { bindingFault, checkSampleRequest, commitmentHash } from '../../src/core/report/commitment.ts'
import { isSignedBy } from '../../src/core/report/signer.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { type Arena, commitTo, hashOf, network, type Prover, seats, spec, windowRows } from './arena.ts'
import { type Attack, atLeast, missChance } from './attack.ts'

const limits = { windowMs: spec.windowMs, graceMs: 50 }
const always = { expected: 1, seeds: 200 } as const
const trigger = (seed: number) => ({ hash: hashOf('round', seed), number: 1n, timestamp: 1n }) as never
const samplingBlock = (seed: number) => ({ hash: hashOf('sampling block', seed), number: 3n, timestamp: 3n }) as never

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
    name: 'replayed bundle',
    formula: '1: the round is signed and bound',
    ...always,
    async attempt(arena, seed) {
      const old = await arena.commit(arena.identity(seed), await honest(arena, seed))
      const offer = await arena.offer(arena.identity(seed + 1e6), seed, 0)
      const renamed = { ...old, message: { ...old.message, round: offer.message.round } }
      return (
        bindingFault(offer.message, old.message) === 'round' &&
        !isSignedBy(network, 'Commitment', renamed, arena.device.address)
      )
    },
  },
  {
    name: 'forged proof',
    formula: '1: only preimages of SHA-256 lead to the root',
    ...always,
    async attempt(arena, seed) {
      const prover = await honest(arena, seed)
      // Commits to anything, computes the sampled rows once they are known, and proves them in another tree.
      const cheat = { ...prover, root: hashOf('forged', seed) }
      return (await arena.trial(arena.identity(seed), cheat, seed)).passed === 0
    },
  },
  {
    name: 'root changed after the samples',
    formula: '1: the request names the commitment it samples',
    ...always,
    async attempt(arena, seed) {
      const identity = arena.identity(seed)
      const first = await arena.commit(identity, await honest(arena, seed))
      const second = await arena.commit(identity, { rows: 128, root: hashOf('another root', seed) })
      const offer = await arena.offer(identity, seed, 0)
      const request = await arena.request(first, seed, 0)
      try {
        checkSampleRequest(network, { offer: offer.message, commitment: second.message, request: request.message })
        return false
      } catch (error) {
        return isKaisarError(error, 'REPORT_SAMPLE_REFUSED')
      }
    },
  },
  {
    name: 'late commitment',
    formula: '1: later than D + grace by the seat’s own clock',
    ...always,
    async attempt(arena, seed) {
      const { refusal } = await received(arena, seed, spec.windowMs + limits.graceMs + 1 + seed)
      return refusal === 'COMMITMENT_LATE'
    },
  },
  {
    name: 'delayed pongs',
    formula: '1: no latency is subtracted, so more time is only later',
    ...always,
    async attempt(arena, seed) {
      // Claims `delay` of latency by delaying pongs, and works that much longer.
      const delay = 51 + seed
      const { check, refusal } = await received(arena, seed, spec.windowMs + delay)
      return refusal === 'COMMITMENT_LATE' && check.judged?.rate === 0
    },
  },
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
  {
    name: 'silence after the samples are known',
    formula: '1: without openings the round counts 0',
    ...always,
    async attempt(arena, seed) {
      const { check } = await received(arena, seed, 900)
      const silent = closeOpenings(refuseOpenings(closeCommitments(check, samplingBlock(seed)), 'none'))
      return silent.judged?.verdict === 'TIMEOUT' && silent.judged.rate === 0
    },
  },
  selectiveSilence(0.05),
]

/** Skips a share of the rows and answers only the seats whose sample misses them: unpaid unless three of five are answered. */
function selectiveSilence(share: number): Attack {
  const wrong = windowRows * share
  return {
    name: `selective silence, ${share * 100}% of rows skipped`,
    formula: '1 − P(at least 3 of 5 samples miss)',
    expected: 1 - atLeast(3, seats, missChance(windowRows, wrong, spec.samples)),
    seeds: 400,
    async attempt(arena, seed) {
      const identity = arena.identity(seed)
      const digests = await arena.digests(identity)
      digests.fill(0, digests.length - wrong * 32)
      const prover = commitTo(digests)
      const hits = (sample: readonly number[]) => sample.some(row => row >= windowRows - wrong)
      const cheat = {
        ...prover,
        open: (sample: readonly number[]) => (hits(sample) ? new Uint8Array() : prover.open(sample)),
      }
      const { passed, adopted } = await arena.trial(identity, cheat, seed)
      if (adopted) throw new Error('silence must not prove a wrong row')
      return passed < 3
    },
  }
}
