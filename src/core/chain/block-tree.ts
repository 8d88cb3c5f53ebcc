import type { Hex } from 'viem'
import type { BlockHead } from '../protocol/trigger.ts'

/** A block as first seen over any endpoint. `seenAtMs` is our own monotonic time, never the wall clock. */
export type SeenBlock = BlockHead & { readonly parentHash: Hex; readonly seenAtMs: number }

/** The change by a new head: blocks that are no longer canonical (newest first) and blocks that are canonical now (oldest first). */
export type HeadChange = { readonly removed: readonly SeenBlock[]; readonly added: readonly SeenBlock[] }

/**
 * The canonical chain's last blocks, and what each new head changes in them. Pure: the caller fetches missing parents.
 * A block keeps the time at which it was first seen, also when it leaves the chain and comes back.
 */
export function createBlockTree(options: { readonly keep: number }) {
  let canonical: SeenBlock[] = []
  const positions = new Map<Hex, number>()
  const seen = new Map<Hex, SeenBlock>()
  let offset = 0

  return {
    get tip(): SeenBlock | null {
      return canonical.at(-1) ?? null
    },
    /** The canonical block of this hash, if it is among those kept. */
    has: (hash: Hex): boolean => positions.has(hash),
    known: (hash: Hex): SeenBlock | null => seen.get(hash) ?? null,
    /** Canonical blocks kept, oldest first. */
    blocks: (): readonly SeenBlock[] => canonical,
    /**
     * Makes `branch` (oldest first, each the parent of the next) the canonical end of the chain; its first blocks may be canonical
     * already. A branch that joins no kept block replaces all of them.
     */
    extend(given: readonly SeenBlock[]): HeadChange {
      const last = given.findLastIndex(({ hash }) => positions.has(hash))
      const branch = given.slice(last + 1)
      const joint = given[last]?.hash ?? branch[0]?.parentHash
      if (joint === undefined) return { removed: [], added: [] }
      const position = positions.get(joint)
      const joinsAt = position === undefined ? -1 : position - offset
      const removed = canonical.slice(joinsAt + 1).reverse()
      for (const block of removed) positions.delete(block.hash)
      canonical = canonical.slice(0, joinsAt + 1)
      const added = branch.map(block => seen.get(block.hash) ?? block)
      for (const block of added) {
        positions.set(block.hash, offset + canonical.length)
        seen.set(block.hash, block)
        canonical.push(block)
      }
      while (canonical.length > options.keep) {
        positions.delete(canonical.shift()!.hash)
        offset++
      }
      for (const hash of seen.keys()) {
        if (seen.size <= options.keep * 2) break
        if (!positions.has(hash)) seen.delete(hash)
      }
      return { removed, added }
    },
  }
}
