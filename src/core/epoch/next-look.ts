// Why: docs/why/chain-reads-and-transactions.md

import type { EpochOverview } from '../chain/epochs.ts'

type Deadlines = Pick<EpochOverview, 'commitAt' | 'openAt' | 'revealAt' | 'finalizeAt' | 'payAt' | 'auditClosesAt'>

/** Looks at an epoch in which nothing is open, in as much time as openings have. */
const looks = 60

/**
 * When an epoch has to be looked at again in which nothing is open now, in seconds of block time: when its next phase begins, and a few
 * times within each phase, since what others send can open something. On a network whose phases are hours that is once a minute; where
 * they are seconds it is at every block.
 */
export function nextLookAt(epoch: Deadlines, now: number): number {
  const { commitAt, openAt, revealAt, finalizeAt, payAt, auditClosesAt } = epoch
  const phases = [commitAt, openAt, revealAt, finalizeAt, payAt, auditClosesAt].filter(at => at > now)
  return Math.min(now + Math.floor((revealAt - openAt) / looks), ...phases)
}
