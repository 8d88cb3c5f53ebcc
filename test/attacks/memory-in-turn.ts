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
import { type Attack, type Certainty, certain } from './attack.ts'
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
type Rule = {
  readonly credit: Credit
  /** So many marks in a row may be empty, and the others count. */
  readonly mayBeEmpty: readonly number[]
}
const ruleOf = (credit: Credit): Rule => ({
  credit,
  mayBeEmpty: [0, 1, 2, 4].filter(
    empty => credit(Array.from({ length: count }, (_, i) => Math.max(0, i + 1 - empty))) > 0,
  ),
})
const inForce = ruleOf(shown => {
  const marks = shown.map(seconds => ({ steps: Math.floor(seconds * stepsASecond) }))
  return memoryCredit(spec, { groups: spec.leastGroups, marks }).countedSteps / stepsASecond
})
/** A second counts at most 1.25 × the median one. */
const byMedian = ruleOf(shown => {
  const gains = shown.map((seconds, mark) => seconds - (shown[mark - 1] ?? 0))
  const median = gains.toSorted((a, b) => a - b)[(count - 1) >> 1]!
  return gains.reduce((sum, gain) => sum + Math.min(gain, 1.25 * median), 0)
})

type Turn = { readonly from: number; readonly until: number }

/** The best that marks can show of these turns. */
function counted(turns: readonly Turn[], { credit, mayBeEmpty }: Rule): number {
  const done = Array.from({ length: count }, (_, mark) =>
    turns.reduce((sum, { from, until }) => sum + Math.max(0, Math.min(dueAt(mark), until) - from), 0),
  )
  let best = 0
  for (const empty of mayBeEmpty)
    for (let first = 0; first <= (empty === 0 ? 0 : count - empty); first++)
      for (let least = 0.05; least <= 1; least += 0.05) {
        // No more counts than is shown.
        if (1.25 * least * count <= best) continue
        const shown = evenly(done, least, first, first + empty)
        // Who has too little for this has too little for more.
        if (shown === null) break
        if (shown[count - 1]! > best) best = Math.max(best, credit(shown))
      }
  return best
}

/**
 * Marks that show `least` each and 1.25 × that at most, of what was done by then, but for those from `empty` until `full`, which may be
 * empty; null where it is too little.
 */
function evenly(done: readonly number[], least: number, empty: number, full: number): number[] | null {
  const mayBeEmpty = (mark: number) => mark >= empty && mark < full
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
  rule: Rule,
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
        rule,
      ) /
      (spec.windowMs / 1_000),
  )
  // At a beat each reads its share, one after the other, with a swap in between, until the grace is over.
  const reads = (beatShare / 100) * beatSeconds * shares.reduce((sum, share) => sum + share, 0)
  if (reads + swapsAtBeat > beatLeft) return 0
  const each = shares.map(share => index(card.tensor / registrations, share * card.bandwidth, claimed * card.memory))
  return each.reduce((sum, index) => sum + index, 0) / honestIndex(card)
}

/** From how many beginnings turns are searched for, for each part of the memory that is claimed, and how often each is varied. */
export type Search = { readonly seed: number; readonly starts: number; readonly tries: number }
const reported: Search = { seed: 0, starts: 3, tries: 80 }

/** The most that such a search finds, of one honest device. */
function bestTurns(card: Card, plan: Plan, rule: Rule, { seed, starts, tries }: Search): number {
  const random = seededRandom(seed + plan.turns)
  let best = 0
  for (let claimed = 1; claimed > 1.1 / plan.registrations; claimed -= 0.075)
    for (let start = 0; start < starts; start++) {
      let lengths = Array.from({ length: plan.turns }, () => 0.05 + random())
      let value = paid(card, plan, claimed, lengths, rule)
      for (let step = 0.5, tried = 0; tried < tries; tried++) {
        const other = lengths.map(length => Math.max(0.01, length + (random() - 0.5) * step))
        const found = paid(card, plan, claimed, other, rule)
        if (found >= value) [value, lengths] = [found, other]
        else step = Math.max(0.05, 0.97 * step)
      }
      best = Math.max(best, value)
    }
  return best
}

const oneTurnEach: Plan = { registrations: 2, turns: 2 }

type CardName = keyof typeof cards
const allCards = Object.keys(cards) as CardName[]
/** Cards whose memory the bus moves within less than a mark's time. */
const quickest: readonly CardName[] = ['RTX 3060 12 GB', 'RTX 4090']

/** A row of the report, and a column of the table in docs/work-proof.md. */
type Column = {
  readonly note: string
  readonly formula: Certainty
  readonly of: readonly CardName[]
  /** Of honest. */
  readonly mostPaid: number
  readonly plan: Plan
  readonly rule: Rule
}
export const columns = {
  oneTurnByMedian: {
    note: 'one turn each (weakened: 1.25 × the median)',
    formula: '0: who reads last may leave four marks empty, and both are paid more than 1.15 × honest',
    ...{ of: quickest, mostPaid: 1.15, plan: oneTurnEach, rule: byMedian },
  },
  oneTurn: {
    note: 'one turn each',
    formula: '1: who reads last may leave one mark empty, and both are paid 1.04 × honest at most',
    ...{ of: quickest, mostPaid: 1.04, plan: oneTurnEach, rule: inForce },
  },
  fiveTurns: {
    note: 'five turns',
    formula:
      '1: whoever is ahead of his marks gives way, and no mark says so: each swap is lost, and both are paid 1.23 × honest at most',
    ...{ of: allCards, mostPaid: 1.23, plan: { registrations: 2, turns: 5 }, rule: inForce },
  },
  nineTurns: {
    note: 'nine turns',
    formula:
      '1: as with two: more of them share the memory, and more swaps are lost; all are paid 1.23 × honest at most',
    ...{ of: allCards, mostPaid: 1.23, plan: { registrations: 3, turns: 9 }, rule: inForce },
  },
} satisfies Record<string, Column>
type ColumnName = keyof typeof columns
const entries = Object.entries(columns) as [ColumnName, Column][]

const known = new Map<string, number>()
/** What is paid, of honest, by the report's search, which is made once. */
export function paidFor(name: CardName, column: ColumnName): number {
  const key = `${name} ${column}`
  const { plan, rule } = columns[column]
  const found = known.get(key) ?? bestTurns(cards[name], plan, rule, reported)
  known.set(key, found)
  return found
}

export const memoryInTurn = entries.map(
  ([column, { note, formula, of, mostPaid, plan }]) =>
    ({
      name: `one memory behind ${plan.registrations} registrations, steps held back, ${note}`,
      how: 'computed',
      ...certain(`${formula}, as found in ${reported.starts} searches of ${reported.tries} tries for each claim`),
      seeds: of.length,
      /** Searched for when it is asked for. */
      get gain() {
        return Math.max(...of.map(name => paidFor(name, column))) - 1
      },
      attempt: async (_, seed) => paidFor(of[seed]!, column) <= mostPaid,
    }) satisfies Attack,
)

export type InTurnRow = { readonly attack: CardName; readonly ok: boolean } & Readonly<Record<ColumnName, number>>

/** The table of docs/work-proof.md by a search of any length: what is paid, of honest. `ok`: as much at most as the report's rows say. */
export function* inTurnTable(search: Search): Generator<InTurnRow> {
  for (const name of allCards) {
    const found = entries.map(([, { plan, rule }]) => bestTurns(cards[name], plan, rule, search))
    const ok = entries.every(([, { formula, mostPaid }], i) => formula.startsWith('0') || found[i]! <= mostPaid)
    const paid = Object.fromEntries(entries.map(([column], i) => [column, found[i]!])) as Record<ColumnName, number>
    yield { attack: name, ...paid, ok }
  }
}
