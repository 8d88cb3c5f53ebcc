// Why: docs/why/rounds.md

import { concat, type Hex, keccak256 } from 'viem'
import type { RoundRules, Timeline } from './network-parameters.ts'

/** The three facts about a block that rounds are made of; `timestamp` in seconds. */
export type BlockHead = { readonly number: bigint; readonly hash: Hex; readonly timestamp: number }

/** The block that begins a round; its hash is the round's name. `ordinal` counts the epoch's rounds from 0. */
export type Trigger = BlockHead & { readonly ordinal: number; readonly slot: number }

export type EpochRounds = {
  readonly seed: Hex
  /** Time of the block that set the seed, inside the epoch: only later blocks trigger. */
  readonly seededAt: number
  readonly startsAt: number
  readonly epochSeconds: number
  readonly rules: RoundRules
}

/** Whether two readings of an epoch have the same seed, set by the same block. After a reorg they may differ. */
export const isSameSeed = (one: EpochRounds | undefined, other: EpochRounds): boolean =>
  one?.seed === other.seed && one.seededAt === other.seededAt

export const epochStartsAt = (timeline: Timeline, epoch: number): number =>
  timeline.firstEpochAt + epoch * timeline.epochSeconds

/** The epoch that a block timestamp lies in; negative before the first one. */
export const epochAt = (timeline: Timeline, timestamp: number): number =>
  Math.floor((timestamp - timeline.firstEpochAt) / timeline.epochSeconds)

const fires = (seed: Hex, hash: Hex, threshold: bigint) =>
  BigInt(keccak256(concat([seed, hash])).slice(0, 18)) < threshold

/**
 * Whether `block` triggers a round, given the epoch's triggers so far (of the same branch of the chain).
 *
 * Anyone can recompute this from the chain, and nobody can know it before the block. A block triggers by its own hash, unless the
 * last round began less than the refractory time ago or the round could not end inside its slot. A slot without a trigger gets one
 * at its first block at or after the cutoff. A slot whose cutoff came before the seed has no round.
 */
export function nextTrigger(rounds: EpochRounds, earlier: readonly Trigger[], block: BlockHead): Trigger | null {
  const { rules, startsAt, epochSeconds, seededAt } = rounds
  const slotSeconds = epochSeconds / rules.slots
  const offset = block.timestamp - startsAt
  if (offset < 0 || offset >= epochSeconds || block.timestamp <= seededAt || earlier.length >= rules.maxRounds)
    return null
  const last = earlier.at(-1)
  if (last !== undefined && block.timestamp < last.timestamp + rules.refractorySeconds) return null

  const slot = Math.floor(offset / slotSeconds)
  if (startsAt + slot * slotSeconds + rules.cutoffSeconds <= seededAt) return null
  const intoSlot = offset - slot * slotSeconds
  const endsInSlot = intoSlot + Math.ceil(rules.openingsMs / 1000) <= slotSeconds
  const drawn = intoSlot >= rules.eligibleFromSeconds && endsInSlot && fires(rounds.seed, block.hash, rules.threshold)
  const overdue = intoSlot >= rules.cutoffSeconds && last?.slot !== slot
  return drawn || overdue ? { ...block, slot, ordinal: earlier.length } : null
}

/** All triggers of an epoch among its blocks in ascending order. */
export function triggersOf(rounds: EpochRounds, blocks: readonly BlockHead[]): Trigger[] {
  const triggers: Trigger[] = []
  for (const block of blocks) {
    const trigger = nextTrigger(rounds, triggers, block)
    if (trigger !== null) triggers.push(trigger)
  }
  return triggers
}
