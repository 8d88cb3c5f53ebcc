/**
 * Provers that skip rows and say nothing where a sample shows it. Silence proves nothing, so the `work` flag stays and nobody can
 * forward a row: what is left is that a round without openings counts 0.
 */
import { rowBytes } from '../../src/core/job/tensor/tensor-spec.ts'
import { type Arena, commitTo, type Prover, seats, windowRows } from './arena.ts'
import { type Attack, atLeast, missChance } from './attack.ts'
import { isUnpaid, judgedBy, openSeat } from './seat.ts'

/** The honest rows but for the last `wrong`, and whether a sample shows that. */
async function skipping(arena: Arena, seed: number, wrong: number) {
  const digests = await arena.digests(arena.identity(seed))
  digests.fill(0, digests.length - wrong * rowBytes)
  const hits = (sample: readonly number[]) => sample.some(row => row >= windowRows - wrong)
  return { prover: commitTo(digests), hits }
}

const silent = new Uint8Array()
const sixteen = 16

/** Answers only the seats whose sample misses the skipped rows: paid when three of five are answered. */
function towardsSomeSeats(wrong: number): Attack {
  return {
    name: `silence towards the seats that would see, ${wrong} of ${windowRows} rows skipped, t = ${sixteen}`,
    how: 'driven',
    formula: '1 − P(at least 3 of 5 samples miss), as of seats that keep to themselves',
    expected: 1 - atLeast(3, seats, missChance(windowRows, wrong, sixteen)),
    skipped: wrong / windowRows,
    seeds: 300,
    async attempt(arena, seed) {
      const { prover, hits } = await skipping(arena, seed, wrong)
      const cheat: Prover = { ...prover, open: sample => (hits(sample) ? silent : prover.open(sample)) }
      const { passed, adopted } = await arena.trial(arena.identity(seed), cheat, seed, { samples: sixteen })
      if (adopted) throw new Error('silence must not prove a wrong row')
      return passed < 3
    },
  }
}

/** Looks at all five requests first and stops for everybody when one of them would show it. */
function towardsEverybody(wrong: number): Attack {
  return {
    name: `silence once any seat would see, ${wrong} of ${windowRows} rows skipped, t = ${sixteen}`,
    how: 'driven',
    formula: '1 − miss^5: it gives up the rounds that three seats would have paid',
    expected: 1 - missChance(windowRows, wrong, sixteen) ** seats,
    skipped: wrong / windowRows,
    seeds: 300,
    async attempt(arena, seed) {
      const { prover, hits } = await skipping(arena, seed, wrong)
      const asked: (readonly number[])[] = []
      const look = (sample: readonly number[]) => {
        asked.push(sample)
        return silent
      }
      await arena.trial(arena.identity(seed), { ...prover, open: look }, seed, { samples: sixteen })
      const stops = asked.some(hits)
      const cheat: Prover = { ...prover, open: sample => (stops ? silent : prover.open(sample)) }
      return (await arena.trial(arena.identity(seed), cheat, seed, { samples: sixteen })).passed < 3
    },
  }
}

export const silence: Attack[] = [
  {
    name: 'silence after the samples are known',
    how: 'driven',
    formula: '1: without openings the round counts 0',
    expected: 1,
    seeds: 100,
    async attempt(arena, seed) {
      const { prover } = await skipping(arena, seed, windowRows / 4)
      const identity = arena.identity(seed)
      const seat = openSeat(arena)
      const { verdict, figures } = await judgedBy(seat, identity, await arena.commit(identity, prover), () => silent)
      seat.close()
      return verdict === 'TIMEOUT' && isUnpaid(figures)
    },
  },
  // The share that gains most on 16 samples, one that is found out now and then, and a quarter.
  ...[2, 32, windowRows / 4].flatMap(wrong => [towardsSomeSeats(wrong), towardsEverybody(wrong)]),
]
