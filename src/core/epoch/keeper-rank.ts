// Why: docs/why/consensus-and-audits.md

import { type Address, concat, type Hex, keccak256 } from 'viem'

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
