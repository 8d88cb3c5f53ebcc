// Why: docs/why/consensus-and-audits.md

import { type Address, concat, type Hex, keccak256 } from 'viem'

/**
 * A keeper's turn in an epoch: the place of H(seed ‖ owner) among all owners of seats, from 0. Who owns no seat comes last.
 * Nobody is held to it; it only spares keepers from paying for calls that another one makes at the same time.
 */
export function keeperRank(seed: Hex, owners: readonly Address[], keeper: Address): number {
  const hash = (owner: Address) => BigInt(keccak256(concat([seed, owner])))
  const mine = hash(keeper)
  const others = new Set(owners.filter(owner => owner !== keeper))
  return owners.includes(keeper) ? [...others].filter(owner => hash(owner) < mine).length : others.size
}

/**
 * Seconds a keeper of this rank leaves to those before it, for a step that has to be taken within `phaseSeconds`. The last
 * ones share a turn, so that nobody comes too late.
 */
export const turnSeconds = (rank: number, phaseSeconds: number): number =>
  Math.max(0, Math.min(Math.ceil((Math.min(rank, 3) * Math.min(phaseSeconds, 240)) / 4), phaseSeconds - 1))

/**
 * Blocks that a keeper of this rank leaves to those before it for a seed. Blocks and not seconds: the hash that a seed is made of may be
 * out of reach 256 blocks later, and who could wait for that could choose between two.
 */
export const turnBlocks = (rank: number): number => Math.min(rank, 3)
