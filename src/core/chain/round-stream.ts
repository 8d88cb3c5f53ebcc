import { frozenEpochs } from '../protocol/constants.ts'
import type { Timeline } from '../protocol/network-parameters.ts'
import { type EpochRounds, epochAt, epochStartsAt } from '../protocol/trigger.ts'
import type { HeadChange, SeenBlock } from './block-tree.ts'
import { blockAt } from './blocks.ts'
import { getEpochRounds, getTimeline } from './epochs.ts'
import { changedMeanwhile, type HeadStream } from './head-stream.ts'
import type { ConnectedNetwork } from './network.ts'
import { createRoundTracker, keptBlocks, type Round, type RoundEvent } from './rounds.ts'

export type RoundStreamDependencies = {
  readonly network: ConnectedNetwork
  readonly heads: HeadStream
  /** Called with each failure to read the chain; the stream tries again at the next block. */
  readonly onTrouble?: (error: unknown) => void
}

export type RoundStream = ReturnType<typeof createRoundStream>

/**
 * The rounds of a network as they happen, from the head stream, the round rules on chain and each epoch's seed.
 *
 * A stream that starts in the middle of an epoch first reads the epoch's earlier blocks, and one whose endpoints were away those that it
 * missed, so that ordinals and beats are right. The rounds found there come as events too, with the present as the time of their first sight.
 */
export function createRoundStream(dependencies: RoundStreamDependencies) {
  const { network, heads, onTrouble = () => {} } = dependencies
  let tracker = createRoundTracker()
  const listeners = new Set<(event: RoundEvent) => void>()
  const known = new Map<number, EpochRounds>()
  const changes: HeadChange[] = []
  let timeline: Timeline | null = null
  /** The newest blocks of the chain that the tracker has, oldest first. */
  let chain: SeenBlock[] = []
  /** The change that was put in place of a gap. */
  let closed: HeadChange | null = null
  /** The first epoch of which every block was seen; so was every later one. */
  let wholeFrom = 0
  const stopping = new AbortController()
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
      // At the tip: a block that has left the chain since is not kept by every node.
      const rounds = await getEpochRounds(network, epoch, heads.tip?.hash)
      if (rounds !== null) known.set(epoch, rounds)
      known.delete(epoch - frozenEpochs)
    }
  }

  /** Whether this change goes on from the end of the tracker's chain, as one that only removes blocks always does. */
  const follows = ({ removed, added }: HeadChange) =>
    removed.length < chain.length &&
    (added.length === 0 || added[0]!.parentHash === (removed.at(-1)?.parentHash ?? chain.at(-1)!.hash))

  /**
   * Puts in place of the changes so far one that leaves out no block and repeats none. Where endpoints were away for longer than the head
   * stream looks back it goes on from the tracker's newest block that is still in the chain. At the start, and where an epoch's length has
   * passed since that block, a new tracker begins with the present epoch. So no more than an epoch's length of blocks is read.
   *
   * @throws RPC_FAILED where the chain changes meanwhile
   */
  async function closeGap(): Promise<HeadChange> {
    timeline ??= await getTimeline(network)
    const present = [...heads.blocks()]
    const held = changes.length
    const [oldest, newest] = [present[0]!, present.at(-1)!]
    const kept = await countKept(present)
    const last = chain[kept - 1]
    const removed = chain.slice(kept).reverse()
    const ancestorsSince = (timestamp: number) => heads.ancestorsOf(oldest, timestamp, stopping.signal)
    if (last !== undefined && last.timestamp >= newest.timestamp - (timeline?.epochSeconds ?? 0)) {
      const read = last.number + 1n < oldest.number ? await ancestorsSince(last.timestamp) : []
      const added = [...read, ...present].filter(({ number }) => number > last.number)
      if (added.length > 0 && added[0]!.parentHash !== last.hash) throw changedMeanwhile()
      return replace(held, { removed, added })
    }
    const epoch = source.epochAt(newest.timestamp)
    // Of an epoch whose first blocks are missing every ordinal would be wrong.
    const startsAt = timeline === null || epoch < 0 ? null : epochStartsAt(timeline, epoch)
    const added =
      startsAt === null
        ? present
        : [...(await ancestorsSince(startsAt)), ...present].filter(({ timestamp }) => timestamp >= startsAt)
    const dropped = tracker.apply({ removed, added: [] }, source)
    tracker = createRoundTracker()
    chain = []
    known.clear()
    emit(dropped)
    return replace(held, { removed: [], added })
  }

  function replace(held: number, change: HeadChange): HeadChange {
    changes.splice(0, held, change)
    return change
  }

  /** How many of the tracker's blocks are in the chain that ends with the present ones, by bisection. */
  async function countKept(present: readonly SeenBlock[]): Promise<number> {
    let low = 0
    let high = chain.length
    while (low < high) {
      const middle = (low + high) >> 1
      const { number, hash } = chain[middle]!
      const position = Number(number - present[0]!.number)
      const canonical = position < 0 ? await blockAt(network, number) : present[position]
      if (canonical?.hash === hash) low = middle + 1
      else high = middle
    }
    return low
  }

  function emit(events: readonly RoundEvent[]) {
    for (const event of events) for (const listener of listeners) listener(event)
  }

  async function work() {
    while (changes.length > 0 && !stopping.signal.aborted) {
      if (changes[0] !== closed && !follows(changes[0]!)) closed = await closeGap()
      await learn(changes[0]!)
      if (stopping.signal.aborted) return
      const change = changes.shift()!
      closed = null
      const { removed, added } = change
      if (chain.length === 0) wholeFrom = source.epochAt(added.at(-1)!.timestamp)
      chain = [...chain.slice(0, chain.length - removed.length), ...added].slice(-keptBlocks)
      emit(tracker.apply(change, source))
    }
  }

  const onChange = (change: HeadChange) => {
    changes.push(change)
    working = working.then(work).catch(error => {
      if (!stopping.signal.aborted) onTrouble(error)
    })
  }
  const present = heads.blocks()
  if (present.length > 0) onChange({ removed: [], added: [...present] })
  const end = heads.onChange(onChange)

  return {
    /** Rounds of the current epoch, by ordinal, those before we started included. */
    rounds: (): readonly Round[] => tracker.rounds(),
    /** The rounds of the epoch before the current one, by ordinal; null of any other, and where not all of its blocks were seen. */
    finished: (epoch: number): readonly Round[] | null => (epoch >= wholeFrom ? tracker.finished(epoch) : null),
    /** Called for every event in order; returns a function that ends it. */
    onEvent(listener: (event: RoundEvent) => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async stop(): Promise<void> {
      stopping.abort('stopped')
      end()
      await working
    },
  }
}
