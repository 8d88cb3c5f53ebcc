import { type Hex, isHash } from 'viem'
import { z } from 'zod'
import type { Clock } from '../platform/clock.ts'
import { createBlockTree, type HeadChange, type SeenBlock } from './block-tree.ts'
import type { Chain } from './client.ts'
import type { Endpoint } from './endpoint.ts'
import { chainErrors } from './errors.ts'

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
  /** Told about each failure that the stream goes on in spite of. */
  readonly onTrouble?: (endpoint: string, error: unknown) => void
}

/** The newest head over all endpoints, without gaps: the first sight of a block counts, whoever shows it. */
export type HeadStream = {
  readonly tip: SeenBlock | null
  /** Canonical blocks kept, oldest first. */
  blocks(): readonly SeenBlock[]
  /** Called for every change in order; returns a function that ends it. */
  onChange(listener: (change: HeadChange) => void): () => void
  /** The canonical ancestors of the oldest block kept back to this timestamp (seconds), oldest first. */
  ancestorsSince(timestamp: number): Promise<SeenBlock[]>
  /** Resolves with the tip once its timestamp (seconds) is at least this. Rejects when the signal aborts. */
  until(timestamp: number, signal?: AbortSignal): Promise<SeenBlock>
  stop(): Promise<void>
}

/** Follows the chain's head over all usable endpoints, by subscription where they offer it and by polling. */
export function createHeadStream(options: HeadStreamOptions, dependencies: HeadStreamDependencies): HeadStream {
  const { pollMs = 250, keepBlocks = 256, checkMs = 15_000 } = options
  const { chain, clock, onTrouble = () => {} } = dependencies
  const tree = createBlockTree({ keep: keepBlocks })
  const listeners = new Set<(change: HeadChange) => void>()
  const lastHeads = new Map<Endpoint, Hex>()
  const stopping = new AbortController()
  let queue: Promise<void> = Promise.resolve()

  async function fetchBlock(endpoint: Endpoint, method: string, params: readonly unknown[]): Promise<SeenBlock> {
    return toSeen(await endpoint.request({ method, params }), endpoint, clock.monotonicMs())
  }

  async function accept(endpoint: Endpoint, head: SeenBlock): Promise<void> {
    // A subscription goes on telling when its endpoint is not believed any more.
    if (endpoint.status.state === 'dropped') return void lastHeads.delete(endpoint)
    lastHeads.set(endpoint, head.hash)
    const { tip } = tree
    if (tree.has(head.hash)) return
    // At equal height the first seen stays for as long as any endpoint shows it: then it was reorganised.
    const shown = tip !== null && [...lastHeads.values()].includes(tip.hash)
    if (tip !== null && (head.number < tip.number || (head.number === tip.number && shown))) return
    const branch = [head]
    const oldest = tree.blocks()[0]
    while (oldest !== undefined && !tree.has(branch[0]!.parentHash) && branch[0]!.number > oldest.number) {
      const { parentHash } = branch[0]!
      const parent = tree.known(parentHash) ?? (await fetchBlock(endpoint, 'eth_getBlockByHash', [parentHash, false]))
      if (parent.hash !== parentHash) {
        const claim = `block ${parentHash} is ${parent.hash}`
        endpoint.mark('dropped', chainErrors.RPC_FORGED({ endpoint: endpoint.name, claim }))
        return
      }
      // Seen now, together with the head that revealed it.
      branch.unshift({ ...parent, seenAtMs: Math.min(parent.seenAtMs, head.seenAtMs) })
    }
    const change = tree.extend(branch)
    for (const listener of listeners) listener(change)
  }

  const enqueue = (endpoint: Endpoint, head: SeenBlock) => {
    queue = queue.then(() => accept(endpoint, head)).catch(error => onTrouble(endpoint.name, error))
    return queue
  }

  async function follow(endpoint: Endpoint) {
    const unsubscribe = endpoint.watchHeads?.(
      head => {
        try {
          void enqueue(endpoint, toSeen(head, endpoint, clock.monotonicMs()))
        } catch (error) {
          onTrouble(endpoint.name, error)
        }
      },
      error => onTrouble(endpoint.name, error),
    )
    while (!stopping.signal.aborted) {
      if (endpoint.status.state !== 'dropped') {
        try {
          await enqueue(endpoint, await fetchBlock(endpoint, 'eth_getBlockByNumber', ['latest', false]))
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
      if (!stopping.signal.aborted) await chain.check().catch(error => onTrouble('all endpoints', error))
    }
  }

  const followers = [...chain.all().map(follow), keepChecking()]

  return {
    get tip() {
      return tree.tip
    },
    blocks: tree.blocks,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async ancestorsSince(timestamp) {
      const ancestors: SeenBlock[] = []
      let child = tree.blocks()[0]
      while (child !== undefined && child.timestamp >= timestamp && child.number > 0n) {
        const count = child.number < batchBlocks ? child.number : batchBlocks
        const from = child.number - count
        const batch = await Promise.all(
          Array.from({ length: Number(count) }, (_, i) => readBlock(chain, from + BigInt(i), clock)),
        )
        for (const block of batch.reverse()) {
          if (block.hash !== child.parentHash)
            throw chainErrors.RPC_FAILED({ action: 'Reading earlier blocks', reason: 'the chain changed meanwhile' })
          if (block.timestamp < timestamp) return ancestors.reverse()
          ancestors.push(block)
          child = block
        }
      }
      return ancestors.reverse()
    },
    until(timestamp, signal) {
      if (tree.tip !== null && tree.tip.timestamp >= timestamp) return Promise.resolve(tree.tip)
      return new Promise((resolve, reject) => {
        const end = this.onChange(() => {
          if (tree.tip === null || tree.tip.timestamp < timestamp) return
          finish()
          resolve(tree.tip)
        })
        const onAbort = () => {
          finish()
          reject(signal?.reason ?? stopping.signal.reason)
        }
        const finish = () => {
          end()
          signal?.removeEventListener('abort', onAbort)
          stopping.signal.removeEventListener('abort', onAbort)
        }
        signal?.addEventListener('abort', onAbort)
        stopping.signal.addEventListener('abort', onAbort)
        if (signal?.aborted || stopping.signal.aborted) onAbort()
      })
    },
    async stop() {
      stopping.abort(new DOMException('the head stream stopped', 'AbortError'))
      await Promise.all(followers)
      await queue
    },
  }
}

const batchBlocks = 64n

const quantity = z.string().regex(/^0x[0-9a-f]+$/)
const hash = z.custom<Hex>(value => isHash(value as string))
const rpcHead = z.object({ number: quantity, hash, parentHash: hash, timestamp: quantity })

/** @throws RPC_FAILED for what is no block */
function toSeen(block: unknown, { name }: Endpoint, seenAtMs: number): SeenBlock {
  const { data, error } = rpcHead.safeParse(block)
  if (error !== undefined)
    throw chainErrors.RPC_FAILED({
      action: `Reading a block of ${name}`,
      reason: block === null ? 'not found' : 'no block',
    })
  const { number, timestamp, ...hashes } = data
  return { number: BigInt(number), ...hashes, timestamp: Number(timestamp), seenAtMs }
}

async function readBlock(chain: Chain, blockNumber: bigint, clock: Clock): Promise<SeenBlock> {
  const { number, hash, parentHash, timestamp } = await chain.client.getBlock({ blockNumber })
  return { number, hash, parentHash, timestamp: Number(timestamp), seenAtMs: clock.monotonicMs() }
}
