/**
 * One card behind a few registrations whose fills are swapped over the bus, with steps held back: a mark says when a step was made at the
 * latest, and not at the earliest. Who reads first shows his steps evenly in all marks; who reads last needs something in each mark that
 * may not be empty, and is there just before the first of them is due. Each is paid for what it claims: a part of the memory that is its own
 * and stays, and the rest, which is there for one of them at a time.
 */
import { productionParameters } from '../../src/core/chain/network-presets.ts'
import { jobSets, jobsHash } from '../../src/core/job/jobs.ts'
import { memoryCredit } from '../../src/core/job/memory/memory-credit.ts'
import { markCount } from '../../src/core/job/memory/memory-spec.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import type { Attack } from './attack.ts'
import { type Card, cards, honestIndex, index } from './memory-economics.ts'

const { memory: spec, beat, beatShare } = jobSets.standard
const { rounds: rules } = productionParameters(jobsHash(jobSets.standard))
const graceSeconds = rules.graceMs / 1_000
/** That a message takes to a seat. */
const way = 0.05
const count = markCount(spec)
const markSeconds = spec.markMs / 1_000
const dueAt = (mark: number) => (mark + 1) * markSeconds + graceSeconds - way
const end = dueAt(count - 1)
const beatSeconds = beat.windowMs / 1_000
/** From a beat's block until its commitment has to be on its way. */
const beatLeft = beatSeconds + graceSeconds - way
/** Steps of a card that reads for a second. */
const stepsASecond = 1e6

/** Seconds of the window that count, of marks that show so many seconds of reads in all. */
type Credit = (shown: readonly number[]) => number
const inForce: Credit = shown => {
  const marks = shown.map(seconds => ({ steps: Math.floor(seconds * stepsASecond) }))
  return memoryCredit(spec, { groups: spec.leastGroups, marks }).countedSteps / stepsASecond
}
/** A second counts at most 1.25 × the median one. */
const byMedian: Credit = shown => {
  const gains = shown.map((seconds, mark) => seconds - (shown[mark - 1] ?? 0))
  const median = gains.toSorted((a, b) => a - b)[(count - 1) >> 1]!
  return gains.reduce((sum, gain) => sum + Math.min(gain, 1.25 * median), 0)
}

type Turn = { readonly from: number; readonly until: number }

/** The best that marks can show of these turns, where so many of them in a row may be empty. */
function counted(turns: readonly Turn[], credit: Credit): number {
  const done = Array.from({ length: count }, (_, mark) =>
    turns.reduce((sum, { from, until }) => sum + Math.max(0, Math.min(dueAt(mark), until) - from), 0),
  )
  let best = 0
  for (const empty of [0, 1, 2, 4])
    for (let first = 0; first <= count - empty; first++)
      for (let least = 0.05; least <= 1; least += 0.05) {
        const shown = evenly(done, least, mark => mark >= first && mark < first + empty)
        // Who has too little for this has too little for more.
        if (shown === null) break
        best = Math.max(best, credit(shown))
      }
  return best
}

/** Marks that show `least` each and 1.25 × that at most, of what was done by then; null where it is too little. */
function evenly(done: readonly number[], least: number, mayBeEmpty: (mark: number) => boolean): number[] | null {
  // What may be shown by a mark, so that those after it still have theirs.
  const room = [...done]
  for (let mark = count - 2; mark >= 0; mark--)
    room[mark] = Math.min(room[mark]!, room[mark + 1]! - (mayBeEmpty(mark + 1) ? 0 : least))
  const shown: number[] = []
  for (let mark = 0; mark < count; mark++) {
    const before = shown[mark - 1] ?? 0
    const now = Math.min(before + 1.25 * least, room[mark]!)
    if (now - before < (mayBeEmpty(mark) ? 0 : least) - 1e-9) return null
    shown.push(now)
  }
  return shown
}

/** Turns of registrations one after the other, of each as many as of the others or one more. */
type Plan = { readonly registrations: number; readonly turns: number }

/** What all of them are paid, of honest, with turns of these lengths in proportion, where each claims this part of the memory. */
function paid(
  card: Card,
  { registrations, turns: count }: Plan,
  claimed: number,
  lengths: readonly number[],
  credit: Credit,
) {
  const moved = (registrations * claimed - 1) / (registrations - 1)
  const swap = (moved * card.memory) / card.bus
  const free = end - swap * (count - 1)
  const all = lengths.reduce((sum, length) => sum + length, 0)
  const swapsAtBeat = swap * (registrations - 1)
  if (free <= 0 || swapsAtBeat > beatLeft) return 0
  let now = 0
  const turns = lengths.map(length => {
    const turn = { from: now, until: now + (free * length) / all }
    now = turn.until + swap
    return turn
  })
  const shares = Array.from(
    { length: registrations },
    (_, who) =>
      counted(
        turns.filter((_, i) => i % registrations === who),
        credit,
      ) /
      (spec.windowMs / 1_000),
  )
  // At a beat each reads its share, one after the other, with a swap in between, until the grace is over.
  const reads = (beatShare / 100) * beatSeconds * shares.reduce((sum, share) => sum + share, 0)
  if (reads + swapsAtBeat > beatLeft) return 0
  const each = shares.map(share => index(card.tensor / registrations, share * card.bandwidth, claimed * card.memory))
  return each.reduce((sum, index) => sum + index, 0) / honestIndex(card)
}

/** The best turns that a search from many beginnings finds. */
function bestTurns(card: Card, plan: Plan, credit: Credit): number {
  const random = seededRandom(plan.turns)
  let best = 0
  for (let claimed = 1; claimed > 1.1 / plan.registrations; claimed -= 0.075)
    for (let start = 0; start < 3; start++) {
      let lengths = Array.from({ length: plan.turns }, () => 0.05 + random())
      let value = paid(card, plan, claimed, lengths, credit)
      for (let step = 0.5, tries = 0; tries < 80; tries++) {
        const other = lengths.map(length => Math.max(0.01, length + (random() - 0.5) * step))
        const found = paid(card, plan, claimed, other, credit)
        if (found >= value) [value, lengths] = [found, other]
        else step = Math.max(0.05, 0.97 * step)
      }
      best = Math.max(best, value)
    }
  return best
}

const known = new Map<string, number>()
/** As {@link bestTurns} of a card of the table, searched for once. */
function gainOf(name: CardName, plan: Plan, credit: Credit = inForce): number {
  const key = `${name} ${plan.registrations} ${plan.turns} ${credit === inForce}`
  const found = known.get(key) ?? bestTurns(cards[name], plan, credit)
  known.set(key, found)
  return found - 1
}
const oneTurnEach: Plan = { registrations: 2, turns: 2 }
const fiveTurns: Plan = { registrations: 2, turns: 5 }
const nineTurns: Plan = { registrations: 3, turns: 9 }

type CardName = keyof typeof cards
const allCards = Object.keys(cards) as CardName[]
/** Cards whose memory the bus moves within less than a mark's time. */
const quickest: readonly CardName[] = ['RTX 3060 12 GB', 'RTX 4090']

const heldBack = (
  note: string,
  formula: string,
  of: readonly CardName[],
  bound: number,
  plan: Plan,
  credit: Credit = inForce,
) =>
  ({
    ...{ name: `one memory behind ${plan.registrations} registrations, steps held back, ${note}`, formula },
    ...{ seeds: of.length, expected: formula.startsWith('1') ? 1 : 0 },
    /** Searched for when it is asked for. */
    get gain() {
      return Math.max(...of.map(name => gainOf(name, plan, credit)))
    },
    attempt: async (_, seed) => gainOf(of[seed]!, plan, credit) <= bound,
  }) satisfies Attack

export const memoryInTurn: Attack[] = [
  heldBack(
    'one turn each (weakened: 1.25 × the median)',
    '0: who reads last may leave four marks empty, and both are paid more than 1.15 × honest',
    quickest,
    0.15,
    oneTurnEach,
    byMedian,
  ),
  heldBack(
    'one turn each',
    '1: who reads last may leave one mark empty, and both are paid 1.04 × honest at most',
    quickest,
    0.04,
    oneTurnEach,
  ),
  heldBack(
    'five turns',
    '1: whoever is ahead of his marks gives way, and no mark says so: each swap is lost, and both are paid 1.22 × honest at most',
    allCards,
    0.22,
    fiveTurns,
  ),
  heldBack(
    'nine turns',
    '1: as with two: more of them share the memory, and more swaps are lost; all are paid 1.22 × honest at most',
    allCards,
    0.22,
    nineTurns,
  ),
]
