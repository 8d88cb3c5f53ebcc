// Why: docs/why/rounds.md
// Why: docs/why/beats.md

import { concat, type Hex } from 'viem'
import { keccak256 } from '../platform/keccak.ts'
import { type RoundKindName, slotKinds } from './constants.ts'
import { type RoundRules, type Timeline, timingOf } from './network-parameters.ts'

/** The three facts about a block that rounds are made of; `timestamp` in seconds. */
export type BlockHead = { readonly number: bigint; readonly hash: Hex; readonly timestamp: number }

/** The block that begins a round; its hash is the round's name. `ordinal` counts the epoch's rounds of all kinds from 0. */
export type Trigger = BlockHead & { readonly ordinal: number; readonly slot: number; readonly kind: RoundKindName }

type Seeded = {
  readonly seed: Hex
  /** Time of the block that set the seed, inside the epoch: only later blocks trigger. */
  readonly seededAt: number
}

export type EpochRounds = Seeded & {
  readonly startsAt: number
  readonly epochSeconds: number
  readonly rules: RoundRules
  /** The kinds that a slot has a round of each of; default those that the chain counts. */
  readonly kinds?: readonly RoundKindName[]
}

/** Whether two readings of an epoch have the same seed, set by the same block. After a reorg they may differ. */
export const isSameSeed = (one: Seeded | undefined, other: Seeded): boolean =>
  one?.seed === other.seed && one.seededAt === other.seededAt

export const epochStartsAt = (timeline: Timeline, epoch: number): number =>
  timeline.firstEpochAt + epoch * timeline.epochSeconds

/** The epoch that a block timestamp lies in; negative before the first one. */
export const epochAt = (timeline: Timeline, timestamp: number): number =>
  Math.floor((timestamp - timeline.firstEpochAt) / timeline.epochSeconds)

/** Numbers of 64 bits that nobody knows before the block: whether it starts a round of its slot, of which kind, and whether a beat. */
function drawnBy(seed: Hex, hash: Hex): { readonly fires: bigint; readonly kind: bigint; readonly beat: bigint } {
  const digest = keccak256(concat([seed, hash]))
  const [fires, kind, beat] = [2, 18, 34].map(at => BigInt(`0x${digest.slice(at, at + 16)}`))
  return { fires: fires!, kind: kind!, beat: beat! }
}

/** Seconds into a slot at which its next round is due: so early that one of every kind begins by the cutoff, where rules let it. */
function dueSeconds({ cutoffSeconds, refractorySeconds, eligibleFromSeconds }: RoundRules, toFollow: number): number {
  return Math.max(eligibleFromSeconds, cutoffSeconds - toFollow * refractorySeconds)
}

/** The kinds of a slot's rounds come in groups of one each, in an order that the triggers draw. */
function kindOf(kinds: readonly RoundKindName[], inSlot: readonly Trigger[], draw: bigint): RoundKindName {
  const group = inSlot.slice(inSlot.length - (inSlot.length % kinds.length)).map(({ kind }) => kind)
  const left = kinds.filter(kind => !group.includes(kind))
  return left[Number(draw % BigInt(left.length))]!
}

/**
 * Whether `block` triggers a round, given the epoch's triggers so far (of the same branch of the chain) and the time of the block before
 * it, in seconds; any time before the epoch's start where that is the block before its first.
 *
 * Anyone can recompute this from the chain, and nobody can know it before the block. While a window may last no beat begins, and while that
 * of a beat may last no other round; a block that triggers a round of its slot triggers no beat.
 */
export function nextTrigger(
  rounds: EpochRounds,
  earlier: readonly Trigger[],
  block: BlockHead,
  parentAt: number,
): Trigger | null {
  const { rules, seed, startsAt, epochSeconds, seededAt } = rounds
  const offset = block.timestamp - startsAt
  if (offset < 0 || offset >= epochSeconds || block.timestamp <= seededAt) return null
  const last = earlier.at(-1)
  const isBusy = last !== undefined && block.timestamp < last.timestamp + timingOf(rules, last.kind).samplingSeconds
  if (isBusy && last.kind === 'beat') return null
  const slot = Math.floor(offset / (epochSeconds / rules.slots))
  const draw = drawnBy(seed, block.hash)
  const ofSlots = earlier.filter(({ kind }) => kind !== 'beat')
  const kind =
    slotKindOf(rounds, ofSlots, block.timestamp, draw) ??
    (!isBusy && isBeat(rounds, earlier.length - ofSlots.length, { at: block.timestamp, parentAt }, draw.beat)
      ? 'beat'
      : null)
  return kind === null ? null : { ...block, slot, ordinal: earlier.length, kind }
}

/**
 * The kind of the round of its slot that a block at this time triggers, or null. It does so by its own hash, unless the last such round
 * began less than the refractory time ago or the round could not end inside its slot. A slot has a round of every kind by its cutoff: one
 * that is due begins with the first block from then on. A slot that was due before the seed has no round.
 */
function slotKindOf(
  { rules, startsAt, epochSeconds, seededAt, kinds = slotKinds }: EpochRounds,
  earlier: readonly Trigger[],
  at: number,
  { fires, kind }: { readonly fires: bigint; readonly kind: bigint },
): RoundKindName | null {
  const slotSeconds = epochSeconds / rules.slots
  const last = earlier.at(-1)
  if (earlier.length >= rules.maxRounds - rules.beats) return null
  if (last !== undefined && at < last.timestamp + rules.refractorySeconds) return null
  const slot = Math.floor((at - startsAt) / slotSeconds)
  const inSlot = earlier.filter(trigger => trigger.slot === slot)
  if (startsAt + slot * slotSeconds + dueSeconds(rules, kinds.length - 1) <= seededAt) return null
  const intoSlot = at - startsAt - slot * slotSeconds
  const endsInSlot = intoSlot + Math.ceil(rules.openingsMs / 1000) <= slotSeconds
  const isDrawn = intoSlot >= rules.eligibleFromSeconds && endsInSlot && fires < rules.threshold
  const missing = kinds.length - inSlot.length
  const isOverdue = missing > 0 && intoSlot >= dueSeconds(rules, missing - 1)
  if (!isDrawn && !isOverdue) return null
  // While an epoch's first round is worked memory is being filled.
  return earlier.length === 0 ? kinds[0]! : kindOf(kinds, inSlot, kind)
}

/**
 * Whether a block at this time triggers a beat, after `begun` others. An epoch's n beats are as n moments thrown evenly over the time that
 * they may begin in: of those still to come each lies in the seconds since the block before with the share that these are of what is
 * left. So no moment is surer than another. Those that are left at the end begin as soon as they may, as many as the epoch still holds.
 */
function isBeat(
  rounds: EpochRounds,
  begun: number,
  { at, parentAt }: { readonly at: number; readonly parentAt: number },
  draw: bigint,
): boolean {
  const left = rounds.rules.beats - begun
  const { from, until } = beatTime(rounds)
  if (left <= 0 || at <= from) return false
  if (at > until) return true
  const since = Math.max(parentAt, from)
  return draw * BigInt(until - since) < (BigInt(left) * BigInt(at - since)) << 64n
}

/**
 * The time in which an epoch's beats are drawn. It begins when the window of an epoch's earliest round is over, so that memory is filled
 * then, and later where the seed came late; it ends so early that the last beat can wait for a window and still be over by the epoch's end.
 */
export function beatTime({ rules, startsAt, epochSeconds, seededAt }: EpochRounds): { from: number; until: number } {
  const { eligibleFromSeconds, samplingSeconds } = rules
  const filledAt = seededAt + Math.ceil(eligibleFromSeconds / 2)
  const lastSeconds = samplingSeconds + Math.ceil(timingOf(rules, 'beat').openingsMs / 1000)
  return {
    from: Math.max(startsAt + eligibleFromSeconds, filledAt) + samplingSeconds,
    until: startsAt + epochSeconds - lastSeconds,
  }
}

/** All triggers of an epoch among its blocks in ascending order, of which none before the given is of this epoch. */
export function triggersOf(rounds: EpochRounds, blocks: readonly BlockHead[]): Trigger[] {
  const triggers: Trigger[] = []
  let parentAt = Number.NEGATIVE_INFINITY
  for (const block of blocks) {
    const trigger = nextTrigger(rounds, triggers, block, parentAt)
    if (trigger !== null) triggers.push(trigger)
    parentAt = block.timestamp
  }
  return triggers
}
