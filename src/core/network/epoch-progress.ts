/** How far the epochs at work and in settlement are, by the chain's own time. Pure. */
import type { Timeline } from '../protocol/network-parameters.ts'
import { epochStartsAt } from '../protocol/trigger.ts'
import type { EpochView, NetworkView } from './network-view.ts'

export const settlingPhases = ['COMMIT', 'OPEN', 'REVEAL', 'FINALIZE', 'PAY'] as const
export type SettlingPhase = (typeof settlingPhases)[number]

/** An epoch that is working or settling. */
export type EpochProgress = {
  readonly epoch: number
  readonly phase: 'WORK' | SettlingPhase | 'PAID'
  /** Seconds into the phase and its length; `lengthSeconds` null where it ends by itself (PAY). */
  readonly elapsedSeconds: number
  readonly lengthSeconds: number | null
  /** Rounds of the epoch at work; null where its blocks were not read, and for every other epoch. */
  readonly rounds: number | null
  /** Cohorts that are final or void. */
  readonly resolved: number
  readonly cohorts: number
}

/** When the phases in which an epoch settles begin and end, in seconds of the epoch after it. */
export function phaseSpans({ epochSeconds, ...seconds }: Timeline) {
  const lengths = [seconds.commitSeconds, seconds.openSeconds, seconds.revealSeconds, seconds.finalizeSeconds]
  let from = 0
  return settlingPhases.map((name, i) => {
    const span = { name, from, to: i === lengths.length ? epochSeconds : from + lengths[i]! }
    from = span.to
    return span
  })
}

/** The epoch at work and those before it that are not paid yet, at most two of them. */
export function epochProgress(view: NetworkView): EpochProgress[] {
  const { currentEpoch, head, rounds, timeline } = view
  if (timeline === null || currentEpoch === null) return []
  const into = Math.max(0, head.timestamp - epochStartsAt(timeline, currentEpoch))
  const working: EpochProgress = {
    epoch: currentEpoch,
    phase: 'WORK',
    elapsedSeconds: into,
    lengthSeconds: timeline.epochSeconds,
    rounds: rounds?.length ?? null,
    resolved: 0,
    cohorts: 0,
  }
  const settling = view.epochs.filter(
    ({ epoch, isPaid }, i) => epoch < currentEpoch && i <= 2 && (!isPaid || epoch === currentEpoch - 1),
  )
  return [working, ...settling.map(epoch => settlingProgress(epoch, currentEpoch, into, timeline))]
}

function settlingProgress(
  { epoch, cohorts: all, isPaid }: EpochView,
  currentEpoch: number,
  into: number,
  timeline: Timeline,
): EpochProgress {
  const resolved = all.filter(({ state }) => state !== 'pending').length
  const cohorts = all.length
  const rest = { epoch, rounds: null, resolved, cohorts }
  if (isPaid) return { ...rest, phase: 'PAID', elapsedSeconds: 0, lengthSeconds: null }
  const span = phaseSpans(timeline).find(({ to }) => into < to)
  // PAY opens as soon as every cohort is resolved, and epochs before the last one are in it.
  const isPaying =
    epoch !== currentEpoch - 1 ||
    span === undefined ||
    span.name === 'PAY' ||
    (span.name !== 'COMMIT' && cohorts > 0 && resolved === cohorts)
  if (isPaying) return { ...rest, phase: 'PAY', elapsedSeconds: 0, lengthSeconds: null }
  return { ...rest, phase: span.name, elapsedSeconds: into - span.from, lengthSeconds: span.to - span.from }
}
