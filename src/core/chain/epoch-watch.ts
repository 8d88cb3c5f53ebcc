/**
 * Visits the current epoch, and epochs from before our start that are not settled yet, until each visit has succeeded once. After a
 * reorg that took blocks of an epoch it visits that epoch again, since its seed may be another one.
 */
import type { Timeline } from '../protocol/network-parameters.ts'
import { epochAt } from '../protocol/trigger.ts'
import type { SeenBlock } from './block-tree.ts'
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
  /**
   * Resolves with true when the epoch needs no further visit. After false or a rejection it is called again at the next block, and at once
   * where one has come meanwhile.
   */
  readonly visit: (epoch: number) => Promise<boolean>
  readonly onTrouble: (error: unknown) => void
}

/** @returns a function that ends it */
export function watchEpochs(
  { past = 0 }: EpochWatchOptions,
  { network, heads, visit, onTrouble }: EpochWatchDependencies,
): () => void {
  const done = new Set<number>()
  const visiting = new Set<number>()
  /** Of those that are being visited, the ones whose blocks a reorg took meanwhile. */
  const changed = new Set<number>()
  /** Of those that are being visited, the ones that a block has come for meanwhile. */
  const missed = new Set<number>()
  let timeline: Timeline | null = null
  let ended = false

  /** @param isNew - whether a block has come; else it looks once more at the one that came before */
  async function look(timestamp: number, removed: readonly SeenBlock[], isNew: boolean) {
    timeline ??= await getTimeline(network)
    if (timeline === null || ended) return
    for (const block of removed) {
      const removedFrom = epochAt(timeline, block.timestamp)
      done.delete(removedFrom)
      if (visiting.has(removedFrom)) changed.add(removedFrom)
    }
    const epoch = epochAt(timeline, timestamp)
    // The current epoch comes first, so that its work does not wait for the others.
    const due = [epoch, ...Array.from({ length: past }, (_, i) => epoch - 1 - i)]
    for (const each of due.filter(number => number >= 0 && !done.has(number))) {
      if (visiting.has(each)) {
        if (isNew) missed.add(each)
        continue
      }
      visiting.add(each)
      visit(each)
        .then(success => success && !changed.has(each) && done.add(each))
        .catch(onTrouble)
        .finally(() => {
          visiting.delete(each)
          changed.delete(each)
          if (missed.delete(each)) onTip([], false)
        })
    }
    for (const each of done) if (each < epoch - past) done.delete(each)
  }

  const onTip = (removed: readonly SeenBlock[], isNew = true) => {
    if (heads.tip !== null && !ended) look(heads.tip.timestamp, removed, isNew).catch(onTrouble)
  }
  onTip([])
  const leave = heads.onChange(({ removed }) => onTip(removed))
  return () => {
    ended = true
    leave()
  }
}
