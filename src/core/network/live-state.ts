/** What the processes of a network tell between two readings of the chain: models, jobs in flight, verdicts. Pure. */
import type { JobStage, VerdictRow } from '../view/dashboard-views.ts'

export type LiveState = {
  /** By device. */
  readonly models: ReadonlyMap<string, string>
  /** By device: the last that was told of a round, `at` in seconds since 1970. */
  readonly reports: ReadonlyMap<string, { readonly round: string; readonly stage: JobStage; readonly at: number }>
  /** Newest first. */
  readonly verdicts: readonly VerdictRow[]
}

export const emptyLiveState: LiveState = { models: new Map(), reports: new Map(), verdicts: [] }

/** An event as the daemons print it; other fields and other types are left alone. */
export type LiveEvent = { readonly type: string; readonly [field: string]: unknown }

const keptVerdicts = 64

/** @param at - when the event was seen, in seconds since 1970 */
export function liveStateAfter(state: LiveState, event: LiveEvent, at: number): LiveState {
  const report = (device: unknown, stage: JobStage): LiveState => ({
    ...state,
    reports: new Map(state.reports).set(String(device), { round: String(event.round), stage, at }),
  })
  switch (event.type) {
    case 'device.registered':
      return { ...state, models: new Map(state.models).set(String(event.deviceId), String(event.model)) }
    case 'round.committed':
      return report(event.deviceId, 'committed')
    case 'round.aborted':
      return report(event.deviceId, 'offline')
    case 'check.completed': {
      const verdict: VerdictRow = {
        time: new Date(at * 1000).toISOString().slice(11, 19),
        epoch: Number(event.epoch),
        round: String(event.round),
        device: String(event.device),
        seat: String(event.seat),
        verdict: String(event.verdict),
        reason: String(event.reason ?? ''),
        rate: event.verdict === 'VALID' ? Number(event.rate) : null,
      }
      return { ...report(event.device, 'judged'), verdicts: [verdict, ...state.verdicts].slice(0, keptVerdicts) }
    }
    default:
      return state
  }
}
