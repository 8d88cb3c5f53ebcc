import { type Hex, isHash } from 'viem'
import { z } from 'zod'
import type { Clock } from '../platform/clock.ts'
import { createBlockTree, type HeadChange, type SeenBlock } from './block-tree.ts'
import type { Chain } from './client.ts'
import type { Endpoint } from './endpoint.ts'
import { chainErrors } from './errors.ts'
import { createForkChoice } from './fork-choice.ts'
import { headerHash } from './header-hash.ts'

export type HeadStreamOptions = {
  /** How often an http endpoint is asked for its head; default 250. A ws endpoint subscribes and is asked 8 times less. */
  readonly pollMs?: number
  /** Canonical blocks kept, which bounds the depth of a reorg that is followed exactly; default 256. */
  readonly keepBlocks?: number
  /** How often chain id, code and head of every endpoint are checked again; default 15000. */
  readonly checkMs?: number
}

export type HeadStreamDependencies = {
  readonly chain: Chain
  readonly clock: Clock
  /** Called with each failure that does not stop the stream. */
  readonly onTrouble?: (endpoint: string, error: unknown) => void
}

/** The chain to follow over all endpoints, without gaps. A block counts from its first sight at any of them. */
export type HeadStream = ReturnType<typeof createHeadStream>

/** How long (ms) an endpoint may be on a branch of its own. */
const astrayMs = 10_000
/** Most parents that are fetched for one head. A branch that joins no known block within them stands alone. */
const mostParents = 64

/**
 * Follows the chain's head over all endpoints that were not dropped, by subscription where they offer it and by polling. When they
 * differ, fork-choice.ts decides. An endpoint whose blocks do not fit together, or that stays on a branch that no other endpoint
 * shows, is dropped with its reason.
 */
export function createHeadStream(options: HeadStreamOptions, dependencies: HeadStreamDependencies) {
  const { pollMs = 250, keepBlocks = 256, checkMs = 15_000 } = options
  const { chain, clock, onTrouble = () => {} } = dependencies
  const tree = createBlockTree({ keep: keepBlocks })
  const choice = createForkChoice({ keepBlocks })
  const listeners = new Set<(change: HeadChange) => void>()
  const stopping = new AbortController()
  /**
   * Endpoints whose headers have the hash that they name, with the last one, which is not hashed at every poll. Once most endpoints' headers do, all must;
   * not every chain hashes as Ethereum does.
   */
  const hashing = new Map<string, SeenBlock>()
  const astraySince = new Map<string, number>()
  /** The endpoints whose heads are being handled, and the head of each that waits. */
  const handling = new Map<Endpoint, Promise<void>>()
  const waiting = new Map<Endpoint, { readonly block: unknown; readonly seen: SeenBlock }>()
  /** What fork choice named last. */
  let followed: readonly SeenBlock[] = []

  /**
   * The number of endpoints that answer; a silent one shows nothing and delays nothing. Of more than two at least two have to show a block, however
   * many are silent: one that is alone for a moment would decide for all.
   */
  const voters = (answered = answering().length) => (chain.all().length > 2 ? Math.max(3, answered) : answered)
  const answering = () => chain.all().filter(({ status }) => status.state === 'usable')

  /** Waits for this until the stream stops: no endpoint can hold up its end. */
  const untilStop = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const { signal } = stopping
      const onAbort = () => reject(signal.reason)
      if (signal.aborted) onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      work.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject)
    })

  async function fetchBlock(endpoint: Endpoint, method: string, params: readonly unknown[]): Promise<SeenBlock> {
    const block = await untilStop(endpoint.request({ method, params }))
    return verified(endpoint, block, toSeen(block, endpoint, clock.monotonicMs()))
  }

  /** @throws RPC_FAILED for a block whose hash is not that of its header */
  function verified(endpoint: Endpoint, block: unknown, seen: SeenBlock): SeenBlock {
    const last = hashing.get(endpoint.url)
    if (last !== undefined && isSame(last, seen)) return seen
    if (headerHash(block as Record<string, unknown>) === seen.hash) {
      hashing.set(endpoint.url, seen)
      return seen
    }
    // The endpoint is not dropped: after a fork that adds a field to headers, the check fails at one endpoint after the other.
    hashing.delete(endpoint.url)
    if (2 * hashing.size > voters()) {
      const action = `Reading block ${seen.number} of ${endpoint.name}`
      throw chainErrors.RPC_FAILED({ action, reason: 'its header has another hash than the one it names' })
    }
    return seen
  }

  function forged(endpoint: Endpoint, claim: string) {
    const error = chainErrors.RPC_FORGED({ endpoint: endpoint.name, claim })
    endpoint.mark('dropped', error)
    return error
  }

  /**
   * The head with its ancestors that this endpoint has not shown yet, oldest first; those that we follow are not asked for.
   * @throws RPC_FORGED where they do not fit together
   */
  async function branchOf(endpoint: Endpoint, head: SeenBlock): Promise<SeenBlock[]> {
    const branch = [head]
    const oldest = tree.blocks()[0]
    for (;;) {
      const [first] = branch as [SeenBlock]
      const { parentHash, number } = first
      const own = choice.known(endpoint.url, parentHash)
      const known = own ?? tree.known(parentHash)
      const isEnd = oldest === undefined || number <= oldest.number || branch.length > mostParents
      if (known === null && isEnd) return branch
      const parent = known ?? (await fetchBlock(endpoint, 'eth_getBlockByHash', [parentHash, false]))
      if (parent.hash !== parentHash) throw forged(endpoint, `block ${parentHash} is ${parent.hash}`)
      if (parent.number + 1n !== number) throw forged(endpoint, `block ${number} follows block ${parent.number}`)
      if (own !== null) return branch
      // Seen now, together with the head that revealed it.
      branch.unshift({ ...parent, seenAtMs: Math.min(parent.seenAtMs, head.seenAtMs) })
    }
  }

  async function accept(endpoint: Endpoint, head: SeenBlock): Promise<void> {
    // A subscription goes on after its endpoint was dropped.
    if (endpoint.status.state !== 'dropped') choice.show(endpoint.url, await branchOf(endpoint, head))
    follow(endpoint)
  }

  /**
   * Moves to the chain that fork choice names now. Who has just shown a head is heard, whatever it answered before; who is silent is not, and could
   * otherwise leave a head behind that of two endpoints it alone has shown.
   */
  function follow(shower: Endpoint) {
    for (const endpoint of chain.all()) if (endpoint.status.state === 'dropped') choice.forget(endpoint.url)
    const heard = chain.all().filter(each => each.status.state === 'usable' || each === shower)
    const urls = new Set(heard.flatMap(({ url, status }) => (status.state === 'dropped' ? [] : [url])))
    const chosen = choice.choose(voters(urls.size), urls)
    if (chosen !== followed && !isBehind(chosen)) {
      const change = tree.extend(chosen)
      if (change.added.length + change.removed.length > 0) for (const listener of listeners) listener(change)
    }
    followed = chosen
    leaveAstray()
  }

  /** Whether a chain ends below our tip, which somebody still shows: a voter that is gone, or is back with an old head, is no reorg. */
  function isBehind(chosen: readonly SeenBlock[]): boolean {
    const [end, { tip }] = [chosen.at(-1), tree]
    return end !== undefined && tip !== null && end.hash !== tip.hash && tree.has(end.hash) && choice.isShown(tip.hash)
  }

  /** What a silent endpoint showed last is held neither against it nor against others. */
  function leaveAstray() {
    const heard = new Set(answering().map(({ url }) => url))
    const astray = new Set(choice.astray(heard))
    for (const url of astraySince.keys()) if (!astray.has(url)) astraySince.delete(url)
    for (const endpoint of chain.all()) {
      if (!astray.has(endpoint.url)) continue
      const since = astraySince.get(endpoint.url) ?? clock.monotonicMs()
      astraySince.set(endpoint.url, since)
      if (clock.monotonicMs() - since < astrayMs) continue
      onTrouble(endpoint.name, forged(endpoint, 'no other endpoint shows its chain'))
    }
  }

  /**
   * Handles the heads of an endpoint one after the other, and of waiting heads only the newest, which is hashed and joined to its parents in its turn: an
   * endpoint may push as many as it likes. No endpoint waits for another one, and the end of the stream for none.
   *
   * @throws RPC_FAILED for a value that is not a block
   */
  function enqueue(endpoint: Endpoint, block: unknown): Promise<void> {
    waiting.set(endpoint, { block, seen: toSeen(block, endpoint, clock.monotonicMs()) })
    const handled = handling.get(endpoint) ?? handle(endpoint)
    handling.set(endpoint, handled)
    return handled
  }

  async function handle(endpoint: Endpoint): Promise<void> {
    // `enqueue` records that this endpoint is being handled before the handling can end.
    await Promise.resolve()
    for (let next = waiting.get(endpoint); next !== undefined; next = waiting.get(endpoint)) {
      waiting.delete(endpoint)
      if (stopping.signal.aborted) break
      try {
        await accept(endpoint, verified(endpoint, next.block, next.seen))
      } catch (error) {
        if (!stopping.signal.aborted) onTrouble(endpoint.name, error)
      }
    }
    handling.delete(endpoint)
  }

  async function watch(endpoint: Endpoint) {
    const unsubscribe = endpoint.watchHeads?.(
      head => {
        try {
          void enqueue(endpoint, head)
        } catch (error) {
          onTrouble(endpoint.name, error)
        }
      },
      error => onTrouble(endpoint.name, error),
    )
    while (!stopping.signal.aborted) {
      if (endpoint.status.state !== 'dropped') {
        try {
          const head = endpoint.request({ method: 'eth_getBlockByNumber', params: ['latest', false] })
          await enqueue(endpoint, await untilStop(head))
        } catch (error) {
          if (!stopping.signal.aborted) onTrouble(endpoint.name, error)
        }
      }
      await clock.sleep(unsubscribe === undefined ? pollMs : pollMs * 8, stopping.signal).catch(() => {})
    }
    unsubscribe?.()
  }

  async function keepChecking() {
    while (!stopping.signal.aborted) {
      await clock.sleep(checkMs, stopping.signal).catch(() => {})
      if (stopping.signal.aborted) return
      await untilStop(chain.check()).catch(error => {
        if (!stopping.signal.aborted) onTrouble('all endpoints', error)
      })
      const [answered, given] = [answering().length, chain.all().length]
      if (answered === 1 && given > 2)
        onTrouble('all endpoints', chainErrors.RPC_ALONE({ method: 'eth_getBlockByNumber', answered, given }))
    }
  }

  const followers = [...chain.all().map(watch), keepChecking()]

  return {
    get tip(): SeenBlock | null {
      return tree.tip
    },
    /** Canonical blocks kept, oldest first. */
    blocks: tree.blocks,
    /** Called for every change in order; returns a function that ends it. */
    onChange(listener: (change: HeadChange) => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    /** The ancestors of a canonical block back to this timestamp (seconds), oldest first. Rejects when the signal aborts. */
    async ancestorsOf(descendant: SeenBlock, timestamp: number, signal?: AbortSignal): Promise<SeenBlock[]> {
      const ancestors: SeenBlock[] = []
      let child = descendant
      while (child.timestamp >= timestamp && child.number > 0n) {
        signal?.throwIfAborted()
        const count = child.number < batchBlocks ? child.number : batchBlocks
        const from = child.number - count
        const batch = await Promise.all(
          Array.from({ length: Number(count) }, (_, i) => readBlock(chain, from + BigInt(i), clock)),
        )
        for (const block of batch.reverse()) {
          if (block.hash !== child.parentHash) throw changedMeanwhile()
          if (block.timestamp < timestamp) return ancestors.reverse()
          ancestors.push(block)
          child = block
        }
      }
      return ancestors.reverse()
    },
    /** Resolves at once: an answer that is still waited for is not taken any more. */
    async stop(): Promise<void> {
      stopping.abort(new DOMException('the head stream stopped', 'AbortError'))
      await Promise.all(followers)
      await Promise.all(handling.values())
    },
  }
}

/** In everything that is read of a header. */
const isSame = (one: SeenBlock, other: SeenBlock): boolean =>
  one.hash === other.hash &&
  one.number === other.number &&
  one.parentHash === other.parentHash &&
  one.timestamp === other.timestamp

const batchBlocks = 64n

/** @returns RPC_FAILED, of blocks that were read one after the other and are not of one chain */
export const changedMeanwhile = () =>
  chainErrors.RPC_FAILED({ action: 'Reading earlier blocks', reason: 'the chain changed meanwhile' })

const quantity = z.string().regex(/^0x[0-9a-f]+$/)
const hash = z.custom<Hex>(value => isHash(value as string))
const rpcHead = z.object({ number: quantity, hash, parentHash: hash, timestamp: quantity })

/** @throws RPC_FAILED for a value that is not a block */
function toSeen(block: unknown, { name }: Endpoint, seenAtMs: number): SeenBlock {
  const { data, error } = rpcHead.safeParse(block)
  if (error !== undefined)
    throw chainErrors.RPC_FAILED({
      action: `Reading a block of ${name}`,
      reason: block === null ? 'not found' : 'not a block',
    })
  const { number, timestamp, ...hashes } = data
  return { number: BigInt(number), ...hashes, timestamp: Number(timestamp), seenAtMs }
}

async function readBlock(chain: Chain, blockNumber: bigint, clock: Clock): Promise<SeenBlock> {
  const { number, hash, parentHash, timestamp } = await chain.client.getBlock({ blockNumber })
  return { number, hash, parentHash, timestamp: Number(timestamp), seenAtMs: clock.monotonicMs() }
}
