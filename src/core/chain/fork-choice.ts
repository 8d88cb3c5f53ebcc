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

/** More than half of so many endpoints. */
const enough = (voters: number) => Math.floor(voters / 2) + 1

export function createForkChoice({ keepBlocks }: ForkChoiceOptions) {
  /** The last blocks of each endpoint's chain, oldest first and without gaps, as that endpoint shows them. */
  const chains = new Map<string, readonly SeenBlock[]>()
  /** What follows from these chains, by what was asked: endpoints are asked for their heads far more often than these change. */
  const answers = new Map<string, readonly SeenBlock[] | readonly string[]>()
  const upTo = (chain: readonly SeenBlock[], { number }: SeenBlock) => chain.filter(block => block.number <= number)
  const findIn = (chain: readonly SeenBlock[] | undefined, hash: Hex) =>
    chain?.findLast(block => block.hash === hash) ?? null
  const atHeight = (chain: readonly SeenBlock[], { number }: SeenBlock) => chain[Number(number - chain[0]!.number)]

  const showing = (block: SeenBlock) => [...chains.values()].filter(chain => isSame(atHeight(chain, block), block))
  function isSupported(block: SeenBlock, voters: number): boolean {
    let count = 0
    for (const chain of chains.values()) if (isSame(atHeight(chain, block), block)) count++
    return count >= enough(voters)
  }

  /** The highest block of an endpoint that is heard that enough chains have; null where they have none in common. */
  function supported(voters: number, heard: ReadonlySet<string>): SeenBlock | null {
    const left = [...chains].flatMap(([endpoint, chain]) => (heard.has(endpoint) ? [[...chain]] : []))
    for (;;) {
      const tops = left.flatMap(chain => chain.at(-1) ?? [])
      if (tops.length === 0) return null
      const candidates = tops.filter(({ number }) => tops.every(other => other.number <= number))
      candidates.sort((a, b) => a.seenAtMs - b.seenAtMs)
      const found = candidates.find(block => isSupported(block, voters))
      if (found !== undefined) return found
      for (const chain of left) if (candidates.includes(chain.at(-1)!)) chain.pop()
    }
  }

  /** The blocks up to this one that as many show alike, of the chain that has most of them. */
  function supportedChain(base: SeenBlock, voters: number): readonly SeenBlock[] {
    const branches = showing(base).map(chain => {
      const blocks = upTo(chain, base)
      return blocks.slice(blocks.findLastIndex(block => !isSupported(block, voters)) + 1)
    })
    return branches.reduce((longest, branch) => (branch.length > longest.length ? branch : longest))
  }

  function firstSight(block: SeenBlock): SeenBlock {
    const seen = [...chains.values()].flatMap(chain => findIn(chain, block.hash) ?? [])
    return { ...block, seenAtMs: Math.min(block.seenAtMs, ...seen.map(({ seenAtMs }) => seenAtMs)) }
  }

  function choose(voters: number, heard: ReadonlySet<string>): readonly SeenBlock[] {
    const base = supported(voters, heard)
    return base === null ? [] : supportedChain(base, voters)
  }

  function astray(heard: ReadonlySet<string>): readonly string[] {
    // Of two endpoints either may be the one that is astray.
    const base = heard.size < 3 ? null : supported(heard.size, heard)
    if (base === null) return []
    return [...chains].flatMap(([endpoint, chain]) => {
      const head = chain.at(-1)!
      const isInLine =
        head.number < base.number ? isOn(supportedChain(base, heard.size), head) : isSame(atHeight(chain, base), base)
      return isInLine || !heard.has(endpoint) ? [] : [endpoint]
    })
  }

  /** The answer of before, as long as no endpoint shows anything else. */
  function onceFor<T extends readonly SeenBlock[] | readonly string[]>(
    what: string,
    heard: ReadonlySet<string>,
    find: () => T,
  ): T {
    const question = [what, ...heard].join(' ')
    const answer = (answers.get(question) as T | undefined) ?? find()
    answers.set(question, answer)
    return answer
  }

  return {
    /** Whether any endpoint shows this block in its present chain. */
    isShown: (hash: Hex): boolean => [...chains.values()].some(chain => findIn(chain, hash) !== null),
    /** A block that this endpoint shows in its present chain, in its own words. */
    known: (endpoint: string, hash: Hex): SeenBlock | null => findIn(chains.get(endpoint), hash),
    /**
     * Records that an endpoint shows this head.
     * @param branch - oldest first, each the parent of the next; joins a block of its own chain, or stands alone
     */
    show(endpoint: string, branch: readonly SeenBlock[]): void {
      const [first] = branch
      const present = chains.get(endpoint)
      if (first === undefined || isSame(present?.at(-1), branch.at(-1)!)) return
      const parent = findIn(present, first.parentHash)
      const before = parent === null ? [] : upTo(present!, parent)
      chains.set(endpoint, [...before, ...branch.map(firstSight)].slice(-keepBlocks))
      answers.clear()
    },
    /** Forgets everything that this endpoint showed. */
    forget(endpoint: string): void {
      if (chains.delete(endpoint)) answers.clear()
    },
    /**
     * The chain to follow, its last blocks, oldest first; empty while none is supported. The same array as long as nothing else is shown.
     * @param voters - how many endpoints there are to agree
     * @param heard - whose heads may be followed, default all: what one shows that is silent now decides nothing by itself
     */
    choose: (voters: number, heard: ReadonlySet<string> = new Set(chains.keys())): readonly SeenBlock[] =>
      onceFor(`${voters}`, heard, () => choose(voters, heard)),
    /** Endpoints, of those that are heard, whose head is on a branch beside the highest block that most of them show. */
    astray: (heard: ReadonlySet<string>): readonly string[] => onceFor('astray', heard, () => astray(heard)),
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
