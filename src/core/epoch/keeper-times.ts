/**
 * When keepers look at an epoch, and whose turn it is to act.
 *
 * Why: docs/why/consensus-and-audits.md
 * Why: docs/why/chain-reads-and-transactions.md
 */
import { type Address, concat, type Hex } from 'viem'
import type { EpochOverview } from '../chain/epochs.ts'
import { keccak256 } from '../platform/keccak.ts'

/**
 * A keeper's turn in an epoch: the place of H(seed ‖ owner) among all owners of seats, from 0. A keeper without a seat comes last.
 * The contracts do not enforce the order; it only spares keepers from paying for calls that another one makes at the same time.
 */
export function keeperRank(seed: Hex, owners: readonly Address[], keeper: Address): number {
  const hash = (owner: Address) => BigInt(keccak256(concat([seed, owner])))
  const mine = hash(keeper)
  const others = new Set(owners.filter(owner => owner !== keeper))
  return owners.includes(keeper) ? [...others].filter(owner => hash(owner) < mine).length : others.size
}

/**
 * Seconds that a keeper of this rank leaves to those before it, for a step that has to be taken within `phaseSeconds`. The fourth
 * and later keepers share a turn, so that none comes too late.
 */
export const turnSeconds = (rank: number, phaseSeconds: number): number =>
  Math.max(0, Math.min(Math.ceil((Math.min(rank, 3) * Math.min(phaseSeconds, 240)) / 4), phaseSeconds - 1))

/**
 * Blocks that a keeper of this rank leaves to those before it for a seed. They are blocks and not seconds, because the hash that a seed is
 * made of may be out of reach 256 blocks later, and a keeper that could wait for that could choose between two seeds.
 */
export const turnBlocks = (rank: number): number => Math.min(rank, 3)

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
