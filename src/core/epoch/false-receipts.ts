import type { Address } from 'viem'
import type { Signed } from '../protocol/typed-data.ts'
import { unpackOpening } from './opening.ts'
import type { OpeningOnChain } from './settlement-plan.ts'

/** A seat's word to a Provider about one lane. */
export type GivenReceipt = { readonly checker: Address; readonly receipt: Signed<'Receipt'> }

export type FalseReceipt = GivenReceipt & { readonly opening: OpeningOnChain }

/**
 * The receipts that say another thing of their lane than what the same seat opened: proof of equivocation. Pure.
 *
 * @param seats - the owners of a cohort's five seats, in seat order
 * @param openings - what of them was opened for the cohort that the receipts are about
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
