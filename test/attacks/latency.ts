/** Provers that commit later than the window allows, or that want to be allowed to. */

import { windowRate } from '../../src/core/job/tensor/tensor-spec.ts'
import { commitTo, spec } from './arena.ts'
import type { Attack } from './attack.ts'
import { isUnpaid, openSeat, rules } from './seat.ts'

const { windowMs, graceMs } = rules
/** Later than any grace: what a cheat would have subtracted, by its seed. */
const delayOf = (seed: number) => graceMs + 1 + seed
const rowsPerMs = 0.128

export const latency: Attack[] = [
  {
    name: 'late commitment',
    how: 'driven',
    formula: '1: later than D + grace by the seat’s own clock',
    expected: 1,
    seeds: 200,
    async attempt(arena, seed) {
      const identity = arena.identity(seed)
      const commitment = await arena.commit(identity, commitTo(await arena.digests(identity, 128)))
      const seat = openSeat(arena)
      const round = await seat.begin(identity)
      const refusal = round.commit(commitment, windowMs + delayOf(seed))
      const { verdict, figures } = await round.close()
      seat.close()
      return refusal === 'CHECKER_COMMITMENT_LATE' && verdict === 'TIMEOUT' && isUnpaid(figures)
    },
  },
  {
    name: 'late commitment (weakened: minus the latency of its answers)',
    how: 'computed',
    formula: '0: it works as much longer as it answers late',
    expected: 0,
    seeds: 50,
    async attempt(_, seed) {
      const arrivesMs = windowMs + delayOf(seed)
      const accepted = arrivesMs - delayOf(seed) <= windowMs + graceMs
      return !accepted || windowRate(spec, Math.floor(arrivesMs * rowsPerMs)) <= windowRate(spec, windowMs * rowsPerMs)
    },
  },
  {
    name: 'longer work (weakened: rate from the prover’s own duration)',
    how: 'computed',
    formula: '0: it says that it took as long as a faster card would',
    expected: 0,
    seeds: 50,
    async attempt(_, seed) {
      const tookMs = windowMs + delayOf(seed)
      const rows = Math.floor(tookMs * rowsPerMs)
      const saidMs = windowMs
      return rows / saidMs <= rowsPerMs
    },
  },
]
