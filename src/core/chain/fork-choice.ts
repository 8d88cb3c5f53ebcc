/**
 * Chooses the head to follow when endpoints show different ones. Pure: the caller fetches blocks and gives the time.
 *
 * A block is *supported* once more than half of the endpoints show it in their chain; the highest supported block is never left
 * for one that fewer show, nor for one above it: what only one of three shows may be made up, and would end rounds too early. Whenever a
 * block gets its support, it counts from its first sight at any endpoint, since the window of a trigger does.
 *
 * Why: docs/why/chain-reads-and-transactions.md
 */
import type { Hex } from 'viem'
import type { SeenBlock } from './block-tree.ts'

export type ForkChoiceOptions = {
  /** Blocks of an endpoint's chain that are kept. */
  readonly keepBlocks: number
}

/** More than half of so many endpoints. */
const enough = (voters: number) => Math.floor(voters / 2) + 1

export function createForkChoice({ keepBlocks }: ForkChoiceOptions) {
  /** The last blocks of each endpoint's chain by number. */
  const chains = new Map<string, ReadonlyMap<bigint, SeenBlock>>()
  const headOf = (chain: ReadonlyMap<bigint, SeenBlock>) => [...chain.values()].at(-1)!

  function known(hash: Hex): SeenBlock | null {
    for (const chain of chains.values()) for (const block of chain.values()) if (block.hash === hash) return block
    return null
  }

  /** The chain of whichever endpoint shows this block, up to it, oldest first. */
  function chainTo({ number, hash }: SeenBlock): SeenBlock[] {
    const chain = [...chains.values()].find(each => each.get(number)?.hash === hash)
    return chain === undefined ? [] : [...chain.values()].filter(block => block.number <= number)
  }

  /** The highest block that enough chains have; null where they have none in common. */
  function supported(voters: number): SeenBlock | null {
    const candidates = [...chains.values()].flatMap(chain => [...chain.values()])
    candidates.sort((a, b) => (a.number === b.number ? a.seenAtMs - b.seenAtMs : a.number < b.number ? 1 : -1))
    for (const block of candidates) {
      const shownBy = [...chains.values()].filter(chain => chain.get(block.number)?.hash === block.hash)
      if (shownBy.length >= enough(voters)) return block
    }
    return null
  }

  return {
    /** A block that an endpoint shows in its present chain. */
    known,
    /**
     * Records that an endpoint shows this head.
     * @param branch - oldest first, each the parent of the next; joins a known block, or stands alone
     */
    show(endpoint: string, branch: readonly SeenBlock[]): void {
      const [first] = branch
      const present = chains.get(endpoint)
      if (first === undefined || (present && headOf(present).hash === branch.at(-1)!.hash)) return
      const parent = known(first.parentHash)
      // A block that was seen before keeps the time of its first sight.
      const added = branch.map(block => known(block.hash) ?? block)
      const blocks = [...(parent === null ? [] : chainTo(parent)), ...added].slice(-keepBlocks)
      chains.set(endpoint, new Map(blocks.map(block => [block.number, block])))
    },
    /** Forgets everything that this endpoint showed. */
    forget: (endpoint: string): void => void chains.delete(endpoint),
    /**
     * The chain to follow, its last blocks, oldest first; empty while none is supported.
     * @param voters - how many endpoints there are to agree
     */
    choose(voters: number): readonly SeenBlock[] {
      const base = supported(voters)
      return base === null ? [] : chainTo(base)
    },
    /** Endpoints whose head is on a branch beside the highest supported block. */
    astray(voters: number): readonly string[] {
      // Of two endpoints either may be the one that is astray.
      const base = voters < 3 ? null : supported(voters)
      if (base === null) return []
      return [...chains].flatMap(([endpoint, chain]) => {
        const { number } = headOf(chain)
        const isInLine =
          number < base.number ? isOn(chainTo(base), headOf(chain)) : chain.get(base.number)?.hash === base.hash
        return isInLine ? [] : [endpoint]
      })
    },
  }
}

/** Whether a block is on this chain, or before its first. */
const isOn = (chain: readonly SeenBlock[], { number, hash }: SeenBlock): boolean =>
  number < chain[0]!.number || chain.some(block => block.hash === hash)
