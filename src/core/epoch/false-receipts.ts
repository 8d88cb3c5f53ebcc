import type { Address } from 'viem'
import type { Signed } from '../protocol/typed-data.ts'
import { unpackOpening } from './opening.ts'
import type { OpeningOnChain } from './settlement-plan.ts'

/** A seat's signed word to a Provider about one lane. */
export type GivenReceipt = { readonly checker: Address; readonly receipt: Signed<'Receipt'> }

export type FalseReceipt = GivenReceipt & { readonly opening: OpeningOnChain }

/**
 * The receipts that contradict what the same seat opened for their lane, which proves equivocation. Pure.
 *
 * @param seats - the owners of the cohort's committee, in seat order
 * @param openings - the openings of those seats for the cohort that the receipts are about
 */
export const falseReceipts = (
  receipts: readonly GivenReceipt[],
  seats: readonly Address[],
  openings: readonly OpeningOnChain[],
): FalseReceipt[] =>
  receipts.flatMap(given => {
    const opening = openings.find(({ seat }) => seats[seat] === given.checker)
    if (opening === undefined) return []
    const { lane, rate, uptime, flags } = given.receipt.message
    const opened = unpackOpening(opening.words).lanes[lane]
    if (opened === undefined) return []
    const isKept = opened.rate === rate && opened.uptime === uptime && opened.flags === flags
    return isKept ? [] : [{ ...given, opening }]
  })
