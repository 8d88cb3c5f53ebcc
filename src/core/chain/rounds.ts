// Why: docs/why/rounds.md

import type { Hex } from 'viem'
import { timingOf } from '../protocol/network-parameters.ts'
import { type EpochRounds, nextTrigger, type Trigger } from '../protocol/trigger.ts'
import type { HeadChange, SeenBlock } from './block-tree.ts'

/** A round of an epoch as this process sees it. */
export type Round = Trigger & {
  readonly epoch: number
  /** Our own monotonic time at first sight of the trigger block: the commitment window is measured from it. */
  readonly seenAtMs: number
}

export type RoundEvent =
  /** The first block of an epoch. Its seed comes some blocks later, if at all. */
  | { readonly type: 'epoch'; readonly epoch: number; readonly block: SeenBlock }
  | { readonly type: 'round'; readonly round: Round }
  /** The block whose hash draws the samples of a round: commitments seen from here on are late. */
  | { readonly type: 'sampling'; readonly round: Round; readonly block: SeenBlock }
  /** A reorg took the trigger out of the chain: the round does not exist any more. */
  | { readonly type: 'dropped'; readonly round: Round }

/** A block with the time of the one before it; none before the first block of an epoch that was read from there on. */
type Waiting = { readonly block: SeenBlock; readonly parentAt: number }

type EpochSource = {
  epochAt(timestamp: number): number
  roundsOf(epoch: number): EpochRounds | null
}

/** More blocks than a reorg takes. */
export const keptBlocks = 1_024

/**
 * Turns changes of the canonical chain into rounds. Pure: the same changes always give the same events.
 * A reorg may take the sampling block of a round and leave its trigger: then `sampling` comes again, with another block.
 * A seed that becomes known later than its first blocks were seen gives the same rounds.
 */
export function createRoundTracker() {
  /** The epoch of the newest block, and the latest that was announced: one more after a reorg over its edge, which is not announced again. */
  let epoch = -1
  let announced = -1
  /**
   * Rounds in order, the block time from which a block samples each, and that block: those of this and the last epoch, and those whose
   * triggers a reorg may still lead back to.
   */
  const known = new Map<Hex, { readonly round: Round; readonly from: number; readonly block: SeenBlock | null }>()
  /** Blocks of the current epoch that wait for its seed. */
  let unseeded: Waiting[] = []
  /** Times of the newest blocks of the chain. */
  const times = new Map<Hex, number>()
  const roundsOf = (wanted: number): Round[] =>
    [...known.values()].map(({ round }) => round).filter(round => round.epoch === wanted)

  function remove(block: SeenBlock, source: EpochSource): RoundEvent[] {
    const parentAt = times.get(block.parentHash)
    if (parentAt !== undefined) epoch = source.epochAt(parentAt)
    times.delete(block.hash)
    unseeded = unseeded.filter(({ block: { hash } }) => hash !== block.hash)
    for (const entry of known.values())
      if (entry.block?.hash === block.hash) known.set(entry.round.hash, { ...entry, block: null })
    const dropped = known.get(block.hash)
    if (dropped === undefined) return []
    known.delete(block.hash)
    return [{ type: 'dropped', round: dropped.round }]
  }

  function add(block: SeenBlock, source: EpochSource): RoundEvent[] {
    const events = sample(block)
    times.set(block.hash, block.timestamp)
    if (times.size > keptBlocks) times.delete(times.keys().next().value!)
    epoch = source.epochAt(block.timestamp)
    if (epoch < 0) return events
    if (epoch > announced || epoch < announced - 1) {
      announced = epoch
      unseeded = []
      for (const [hash, entry] of known) if (entry.round.epoch < epoch - 1 && !times.has(hash)) known.delete(hash)
      events.push({ type: 'epoch', epoch, block })
    }
    unseeded.push({ block, parentAt: times.get(block.parentHash) ?? Number.NEGATIVE_INFINITY })
    const epochRounds = source.roundsOf(epoch)
    if (epochRounds === null) return events
    for (const each of unseeded.splice(0)) events.push(...sample(each.block), ...trigger(each, epochRounds))
    return events
  }

  function sample(block: SeenBlock): RoundEvent[] {
    const due = [...known.values()].filter(entry => entry.block === null && block.timestamp >= entry.from)
    for (const entry of due) known.set(entry.round.hash, { ...entry, block })
    return due.map(({ round }) => ({ type: 'sampling', round, block }))
  }

  function trigger({ block, parentAt }: Waiting, epochRounds: EpochRounds): RoundEvent[] {
    const triggered = nextTrigger(epochRounds, roundsOf(epoch), block, parentAt)
    if (triggered === null) return []
    const round = { ...triggered, epoch, seenAtMs: block.seenAtMs }
    const { samplingSeconds } = timingOf(epochRounds.rules, round.kind)
    known.set(round.hash, { round, from: round.timestamp + samplingSeconds, block: null })
    return [{ type: 'round', round }]
  }

  return {
    /** Rounds of the current epoch, by ordinal. */
    rounds: (): readonly Round[] => roundsOf(epoch),
    /** The rounds of an epoch that is over, by ordinal; null while it is not, and of those before the last. */
    finished: (wanted: number): readonly Round[] | null =>
      wanted === epoch - 1 && epoch === announced ? roundsOf(wanted) : null,
    /** The events that follow from a change of the chain. `epochs` gives each epoch's rules and seed; null while a seed is not known. */
    apply: ({ removed, added }: HeadChange, source: EpochSource): RoundEvent[] => [
      ...removed.flatMap(block => remove(block, source)),
      ...added.flatMap(block => add(block, source)),
    ],
  }
}
