/**
 * What a device gains that says it is busy in rounds that it chooses: arithmetic with the seats' own code. Each row compares an epoch of
 * four rounds, two of each kind, with the same rounds missed or worked.
 */
import { presenceOf } from '../../src/core/epoch/busy.ts'
import { capacityOf, type MeasuredRound, measuresOf } from '../../src/core/epoch/capacity.ts'
import { jobSets } from '../../src/core/job/jobs.ts'
import { fullUptime, type RoundKindName } from '../../src/core/protocol/constants.ts'
import type { Verdict } from '../../src/core/protocol/verdict.ts'
import type { Attack } from './attack.ts'

const { beatShare } = jobSets.standard

/** About an RTX 4090, at a part of its rate. */
const worked = (kind: RoundKindName, part = 1): MeasuredRound => ({
  ...{ kind, verdict: 'VALID' },
  figures:
    kind === 'tensor'
      ? { tensor: Math.floor(495_000_000 * part) }
      : { bandwidth: Math.floor(857_000 * part), resident: 19_200 },
})
const left = (kind: RoundKindName, verdict: Verdict): MeasuredRound => ({ kind, verdict, figures: {} })

/** The device is present all the time and all of its beats count, as with who cheats. */
const paid = (rounds: readonly MeasuredRound[], presence = presenceOf(rounds, beatShare)): number =>
  (Number(capacityOf(measuresOf(rounds, beatShare)!)) * presence) / fullUptime
/** Presence by the number of rounds, whatever their kind. */
const byCount = (rounds: readonly MeasuredRound[]): number =>
  (fullUptime * rounds.filter(({ verdict }) => verdict !== 'BUSY').length) / rounds.length

/** Not paid above the other way, up to what a rate rounds away. */
const row = (name: string, formula: string, gain: number): Attack => ({
  ...{ name, formula, gain, seeds: 5 },
  expected: gain <= 1e-4 ? 1 : 0,
  attempt: async () => gain <= 1e-4,
})

const oneLeft = (kind: RoundKindName, verdict: Verdict): MeasuredRound[] => {
  const other = kind === 'tensor' ? 'memory' : 'tensor'
  return [worked(kind), left(kind, verdict), worked(other), worked(other)]
}
const slowHalf = (slow: (kind: RoundKindName) => MeasuredRound): MeasuredRound[] =>
  (['tensor', 'memory'] as const).flatMap(kind => [worked(kind), slow(kind)])

export const busy: Attack[] = [
  ...(['tensor', 'memory'] as const).map(kind => {
    const instead = paid(oneLeft(kind, 'TIMEOUT'))
    return row(
      `busy in the one of two ${kind} rounds that it would miss`,
      '1: what it is paid then, it is paid for the miss',
      paid(oneLeft(kind, 'BUSY')) / instead - 1,
    )
  }),
  row(
    'busy in the one of two memory rounds that it would miss (weakened: presence by the number of rounds)',
    '0: ¾ of the pay, where the miss leaves 63%',
    paid(oneLeft('memory', 'BUSY'), byCount(oneLeft('memory', 'BUSY'))) / paid(oneLeft('memory', 'TIMEOUT')) - 1,
  ),
  row(
    'busy in every round that would come out at half its rate',
    '1: half of the rounds are half of the pay, and all of them, half of them slow, are 83%',
    paid(slowHalf(kind => left(kind, 'BUSY'))) / paid(slowHalf(kind => worked(kind, 0.5))) - 1,
  ),
  row(
    'busy in every round that would come out at half its rate (weakened: no presence is lost)',
    '0: paid as if all rounds were full ones',
    paid(
      slowHalf(kind => left(kind, 'BUSY')),
      fullUptime,
    ) /
      paid(slowHalf(kind => worked(kind, 0.5))) -
      1,
  ),
]
