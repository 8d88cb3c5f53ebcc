/** What a device earns by an epoch of rounds: a seat's lane as it goes on chain, and the score that the contracts make of it. */
import { laneOf } from '../../src/core/checker/epoch/pack.ts'
import type { MeasuredRound } from '../../src/core/epoch/capacity.ts'
import { encodeRateDown } from '../../src/core/epoch/minifloat.ts'
import { scoreOf } from '../../src/core/epoch/rewards.ts'
import { jobSets } from '../../src/core/job/jobs.ts'
import type { Card } from './memory-economics.ts'

export const { beatShare } = jobSets.standard
/** The most that a lane rounds away of a rate. */
export const roundedAway = 2 ** -10

/** A round of a card that works it at a part of its rate; a beat is a memory round. */
export const worked = (card: Card, kind: MeasuredRound['kind'], part = 1): MeasuredRound => ({
  ...{ kind, verdict: 'VALID' },
  figures:
    kind === 'tensor'
      ? { tensor: Math.floor(card.tensor * 1e6 * part) }
      : { bandwidth: Math.floor(card.bandwidth * 1e3 * part), resident: Math.floor(card.memory * 1e3) },
})

/** `uptime`: instead of the seat's, for rules that are not in force. */
export function scoreOfRounds(rounds: readonly MeasuredRound[], uptime?: number): number {
  const judged = rounds.map(round => ({ ...round, reason: 'ALL_EQUAL', detail: '' }) as const)
  const { rate, ...lane } = laneOf({ rounds: judged, beatShare, deviceValid: true, environmentValid: true })
  return Number(scoreOf({ rate: encodeRateDown(rate), ...lane, ...(uptime !== undefined && { uptime }) }))
}
