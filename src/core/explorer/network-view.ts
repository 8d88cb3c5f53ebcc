/**
 * A network as it can be seen from its chain alone: no daemon is asked. Amounts are wei of KAI, times block times in seconds,
 * rates Mop/s, epochs numbers. Lists of epochs and payments are newest first.
 */
import type { Address, Hex } from 'viem'
import type { EpochOverview } from '../chain/epochs.ts'
import type { RoundRules, Timeline } from '../protocol/network-parameters.ts'
import type { BlockHead } from '../protocol/trigger.ts'

export type NetworkView = {
  readonly chainId: number
  readonly contracts: Readonly<Record<string, Address>>
  readonly head: BlockHead
  /** Null before `start` was called; everything below is then empty but for devices and checkers. */
  readonly timeline: Timeline | null
  readonly rules: RoundRules
  readonly currentEpoch: number | null
  /** Rounds of the current epoch so far. */
  readonly rounds: readonly RoundView[]
  readonly devices: readonly DeviceView[]
  readonly checkers: readonly CheckerView[]
  readonly epochs: readonly EpochView[]
  readonly payments: readonly PaymentView[]
}

/** A round is its trigger block. */
export type RoundView = BlockHead & { readonly ordinal: number; readonly slot: number }

export type EpochView = {
  readonly epoch: number
  readonly overview: EpochOverview
  readonly cohorts: readonly CohortView[]
  /** Paid or owed to devices and to Checkers. */
  readonly paidToDevices: bigint
  readonly paidToCheckers: bigint
}

export type CohortView = {
  readonly cohort: number
  readonly state: 'pending' | 'final' | 'void'
  /** Seats whose opening was counted. */
  readonly opened: number
  readonly txHash: Hex | null
}

/** What an epoch's consensus said of a device. `score` is null where its cohort is void or not yet final. */
export type DeviceEpochView = {
  readonly epoch: number
  readonly rate: bigint
  readonly uptime: number
  readonly flags: number
  readonly score: bigint | null
  readonly credit: bigint | null
  readonly amount: bigint | null
  readonly txHash: Hex | null
}

export type DeviceView = {
  readonly id: Hex
  readonly operator: Address
  readonly payout: Address
  readonly lane: number
  readonly cohort: number
  readonly generation: number
  readonly deviceHash: Hex
  readonly attestedIdentity: Hex
  readonly since: number
  readonly until: number | null
  readonly registeredTxHash: Hex | null
  readonly standing: bigint
  readonly silentEpochs: number
  /** Paid or owed to it over all epochs, and what its payout wallet could not be sent. */
  readonly earned: bigint
  readonly owed: bigint
  /** Resolved epochs, oldest first. */
  readonly history: readonly DeviceEpochView[]
  readonly lastVerdict: ChainVerdict | null
}

/** The committee's verdict on a device in an epoch, as flags and medians tell it. */
export type ChainVerdict = {
  readonly epoch: number
  readonly verdict: 'VALID' | 'WRONG' | 'MISSED' | 'UNSUPPORTED' | 'ABSTAINED' | 'VOID'
  readonly reason: string
}

export type CheckerView = {
  readonly operator: Address
  readonly payout: Address
  readonly endpoint: string
  readonly seats: number
  readonly strikes: number
  readonly jailed: boolean
  readonly bond: bigint
  readonly earned: bigint
  readonly owed: bigint
  /** Lanes in which its seats agreed with the result, of those they were drawn for, over the epochs read; 0 of 0 is unknown. */
  readonly agreedLanes: number
  readonly drawnLanes: number
}

export type PaymentView = {
  readonly epoch: number
  readonly cohort: number
  readonly lane: number
  readonly device: Hex
  readonly payout: Address
  readonly score: bigint
  readonly credit: bigint
  readonly amount: bigint
  readonly txHash: Hex
}
