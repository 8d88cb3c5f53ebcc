import type { Address, Hex } from 'viem'
import type { RoundKindName } from '../protocol/constants.ts'
import type { Figures } from '../protocol/verdict.ts'

/** What a Checker says while it runs; each is a line of `kaisar checker run --json`. */
export type CheckerEvent =
  | { readonly type: 'checker.listening'; readonly url: string; readonly seats: number; readonly change: string }
  | { readonly type: 'epoch.started'; readonly epoch: number; readonly cohorts: number; readonly devices: number }
  | {
      /** When an epoch is committed to: its beats by what became of them, `counted` or why one does not count. */
      readonly type: 'beats.counted'
      readonly epoch: number
      readonly device: Hex
      readonly results: Readonly<Record<string, number>>
    }
  | {
      readonly type: 'check.completed'
      readonly device: Hex
      readonly seat: Address
      readonly epoch: number
      readonly round: Hex
      readonly verdict: string
      readonly reason: string
      readonly kind: RoundKindName
      readonly figures: Figures
    }
  | {
      readonly type: 'device.judged'
      readonly epoch: number
      readonly device: Hex
      readonly valid: boolean
      readonly findings: readonly string[]
    }
  | {
      /** Evidence of another seat, chosen by lot, was recomputed; `step` says where it does not hold. */
      readonly type: 'peer.checked'
      readonly epoch: number
      readonly checker: Address
      readonly device: Hex
      readonly result: 'equal' | 'refuted' | 'not shown' | 'not shown again'
      readonly step: string | null
    }
  | { readonly type: 'session.opened' | 'session.closed'; readonly operator: Address; readonly reason: string | null }
