/**
 * Chooses the head to follow when endpoints show different ones. Pure: the caller fetches blocks and gives the time.
 *
 * A block is *supported* once more than half of the endpoints show it in their chain; the highest supported block is never left
 * for one that fewer show, nor for one above it: what only one of three shows may be made up, and would end rounds too early. Whenever a
 * block gets its support, it counts from its first sight at any endpoint, since the window of a trigger does. Endpoints show the same block only where
 * they say the same of it, and none is given another one's words.
 *
 * Why: docs/why/chain-reads-and-transactions.md
 */
import type { Hex } from 'viem'
import type { SeenBlock } from './block-tree.ts'

export type ForkChoiceOptions = {
  /** Blocks of an endpoint's chain that are kept. */
  readonly keepBlocks: number
}

export type ForkChoice = {
  /** Whether any endpoint shows this block in its present chain. */
  isShown(hash: Hex): boolean
  /** A block that this endpoint shows in its present chain, in its own words. */
  known(endpoint: string, hash: Hex): SeenBlock | null
  /**
   * Records that an endpoint shows this head.
   * @param branch - oldest first, each the parent of the next; joins a block of its own chain, or stands alone
   */
  show(endpoint: string, branch: readonly SeenBlock[]): void
  /** Forgets everything that this endpoint showed. */
  forget(endpoint: string): void
  /**
   * The chain to follow, its last blocks, oldest first; empty while none is supported.
   * @param voters - how many endpoints there are to agree
   * @param heard - whose heads may be followed, default all: what one shows that is silent now decides nothing by itself
   */
  choose(voters: number, heard?: ReadonlySet<string>): readonly SeenBlock[]
  /** Endpoints, of those that are heard, whose head is on a branch beside the highest block that most of them show. */
  astray(heard: ReadonlySet<string>): readonly string[]
}

/** More than half of so many endpoints. */
const enough = (voters: number) => Math.floor(voters / 2) + 1

export function createForkChoice({ keepBlocks }: ForkChoiceOptions): ForkChoice {
  /** The last blocks of each endpoint's chain by number, as that endpoint shows them. */
  const chains = new Map<string, ReadonlyMap<bigint, SeenBlock>>()
  const headOf = (chain: ReadonlyMap<bigint, SeenBlock>) => [...chain.values()].at(-1)!
  const upTo = (chain: ReadonlyMap<bigint, SeenBlock>, { number }: SeenBlock) =>
    [...chain.values()].filter(block => block.number <= number)
  const findIn = (chain: ReadonlyMap<bigint, SeenBlock> | undefined, hash: Hex) =>
    [...(chain?.values() ?? [])].find(block => block.hash === hash) ?? null

  const showing = (block: SeenBlock) => [...chains.values()].filter(chain => isSame(chain.get(block.number), block))

  /** The highest block of an endpoint that is heard that enough chains have; null where they have none in common. */
  function supported(voters: number, heard: ReadonlySet<string>): SeenBlock | null {
    const candidates = [...chains].flatMap(([endpoint, chain]) => (heard.has(endpoint) ? [...chain.values()] : []))
    candidates.sort((a, b) => (a.number === b.number ? a.seenAtMs - b.seenAtMs : a.number < b.number ? 1 : -1))
    return candidates.find(block => showing(block).length >= enough(voters)) ?? null
  }

  /** The blocks up to this one that as many show alike, of the chain that has most of them. */
  function supportedChain(base: SeenBlock, voters: number): readonly SeenBlock[] {
    const branches = showing(base).map(chain => {
      const blocks = upTo(chain, base)
      return blocks.slice(blocks.findLastIndex(block => showing(block).length < enough(voters)) + 1)
    })
    return branches.reduce((longest, branch) => (branch.length > longest.length ? branch : longest))
  }

  function firstSight(block: SeenBlock): SeenBlock {
    const seen = [...chains.values()].flatMap(chain => findIn(chain, block.hash) ?? [])
    return { ...block, seenAtMs: Math.min(block.seenAtMs, ...seen.map(({ seenAtMs }) => seenAtMs)) }
  }

  return {
    isShown: hash => [...chains.values()].some(chain => findIn(chain, hash) !== null),
    known: (endpoint, hash) => findIn(chains.get(endpoint), hash),
    show(endpoint, branch) {
      const [first] = branch
      const present = chains.get(endpoint)
      if (first === undefined || (present && isSame(headOf(present), branch.at(-1)!))) return
      const parent = findIn(present, first.parentHash)
      const before = parent === null ? [] : upTo(present!, parent)
      const blocks = [...before, ...branch.map(firstSight)].slice(-keepBlocks)
      chains.set(endpoint, new Map(blocks.map(block => [block.number, block])))
    },
    forget: endpoint => void chains.delete(endpoint),
    choose(voters, heard = new Set(chains.keys())) {
      const base = supported(voters, heard)
      return base === null ? [] : supportedChain(base, voters)
    },
    astray(heard) {
      // Of two endpoints either may be the one that is astray.
      const base = heard.size < 3 ? null : supported(heard.size, heard)
      if (base === null) return []
      return [...chains].flatMap(([endpoint, chain]) => {
        const head = headOf(chain)
        const isInLine =
          head.number < base.number
            ? isOn(supportedChain(base, heard.size), head)
            : isSame(chain.get(base.number), base)
        return isInLine || !heard.has(endpoint) ? [] : [endpoint]
      })
    },
  }
}

/**
 * Whether two endpoints say the same of a block. The hash alone does not say it: on a chain that hashes its headers otherwise than Ethereum, nothing
 * ties number, time and parent to it but the word of each endpoint.
 */
const isSame = (one: SeenBlock | undefined, other: SeenBlock): boolean =>
  one !== undefined &&
  one.hash === other.hash &&
  one.number === other.number &&
  one.timestamp === other.timestamp &&
  one.parentHash === other.parentHash

/** Whether a block is on this chain, or before its first. */
const isOn = (chain: readonly SeenBlock[], head: SeenBlock): boolean =>
  head.number < chain[0]!.number || chain.some(block => isSame(block, head))
