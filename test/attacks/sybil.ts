/**
 * One card behind n registrations, judged by the real check of each seat's own sight of the trigger. No deadline is given to the card
 * but the one that three seats of a registration's cohort enforce; what it may gain is the grace and how far apart seats see a trigger.
 */
import { productionParameters } from '../../src/core/chain/network-presets.ts'
import { committeeMedian } from '../../src/core/epoch/tally.ts'
import { jobSets, jobsHash } from '../../src/core/job/jobs.ts'
import { windowRate } from '../../src/core/job/tensor/tensor-spec.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import type { Attack } from './attack.ts'
import { type Arrival, type Card, countedRate, createCard, triggerMs } from './card.ts'

const spec = jobSets.standard.tensor
const { windowMs, graceMs } = productionParameters(jobsHash(jobSets.standard)).rounds
/** How much later than the prover a seat may see the trigger. */
const skewMs = 250
const mostGain = (graceMs + skewMs) / windowMs

type Registration = {
  readonly number: number
  /** When the five seats of its cohort saw the trigger. */
  readonly sights: readonly number[]
  /** Until when its client works. */
  readonly deadlineMs: number
}

const clients = {
  /** As released: the window from the prover's own sight of the trigger. */
  honest: () => triggerMs + windowMs,
  /** Modified: until the last moment at which three of five seats still take the commitment. */
  'to the end of the grace': (sights: readonly number[]) => sights.toSorted((a, b) => a - b)[2]! + windowMs + graceMs,
  /** Modified: twice as long, in the hope that a seat takes what is late. */
  'for two windows': () => triggerMs + 2 * windowMs,
} as const
type Client = keyof typeof clients

const registrationsOf = (n: number, cohorts: number, client: Client, random: () => number): Registration[] => {
  const sightsOf = Array.from({ length: cohorts }, () =>
    Array.from({ length: 5 }, () => triggerMs + Math.floor(random() * skewMs)),
  )
  return Array.from({ length: n }, (_, number) => {
    const sights = sightsOf[number % cohorts]!
    return { number, sights, deadlineMs: clients[client](sights) }
  })
}

/** Works for one registration after another, each until its deadline. */
const inTurn = async (card: Card, of: readonly Registration[], deadlineOf: (one: Registration) => number) => {
  const arrivals = new Map<Registration, Arrival>()
  for (const one of of) {
    const rows = await card.work(one.number, deadlineOf(one))
    arrivals.set(one, { rows, arrivesMs: card.clock.monotonicMs() })
  }
  return arrivals
}

type Serve = (card: Card, all: readonly Registration[]) => Promise<ReadonlyMap<Registration, Arrival>>

const orders: Record<string, { readonly cohorts: (n: number) => number; readonly serve: Serve }> = {
  'first come, first served': {
    cohorts: () => 1,
    serve: (card, all) => inTurn(card, all, ({ deadlineMs }) => deadlineMs),
  },
  'each its share': {
    cohorts: () => 1,
    serve: (card, all) =>
      inTurn(card, all, ({ number, deadlineMs }) => triggerMs + ((deadlineMs - triggerMs) * (number + 1)) / all.length),
  },
  'round-robin': {
    cohorts: () => 1,
    serve: async (card, all) => {
      const each = await Promise.all(all.map(one => inTurn(card, [one], ({ deadlineMs }) => deadlineMs)))
      return new Map(each.flatMap(arrivals => [...arrivals]))
    },
  },
  // Cohorts of about four, which see the trigger at other times: the card goes on with those whose seats are later.
  'spread over cohorts': {
    cohorts: n => Math.ceil(n / 4),
    serve: (card, all) =>
      inTurn(
        card,
        all.toSorted((a, b) => a.deadlineMs - b.deadlineMs),
        ({ deadlineMs }) => deadlineMs,
      ),
  },
}

/** What the chain counts for all of them, in Mop/s. Its lanes round each rate down by up to 0.1%, of one and of many alike. */
const pay = (arrivals: ReadonlyMap<Registration, Arrival>): number =>
  [...arrivals].reduce(
    (sum, [{ sights }, arrival]) =>
      sum + committeeMedian(sights.map(seenAtMs => countedRate(spec, graceMs, seenAtMs, arrival))),
    0,
  )

/** 100 to 500 rows a second: a thousand and more in a window, so that a row is less than 0.1%. */
const rowMsOf = (random: () => number) => 2 + 8 * random()

async function sum(n: number, order: keyof typeof orders, client: Client, seed: number): Promise<number> {
  const random = seededRandom(seed)
  const { cohorts, serve } = orders[order]!
  const card = createCard(rowMsOf(random))
  return pay(await serve(card, registrationsOf(n, cohorts(n), client, random)))
}

/** What one card can do in this time. */
const most = (seed: number, ms: number): number => windowRate(spec, Math.floor(ms / rowMsOf(seededRandom(seed)) + 1e-6))

const shared = (n: number, order: keyof typeof orders, client: Client): Attack => ({
  name: `one card behind ${n} registrations, ${order}${client === 'honest' ? '' : `, ${client}`}`,
  how: 'driven',
  formula:
    client === 'honest'
      ? '1: the windows close together, so the sum of rows is one card’s'
      : `1: the sum is at most one card’s and (grace + skew) ÷ D = ${(mostGain * 100).toFixed(1)}%`,
  expected: 1,
  seeds: 20,
  async attempt(_, seed) {
    const alone = await sum(1, order, client, seed)
    const leastMs = { honest: windowMs, 'to the end of the grace': windowMs + graceMs, 'for two windows': 0 }[client]
    if (alone < most(seed, leastMs) * 0.99) throw new Error(`one registration earned ${alone}, less than one card can`)
    return (await sum(n, order, client, seed)) <= most(seed, windowMs * (client === 'honest' ? 1 : 1 + mostGain))
  },
})

export const sybil: Attack[] = [5, 64].flatMap(n => [
  ...Object.keys(orders).flatMap(order => [shared(n, order, 'honest'), shared(n, order, 'to the end of the grace')]),
  shared(n, 'each its share', 'for two windows'),
  {
    name: `one card behind ${n} registrations (weakened: each window from its own start)`,
    how: 'driven',
    formula: `0: served one after another the sum is ${n} cards`,
    expected: 0,
    seeds: 20,
    async attempt(_, seed) {
      const card = createCard(rowMsOf(seededRandom(seed)))
      let counted = 0
      for (let number = 0; number < n; number++) {
        const startMs = card.clock.monotonicMs()
        const rows = await card.work(number, startMs + windowMs)
        counted += countedRate(spec, graceMs, startMs, { rows, arrivesMs: card.clock.monotonicMs() })
      }
      return counted <= most(seed, windowMs) * n * 0.99
    },
  },
  {
    name: `one card behind ${n} registrations (weakened: rate = work ÷ own time)`,
    how: 'computed',
    formula: `0: served one after another the sum is H_${n} = ${harmonic(n).toFixed(2)} cards`,
    expected: 0,
    seeds: 20,
    async attempt(_, seed) {
      // A fixed job each; the k-th ends after k times the time of one.
      const rowMs = rowMsOf(seededRandom(seed))
      const jobRows = 1_000
      const rates = Array.from({ length: n }, (_, k) => jobRows / ((k + 1) * jobRows * rowMs))
      const gain = rates.reduce((total, rate) => total + rate, 0) * rowMs
      return Math.abs(gain - harmonic(n)) > 1e-6 || gain <= 1.01
    },
  },
])

function harmonic(n: number): number {
  return Array.from({ length: n }, (_, k) => 1 / (k + 1)).reduce((total, part) => total + part, 0)
}
