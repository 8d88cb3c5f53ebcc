import { frozenEpochs } from '../protocol/constants.ts'
import type { Timeline } from '../protocol/network-parameters.ts'
import { type EpochRounds, epochAt, epochStartsAt } from '../protocol/trigger.ts'
import type { HeadChange, SeenBlock } from './block-tree.ts'
import { blockAt } from './blocks.ts'
import { getEpochRounds, getTimeline } from './epochs.ts'
import type { HeadStream } from './head-stream.ts'
import type { ConnectedNetwork } from './network.ts'
import { createRoundTracker, type Round, type RoundEvent } from './rounds.ts'

export type RoundStreamDependencies = {
  readonly network: ConnectedNetwork
  readonly heads: HeadStream
  /** Called with each failure to read the chain; the stream tries again at the next block. */
  readonly onTrouble?: (error: unknown) => void
}

export type RoundStream = {
  /** Rounds of the current epoch, by ordinal, those before we started included. */
  rounds(): readonly Round[]
  /** The rounds of the epoch before the current one, by ordinal; null of any other, and where not all of its blocks were seen. */
  finished(epoch: number): readonly Round[] | null
  /** Called for every event in order; returns a function that ends it. */
  onEvent(listener: (event: RoundEvent) => void): () => void
  stop(): Promise<void>
}

/**
 * The rounds of a network as they happen, from the head stream, the round rules on chain and each epoch's seed.
 *
 * A stream that starts in the middle of an epoch first reads the epoch's earlier blocks, and one whose endpoints were away those that it
 * missed, so that ordinals and beats are right. The rounds found there come as events too, with the present as the time of their first sight.
 */
export function createRoundStream(dependencies: RoundStreamDependencies): RoundStream {
  const { network, heads, onTrouble = () => {} } = dependencies
  const tracker = createRoundTracker()
  const listeners = new Set<(event: RoundEvent) => void>()
  const known = new Map<number, EpochRounds>()
  const changes: HeadChange[] = []
  let timeline: Timeline | null = null
  let tip: SeenBlock | null = null
  /** The first epoch of which every block was seen; so was every later one. */
  let wholeFrom = 0
  let stopped = false
  let working: Promise<void> = Promise.resolve()

  const source = {
    epochAt: (timestamp: number) => (timeline === null ? -1 : epochAt(timeline, timestamp)),
    roundsOf: (epoch: number) => known.get(epoch) ?? null,
  }

  /** Reads rules and seeds of the epochs of these blocks, where they are not known yet. */
  async function learn(change: HeadChange) {
    timeline ??= await getTimeline(network)
    // A branch that leaves out the block of a seed has another seed.
    for (const { timestamp } of change.removed) {
      const epoch = source.epochAt(timestamp)
      if (timestamp <= (known.get(epoch)?.seededAt ?? 0)) known.delete(epoch)
    }
    const epochs = [...new Set(change.added.map(block => source.epochAt(block.timestamp)))].filter(epoch => epoch >= 0)
    for (const epoch of epochs) {
      if (known.has(epoch)) continue
      // At the youngest block seen: one that a reorg removed since is not kept by every node.
      const youngest = changes.findLast(({ added }) => added.length > 0)?.added.at(-1)
      const rounds = await getEpochRounds(network, epoch, youngest?.hash)
      if (rounds !== null) known.set(epoch, rounds)
      known.delete(epoch - frozenEpochs)
    }
  }

  /** The block that this change goes on from is the newest that was looked at, and not one that nobody has shown. */
  const follows = ({ removed, added }: HeadChange) =>
    tip !== null && (added.length === 0 || added[0]!.parentHash === (removed.at(-1)?.parentHash ?? tip.hash))

  /**
   * Puts in place of the changes so far one that leaves out no block: at the start since the epoch's first, and where endpoints were away
   * for longer than the head stream looks back, since the newest that is still in the chain, at most from the epoch before on.
   */
  async function closeGap({ removed }: HeadChange) {
    timeline ??= await getTimeline(network)
    let gone = 0
    while (gone < removed.length && !(await isCanonical(removed[gone]!))) gone++
    const last = removed[gone] ?? removed.at(-1)
    const present = [...heads.blocks()]
    const held = changes.length
    const epoch = source.epochAt(present.at(-1)?.timestamp ?? 0)
    const read = await (timeline === null || epoch < 0
      ? []
      : heads.ancestorsSince(
          last === undefined
            ? epochStartsAt(timeline, epoch)
            : Math.max(epochStartsAt(timeline, epoch - 1), last.timestamp),
        ))
    const looked = last === undefined ? -1n : gone < removed.length ? last.number : last.number - 1n
    const missed = read.filter(({ number }) => number > looked)
    changes.splice(0, held, { removed: removed.slice(0, gone), added: [...missed, ...present] })
  }

  const isCanonical = async ({ number, hash }: SeenBlock) =>
    number <= (heads.tip?.number ?? -1n) && (await blockAt(network, number)).hash === hash

  function watchForGaps(change: HeadChange) {
    const last = change.added.at(-1)
    if (last === undefined) return
    if (tip === null) wholeFrom = source.epochAt(last.timestamp)
    else if (!follows(change)) wholeFrom = source.epochAt(last.timestamp) + 1
    tip = last
  }

  async function work() {
    while (changes.length > 0 && !stopped) {
      if (!follows(changes[0]!)) await closeGap(changes[0]!)
      await learn(changes[0]!)
      const change = changes.shift()!
      watchForGaps(change)
      for (const event of tracker.apply(change, source)) for (const listener of listeners) listener(event)
    }
  }

  const onChange = (change: HeadChange) => {
    changes.push(change)
    working = working.then(work).catch(onTrouble)
  }
  const present = heads.blocks()
  if (present.length > 0) onChange({ removed: [], added: [...present] })
  const end = heads.onChange(onChange)

  return {
    rounds: tracker.rounds,
    finished: epoch => (epoch >= wholeFrom ? tracker.finished(epoch) : null),
    onEvent(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async stop() {
      stopped = true
      end()
      await working
    },
  }
}
