/**
 * What a device gains that says it is busy in rounds that it chooses. Each row compares an epoch of four rounds, two of each kind, and a
 * beat, with the same rounds missed or worked.
 */
import type { MeasuredRound } from '../../src/core/epoch/capacity.ts'
import { fullUptime, type RoundKindName } from '../../src/core/protocol/constants.ts'
import type { Verdict } from '../../src/core/protocol/verdict.ts'
import { type Attack, type Certainty, certain } from './attack.ts'
import { roundedAway, scoreOfRounds, worked } from './epoch-score.ts'
import { type Card, cards } from './memory-economics.ts'

const all = Object.values(cards)
const left = (kind: RoundKindName, verdict: Verdict): MeasuredRound => ({ kind, verdict, figures: {} })

/** Presence by the number of rounds, whatever their kind. */
const byCount = (rounds: readonly MeasuredRound[]): number =>
  (fullUptime * rounds.filter(({ verdict }) => verdict !== 'BUSY').length) / rounds.length

/** Not paid above the other way. */
const row = (name: string, formula: Certainty, gain: (card: Card) => number): Attack => ({
  ...{ name, how: 'computed', ...certain(formula), gain: Math.max(...all.map(gain)), seeds: all.length },
  attempt: async (_, seed) => gain(all[seed]!) <= roundedAway,
})

/** Of the rounds of slots, and a beat at full rate. */
const paid = (card: Card, rounds: readonly MeasuredRound[], presence?: number): number =>
  scoreOfRounds([...rounds, worked(card, 'beat')], presence)

const oneLeft = (card: Card, kind: RoundKindName, verdict: Verdict): MeasuredRound[] => {
  const other = worked(card, kind === 'tensor' ? 'memory' : 'tensor')
  return [worked(card, kind), left(kind, verdict), other, other]
}
const busyHalf = (card: Card) =>
  (['tensor', 'memory'] as const).flatMap(kind => [worked(card, kind), left(kind, 'BUSY')])
const slowHalf = (card: Card) =>
  (['tensor', 'memory'] as const).flatMap(kind => [worked(card, kind), worked(card, kind, 0.5)])

export const busy: Attack[] = [
  ...(['tensor', 'memory'] as const).map(kind =>
    row(
      `busy in the one of two ${kind} rounds that it would miss`,
      '1: what it is paid then, it is paid for the miss',
      card => paid(card, oneLeft(card, kind, 'BUSY')) / paid(card, oneLeft(card, kind, 'TIMEOUT')) - 1,
    ),
  ),
  row(
    'busy in the one of two memory rounds that it would miss (weakened: presence by the number of rounds)',
    '0: ¾ of the pay, where the miss leaves 63%',
    card => {
      const rounds = oneLeft(card, 'memory', 'BUSY')
      return paid(card, rounds, byCount(rounds)) / paid(card, oneLeft(card, 'memory', 'TIMEOUT')) - 1
    },
  ),
  row(
    'busy in every round that would come out at half its rate',
    '1: half of the rounds are half of the pay, and all of them, half of them slow, are three quarters and more',
    card => paid(card, busyHalf(card)) / paid(card, slowHalf(card)) - 1,
  ),
  row(
    'busy in every round that would come out at half its rate (weakened: no presence is lost)',
    '0: paid as if all rounds were full ones',
    card => paid(card, busyHalf(card), fullUptime) / paid(card, slowHalf(card)) - 1,
  ),
]
