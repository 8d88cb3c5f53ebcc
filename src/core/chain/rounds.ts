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
  /** What a change of the chain means. `roundsOf` gives an epoch's rules and seed, null without a seed. */
  apply(change: HeadChange, epochs: EpochSource): RoundEvent[]
}

export type EpochSource = {
  epochAt(timestamp: number): number
  roundsOf(epoch: number): EpochRounds | null
}

/**
 * Turns changes of the canonical chain into rounds. Pure: the same changes always give the same events.
 * A reorg may take the sampling block of a round and leave its trigger: then `sampling` comes again, with another block.
 */
export function createRoundTracker(): RoundTracker {
  let epoch = -1
  let rounds: Round[] = []
  /** Rounds with the block time from which a block samples them, and that block once it is there. */
  const sampling = new Map<Hex, { readonly round: Round; readonly from: number; readonly block: SeenBlock | null }>()

  function remove(block: SeenBlock): RoundEvent[] {
    for (const entry of sampling.values())
      if (entry.block?.hash === block.hash) sampling.set(entry.round.hash, { ...entry, block: null })
    const dropped = sampling.get(block.hash)
    if (dropped === undefined) return []
    sampling.delete(block.hash)
    rounds = rounds.filter(round => round.hash !== block.hash)
    return [{ type: 'dropped', round: dropped.round }]
  }

  function add(block: SeenBlock, source: EpochSource): RoundEvent[] {
    const events: RoundEvent[] = []
    for (const entry of sampling.values()) {
      if (entry.block !== null || block.timestamp < entry.from) continue
      sampling.set(entry.round.hash, { ...entry, block })
      events.push({ type: 'sampling', round: entry.round, block })
    }
    const blockEpoch = source.epochAt(block.timestamp)
    if (blockEpoch > epoch) {
      epoch = blockEpoch
      rounds = []
      for (const [hash, entry] of sampling) if (entry.round.epoch < epoch - 1) sampling.delete(hash)
      if (epoch >= 0) events.push({ type: 'epoch', epoch, block, rounds: source.roundsOf(epoch) })
    }
    // A reorg back over the edge of an epoch changes no round: rounds begin well before it.
    const epochRounds = blockEpoch === epoch && epoch >= 0 ? source.roundsOf(epoch) : null
    const trigger = epochRounds === null ? null : nextTrigger(epochRounds, rounds, block)
    if (epochRounds !== null && trigger !== null) {
      const round = { ...trigger, epoch, seenAtMs: block.seenAtMs }
      rounds = [...rounds, round]
      sampling.set(round.hash, { round, from: round.timestamp + epochRounds.rules.samplingSeconds, block: null })
      events.push({ type: 'round', round })
    }
    return events
  }

  return {
    rounds: () => rounds,
    apply: ({ removed, added }, source) => [...removed.flatMap(remove), ...added.flatMap(block => add(block, source))],
  }
}
