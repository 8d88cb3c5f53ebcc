/**
 * Chooses the head to follow when endpoints show different ones. Pure: the caller fetches blocks and gives the time.
 *
 * A block is *supported* once more than half of the endpoints show it in their chain; the highest supported block is never left
 * for one that fewer show. A head above it that only some endpoints show is followed for a short time, since the window of a trigger
 * counts from its first sight; it is left unless it gets its support in time.
 *
 * Why: docs/why/chain-reads-and-transactions.md
 */
import type { Hex } from 'viem'
import type { SeenBlock } from './block-tree.ts'

export type ForkChoiceOptions = {
  /** How long a head may lead without support, in ms. */
  readonly graceMs: number
  /** How many blocks above the highest supported one may lead without support. */
  readonly mostAhead: number
  /** Blocks of an endpoint's chain that are kept. */
  readonly keepBlocks: number
}

export type ForkChoice = {
  /** A block that an endpoint shows in its present chain. */
  known(hash: Hex): SeenBlock | null
  /**
   * Records that an endpoint shows this head.
   * @param branch - oldest first, each the parent of the next; joins a known block, or stands alone
   */
  show(endpoint: string, branch: readonly SeenBlock[]): void
  /** Forgets everything that this endpoint showed. */
  forget(endpoint: string): void
  /**
   * The chain to follow, its last blocks, oldest first; empty while none is supported.
   * @param voters - how many endpoints there are to agree
   */
  choose(voters: number, nowMs: number): readonly SeenBlock[]
  /** Endpoints whose head is on a branch beside the highest supported block. */
  astray(voters: number): readonly string[]
}

/** More than half of so many endpoints. */
const enough = (voters: number) => Math.floor(voters / 2) + 1

/** Seconds by which a block's time may be ahead of the time that has passed since the highest supported block was seen. */
const slackSeconds = 2

export function createForkChoice({ graceMs, mostAhead, keepBlocks }: ForkChoiceOptions): ForkChoice {
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

  /** The head of this chain where it may be followed although too few show it; null where it may not. */
  function leading(chain: ReadonlyMap<bigint, SeenBlock>, base: SeenBlock, nowMs: number): SeenBlock | null {
    const head = headOf(chain)
    const first = chain.get(base.number + 1n)
    if (first === undefined || chain.get(base.number)?.hash !== base.hash) return null
    if (head.number > base.number + BigInt(mostAhead) || nowMs - first.seenAtMs > graceMs) return null
    // A block that too few endpoints show may begin a round, but must not move block time forward.
    const latest = base.timestamp + Math.ceil((nowMs - base.seenAtMs) / 1_000) + slackSeconds
    return head.timestamp <= latest ? head : null
  }

  return {
    known,
    show(endpoint, branch) {
      const [first] = branch
      const present = chains.get(endpoint)
      if (first === undefined || (present && headOf(present).hash === branch.at(-1)!.hash)) return
      const parent = known(first.parentHash)
      // A block that was seen before keeps the time of its first sight.
      const added = branch.map(block => known(block.hash) ?? block)
      const blocks = [...(parent === null ? [] : chainTo(parent)), ...added].slice(-keepBlocks)
      chains.set(endpoint, new Map(blocks.map(block => [block.number, block])))
    },
    forget: endpoint => void chains.delete(endpoint),
    choose(voters, nowMs) {
      const base = supported(voters)
      if (base === null) return []
      let tip = base
      for (const chain of chains.values()) {
        const head = leading(chain, base, nowMs)
        const isBetter =
          head !== null && (head.number > tip.number || (head.number === tip.number && head.seenAtMs < tip.seenAtMs))
        if (isBetter) tip = head
      }
      return chainTo(tip)
    },
    astray(voters) {
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
