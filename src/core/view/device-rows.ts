/** Devices as dashboards list them: what the chain has of each, and what daemons tell of it meanwhile. Pure. */

import type { DeviceView, NetworkView } from '../network/network-view.ts'
import { timingOf } from '../protocol/network-parameters.ts'
import type { Figures } from '../protocol/verdict.ts'
import type { DashboardFacts } from './dashboard-sections.ts'
import { figureText } from './dashboard-sections.ts'
import { grouped, shortHex, sparkline, tokens } from './figures.ts'
import type { Tone } from './line.ts'
import type { JobStage, LiveState, VerdictRow } from './live-state.ts'
import type { Column, TableCell } from './table.ts'

/** What this machine's probe says of a device. */
type SeenDevice = {
  readonly id: string
  readonly model: string
  readonly faults: readonly { readonly code: string; readonly meaning: string; readonly critical: boolean }[]
}

export type DeviceRow = DeviceView & {
  readonly model: string
  readonly stage: JobStage
  /** The seats' verdicts of the last judged round; where no process tells, the committee's verdict on chain. */
  readonly verdicts: readonly string[]
  /** Of each figure the last that a round was worth, as processes tell. */
  readonly figures: Figures
  /** Critical ones. */
  readonly faults: readonly string[]
}

/** @param seen - devices of the machine whose Provider this is; null where the network as a whole is shown */
export const deviceRows = (facts: Omit<DashboardFacts, 'name' | 'warning'>, seen: readonly SeenDevice[] | null) => {
  const { view, live } = facts
  const byDevice = Map.groupBy(live.verdicts, ({ device }) => device)
  return view.devices.map((device): DeviceRow => {
    const { id, history } = device
    const last = history.at(-1)
    const probed = seen?.find(each => each.id === id)
    const seats = latestOfSeats(byDevice.get(id) ?? [])
    return {
      ...device,
      model: live.models.get(id) ?? probed?.model ?? '—',
      stage: stageOf(id, view, live, facts.now, seen !== null),
      verdicts:
        seats.length > 0 ? seats.map(({ verdict }) => verdict) : last === undefined ? [] : [last.verdict.verdict],
      figures: live.figures.get(id) ?? {},
      faults: probed?.faults.filter(({ critical }) => critical).map(({ code, meaning }) => `${code}: ${meaning}`) ?? [],
    }
  })
}

/** What the seats said of the latest round that any of them judged, newest first. */
const latestOfSeats = (verdicts: readonly VerdictRow[]): VerdictRow[] =>
  verdicts.filter(({ round }) => round === verdicts[0]!.round).slice(0, 5)

/** @param isOwn - whether what is told comes from the one Provider that has the device */
function stageOf(id: string, { rounds, rules }: NetworkView, live: LiveState, now: number, isOwn: boolean): JobStage {
  if (isOwn && live.sessions.size === 0) return 'offline'
  const round = rounds?.at(-1)
  const report = live.reports.get(id)
  if (report !== undefined && (round === undefined || report.round === round.hash || report.at > round.timestamp + 1))
    return report.stage !== 'aborted' ? report.stage : isOwn ? 'idle' : 'offline'
  // The window of a round that nobody has told of yet is being worked.
  const openUntil =
    round === undefined ? 0 : round.timestamp + (timingOf(rules, round.kind).windowMs + rules.graceMs) / 1000 + 1
  return now <= openUntil && (isOwn || live.models.size > 0) ? 'working' : 'idle'
}

const stageTones: Record<JobStage, Tone> = {
  idle: 'dim',
  working: 'accent',
  committed: 'accent',
  judged: 'good',
  aborted: 'bad',
  missed: 'bad',
  busy: 'dim',
  offline: 'bad',
}

/** ✓ valid, ✗ wrong, – busy, ! any other verdict; the words are in the list of verdicts. */
function verdictsCell({ verdicts }: DeviceRow): TableCell {
  const marks = verdicts.map(verdict => ({ VALID: '✓', WRONG: '✗', BUSY: '–' })[verdict] ?? '!')
  const tone: Tone = marks.includes('✗') ? 'bad' : marks.includes('!') ? 'warn' : marks.includes('✓') ? 'good' : 'dim'
  return { text: marks.join(''), tone }
}

const scoresOf = ({ history }: DeviceRow) => history.map(({ score }) => score)

/** Columns that more than one dashboard has, by what they show. */
export const deviceColumns = {
  id: { title: 'DEVICE', cell: ({ id }) => shortHex(id) },
  model: { title: 'MODEL', cell: ({ model }) => model, least: 10 },
  job: { title: 'JOB', cell: ({ stage }) => ({ text: stage, tone: stageTones[stage] }) },
  seats: { title: 'SEATS', cell: verdictsCell },
  tensor: { title: 'MOP/S', cell: ({ figures }) => figureText(figures.tensor), numeric: true },
  bandwidth: { title: 'MB/S', cell: ({ figures }) => figureText(figures.bandwidth), numeric: true },
  resident: { title: 'MB', cell: ({ figures }) => figureText(figures.resident), numeric: true },
  capacity: { title: 'CAPACITY', cell: ({ history }) => figureText(history.at(-1)?.rate), numeric: true },
  scores: { title: 'SCORES', cell: row => sparkline(scoresOf(row), 8) || '—' },
  standing: { title: 'STANDING', cell: ({ standing }) => grouped(standing), numeric: true },
  earned: { title: 'EARNED', cell: ({ earned }) => tokens(earned), numeric: true },
} as const satisfies Record<string, Column<DeviceRow>>
