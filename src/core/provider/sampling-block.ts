/** Checks that the block which a seat names is the sampling block of a round, and not one of the seat's choice. */
import type { Address, Hex } from 'viem'
import type { SeenBlock } from '../chain/block-tree.ts'
import type { Chain } from '../chain/client.ts'
import type { HeadStream } from '../chain/head-stream.ts'
import type { Clock } from '../platform/clock.ts'
import type { RoundTiming } from '../protocol/network-parameters.ts'
import { reportErrors } from '../report/errors.ts'
import { createTokenBucket, type TokenBucket } from '../transport/token-bucket.ts'

type Block = Pick<SeenBlock, 'hash' | 'parentHash' | 'timestamp'>

/** Looks up blocks of any branch. */
export type BlockSource = {
  /** A block that the head stream keeps; reading it costs nothing. */
  seen(hash: Hex): Block | null
  /** A block that an endpoint still has, of other branches too; it costs a read of the chain. */
  read(hash: Hex): Promise<Block | null>
}

export const blockSource = (chain: Pick<Chain, 'client'>, heads: Pick<HeadStream, 'blocks'>): BlockSource => ({
  seen: hash => heads.blocks().find(block => block.hash === hash) ?? null,
  read: blockHash =>
    chain.client.getBlock({ blockHash }).then(
      ({ hash, parentHash, timestamp }) => ({ hash, parentHash, timestamp: Number(timestamp) }),
      () => null,
    ),
})

/**
 * The block of this hash, waited for until `dueMs` (monotonic); null where it did not come.
 * @param seat - the seat that named the block
 * @throws REPORT_SAMPLE_REFUSED where the seat has named more blocks than an honest one needs
 */
export type FindBlock = (seat: Address, hash: Hex, dueMs: number) => Promise<Block | null>

const lookAgainMs = 250
/** Blocks that are looked for at once for one seat: those of two open rounds, each with one that was replaced. */
const soughtOfSeat = 4
/** Reads of the chain that one seat may cause. A block of our own branch soon comes with the head stream and needs none. */
const readsOfSeat = { perSecond: 1, burst: 8 }
const keptBuckets = 64

const refuse = (problem: string) => reportErrors.REPORT_SAMPLE_REFUSED({ problem })

type Search = { readonly found: Promise<Block | null>; readonly seats: Set<Address>; dueMs: number }

/** Looks for each block once, however many requests name it, and never for more blocks than an honest seat needs. */
export function createBlockFinder(source: BlockSource, clock: Clock): FindBlock {
  const searches = new Map<Hex, Search>()
  const buckets = new Map<Address, TokenBucket>()

  function mayRead(seat: Address): boolean {
    if (buckets.size > keptBuckets) for (const [other, bucket] of buckets) if (bucket.full) buckets.delete(other)
    const bucket = buckets.get(seat) ?? createTokenBucket(readsOfSeat, () => clock.monotonicMs())
    buckets.set(seat, bucket)
    return bucket.take()
  }

  async function look(hash: Hex, search: () => Search): Promise<Block | null> {
    try {
      for (;;) {
        const isPaidFor = () => [...search().seats].some(mayRead)
        const block = source.seen(hash) ?? (isPaidFor() ? await source.read(hash) : null)
        if (block !== null || clock.monotonicMs() + lookAgainMs > search().dueMs) return block
        await clock.sleep(lookAgainMs)
      }
    } finally {
      searches.delete(hash)
    }
  }

  function begin(hash: Hex, seat: Address, dueMs: number): Search {
    const search: Search = {
      seats: new Set([seat]),
      dueMs,
      found: Promise.resolve().then(() => look(hash, () => search)),
    }
    searches.set(hash, search)
    return search
  }

  return async (seat, hash, dueMs) => {
    const block = source.seen(hash)
    if (block !== null) return block
    const known = searches.get(hash)
    if (known?.seats.has(seat) !== true) {
      const sought = [...searches.values()].filter(({ seats }) => seats.has(seat)).length
      if (sought >= soughtOfSeat) throw refuse(`its seat has named ${sought} other blocks that are still looked for`)
    }
    if (known === undefined) return begin(hash, seat, dueMs).found
    known.seats.add(seat)
    known.dueMs = Math.max(known.dueMs, dueMs)
    return known.found
  }
}

/**
 * Resolves when `samplingBlock` is the first block late enough to draw samples, on any branch that holds the trigger. A block that is
 * not seen yet is waited for until the openings are due: the seat may be ahead of us, or on a branch that we see later.
 *
 * @param seenAtMs - our own sight of the trigger, monotonic
 * @throws REPORT_SAMPLE_REFUSED
 */
export async function requireSamplingBlock(
  {
    seat,
    round,
    seenAtMs,
    samplingBlock,
  }: { readonly seat: Address; readonly round: Hex; readonly seenAtMs: number; readonly samplingBlock: Hex },
  { samplingSeconds, openingsMs, graceMs }: Pick<RoundTiming, 'samplingSeconds' | 'openingsMs' | 'graceMs'>,
  { findBlock, clock }: { readonly findBlock: FindBlock; readonly clock: Clock },
): Promise<void> {
  // A seat may have seen the trigger up to one grace later than we did.
  const dueMs = seenAtMs + openingsMs + graceMs
  if (clock.monotonicMs() > dueMs) throw refuse('it came after the openings were due')

  async function find(hash: Hex) {
    const block = await findBlock(seat, hash, dueMs)
    if (block === null) throw refuse(`block ${hash} was not seen in time`)
    return block
  }

  const trigger = await find(round)
  const from = trigger.timestamp + samplingSeconds
  let block = await find(samplingBlock)
  if (block.timestamp < from) throw refuse('its block is too early to draw samples')
  while (block.parentHash !== round) {
    block = await find(block.parentHash)
    if (block.timestamp >= from) throw refuse('an earlier block draws the samples')
    if (block.timestamp < trigger.timestamp) throw refuse('its block is on a branch without the trigger')
  }
}
