/**
 * One card behind n registrations, on an injected rate clock: the card's time is counted, not measured. Whatever the order it serves
 * them in, all windows close together, so that the pay of all is at most the pay of one.
 */
import { runWindow } from '../../src/core/job/run-window.ts'
import { type JobSpec, windowRate } from '../../src/core/job/spec.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { spec as smallSpec } from './arena.ts'
import type { Attack } from './attack.ts'

const spec: JobSpec = { ...smallSpec, width: 1024, layers: 8, weights: 8 }
const startMs = 1_000

/** A card that does one thing at a time, at a rate that the seed chooses: 1,000 to 5,000 rows a second. */
function card(seed: number) {
  const rowMs = 0.2 + 0.8 * seededRandom(seed)()
  let nowMs = startMs
  return {
    rowMs,
    clock: { monotonicMs: () => nowMs },
    compute: async (inputs: Uint8Array) => {
      nowMs += (inputs.length / 32) * rowMs
      return inputs
    },
  }
}
type Card = ReturnType<typeof card>

const work = (of: Card, registration: number, deadlineMs: number) =>
  runWindow(
    { seed: new Uint8Array(32).fill(registration), deadlineMs, batchRows: 1024, rowMs: of.rowMs, keepBytes: 0 },
    { compute: of.compute, clock: of.clock },
  )

/** What seats count, in Mop/s. The lane on chain rounds each rate down by up to 0.1%, of one and of many alike. */
const pay = (windows: readonly { tree: { rows: number } }[]): number =>
  windows.reduce((sum, { tree }) => sum + windowRate(spec, tree.rows), 0)

const registrations = (n: number) => Array.from({ length: n }, (_, i) => i)
const deadline = startMs + spec.windowMs

const orders: Record<string, (of: Card, n: number) => Promise<Awaited<ReturnType<typeof work>>[]>> = {
  'first come, first served': async (of, n) => {
    const windows = []
    for (const registration of registrations(n)) windows.push(await work(of, registration, deadline))
    return windows
  },
  'each its share': async (of, n) => {
    const windows = []
    for (const registration of registrations(n))
      windows.push(await work(of, registration, startMs + (spec.windowMs * (registration + 1)) / n))
    return windows
  },
  'round-robin': (of, n) => Promise.all(registrations(n).map(registration => work(of, registration, deadline))),
  // Cohorts of four: every cohort's window is the network's, whoever its seats are.
  'spread over cohorts': async (of, n) => {
    const cohorts = Map.groupBy(registrations(n), registration => registration % Math.ceil(n / 4))
    const windows = await Promise.all(
      [...cohorts.values()].map(async members => {
        const own = []
        for (const registration of members) own.push(await work(of, registration, deadline))
        return own
      }),
    )
    return windows.flat()
  },
}

export const sybil: Attack[] = [5, 64].flatMap(n => [
  ...Object.entries(orders).map(
    ([order, serve]): Attack => ({
      name: `one card behind ${n} registrations, ${order}`,
      formula: '1: the windows close together, so the sum of rows is one card’s',
      expected: 1,
      seeds: 20,
      async attempt(_, seed) {
        const alone = card(seed)
        // All that one card can do in a window; the honest runner reaches it but for a row.
        const capacity = Math.floor(spec.windowMs / alone.rowMs + 1e-6)
        const { tree } = await work(alone, 0, deadline)
        if (tree.rows < capacity - 1) throw new Error(`one registration did ${tree.rows} of ${capacity} rows`)
        return pay(await serve(card(seed), n)) <= windowRate(spec, capacity)
      },
    }),
  ),
  {
    name: `one card behind ${n} registrations (weakened: rate = work ÷ own time)`,
    formula: `0: served one after another the sum is H_${n} = ${harmonic(n).toFixed(2)} cards`,
    expected: 0,
    seeds: 20,
    async attempt(_, seed) {
      // A fixed job each; the k-th ends after k times the time of one.
      const { rowMs } = card(seed)
      const jobRows = 1_000
      const rates = registrations(n).map(k => jobRows / ((k + 1) * jobRows * rowMs))
      const gain = rates.reduce((sum, rate) => sum + rate, 0) * rowMs
      return Math.abs(gain - harmonic(n)) > 1e-6 || gain <= 1.01
    },
  },
])

function harmonic(n: number): number {
  return registrations(n).reduce((sum, k) => sum + 1 / (k + 1), 0)
}
