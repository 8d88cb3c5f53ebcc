/** What a seat judges: the devices of its cohorts, and a round of an epoch. */
import type { Address, Hex } from 'viem'
import type { MessageBody, MessageType } from '../../protocol/messages.ts'
import type { Trigger } from '../../protocol/trigger.ts'
import type { Signed } from '../../protocol/typed-data.ts'
import type { WrongWork } from '../../report/wrong-work.ts'
import { type Collected, nothingCollected, type RoundCheck } from './check.ts'

/** A device that this owner judges in an epoch. */
export type SeatDevice = {
  readonly deviceId: Hex
  readonly generation: number
  /** Lower case. */
  readonly operator: Address
  readonly cohort: number
  /** Lane within the cohort, from 0. */
  readonly lane: number
}

/** A round as this owner checks it. */
export type SeatRound = {
  readonly epoch: number
  readonly epochSeed: Hex
  readonly trigger: Trigger
  /** Local monotonic milliseconds of this seat's own sight of the trigger. */
  readonly seenAtMs: number
  readonly devices: readonly SeatDevice[]
}

/** What a seat has of one device in a round. */
export type RoundEntry = {
  readonly round: SeatRound
  readonly device: SeatDevice
  /** The sampling secret of this seat for the round. */
  readonly secret: Hex
  offer: Signed<'JobOffer'> | null
  request: Signed<'SampleRequest'> | null
  /** As they are recomputed, whole. */
  openings: Uint8Array
  /** What came of them in pieces, each checked against the root before the next one is taken. */
  collected: Collected
  /** Answers that proved nothing. */
  attempts: number
  verifying: Promise<void> | null
  /** What another seat proved wrong. */
  forwarded: WrongWork | null
  check: RoundCheck
}

/** What a request begins with. */
export const unopened = { openings: new Uint8Array(), collected: nothingCollected, attempts: 0, verifying: null }
/** An entry before anything was said. */
export const untouched = { ...unopened, offer: null, request: null, forwarded: null }

/** The entries of an epoch's rounds, by round and device, by operator, and by what the device committed to. */
export function createRoundEntries() {
  const rounds = new Map<Hex, Map<Hex, RoundEntry>>()
  const byCommitment = new Map<Hex, RoundEntry>()
  const byOperator = new Map<Address, Set<RoundEntry>>()
  const of = (round: Hex): RoundEntry[] => [...(rounds.get(round)?.values() ?? [])]
  return {
    of,
    ofOperator: (operator: Address): RoundEntry[] => [...(byOperator.get(operator) ?? [])],
    find: (round: Hex, deviceId: Hex): RoundEntry | undefined => rounds.get(round)?.get(deviceId),
    committed: (hash: Hex): RoundEntry | undefined => byCommitment.get(hash),
    add(entry: RoundEntry) {
      const { hash } = entry.round.trigger
      const { deviceId, operator } = entry.device
      rounds.set(hash, (rounds.get(hash) ?? new Map()).set(deviceId, entry))
      byOperator.set(operator, (byOperator.get(operator) ?? new Set()).add(entry))
    },
    commit: (hash: Hex, entry: RoundEntry) => void byCommitment.set(hash, entry),
    drop(round: Hex) {
      for (const entry of of(round)) {
        const { commitmentHash } = entry.check
        if (commitmentHash !== null) byCommitment.delete(commitmentHash)
        byOperator.get(entry.device.operator)?.delete(entry)
      }
      rounds.delete(round)
    },
    clear() {
      rounds.clear()
      byOperator.clear()
      byCommitment.clear()
    },
  }
}

/** How a device's operator is reached; its session, or null while there is none. */
export type Send = <T extends MessageType>(type: T, body: MessageBody<T>, payload?: Uint8Array) => Promise<void>
