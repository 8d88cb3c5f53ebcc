/**
 * What the dashboards show: plain data, made by whoever composes a network (devnet, provider and checker commands).
 * Amounts are wei, rates Mop/s, times seconds unless a name says otherwise. `null` is "not known", never 0.
 */
export type PhaseName = 'WORK' | 'COMMIT' | 'OPEN' | 'REVEAL' | 'FINALIZE' | 'PAY' | 'PAID'

/** An epoch that is working or settling. */
export type EpochProgress = {
  readonly epoch: number
  readonly phase: PhaseName
  /** Seconds into the phase and its length; `lengthSeconds` null where it ends by itself (PAY). */
  readonly elapsedSeconds: number
  readonly lengthSeconds: number | null
  /** A sentence about it, e.g. `round 1 of 2` or `2 of 3 cohorts final`; empty when there is nothing to say. */
  readonly note: string
}

export type HeadView = { readonly number: bigint; readonly ageSeconds: number }

/** Where a device is in the present round. */
export type JobStage = 'idle' | 'offered' | 'working' | 'committed' | 'opened' | 'judged' | 'offline'

export type DeviceRow = {
  readonly id: string
  readonly model: string
  readonly stage: JobStage
  /** The seats' verdicts of the last judged round, one per seat; null where a seat has said nothing yet. */
  readonly verdicts: readonly (string | null)[]
  /** Rate of the last judged round. */
  readonly rate: number | null
  /** Score of each settled epoch, oldest first; null for a void one. */
  readonly scores: readonly (bigint | null)[]
  readonly standing: bigint | null
  readonly earned: bigint
  readonly owed: bigint
}

export type CheckerRow = {
  readonly operator: string
  readonly endpoint: string
  readonly seats: number
  readonly strikes: number
  readonly jailed: boolean
  /** Agreed ÷ drawn lanes over the settled epochs, 0 to 1. */
  readonly agreement: number | null
  readonly earned: bigint
}

export type VerdictRow = {
  readonly time: string
  readonly epoch: number
  readonly round: string
  readonly device: string
  readonly seat: string
  readonly verdict: string
  readonly reason: string
  readonly rate: number | null
}

export type PaymentRow = {
  readonly epoch: number
  readonly device: string
  readonly payout: string
  readonly score: bigint
  readonly amount: bigint
  readonly txHash: string
}

export type EventRow = { readonly time: string; readonly level: 'info' | 'warn' | 'error'; readonly text: string }

export type DevnetView = {
  readonly name: string
  readonly chainId: number
  readonly rpcUrl: string
  readonly explorerUrl: string | null
  readonly head: HeadView
  readonly epochs: readonly EpochProgress[]
  readonly devices: readonly DeviceRow[]
  readonly checkers: readonly CheckerRow[]
  /** Newest first. */
  readonly verdicts: readonly VerdictRow[]
  /** Newest first. */
  readonly payments: readonly PaymentRow[]
  /** What has to be known above all, e.g. an RPC endpoint that does not answer; null when all is well. */
  readonly warning: string | null
}

export type ProviderDeviceRow = DeviceRow & {
  readonly lane: number | null
  /** Open sessions with the seats of its cohort, of five. */
  readonly sessions: number
  /** Last verdict on chain with its reason. */
  readonly lastOnChain: string
  readonly faults: readonly string[]
}

export type ProviderView = {
  readonly operator: string
  readonly payout: string
  readonly network: string
  readonly head: HeadView
  readonly epochs: readonly EpochProgress[]
  readonly devices: readonly ProviderDeviceRow[]
  /** Newest first. */
  readonly payments: readonly PaymentRow[]
  /** Newest first. */
  readonly events: readonly EventRow[]
  readonly warning: string | null
}

export type SeatEpochRow = {
  readonly epoch: number
  readonly cohorts: number
  readonly devices: number
  /** e.g. `committed 0x12…ab`, `opened`, `missed COMMIT`. */
  readonly state: string
  readonly agreement: number | null
  readonly earned: bigint | null
}

export type CheckerView = {
  readonly operator: string
  readonly payout: string
  readonly network: string
  readonly endpoint: string
  readonly head: HeadView
  readonly epochs: readonly EpochProgress[]
  readonly seats: number
  readonly strikes: number
  readonly jailed: boolean
  readonly sessions: number
  readonly bond: bigint
  /** How often each verdict was given since the start. */
  readonly verdictCounts: Readonly<Record<string, number>>
  /** Newest first. */
  readonly duties: readonly SeatEpochRow[]
  /** Newest first. */
  readonly verdicts: readonly VerdictRow[]
  /** Newest first. */
  readonly events: readonly EventRow[]
  readonly warning: string | null
}
