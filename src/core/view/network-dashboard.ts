/** A network's view, with what its processes tell meanwhile, as the devnet dashboard shows it. Pure. */

import type { LiveState } from '../network/live-state.ts'
import type { EpochView, NetworkView } from '../network/network-view.ts'
import type { Timeline } from '../protocol/network-parameters.ts'
import type { DevnetView, EpochProgress, JobStage, PhaseName, VerdictRow } from './dashboard-views.ts'
import { counted } from './figures.ts'

/** What the chain does not know. */
export type DashboardFacts = {
  readonly name: string
  readonly rpcUrl: string
  readonly explorerUrl: string | null
  /** Seconds since 1970. */
  readonly now: number
  readonly warning: string | null
  /** What a devnet's processes tell; elsewhere {@link emptyLiveState}. */
  readonly live: LiveState
}

const shownPayments = 32
const shownScores = 16

export function networkDashboard(view: NetworkView, facts: DashboardFacts): DevnetView {
  const { head, timeline } = view
  const { live } = facts
  const lastRound = Map.groupBy(live.verdicts, ({ device }) => device)
  return {
    name: facts.name,
    chainId: view.chainId,
    rpcUrl: facts.rpcUrl,
    explorerUrl: facts.explorerUrl,
    head: { number: head.number, ageSeconds: Math.max(0, facts.now - head.timestamp) },
    epochs: timeline === null ? [] : epochProgress(view, timeline),
    devices: view.devices.map(device => {
      const verdicts = latestOfSeats(lastRound.get(device.id) ?? [])
      return {
        id: device.id,
        model: live.models.get(device.id) ?? '—',
        stage: stageOf(device.id, view, facts),
        verdicts: verdicts.length > 0 ? verdicts.map(({ verdict }) => verdict) : chainVerdicts(device.history),
        rate: verdicts.length > 0 ? rateOf(verdicts) : lastRate(device.history),
        scores: device.history.slice(-shownScores).map(({ score }) => score),
        standing: device.standing,
        earned: device.earned,
        owed: device.owed,
      }
    }),
    checkers: view.checkers.map(({ operator, endpoint, seats, strikes, jailed, agreedLanes, drawnLanes, earned }) => ({
      operator,
      endpoint,
      seats,
      strikes,
      jailed,
      agreement: drawnLanes === 0 ? null : agreedLanes / drawnLanes,
      earned,
    })),
    verdicts: live.verdicts,
    payments: view.payments.slice(0, shownPayments),
    warning: facts.warning,
  }
}

/** What the seats said of the latest round that any of them judged, newest first. */
const latestOfSeats = (verdicts: readonly VerdictRow[]): VerdictRow[] =>
  verdicts.filter(({ round }) => round === verdicts[0]!.round).slice(0, 5)

/** The window of a round that nobody has told of yet is being worked. */
function stageOf(device: string, { rounds, rules }: NetworkView, { live, now }: DashboardFacts): JobStage {
  const round = rounds?.at(-1)
  const report = live.reports.get(device)
  if (report !== undefined && (round === undefined || report.round === round.hash || report.at > round.timestamp + 1))
    return report.stage
  const seconds = (rules.windowMs + rules.graceMs) / 1000
  return round !== undefined && live.models.size > 0 && now - round.timestamp <= seconds + 1 ? 'working' : 'idle'
}

const rateOf = (verdicts: readonly VerdictRow[]) => verdicts.find(({ rate }) => rate !== null)?.rate ?? null

const lastRate = (history: NetworkView['devices'][number]['history']): number | null =>
  history.length === 0 ? null : Number(history.at(-1)!.rate)

/** Where no process tells, the committee's verdict on chain stands for its seats. */
const chainVerdicts = (history: NetworkView['devices'][number]['history']): string[] =>
  history.length === 0 ? [] : [history.at(-1)!.verdict.verdict]

/** The epoch at work and those before it that are not paid yet, at most two of them. */
export function epochProgress(view: NetworkView, timeline: Timeline): EpochProgress[] {
  const { currentEpoch, head, rounds } = view
  if (currentEpoch === null) return []
  const into = Math.max(0, head.timestamp - timeline.firstEpochAt - currentEpoch * timeline.epochSeconds)
  const working: EpochProgress = {
    epoch: currentEpoch,
    phase: 'WORK',
    elapsedSeconds: into,
    lengthSeconds: timeline.epochSeconds,
    note: rounds === null ? '' : counted(rounds.length, 'round'),
  }
  const settling = view.epochs.filter(
    ({ epoch, isPaid }, i) => epoch < currentEpoch && i <= 2 && (!isPaid || epoch === currentEpoch - 1),
  )
  return [working, ...settling.map(epoch => settlingProgress(epoch, currentEpoch, into, timeline))]
}

function settlingProgress(epoch: EpochView, currentEpoch: number, into: number, timeline: Timeline): EpochProgress {
  const resolved = epoch.cohorts.filter(({ state }) => state !== 'pending').length
  const note = `${resolved} of ${counted(epoch.cohorts.length, 'cohort')} resolved`
  if (epoch.isPaid) return { epoch: epoch.epoch, phase: 'PAID', elapsedSeconds: 0, lengthSeconds: null, note }
  const { commitSeconds, openSeconds, revealSeconds, finalizeSeconds } = timeline
  let from = 0
  const phases: readonly (readonly [PhaseName, number])[] = [
    ['COMMIT', commitSeconds],
    ['OPEN', openSeconds],
    ['REVEAL', revealSeconds],
    ['FINALIZE', finalizeSeconds],
  ]
  if (epoch.epoch === currentEpoch - 1)
    for (const [phase, seconds] of phases) {
      // PAY opens as soon as every cohort is resolved.
      if (phase !== 'COMMIT' && epoch.cohorts.length > 0 && resolved === epoch.cohorts.length) break
      if (into < from + seconds)
        return { epoch: epoch.epoch, phase, elapsedSeconds: into - from, lengthSeconds: seconds, note }
      from += seconds
    }
  return { epoch: epoch.epoch, phase: 'PAY', elapsedSeconds: 0, lengthSeconds: null, note }
}
