/**
 * Visits the current epoch, the next one as soon as its seed can be there, and those that were before we started and are not
 * settled yet, until each visit has succeeded once.
 */
import type { Timeline } from '../protocol/network-parameters.ts'
import { epochAt, epochStartsAt } from '../protocol/trigger.ts'
import { getTimeline } from './epochs.ts'
import type { HeadStream } from './head-stream.ts'
import type { ConnectedNetwork } from './network.ts'

export type EpochWatchOptions = {
  /** How many epochs before the current one are visited too; default none. */
  readonly past?: number
}

export type EpochWatchDependencies = {
  readonly network: ConnectedNetwork
  readonly heads: HeadStream
  /** True when the epoch needs no further visit; false or a rejection: again at the next block. */
  readonly visit: (epoch: number) => Promise<boolean>
  readonly onTrouble: (error: unknown) => void
}

/** Whether the seed of the epoch after this block's can be set: after REVEAL of the epoch before this block's. */
const nextSeedDue = (timeline: Timeline, timestamp: number): boolean => {
  const epoch = epochAt(timeline, timestamp)
  const { commitSeconds, openSeconds, revealSeconds } = timeline
  return epoch < 0 || timestamp >= epochStartsAt(timeline, epoch) + commitSeconds + openSeconds + revealSeconds
}

/** @returns how to end it */
export function watchEpochs(
  { past = 0 }: EpochWatchOptions,
  { network, heads, visit, onTrouble }: EpochWatchDependencies,
): () => void {
  const done = new Set<number>()
  const visiting = new Set<number>()
  let timeline: Timeline | null = null

  async function look(timestamp: number) {
    timeline ??= await getTimeline(network)
    if (timeline === null) return
    const epoch = epochAt(timeline, timestamp)
    const last = nextSeedDue(timeline, timestamp) ? epoch + 1 : epoch
    // The current epoch first: its work does not wait for what is left of the others.
    const due = [epoch, ...(last > epoch ? [last] : []), ...Array.from({ length: past }, (_, i) => epoch - 1 - i)]
    for (const each of due.filter(number => number >= 0 && !done.has(number) && !visiting.has(number))) {
      visiting.add(each)
      visit(each)
        .then(success => success && done.add(each))
        .catch(onTrouble)
        .finally(() => visiting.delete(each))
    }
    for (const each of done) if (each < epoch - past) done.delete(each)
  }

  const onTip = () => {
    if (heads.tip !== null) look(heads.tip.timestamp).catch(onTrouble)
  }
  onTip()
  return heads.onChange(onTip)
}
