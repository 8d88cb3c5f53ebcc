import type { CohortFacts, DeviceFacts, EpochFacts } from '../network/epoch-facts.ts'
import { accountFor } from './account-for.ts'
import type { Explanation } from './explanation.ts'
import { explanationSteps } from './explanation-steps.ts'
import { whyNothing } from './nothing-earned.ts'

const pendingCodes: ReadonlySet<string> = new Set(['EPOCH_WORKING', 'EPOCH_SETTLING', 'PAYMENT_DUE'])

/**
 * Accounts for every unit of a device's pay in one epoch: job → report → verdicts → consensus → score → share → payment.
 *
 * The result is recomputed from the seats' openings by the mirrors of the contracts and compared with what the chain recorded
 * and moved: `amount` equals `transferred` to the wei, or `differences` says where not. Pure.
 *
 * @param cohort - the device's cohort; null when it had none in this epoch
 */
export function explainDevice(facts: EpochFacts, device: DeviceFacts, cohort: CohortFacts | null): Explanation {
  const account = accountFor(facts, device, cohort)
  const reason = whyNothing(account)
  const isPending = reason !== null && pendingCodes.has(reason.code)
  return {
    device: device.id,
    epoch: facts.epoch,
    operator: device.operator,
    payout: device.payout,
    cohort: cohort?.cohort ?? Math.floor(device.lane / 64),
    lane: account.lane,
    outcome: reason === null ? 'paid' : isPending ? 'pending' : 'nothing',
    amount: account.figures?.amount ?? 0n,
    transferred: account.payment?.amount ?? null,
    balanced: account.differences.length === 0,
    differences: account.differences,
    steps: explanationSteps(account),
    figures: account.figures,
    seats: account.seats,
    reason,
  }
}
