import type { Address, Hex } from 'viem'
import type { Measures } from '../epoch/capacity.ts'
import type { RoundKindName } from '../protocol/constants.ts'
import type { Figures } from '../protocol/verdict.ts'

/** About a device's part in a round. */
export type OfRound = { readonly epoch: number; readonly round: Hex; readonly deviceId: Hex }

/** The events that a Provider emits while it runs; each is a line of `kaisar provider run --json`. */
export type ProviderEvent =
  | {
      readonly type: 'device.registered'
      readonly deviceId: Hex
      readonly change: string
      readonly generation: number
      readonly model: string
    }
  | { readonly type: 'session.opened' | 'session.closed'; readonly checker: Address; readonly reason: string | null }
  | { readonly type: 'provider.idle'; readonly code: string; readonly reason: string }
  | { readonly type: 'epoch.started'; readonly epoch: number; readonly devices: number; readonly seats: number }
  | (OfRound & {
      readonly type: 'round.committed'
      readonly kind: RoundKindName
      /** Rows or steps, by the kind, and what they are worth where the seats find them right. */
      readonly units: number
      readonly figures: Figures
      readonly lostMs: number
    })
  | (OfRound & {
      /** The round was committed to before a restart, and its work can be opened again. */
      readonly type: 'round.resumed'
      readonly kind: RoundKindName
      readonly units: number
    })
  | {
      /** Memory is filled for an epoch, or could not be. */
      readonly type: 'memory.filled'
      readonly epoch: number
      readonly deviceId: Hex
      readonly groups: number
      readonly megabytes: number
      readonly seconds: number
      readonly problem: string | null
    }
  | (OfRound & {
      readonly type: 'round.aborted'
      readonly reason: string
    })
  | (OfRound & {
      /** The trigger was seen so long after the seats may have seen it; what is left of the window is worked, and committed to. */
      readonly type: 'round.late'
      readonly kind: RoundKindName
      readonly lateMs: number
      readonly leftMs: number
    })
  | (OfRound & {
      /** Nothing that counts was left of the window so long after the seats may have seen the trigger: the round is not worked. */
      readonly type: 'round.missed'
      readonly kind: RoundKindName
      readonly lateMs: number
    })
  | (OfRound & {
      /** The owner has paused the device, which says so to its seats and leaves the round out. */
      readonly type: 'round.busy'
    })
  | {
      /** `ended`: by its time. */
      readonly type: 'pause.changed'
      readonly deviceId: Hex
      readonly state: 'paused' | 'resumed' | 'ended'
      /** ISO 8601; null where it is not paused, or is until it is resumed. */
      readonly until: string | null
    }
  | {
      readonly type: 'device.health'
      readonly device: string
      readonly change: string
      readonly reason: string
      readonly detail: string
    }
  | {
      readonly type: 'receipt.received'
      readonly epoch: number
      readonly deviceId: Hex
      readonly checker: Address
      /** The capacity that the seat signed, as in its opening (minifloat). */
      readonly rate: number
      readonly flags: number
      /** What it is made of, as the seat says; null where the seat does not say it, or says what does not give that capacity. */
      readonly measures: Measures | null
    }
