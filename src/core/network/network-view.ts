/**
 * A network as it can be seen from its chain alone: no daemon is asked. Amounts are wei of KAI, times block times in seconds,
 * rates capacities, epochs numbers. Lists of epochs and payments are newest first.
 */
import type { Address, Hex } from 'viem'
import type { CheckerOverview } from '../chain/checkers.ts'
import type { DeviceOverview } from '../chain/devices.ts'
import type { CohortState, EpochMoney, Phase } from '../chain/epochs.ts'
import type { RoundRules, Timeline } from '../protocol/network-parameters.ts'
import type { BlockHead, Trigger } from '../protocol/trigger.ts'
import { networkErrors } from './errors.ts'
import type { PaidKeeper } from './history.ts'

export type NetworkView = {
  readonly chainId: number
  readonly contracts: Readonly<Record<string, Address>>
  readonly head: BlockHead
  /** Null before `start` was called; there are no epochs then. */
  readonly timeline: Timeline | null
  readonly rules: RoundRules
  /** Null before the first epoch. */
  readonly currentEpoch: number | null
  /** Rounds of the current epoch so far, each its trigger block; null where its blocks were not read. */
  readonly rounds: readonly Trigger[] | null
  readonly devices: readonly DeviceView[]
  readonly checkers: readonly CheckerView[]
  readonly epochs: readonly EpochView[]
  readonly payments: readonly PaymentView[]
  readonly seatPayments: readonly SeatPaymentView[]
  readonly keeperPayments: readonly PaidKeeper[]
  readonly commitments: readonly CommitmentView[]
  /** Sums over the epochs that were read; `firstEpoch` is the oldest of them. */
  readonly firstEpoch: number
}

export type EpochView = {
  readonly epoch: number
  readonly phase: Phase
  readonly startsAt: number
  /** Null: it has none (yet). */
  readonly seed: Hex | null
  readonly members: number
  readonly cohorts: readonly CohortView[]
  /** Null before its first payment. */
  readonly money: (EpochMoney & { readonly txHash: Hex }) | null
  /** Paid or owed to devices and to Checkers. */
  readonly paidToDevices: bigint
  readonly paidToCheckers: bigint
  /** Bounties; null where neither the chain’s state nor an event says what was paid in all. */
  readonly paidToKeepers: bigint | null
  /** Whether nothing is left to be paid. */
  readonly isPaid: boolean
}

export type CohortView = {
  readonly cohort: number
  readonly state: CohortState
  readonly members: number
  /** Seats whose opening was counted. */
  readonly opened: number
  readonly txHash: Hex | null
  readonly payTxHashes: readonly Hex[]
}

/** What an epoch's consensus said of a device, and what it was paid. */
export type DeviceEpochView = {
  readonly epoch: number
  readonly rate: bigint
  readonly uptime: number
  readonly flags: number
  /** Null where the cohort is void. */
  readonly score: bigint | null
  readonly credit: bigint | null
  /** Null before it was paid. */
  readonly amount: bigint | null
  readonly txHash: Hex | null
  readonly verdict: ChainVerdict
}

/** The committee's verdict on a device in an epoch, as flags and medians tell it; `reason` is for people. */
export type ChainVerdict = {
  readonly verdict: 'VALID' | 'WRONG' | 'MISSED' | 'UNSUPPORTED' | 'ABSTAINED' | 'VOID'
  readonly reason: string
}

/** A device as the chain has it, and what became of its work in the epochs that were read. */
export type DeviceView = DeviceOverview & {
  readonly earned: bigint
  /** The transaction that registered it; null where its event was not read. */
  readonly registeredTxHash: Hex | null
  /** Resolved epochs, oldest first. */
  readonly history: readonly DeviceEpochView[]
}

/** A Checker as the chain has it, and what became of its seats in the epochs that were read. */
export type CheckerView = CheckerOverview & {
  readonly earned: bigint
  /** Lanes in which its seats agreed with the result, of those they were drawn for; 0 of 0 where that is not known. */
  readonly agreedLanes: number
  readonly drawnLanes: number
}

export type PaymentView = {
  readonly epoch: number
  readonly cohort: number
  /** Within its cohort. */
  readonly lane: number
  readonly device: Hex
  readonly payout: Address
  readonly score: bigint
  readonly credit: bigint
  readonly amount: bigint
  readonly txHash: Hex
}

/** What a seat of a cohort's committee was paid. */
export type SeatPaymentView = {
  readonly epoch: number
  readonly cohort: number
  readonly seat: number
  /** The Checker; null where the chain no longer says who was drawn. */
  readonly operator: Address | null
  readonly payout: Address
  readonly agreedLanes: number
  readonly lanes: number
  readonly amount: bigint
  readonly txHash: Hex
}

/** A Checker's commitment to what its seats found in an epoch. */
export type CommitmentView = { readonly epoch: number; readonly owner: Address; readonly txHash: Hex }

/**
 * The device that a user means: its id, as many of its first digits as name one device only, or the short form that tables show
 * (`0x12ab…34cd`).
 *
 * @throws EXPLORER_DEVICE_UNKNOWN, EXPLORER_DEVICE_AMBIGUOUS
 */
export function findDevice(ids: readonly Hex[], asked: string): Hex {
  const prefix = asked.toLowerCase().startsWith('0x') ? asked.toLowerCase() : `0x${asked.toLowerCase()}`
  const [start = '', ...ends] = prefix.split('…')
  const matches = [...new Set(ids)].filter(id => id.startsWith(start) && ends.every(end => id.endsWith(end)))
  if (matches.length === 0 || start === '0x' || ends.length > 1)
    throw networkErrors.EXPLORER_DEVICE_UNKNOWN({ device: asked })
  if (matches.length > 1) throw networkErrors.EXPLORER_DEVICE_AMBIGUOUS({ device: asked, matches })
  return matches[0]!
}
