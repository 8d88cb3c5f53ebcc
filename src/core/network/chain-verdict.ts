import { hasFlag } from '../epoch/opening.ts'
import type { LaneResult } from '../epoch/tally.ts'
import type { ChainVerdict } from './network-view.ts'

/** What a committee's result says of a device, worst first. */
export function chainVerdict({ rate, uptime, flags }: LaneResult): ChainVerdict {
  if (!hasFlag(flags, 'judged')) return { verdict: 'ABSTAINED', reason: 'fewer than 3 seats judged it' }
  if (!hasFlag(flags, 'work')) return { verdict: 'WRONG', reason: 'a wrong row was proven' }
  if (!hasFlag(flags, 'device')) return { verdict: 'UNSUPPORTED', reason: 'device record not confirmed' }
  if (!hasFlag(flags, 'environment')) return { verdict: 'UNSUPPORTED', reason: 'environment not accepted' }
  if (rate === 0) return { verdict: 'MISSED', reason: 'no verified work in any round' }
  if (uptime === 0) return { verdict: 'MISSED', reason: 'no heartbeat answered' }
  return { verdict: 'VALID', reason: 'sampled rows were recomputed and are equal' }
}

export const voidVerdict: ChainVerdict = { verdict: 'VOID', reason: 'fewer than 3 seats opened' }
