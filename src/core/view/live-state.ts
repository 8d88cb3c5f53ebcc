/** What daemons tell between two readings of the chain: sessions, models, jobs in flight, verdicts, and the last events as lines. */

import { parseJson } from '../platform/output.ts'
import type { RoundKindName } from '../protocol/constants.ts'
import type { Figures } from '../protocol/verdict.ts'
import { type DaemonEvent, eventText, isWarning } from './event-text.ts'

/** Where a device is in the present round. */
export type JobStage = 'idle' | 'working' | 'committed' | 'judged' | 'aborted' | 'missed' | 'busy' | 'offline'

export type VerdictRow = {
  readonly time: string
  readonly epoch: number
  readonly round: string
  readonly device: string
  readonly seat: string
  readonly verdict: string
  readonly reason: string
  readonly kind: RoundKindName
  /** None where the work was not valid. */
  readonly figures: Figures
}

type EventRow = { readonly time: string; readonly level: 'info' | 'warn' | 'error'; readonly text: string }

export type LiveState = {
  /** Peers with an open session. */
  readonly sessions: ReadonlySet<string>
  /** Where a Checker is reached; null before it listens. */
  readonly endpoint: string | null
  /** By device. */
  readonly models: ReadonlyMap<string, string>
  /** By device: the last that was told of a round, `at` in seconds since 1970. */
  readonly reports: ReadonlyMap<string, { readonly round: string; readonly stage: JobStage; readonly at: number }>
  /** Devices that their owner has paused, with the end (ISO 8601); null: until they are resumed. */
  readonly paused: ReadonlyMap<string, string | null>
  /** By device: of each figure the last that a round was worth, beats apart. */
  readonly figures: ReadonlyMap<string, Figures>
  /** Devices that a Checker's seats judge, by epoch. */
  readonly judgedDevices: ReadonlyMap<number, number>
  /** How often each verdict was given since the start. */
  readonly verdictCounts: Readonly<Record<string, number>>
  /** Newest first, like `events`. */
  readonly verdicts: readonly VerdictRow[]
  readonly events: readonly EventRow[]
}

export const emptyLiveState: LiveState = {
  sessions: new Set(),
  endpoint: null,
  models: new Map(),
  reports: new Map(),
  paused: new Map(),
  figures: new Map(),
  judgedDevices: new Map(),
  verdictCounts: {},
  verdicts: [],
  events: [],
}

/** Of verdicts and of events. */
const keptRows = 64

/** @param at - when it was seen, in seconds since 1970 */
export function liveStateAfter(state: LiveState, event: DaemonEvent, at: number): LiveState {
  const report = (device: string, round: string, stage: JobStage) =>
    new Map(state.reports).set(device, { round, stage, at })
  // What a beat reads is not what the device is paid for.
  const measure = (device: string, kind: RoundKindName, figures: Figures) =>
    kind === 'beat' ? state.figures : new Map(state.figures).set(device, { ...state.figures.get(device), ...figures })
  // The table of verdicts says these, and most devices have nothing to be said about.
  const isLine =
    event.type === 'device.judged'
      ? event.findings.length > 0
      : event.type === 'beats.counted'
        ? Object.keys(event.results).some(result => result !== 'counted')
        : event.type !== 'check.completed'
  const events = isLine ? eventsAfter(state, isWarning(event) ? 'warn' : 'info', eventText(event), at) : state.events
  switch (event.type) {
    case 'checker.listening':
      return { ...state, events, endpoint: event.url }
    case 'session.opened':
      return { ...state, events, sessions: new Set([...state.sessions, peerOf(event)]) }
    case 'session.closed':
      return { ...state, events, sessions: new Set([...state.sessions].filter(peer => peer !== peerOf(event))) }
    case 'device.registered':
      return { ...state, events, models: new Map(state.models).set(event.deviceId, event.model) }
    case 'epoch.started':
      return { ...state, events, judgedDevices: new Map(state.judgedDevices).set(event.epoch, event.devices) }
    case 'round.committed':
      return {
        ...{ ...state, events, reports: report(event.deviceId, event.round, 'committed') },
        figures: measure(event.deviceId, event.kind, event.figures),
      }
    case 'round.aborted':
    case 'round.missed':
    case 'round.busy': {
      const stage = event.type.slice('round.'.length) as JobStage
      return { ...state, events, reports: report(event.deviceId, event.round, stage) }
    }
    case 'pause.changed': {
      const others = [...state.paused].filter(([device]) => device !== event.deviceId)
      const own = event.state === 'paused' ? [[event.deviceId, event.until] as const] : []
      return { ...state, events, paused: new Map([...others, ...own]) }
    }
    case 'check.completed': {
      const { epoch, round, device, seat, verdict, reason, kind, figures } = event
      return {
        ...state,
        reports: report(device, round, 'judged'),
        figures: measure(device, kind, figures),
        verdictCounts: { ...state.verdictCounts, [verdict]: (state.verdictCounts[verdict] ?? 0) + 1 },
        verdicts: [
          { time: timeText(at), epoch, round, device, seat, verdict, reason, kind, figures },
          ...state.verdicts.slice(0, keptRows - 1),
        ],
      }
    }
    default:
      return { ...state, events }
  }
}

/** Takes a line of the logger (JSON); what is below a warning is left out. */
export function liveStateAfterLog(state: LiveState, line: string, at: number): LiveState {
  const entry = (parseJson(line) ?? {}) as { level?: string; message?: string; code?: string }
  const level = entry.level === 'fatal' ? 'error' : entry.level
  if (level !== 'warn' && level !== 'error') return state
  const text = entry.message ?? entry.code ?? 'The log has a line here without a message.'
  return { ...state, events: eventsAfter(state, level, text, at) }
}

const eventsAfter = ({ events }: LiveState, level: EventRow['level'], text: string, at: number): EventRow[] => [
  { time: timeText(at), level, text },
  ...events.slice(0, keptRows - 1),
]

const peerOf = (event: Extract<DaemonEvent, { readonly type: 'session.opened' | 'session.closed' }>): string =>
  'checker' in event ? event.checker : event.operator

const timeText = (at: number): string => new Date(at * 1000).toISOString().slice(11, 19)
