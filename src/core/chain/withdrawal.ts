/** When a deposit or a bond may leave, and the calls by which devices and Checkers leave. */
import { type Address, encodeFunctionData, type Hex } from 'viem'
import { epochStartsAt } from '../protocol/trigger.ts'
import { checkerSeatsAbi } from './abi/checker-seats.ts'
import { deviceRegistryAbi } from './abi/device-registry.ts'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import type { BondedChecker } from './checkers.ts'
import type { RegisteredDevice } from './devices.ts'
import { getTimeline, settledThrough } from './epochs.ts'
import { type ConnectedNetwork, reading } from './network.ts'
import type { Call } from './tx/transact.ts'

/**
 * `none`: nothing was asked to leave · `held`: until `epoch` is over with its audits, at about `at` · `unpaid`: anybody may settle
 * `epoch`, and has to · `ready`.
 */
export type Withdrawal = {
  readonly state: 'none' | 'held' | 'unpaid' | 'ready'
  readonly epoch: number | null
  /** Block time in seconds by the timetable in force; null where it is not known, or no matter of time. */
  readonly at: number | null
}

/** Of the deposit of a device. */
export async function depositWithdrawal(
  network: ConnectedNetwork,
  { lane, since, until }: Pick<RegisteredDevice, 'lane' | 'since' | 'until'>,
): Promise<Withdrawal> {
  if (until === null) return { state: 'none', epoch: null, at: null }
  // One that left in the epoch it came is a member of none: its lane is free in the next.
  if (until < since) return { state: 'ready', epoch: null, at: null }
  const held = await heldUntil(network, until)
  if (held !== null) return held
  const consensus = { address: network.contracts.EpochConsensus, abi: epochConsensusAbi } as const
  const call = { ...consensus, functionName: 'unpaidEpoch', args: [lane, BigInt(until)] } as const
  const [isUnpaid, epoch] = await reading('unpaidEpoch', network.chain.client.readContract(call))
  return isUnpaid ? { state: 'unpaid', epoch: Number(epoch), at: null } : { state: 'ready', epoch: until, at: null }
}

/** Of what a Checker has unbonded. */
export async function bondWithdrawal(
  network: ConnectedNetwork,
  { unbonding, unbondingUntil }: Pick<BondedChecker, 'unbonding' | 'unbondingUntil'>,
): Promise<Withdrawal> {
  if (unbonding === 0n) return { state: 'none', epoch: null, at: null }
  if (unbondingUntil === 0) return { state: 'ready', epoch: null, at: null }
  return (await heldUntil(network, unbondingUntil)) ?? { state: 'ready', epoch: unbondingUntil, at: null }
}

/** Null once the audits of `epoch` are over: answers to them are reported until two spans of them into epoch + 2. */
async function heldUntil(network: ConnectedNetwork, epoch: number): Promise<Withdrawal | null> {
  const [settled, timeline] = await Promise.all([settledThrough(network), getTimeline(network)])
  if (settled !== null && settled >= epoch) return null
  const at = timeline === null ? null : epochStartsAt(timeline, epoch + 2) + 2 * timeline.auditSeconds
  return { state: 'held', epoch, at }
}

const registryCall = (
  { contracts }: ConnectedNetwork,
  call:
    | { functionName: 'requestExit' | 'withdrawDeposit'; args: [Hex] }
    | { functionName: 'setPayout'; args: [Hex, Address] },
): Call => ({
  what: call.functionName,
  to: contracts.DeviceRegistry,
  data: encodeFunctionData({ abi: deviceRegistryAbi, ...call }),
})

/** By its operator or its payout wallet. */
export const exitCall = (network: ConnectedNetwork, device: Hex): Call =>
  registryCall(network, { functionName: 'requestExit', args: [device] })

/** By its payout wallet. */
export const payoutCall = (network: ConnectedNetwork, device: Hex, payout: Address): Call =>
  registryCall(network, { functionName: 'setPayout', args: [device, payout] })

/** By anybody; the payout wallet receives. */
export const withdrawDepositCall = (network: ConnectedNetwork, device: Hex): Call =>
  registryCall(network, { functionName: 'withdrawDeposit', args: [device] })

/** By the payout wallet. */
export const unbondCall = ({ contracts }: ConnectedNetwork, operator: Address, seats: number): Call => ({
  what: 'unbond',
  to: contracts.CheckerSeats,
  data: encodeFunctionData({ abi: checkerSeatsAbi, functionName: 'unbond', args: [operator, seats] }),
})

/** By anybody; the payout wallet receives. */
export const withdrawBondCall = ({ contracts }: ConnectedNetwork, operator: Address): Call => ({
  what: 'withdrawBond',
  to: contracts.CheckerSeats,
  data: encodeFunctionData({ abi: checkerSeatsAbi, functionName: 'withdrawBond', args: [operator] }),
})
