import type { Hex } from 'viem'
import { type EpochRounds, nextTrigger, type Trigger } from '../protocol/trigger.ts'
import type { HeadChange, SeenBlock } from './block-tree.ts'

/** A round of an epoch as this process sees it. */
export type Round = Trigger & {
  readonly epoch: number
  /** Our own monotonic time at first sight of the trigger block: the commitment window is measured from it. */
  readonly seenAtMs: number
}

export type RoundEvent =
  /** The first block of an epoch; `rounds` is null when it has no seed, hence no jobs. */
  | { readonly type: 'epoch'; readonly epoch: number; readonly block: SeenBlock; readonly rounds: EpochRounds | null }
  | { readonly type: 'round'; readonly round: Round }
  /** The block whose hash draws the samples of a round: commitments seen from here on are late. */
  | { readonly type: 'sampling'; readonly round: Round; readonly block: SeenBlock }
  /** A reorg took the trigger out of the chain: the round does not exist any more. */
  | { readonly type: 'dropped'; readonly round: Round }

export type RoundTracker = {
  /** Rounds of the current epoch, by ordinal. */
  rounds(): readonly Round[]
  /** The rounds of an epoch that is over, by ordinal; null while it is not, and of those before the last. */
  finished(epoch: number): readonly Round[] | null
  /** What a change of the chain means. `roundsOf` gives an epoch's rules and seed, null without a seed. */
  apply(change: HeadChange, epochs: EpochSource): RoundEvent[]
}

type EpochSource = {
  epochAt(timestamp: number): number
  roundsOf(epoch: number): EpochRounds | null
}

/**
 * Turns changes of the canonical chain into rounds. Pure: the same changes always give the same events.
 * A reorg may take the sampling block of a round and leave its trigger: then `sampling` comes again, with another block.
 */
export function createRoundTracker(): RoundTracker {
  /** The epoch of the newest block, and the latest that was announced (more after a reorg over its edge). */
  let epoch = -1
  let announced = -1
  /** Rounds of this and the last epoch in order, the block time from which a block samples each, and that block. */
  const known = new Map<Hex, { readonly round: Round; readonly from: number; readonly block: SeenBlock | null }>()
  const roundsOf = (wanted: number): Round[] =>
    [...known.values()].map(({ round }) => round).filter(round => round.epoch === wanted)

  function remove(block: SeenBlock): RoundEvent[] {
    for (const entry of known.values())
      if (entry.block?.hash === block.hash) known.set(entry.round.hash, { ...entry, block: null })
    const dropped = known.get(block.hash)
    if (dropped === undefined) return []
    known.delete(block.hash)
    return [{ type: 'dropped', round: dropped.round }]
  }

  function add(block: SeenBlock, source: EpochSource): RoundEvent[] {
    const events: RoundEvent[] = []
    for (const entry of known.values()) {
      if (entry.block !== null || block.timestamp < entry.from) continue
      known.set(entry.round.hash, { ...entry, block })
      events.push({ type: 'sampling', round: entry.round, block })
    }
    epoch = source.epochAt(block.timestamp)
    if (epoch > announced) {
      announced = epoch
      for (const [hash, entry] of known) if (entry.round.epoch < epoch - 1) known.delete(hash)
      events.push({ type: 'epoch', epoch, block, rounds: source.roundsOf(epoch) })
    }
    const epochRounds = epoch < 0 ? null : source.roundsOf(epoch)
    const trigger = epochRounds === null ? null : nextTrigger(epochRounds, roundsOf(epoch), block)
    if (epochRounds !== null && trigger !== null) {
      const round = { ...trigger, epoch, seenAtMs: block.seenAtMs }
      known.set(round.hash, { round, from: round.timestamp + epochRounds.rules.samplingSeconds, block: null })
      events.push({ type: 'round', round })
    }
    return events
  }

  return {
    rounds: () => roundsOf(epoch),
    finished: wanted => (wanted === epoch - 1 && epoch === announced ? roundsOf(wanted) : null),
    apply: ({ removed, added }, source) => [...removed.flatMap(remove), ...added.flatMap(block => add(block, source))],
  }
}
