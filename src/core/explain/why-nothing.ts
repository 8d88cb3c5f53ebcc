/** Why a device earned nothing in an epoch (or not yet), and what its operator does about it. Pure. */
import { hasFlag } from '../epoch/opening.ts'
import type { CohortFacts } from '../network/epoch-facts.ts'
import { committeeSize, quorum } from '../protocol/constants.ts'
import type { Flag } from '../protocol/verdict.ts'
import type { Account, NothingCode, NothingEarned, SeatAccount } from './explanation.ts'

/** Null when it was paid. The first thing that stands in the way is the reason. */
export function whyNothing(account: Account): NothingEarned | null {
  const { facts, device, cohort, figures, payment, seats } = account
  const { epoch } = facts
  const because = (code: NothingCode, sentence: string, fix: string): NothingEarned => ({ code, sentence, fix })
  const last = device.until

  if (epoch < device.since)
    return because(
      'NOT_MEMBER',
      `The device is a member from epoch ${device.since} on; a registration counts from the next epoch.`,
      'Keep the Provider running; nothing else is needed.',
    )
  if (last !== null && epoch > last)
    return because(
      'NOT_MEMBER',
      `The device left: epoch ${last} was its last.`,
      'Withdraw the deposit once that epoch is settled, then start the Provider to register again.',
    )
  if (facts.seed === null && epoch < facts.currentEpoch)
    return because(
      'EPOCH_UNSEEDED',
      `Epoch ${epoch} has no seed: no keeper pinned and rolled it while the epoch lasted, so there were no committees and no jobs.`,
      'Nothing is lost: the emission stays in the vault. Any keeper helps: keep "kaisar epoch settle" or a Checker running.',
    )
  if (facts.phase === 'future' || facts.phase === 'work')
    return because('EPOCH_WORKING', `Epoch ${epoch} is still being worked.`, 'Wait: it settles during the next epoch.')
  if (facts.rounds?.every(({ kind }) => kind === 'beat'))
    return because(
      'EPOCH_WITHOUT_ROUNDS',
      `Epoch ${epoch} had no round: its seed came after the cutoff of its last slot, so nobody was judged.`,
      'Nothing is lost: the emission stays in the vault, and the standing is unchanged. Keepers that pin and roll at once prevent it.',
    )
  if (cohort === null || cohort.state === 'pending')
    return because(
      'EPOCH_SETTLING',
      `Epoch ${epoch} is settling (${facts.phase.toUpperCase()}): the committee of the device's cohort has no result yet.`,
      'Wait, or settle by hand with "kaisar epoch settle".',
    )
  if (cohort.state === 'void')
    return because(
      'COHORT_VOID',
      `Cohort ${cohort.cohort} is void: fewer than ${quorum} of its ${committeeSize} seats opened. The standing is unchanged.`,
      `This is not about the device. ${voidFix(cohort)}`,
    )
  if (figures === null) return null
  if (hasFlag(figures.flags, 'judged') && !hasFlag(figures.flags, 'work'))
    return because(
      'WORK_WRONG',
      `${countFlag(seats, 'judged') - countFlag(seats, 'work')} of ${committeeSize} seats hold proof of a wrong row: what the device committed to differs from the exact result.`,
      'Fetch a bundle from the evidence below and run "kaisar checker verify <bundle>"; then "kaisar provider self-test". A card that computes wrongly has failing memory or an unstable clock.',
    )
  if (!hasFlag(figures.flags, 'judged'))
    return because(
      'NOT_JUDGED',
      `Only ${countFlag(seats, 'judged')} of ${committeeSize} seats judged the device, and ${quorum} are needed. The standing is unchanged.`,
      'Seats abstain when their own faults kept them from judging or they never reached the device: check with "kaisar provider status" that sessions to its seats are open.',
    )
  if (!hasFlag(figures.flags, 'device'))
    return because(
      'DEVICE_UNCONFIRMED',
      `${countFlag(seats, 'device')} of ${committeeSize} seats confirmed the device record, and ${quorum} are needed: what it signs differs from what is registered, or it did not answer.`,
      'Run "kaisar provider doctor", then restart the Provider: it registers changed hardware as a new generation.',
    )
  if (!hasFlag(figures.flags, 'environment'))
    return because(
      'ENVIRONMENT_UNCONFIRMED',
      `${countFlag(seats, 'environment')} of ${committeeSize} seats accepted the environment (driver, runtime), and ${quorum} are needed.`,
      'Run "kaisar provider doctor": it names the version that the policy refuses.',
    )
  const paused = seats.filter(isPaused).length
  // A round that a seat shows as busy is that seat's word: fewer than a quorum do not name the cause.
  if (figures.medianRate === 0n && paused >= quorum)
    return because(
      'DEVICE_BUSY',
      `The owner had paused the device: by ${paused} of ${committeeSize} seats it signed that it was busy in all rounds of a kind. Nothing is paid for that; from the second such epoch in a row on the standing falls.`,
      'Nothing to do: it is paid again in the first epoch in which it works a round of each kind. "kaisar provider resume" ends a pause.',
    )
  if (figures.medianRate === 0n)
    return because(
      'RATE_ZERO',
      `The median capacity is 0: in most seats' view the device has no verified work of one kind of round at all, and without one measure the others are worth nothing.${roundReasons(seats)}`,
      'Check with "kaisar provider status" that the daemon ran through the rounds with its sessions open, and with "kaisar provider self-test" that memory can be filled and that work is finished inside the window of both kinds.',
    )
  if (figures.medianUptime === 0)
    return because(
      'UPTIME_ZERO',
      `The median uptime is 0: in most seats' view no beat of the device counts.${roundReasons(seats, 'beat')}`,
      'Keep the Provider running and its memory filled for the whole epoch, not only during tensor and memory rounds; "kaisar provider self-test" works a beat.',
    )
  if (figures.score === 0n)
    return because(
      'SCORE_BELOW_ONE',
      `Capacity ${figures.medianRate} × uptime ${figures.medianUptime} ÷ 10000 is below 1.`,
      'Run "kaisar provider self-test" and compare with the reference of the device\'s class.',
    )
  if (epoch < facts.firstPaidEpoch)
    return because(
      'EPOCH_UNPAID',
      `Epochs before ${facts.firstPaidEpoch} pay nothing; the standing counts.`,
      'Nothing to do: keep running.',
    )
  if (figures.heldBack > 0n)
    return because(
      'FIRST_CREDIT_HELD',
      `The device's first credit sets its standing, ${figures.standingAfter}, and is not paid: a device that nobody knew before takes nothing from others in the epoch in which it is first judged.`,
      'Keep the Provider running: the next epoch in which it works is paid.',
    )
  if (facts.money === null || payment === null)
    return because(
      'PAYMENT_DUE',
      'The score is final and the payment is due: no keeper has paid this lane yet.',
      'Wait, or pay by hand with "kaisar epoch settle". The amount does not change.',
    )
  if (payment.amount > 0n) return null
  return figures.devicePool === 0n
    ? because(
        'POOL_EMPTY',
        'The vault had nothing to emit for this epoch.',
        'The operator of the network has to fund the vault.',
      )
    : because(
        'SHARE_BELOW_ONE',
        'The share of the pool rounds down to 0 wei.',
        'Nothing to do: the device is very small next to the others.',
      )
}

/** Whether a seat shows that a pause is why it has no means; nothing that is wrong is excused by one. */
const isPaused = ({ below }: SeatAccount): boolean =>
  below !== null &&
  below.measures === null &&
  below.rounds.some(({ verdict }) => verdict === 'BUSY') &&
  !below.rounds.some(({ verdict }) => verdict === 'WRONG')

/** Who commits and does not open is struck; who never commits is not. */
function voidFix({ seats }: CohortFacts): string {
  const known = seats.filter(({ operator }) => operator !== null)
  const committed = known.filter(({ commitTxHash }) => commitTxHash !== null).length
  if (known.length > 0 && committed === 0)
    return 'None of its seats had committed, so their Checkers did not run in that epoch: "kaisar chain seats" lists them.'
  const who = known.length < seats.length ? 'Seats' : `Of its seats ${committed} had committed; those`
  return `${who} that commit and do not open are struck: "kaisar chain seats" lists the strikes.`
}

/** How many seats judged the device and say this of it. */
export const countFlag = (seats: readonly SeatAccount[], flag: Flag): number =>
  seats.filter(({ flags }) => flags !== null && hasFlag(flags, 'judged') && hasFlag(flags, flag)).length

/**
 * ` Seats say: tensor NO_SESSION (4), memory NO_COMMITMENT (1).`, of rounds worth nothing, or of beats that do not count, where seats
 * showed theirs.
 */
function roundReasons(seats: readonly SeatAccount[], of: 'slots' | 'beat' = 'slots'): string {
  const counts = new Map<string, number>()
  for (const { kind, reason, figures } of seats.flatMap(({ below }) => below?.rounds ?? []))
    if (
      of === 'beat'
        ? kind === 'beat' && reason !== 'ALL_EQUAL'
        : kind !== 'beat' && !Object.values(figures).some(figure => figure > 0)
    )
      counts.set(`${kind} ${reason}`, (counts.get(`${kind} ${reason}`) ?? 0) + 1)
  if (counts.size === 0) return ''
  const listed = [...counts].sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${reason} (${count})`)
  return ` Seats say: ${listed.join(', ')}.`
}
