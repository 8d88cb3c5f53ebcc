/** A device's signed word that its owner has paused it, as a seat takes it. */
import type { RoundRules } from '../../protocol/network-parameters.ts'
import type { Network, Signed } from '../../protocol/typed-data.ts'
import { busyFault } from '../../report/busy-bundle.ts'
import { isSignedBy } from '../../report/signer.ts'
import { checkerErrors } from '../errors.ts'
import { acceptBusy, type RoundCheck } from './check.ts'
import type { RoundEntry } from './seat-round.ts'

/**
 * The check after it; one that has it already stays as it is, at no cost, however often it comes.
 * @throws CHECKER_ROUND_UNKNOWN, CHECKER_BUSY_UNBOUND, CHECKER_SIGNATURE_INVALID, CHECKER_BUSY_LATE, CHECKER_BUSY_AFTER_WORK
 */
export function checkAfterBusy(
  { check, offer, device }: RoundEntry,
  received: { readonly busy: Signed<'Busy'>; readonly receivedAtMs: number },
  {
    network,
    rules,
    stoodStillAt,
  }: {
    readonly network: Network
    readonly rules: RoundRules
    readonly stoodStillAt: (momentMs: number) => boolean
  },
): RoundCheck {
  if (check.busy !== null) return check
  const { busy } = received
  if (offer === null) throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: busy.message.round })
  const field = busyFault(offer.message, busy.message)
  if (field !== null) throw checkerErrors.CHECKER_BUSY_UNBOUND({ field })
  if (!isSignedBy(network, 'Busy', busy, device.operator)) throw checkerErrors.CHECKER_SIGNATURE_INVALID()
  const { check: next, refusal } = acceptBusy(check, received, rules, stoodStillAt)
  if (refusal !== null) throw checkerErrors[`CHECKER_${refusal}`]()
  return next
}
