/** What became of transfers that were signed, as the chain shows it now: a block may still be taken out again. */
import type { Address } from 'viem'
import { exactUnits } from '../../platform/exact-units.ts'
import { mapSome } from '../../platform/map-some.ts'
import { headNumber } from '../blocks.ts'
import type { Chain } from '../client.ts'
import { reading } from '../read.ts'
import { lookUpReceipt, type Receipt } from '../tx/receipt.ts'
import { transferErrors } from './errors.ts'
import type { ListedTransfer } from './transfer-list.ts'
import type { RecordedTransfer, TransferRecord } from './transfer-record.ts'

/** Blocks after which what a block says counts as decided. */
const decidedBlocks = 12n
/** Transfers that are looked up at the same time. */
const lookUpsAtOnce = 16

/** Transactions of an account up to a head, and up to the newest block that is decided. */
export type AccountCounts = { readonly head: bigint; readonly count: number; readonly decidedCount: number }

/** @throws RPC_FAILED */
export async function readCounts(chain: Chain, from: Address, head: bigint): Promise<AccountCounts> {
  const countAt = (blockNumber: bigint) =>
    reading('eth_getTransactionCount', chain.client.getTransactionCount({ address: from, blockNumber }))
  const [count, decidedCount] = await Promise.all([
    countAt(head),
    countAt(head > decidedBlocks ? head - decidedBlocks : 0n),
  ])
  return { head, count, decidedCount }
}

/** Signed, and in no block. */
export const isInFlight = ({ nonce, block }: RecordedTransfer): boolean => nonce !== null && block === null

/** In a block that a reorganisation may take out, or could have taken out since it was looked at. */
export const isYoung = ({ block, decided }: RecordedTransfer): boolean => block !== null && !decided

/** Whether one that is young has to be looked at now: the account's count says that it is gone, or it is deep enough to be decided. */
export const isDue = (transfer: RecordedTransfer, { head, count }: AccountCounts): boolean =>
  isYoung(transfer) && (transfer.nonce! >= count || isDeep(transfer.block!, head))

const isDeep = (block: number, head: bigint): boolean => BigInt(block) + decidedBlocks <= head

/**
 * `free`: it is certain that it moved nothing, so it may be signed anew · `waits`: it is in no block, and its nonce is not decided ·
 * `doubt`: the endpoints do not agree, so nothing changes.
 */
type Outcome = Receipt | 'free' | 'waits' | 'doubt'

export type Look = {
  readonly before: RecordedTransfer
  /** `before` itself where nothing is new. */
  readonly after: RecordedTransfer
  /** Set where it is in a block and moved nothing. */
  readonly reverted: Receipt | null
}

/**
 * Looks at signed transfers, in their order.
 *
 * @param sinceCount - nonces below it were decided when this run began: their receipts the endpoints may have forgotten
 * @throws TRANSFER_DISPLACED
 */
export const lookAt = (
  chain: Chain,
  transfers: readonly RecordedTransfer[],
  { counts, sinceCount }: { readonly counts: AccountCounts; readonly sinceCount: number },
): Promise<Look[]> =>
  mapSome(lookUpsAtOnce, transfers, async before => {
    const outcome = await outcomeOf(chain, before, counts.decidedCount, sinceCount)
    const reverted = typeof outcome === 'object' && !outcome.success ? outcome : null
    return { before, after: afterOutcome(before, outcome, counts.head), reverted }
  })

async function outcomeOf(
  chain: Chain,
  { nonce, attempts, ...transfer }: RecordedTransfer,
  decidedCount: number,
  sinceCount: number,
): Promise<Outcome> {
  const found = await Promise.all(attempts.map(({ hash }) => lookUpReceipt(chain, hash)))
  const receipt = found.find(each => typeof each === 'object')
  if (receipt?.success === true) return receipt
  if (found.includes('doubt')) return receipt ?? 'doubt'
  if (decidedCount <= nonce!) return receipt ?? 'waits'
  if (receipt === undefined && nonce! < sinceCount)
    throw transferErrors.TRANSFER_DISPLACED({
      what: transferText(transfer),
      hash: attempts.at(-1)!.hash,
      nonce: nonce!,
    })
  return 'free'
}

function afterOutcome(before: RecordedTransfer, outcome: Outcome, head: bigint): RecordedTransfer {
  if (outcome === 'doubt') return before
  if (outcome === 'free')
    return { ...before, nonce: null, attempts: [], block: null, transaction: null, decided: false }
  if (outcome === 'waits' || !outcome.success)
    return before.block === null ? before : { ...before, block: null, transaction: null }
  const [block, transaction] = [Number(outcome.blockNumber), outcome.hash]
  const decided = isDeep(block, head)
  const isSame = before.block === block && before.transaction === transaction && before.decided === decided
  return isSame ? before : { ...before, block, transaction, decided }
}

/**
 * Looks again at all that an earlier run saw in a block which was not decided then.
 *
 * @returns the record, in which what a reorganisation took out waits again; the same one where nothing is new
 * @throws TRANSFER_DISPLACED, RPC_FAILED
 */
export async function lookAgain(record: TransferRecord, chain: Chain): Promise<TransferRecord> {
  const young = record.transfers.filter(isYoung)
  if (young.length === 0) return record
  const head = await headNumber(chain)
  const counts = await readCounts(chain, record.from, head)
  const looks = await lookAt(chain, young, { counts, sinceCount: counts.decidedCount })
  const changed = new Map(looks.filter(({ before, after }) => after !== before).map(look => [look.before, look.after]))
  if (changed.size === 0) return record
  return { ...record, transfers: record.transfers.map(each => changed.get(each) ?? each) }
}

/** The start of a sentence about a transfer. */
export const transferText = ({ to, unit, amount }: ListedTransfer): string =>
  `The transfer of ${exactUnits(amount)} ${unit === 'KAI' ? 'KAI' : 'of the coin'} to ${to}`
