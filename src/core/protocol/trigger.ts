// Why: docs/why/rounds.md

import { concat, type Hex, keccak256 } from 'viem'
import { type RoundKindName, roundKinds } from './constants.ts'
import type { RoundRules, Timeline } from './network-parameters.ts'

/** The three facts about a block that rounds are made of; `timestamp` in seconds. */
export type BlockHead = { readonly number: bigint; readonly hash: Hex; readonly timestamp: number }

/** The block that begins a round; its hash is the round's name. `ordinal` counts the epoch's rounds from 0. */
export type Trigger = BlockHead & { readonly ordinal: number; readonly slot: number; readonly kind: RoundKindName }

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

/** Two numbers of 64 bits that nobody knows before the block: whether it triggers, and which kind of round. */
function drawnBy(seed: Hex, hash: Hex): readonly [bigint, bigint] {
  const digest = keccak256(concat([seed, hash]))
  return [BigInt(digest.slice(0, 18)), BigInt(`0x${digest.slice(18, 34)}`)]
}

/** Seconds into a slot at which its next round is due: so early that one of every kind begins by the cutoff, where rules let it. */
function dueSeconds(
  { cutoffSeconds, refractorySeconds, eligibleFromSeconds }: RoundRules,
  roundsInSlot: number,
): number {
  const stillToCome = Math.max(0, roundKinds.length - 1 - roundsInSlot)
  return Math.max(eligibleFromSeconds, cutoffSeconds - stillToCome * refractorySeconds)
}

/**
 * The kinds of a slot's rounds come in groups of one each, in an order that the triggers draw. The first round of an epoch is the
 * exception: memory is being filled.
 */
function kindOf(inSlot: readonly Trigger[], ordinal: number, draw: bigint): RoundKindName {
  if (ordinal === 0) return roundKinds[0]
  const group = inSlot.slice(inSlot.length - (inSlot.length % roundKinds.length)).map(({ kind }) => kind)
  const left = roundKinds.filter(kind => !group.includes(kind))
  return left[Number(draw % BigInt(left.length))]!
}

/**
 * Whether `block` triggers a round, given the epoch's triggers so far (of the same branch of the chain).
 *
 * Anyone can recompute this from the chain, and nobody can know it before the block. A block triggers by its own hash, unless the
 * last round began less than the refractory time ago or the round could not end inside its slot. A slot has a round of every kind by
 * its cutoff: one that is due begins with the first block from then on. A slot that was due before the seed has no round.
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
  const inSlot = earlier.filter(trigger => trigger.slot === slot)
  if (startsAt + slot * slotSeconds + dueSeconds(rules, 0) <= seededAt) return null
  const intoSlot = offset - slot * slotSeconds
  const endsInSlot = intoSlot + Math.ceil(rules.openingsMs / 1000) <= slotSeconds
  const [fires, draw] = drawnBy(rounds.seed, block.hash)
  const isDrawn = intoSlot >= rules.eligibleFromSeconds && endsInSlot && fires < rules.threshold
  const isOverdue = inSlot.length < roundKinds.length && intoSlot >= dueSeconds(rules, inSlot.length)
  if (!isDrawn && !isOverdue) return null
  return { ...block, slot, ordinal: earlier.length, kind: kindOf(inSlot, earlier.length, draw) }
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
