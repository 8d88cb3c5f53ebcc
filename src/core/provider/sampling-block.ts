/** Whether the block that a seat names is the one that draws the samples of a round, and not one of its choice. */
import type { Hex } from 'viem'
import type { SeenBlock } from '../chain/block-tree.ts'
import type { Chain } from '../chain/client.ts'
import type { HeadStream } from '../chain/head-stream.ts'
import type { Clock } from '../platform/clock.ts'
import type { RoundRules } from '../protocol/network-parameters.ts'
import { reportErrors } from '../report/errors.ts'

/** A block of any branch that our endpoints show; null while they do not. */
export type ReadBlock = (hash: Hex) => Promise<Pick<SeenBlock, 'hash' | 'parentHash' | 'timestamp'> | null>

/** Blocks that the head stream keeps, and those that an endpoint still has of other branches. */
export const blockReader =
  (chain: Pick<Chain, 'client'>, heads: Pick<HeadStream, 'blocks'>): ReadBlock =>
  async blockHash =>
    heads.blocks().find(({ hash }) => hash === blockHash) ??
    chain.client.getBlock({ blockHash }).then(
      ({ hash, parentHash, timestamp }) => ({ hash, parentHash, timestamp: Number(timestamp) }),
      () => null,
    )

const lookAgainMs = 250

/**
 * Resolves when `samplingBlock` is the first block, of any branch that holds the trigger, from which samples are drawn. A block
 * that is not seen yet is waited for until the openings are due: a seat is ahead of us, or on a branch that we shall see.
 *
 * @param seenAtMs - our own sight of the trigger, monotonic
 * @throws REPORT_SAMPLE_REFUSED
 */
export async function requireSamplingBlock(
  { round, seenAtMs, samplingBlock }: { readonly round: Hex; readonly seenAtMs: number; readonly samplingBlock: Hex },
  { samplingSeconds, openingsMs, graceMs }: Pick<RoundRules, 'samplingSeconds' | 'openingsMs' | 'graceMs'>,
  { readBlock, clock }: { readonly readBlock: ReadBlock; readonly clock: Clock },
): Promise<void> {
  const refuse = (problem: string) => reportErrors.REPORT_SAMPLE_REFUSED({ problem })
  // A seat may have seen the trigger later than we did, by the grace at most.
  const dueMs = seenAtMs + openingsMs + graceMs
  if (clock.monotonicMs() > dueMs) throw refuse('it came after the openings were due')

  async function find(hash: Hex) {
    for (;;) {
      const block = await readBlock(hash)
      if (block !== null) return block
      if (clock.monotonicMs() + lookAgainMs > dueMs) throw refuse(`block ${hash} was not seen in time`)
      await clock.sleep(lookAgainMs)
    }
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
