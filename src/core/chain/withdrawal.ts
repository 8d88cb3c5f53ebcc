/** Reads when a deposit or a bond may be withdrawn. */
import { epochStartsAt } from '../protocol/trigger.ts'
import type { BondedChecker } from './checkers.ts'
import type { RegisteredDevice } from './devices.ts'
import { getTimeline, settledThrough } from './epochs.ts'
import type { ConnectedNetwork } from './network.ts'
import { read } from './read.ts'

/**
 * `none`: nothing was asked to leave · `held`: until the audits of `epoch` are over, at about `at` · `unpaid`: somebody has to settle
 * `epoch` first, and anybody may · `ready`: it can be withdrawn.
 */
export type Withdrawal = {
  readonly state: 'none' | 'held' | 'unpaid' | 'ready'
  readonly epoch: number | null
  /** Block time in seconds by the timetable in force; null where it is not known, or where time alone does not help. */
  readonly at: number | null
}

/** The withdrawal of a device's deposit. */
export async function depositWithdrawal(
  network: ConnectedNetwork,
  { lane, since, until }: Pick<RegisteredDevice, 'lane' | 'since' | 'until'>,
): Promise<Withdrawal> {
  if (until === null) return { state: 'none', epoch: null, at: null }
  // A device that leaves in the epoch in which it came is a member of no epoch: its lane is free in the next one.
  if (until < since) return { state: 'ready', epoch: null, at: null }
  const held = await heldUntil(network, until)
  if (held !== null) return held
  const [isUnpaid, epoch] = await read(network, 'EpochConsensus', 'unpaidEpoch', lane, BigInt(until))
  return isUnpaid ? { state: 'unpaid', epoch: Number(epoch), at: null } : { state: 'ready', epoch: until, at: null }
}

/** The withdrawal of what a Checker has unbonded. */
export async function bondWithdrawal(
  network: ConnectedNetwork,
  { unbonding, unbondingUntil }: Pick<BondedChecker, 'unbonding' | 'unbondingUntil'>,
): Promise<Withdrawal> {
  if (unbonding === 0n) return { state: 'none', epoch: null, at: null }
  if (unbondingUntil === 0) return { state: 'ready', epoch: null, at: null }
  return (await heldUntil(network, unbondingUntil)) ?? { state: 'ready', epoch: unbondingUntil, at: null }
}

/** The withdrawal while the audits of `epoch` are open; null when they are over. They end two audit times after the seed of epoch + 2. */
async function heldUntil(network: ConnectedNetwork, epoch: number): Promise<Withdrawal | null> {
  const [settled, timeline] = await Promise.all([settledThrough(network), getTimeline(network)])
  if (settled !== null && settled >= epoch) return null
  const at = timeline === null ? null : epochStartsAt(timeline, epoch + 2) + 2 * timeline.auditSeconds
  return { state: 'held', epoch, at }
}
