/**
 * Reports seats whose receipt contradicts what they opened. Such a seat loses stake when the Provider sends its receipt and the opening to the chain:
 * once an epoch, so that Providers which hold such receipts of one seat wait for their turns.
 */
import type { Hex } from 'viem'
import { firstBlockSince } from '../chain/blocks.ts'
import { committeeOf } from '../chain/checkers.ts'
import { cohortMembers } from '../chain/devices.ts'
import { getEpoch, getTimeline } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { callOf } from '../chain/read.ts'
import { priority, type TransactionSender } from '../chain/tx/transaction-sender.ts'
import { keeperRank, turnSeconds } from '../epoch/keeper-times.ts'
import { falseReceipts, shownOpenings } from '../epoch/shown-openings.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { receiptEpochs } from '../protocol/constants.ts'
import type { SignedMessage } from '../protocol/typed-data.ts'
import type { ProviderJournal } from './journal.ts'

export type FalseReceiptDependencies = {
  readonly network: ConnectedNetwork
  readonly journal: Pick<ProviderJournal, 'receipts'>
  readonly sender: TransactionSender
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Logger
}

/** Whether a receipt is about one of our devices, and about an epoch whose openings can still be compared with it. */
export const isReceiptWanted =
  ({ deviceIds, latestEpoch }: { readonly deviceIds: readonly Hex[]; readonly latestEpoch: () => number }) =>
  ({ deviceId, epoch }: Pick<SignedMessage<'Receipt'>, 'deviceId' | 'epoch'>): boolean => {
    const latest = BigInt(latestEpoch())
    return deviceIds.includes(deviceId) && epoch <= latest && epoch > latest - BigInt(receiptEpochs)
  }

/**
 * Compares the receipts of a settled epoch with its openings, and reports each seat that contradicts itself once. Where another Provider was first,
 * the chain refuses the call before anything is paid for it.
 *
 * @returns the seats that were caught
 */
export async function reportFalseReceipts(
  { epoch, deviceIds }: { readonly epoch: number; readonly deviceIds: readonly Hex[] },
  { network, journal, sender, clock, log }: FalseReceiptDependencies,
  stop?: AbortSignal,
): Promise<Hex[]> {
  const receipts = deviceIds.flatMap(deviceId => journal.receipts(deviceId, epoch))
  if (receipts.length === 0) return []
  const { openAt, cohorts } = await getEpoch(network, epoch)
  const fromBlock = await firstBlockSince(network.chain, openAt)
  const caught: Hex[] = []
  for (const [cohort, given] of Map.groupBy(receipts, ({ receipt }) => receipt.message.cohort)) {
    // A receipt may name a cohort that does not exist; the contract only knows those of the epoch.
    if (cohort >= cohorts) continue
    const seats = (await committeeOf(network, epoch, cohort)) ?? []
    const untilTurn = async (checker: Hex) => {
      const [members, timeline] = await Promise.all([cohortMembers(network, epoch, cohort), getTimeline(network)])
      const operators = [...new Set(members.flatMap(member => member?.operator ?? []))]
      const rank = keeperRank(checker, operators, sender.address)
      await clock.sleep(1_000 * turnSeconds(rank, timeline?.epochSeconds ?? 0), stop)
    }
    const shown = await shownOpenings(network, epoch, cohort, fromBlock)
    for (const { checker, receipt, opening } of falseReceipts(given, seats, shown)) {
      if (caught.includes(checker)) continue
      caught.push(checker)
      const { message, signature } = receipt
      log.warn({ epoch, checker, device: message.deviceId }, 'a seat opened something else than its receipt says')
      await untilTurn(checker)
      const key = `false-receipt/${epoch}/${cohort}/${checker}/${message.lane}`
      const call = callOf(network.contracts, 'CheckerSeats', 'slashReceipt', checker, message, signature, opening)
      sender.enqueue({ key, ...call, priority: priority.keeper })
    }
  }
  return caught
}
