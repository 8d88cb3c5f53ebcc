/** The curves of the documentation, drawn by `npm run docs` from the formulas of the attack report and the code that counts. */
import { judgedOf } from '../../src/core/epoch/busy.ts'
import { capacityOf, type MeasuredRound } from '../../src/core/epoch/capacity.ts'
import { jobSets, roundKinds } from '../../src/core/job/jobs.ts'
import { committeeSize, fullUptime, quorum } from '../../src/core/protocol/constants.ts'
import type { Verdict } from '../../src/core/protocol/verdict.ts'
import { atLeast, missChance, residentChance } from '../../test/attacks/attack.ts'
import { type ChainRules, cards, paidForChains, rules, withoutRules } from '../../test/attacks/memory-economics.ts'
import { type Axis, type Chart, type Curve, lineChart, type Panel, pointsOfCurve } from './line-chart.ts'

const { tensor, memory, beat, beatShare } = jobSets.standard
const percent = (value: number): string => `${Number((100 * value).toPrecision(3))}%`

/** Chance that one seat sees nothing, by the share of the work that is left out. */
const misses = {
  tensor: (share: number) => missChance(1e6, 1e6 * share, tensor.samples),
  memory: (share: number) => residentChance(1 - share, memory.samples),
  beat: (share: number) => residentChance(1 - share, beat.samples),
}

const shares: Axis = {
  label: 'Share of the rows that are not computed, or of the memory that is not there',
  ...{ from: 1e-3, to: 1, isLogarithmic: true, ticks: [1e-3, 1e-2, 1e-1, 1], format: percent },
}

const seenBy = (title: string, miss: (share: number) => number): Panel => ({
  title,
  curves: [
    { name: 'five seats that forward what they see', at: share => 1 - miss(share) ** committeeSize },
    {
      name: 'five seats, and a prover that is silent towards those that would see',
      at: share => 1 - atLeast(quorum, committeeSize, miss(share)),
    },
    { name: 'one seat', at: share => 1 - miss(share) },
  ],
  said: [0.01, 0.05, 0.25],
})

const seen: Chart = {
  title: 'Chance that a window is not paid, by what is left out of it (standard)',
  x: shares,
  y: { label: 'chance', from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1], format: percent },
  panels: [
    seenBy(`Tensor, t = ${tensor.samples}`, misses.tensor),
    seenBy(`Memory, t = ${memory.samples}`, misses.memory),
    seenBy(`Beat, t = ${beat.samples}`, misses.beat),
  ],
}

/** As `gain` of the attack report: what a window is worth in the mean, of the same work done and claimed honestly. */
const gained = (title: string, miss: (share: number) => number): Panel => ({
  title,
  curves: [
    {
      name: 'silent towards the seats that would see',
      at: share => atLeast(quorum, committeeSize, miss(share)) / (1 - share) - 1,
    },
    {
      name: 'open to all, or silent towards all once any would see',
      at: share => miss(share) ** committeeSize / (1 - share) - 1,
    },
  ],
  said: [0.001, 0.003, 0.01],
})

const leftOut: Chart = {
  title: 'What leaving work out is paid, of the same work done honestly (standard)',
  x: { ...shares, from: 1e-4, to: 1e-2, ticks: [1e-4, 1e-3, 1e-2] },
  y: { label: 'gain', from: -0.02, to: 0.005, ticks: [-0.02, -0.015, -0.01, -0.005, 0, 0.005], format: percent },
  panels: [gained('Tensor', misses.tensor), gained('Memory', misses.memory)],
}

const chains = (name: string, chainRules: ChainRules): Curve => ({
  name,
  at: each => paidForChains(cards['RTX 4090'], chainRules, each),
})
const brokenChains: Chart = {
  title: 'What broken chains are paid, of honest: an RTX 4090 by its vendor’s figures',
  x: {
    label: 'Walks for each group of memory',
    ...{ from: 0.005, to: 64, isLogarithmic: true, ticks: [0.005, 0.05, 0.5, 4, 64], format: String },
  },
  y: { label: 'paid', from: 0, to: 5.5, ticks: [0, 1, 2, 3, 4, 5], format: value => `${Number(value.toFixed(3))}×` },
  panels: [
    {
      title: 'The best over what is claimed, opened to all or silent',
      curves: [
        chains('all three rules', rules),
        chains('without the least time τ₀', { ...rules, leastReadSeconds: 0 }),
        chains('without marks', { ...rules, marks: 1 }),
        chains('neither, and t = 16', withoutRules),
      ],
      said: [0.02, 0.5, 4],
    },
  ],
}

/** Rounds of each kind: a whole number is left out at each point of a curve. */
const slots = pointsOfCurve
type Kind = (typeof roundKinds)[number]
const figuresOf: Record<Kind, MeasuredRound['figures']> = {
  ...{ tensor: { tensor: 495_000_000 }, memory: { bandwidth: 857_000, resident: 19_200 } },
  beat: { bandwidth: 857_000, resident: 19_200 },
}
/** What an epoch is paid by in which this share of the rounds of these kinds is left out. */
function paidWithout(share: number, kinds: readonly Kind[], verdict: Verdict): number {
  const rounds = roundKinds.flatMap(kind =>
    Array.from({ length: slots }, (_, i): MeasuredRound => {
      const isLeft = kinds.includes(kind) && i < share * slots
      return isLeft ? { kind, verdict, figures: {} } : { kind, verdict: 'VALID', figures: figuresOf[kind] }
    }),
  )
  const judged = judgedOf(rounds, beatShare)
  if (judged === null || judged.measures === null) return 0
  return (Number(capacityOf(judged.measures)) * judged.uptime) / fullUptime
}

const whole = paidWithout(0, [], 'TIMEOUT')
const leaves = (name: string, kinds: readonly Kind[], verdict: Verdict = 'TIMEOUT'): Curve => ({
  name,
  at: share => paidWithout(share, kinds, verdict) / whole,
})
const missed: Chart = {
  title: 'What a day is paid, by the share of its rounds and beats that are left out',
  x: {
    label: 'Share that is left out',
    ...{ from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1], format: percent },
  },
  y: { label: 'paid', from: 0, to: 1, ticks: [0, 0.25, 0.5, 0.75, 1], format: percent },
  panels: [
    {
      title: 'Of a day without a loss',
      curves: [
        leaves('paused, or beats alone are missed', ['tensor', 'memory', 'beat'], 'BUSY'),
        leaves('away without a word: rounds and beats are missed', ['tensor', 'memory', 'beat']),
        leaves('memory rounds alone are missed', ['memory']),
        leaves('tensor rounds alone are missed', ['tensor']),
      ],
      said: [0.1, 0.25, 0.5],
    },
  ],
}

/** By the name of its file below docs/pictures. */
export const charts: Readonly<Record<string, Chart>> = {
  'seen.svg': seen,
  'left-out.svg': leftOut,
  'broken-chains.svg': brokenChains,
  'missed-rounds.svg': missed,
}

/** The files of all curves, by their paths in the repository. */
export const curvePictures = (): Record<string, string> =>
  Object.fromEntries(Object.entries(charts).map(([name, chart]) => [`docs/pictures/${name}`, lineChart(chart)]))
