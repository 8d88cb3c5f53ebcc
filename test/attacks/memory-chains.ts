/**
 * Broken chains. A prover guesses states in P places of the window and walks from all of them at once: it reads a group for every walk
 * that waits there, longest queue first, and shows the walks one after the other as if they were one. Where two meet, a step is wrong.
 *
 * Against it: marks (what is shown of a second must have been walked in it, so that each second has breaks of its own), the most that
 * a second counts, the least time in which memory is read over, and the samples.
 */
import { firstState, stepOrder } from '../../src/core/job/memory/drawn-entries.ts'
import { marksInTime, memoryCredit } from '../../src/core/job/memory/memory-credit.ts'
import { markCount } from '../../src/core/job/memory/memory-spec.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { seats } from './arena.ts'
import type { Attack } from './attack.ts'
import {
  evenMarks,
  groups,
  jobSeedOf,
  judgeMemory,
  type MemoryArena,
  memorySpec,
  openMemoryArena,
  pretending,
  work,
} from './memory-arena.ts'

const { width, samples } = memorySpec
const marks = markCount(memorySpec)
/** Groups that the card reads in the window: each of them ten times. Honest: as many steps. */
const reads = 10 * groups
const honestCredit = memoryCredit(memorySpec, {
  groups,
  marks: Array.from({ length: marks }, (_, k) => ({ steps: (reads / marks) * (k + 1) })),
})

/**
 * Steps that each of `walks` walks has made after so many reads, when they stand one after the other in the order: the group that most
 * of them wait for is read each time. All are cut to the same length, the most that 90% of them reach.
 */
function walkLength(groupOf: (step: number) => number, groupCount: number, walks: number, budget: number): number {
  // Where the walks will begin depends on how long they get: found by trying longer ones while they can be finished.
  let length = 1
  for (let tried = 1; tried <= budget; tried = Math.max(tried + 1, Math.floor(tried * 1.1))) {
    if (readsFor(groupOf, groupCount, walks, tried) > budget) break
    length = tried
  }
  return length
}

/** Group reads that finish this many walks of this length. */
export function readsFor(groupOf: (step: number) => number, groupCount: number, walks: number, length: number): number {
  const waiting: number[][] = Array.from({ length: groupCount }, () => [])
  for (let walk = 0; walk < walks; walk++) waiting[groupOf(walk * length)]!.push(walk)
  const done = new Uint32Array(walks)
  let left = walks
  for (let count = 0; ; count++) {
    if (left === 0) return count
    let longest = 0
    for (let group = 1; group < groupCount; group++)
      if (waiting[group]!.length > waiting[longest]!.length) longest = group
    const served = waiting[longest]!
    waiting[longest] = []
    for (const walk of served)
      if (++done[walk]! === length) left--
      else waiting[groupOf(walk * length + done[walk]!)]!.push(walk)
  }
}

/** A window of broken chains: `perSpan` walks in each of `spans` equal parts of the window. */
async function breakChains({ banks }: MemoryArena, seed: number, perSpan: number, spans: number) {
  const order = stepOrder(jobSeedOf(seed), groups)
  const length = lengthOf(perSpan, spans)
  const steps = length * perSpan * spans
  const random = seededRandom(seed)
  const successors = new Map<string, Uint8Array>()
  const text = (state: Uint8Array) => Buffer.from(state).toString('latin1')
  let shown: Uint8Array = firstState(memorySpec, jobSeedOf(seed))
  for (let step = 0; step < steps; step++) {
    let next = new Uint8Array(width)
    banks.step(order.groupOf(step), shown, next)
    // The first walk of a part goes on from the last of the one before; the others begin where they guessed.
    if ((step + 1) % length === 0 && (step + 1) % (length * perSpan) !== 0)
      next = Uint8Array.from({ length: width }, () => Math.floor(random() * 128))
    successors.set(text(shown), next)
    shown = next
  }
  const pretended = pretending((_, x, next) => next.set(successors.get(text(x)) ?? x))
  const markSteps = Array.from({ length: marks }, (_, k) => Math.floor((steps * (k + 1)) / marks))
  return { pretended, window: await work(pretended, seed, markSteps), steps, breaks: (perSpan - 1) * spans }
}

/** What the reads of one part are good for, by a usual round. */
const lengths = new Map<string, number>()
function lengthOf(perSpan: number, spans: number): number {
  const name = `${perSpan}/${spans}`
  const known = lengths.get(name)
  if (known !== undefined) return known
  const order = stepOrder(jobSeedOf(1_000_000), groups)
  const length = walkLength(order.groupOf, groups, perSpan, reads / spans)
  lengths.set(name, length)
  return length
}

const ratio = (perSpan: number, spans: number) => (lengthOf(perSpan, spans) * perSpan * spans) / reads

function brokenChains(times: number): Attack[] {
  const perSpan = times * groups
  const detectedBy = (spans: number, tries: number) => {
    const share = ((perSpan - 1) * spans) / (lengthOf(perSpan, spans) * perSpan * spans)
    return 1 - (1 - share * (127 / 128)) ** tries
  }
  const attempt = (spans: number) => async (_: unknown, seed: number) => {
    const arena = await openMemoryArena()
    const { pretended, window } = await breakChains(arena, seed, perSpan, spans)
    return (await judgeMemory(arena, pretended, window, seed)).proven
  }
  const [free, held] = [detectedBy(1, seats * samples), detectedBy(marks, seats * samples)]
  const most = (memorySpec.windowMs / memorySpec.leastReadMs) * (groups / reads)
  const paid = (gain: number) => `, of ${gain.toFixed(1)}× the steps`
  return [
    {
      name: `broken chains, ${times}G walks (weakened: no marks, no least time)`,
      how: 'driven',
      formula: `1 − (1 − breaks ÷ steps · 127/128)^5t${paid(ratio(perSpan, 1))}`,
      expected: free,
      gain: (1 - free) * ratio(perSpan, 1) - 1,
      seeds: 60,
      attempt: attempt(1),
    },
    {
      name: `broken chains, ${times}G walks in each mark`,
      how: 'driven',
      formula: `1 − (1 − breaks ÷ steps · 127/128)^5t${paid(ratio(perSpan, marks))}`,
      expected: held,
      gain: (1 - held) * Math.min(ratio(perSpan, marks), most) - 1,
      seeds: 60,
      attempt: attempt(marks),
    },
  ]
}

/** All walks in one second: it shows five times what the others do, in the hope that its breaks are few. */
const oneSecond: Attack = {
  name: 'broken chains in one second only',
  how: 'computed',
  formula: '1: a second counts at most 1.25 × the second least, and what counts is at most 5% more',
  expected: 1,
  seeds: 50,
  async attempt(_, seed) {
    const arena = await openMemoryArena()
    const marksOf = evenMarks.map(steps => (steps > 80 ? steps + 160 : steps))
    const { marks } = await work(arena.banks, seed, marksOf)
    const fair = memoryCredit({ ...memorySpec, leastReadMs: 1 }, { groups, marks: evenMarks.map(steps => ({ steps })) })
    const counted = memoryCredit({ ...memorySpec, leastReadMs: 1 }, { groups, marks })
    return counted.countedSteps <= 1.05 * fair.countedSteps
  },
}

/** A mark that says other than the commitment does, one that is late, one that never came. */
const lies = (['other steps', 'another top', 'none in time'] as const).map(
  (lie): Attack => ({
    name: `mark that lies, ${lie}`,
    how: 'computed',
    formula: '1: its second counts nothing',
    expected: 1,
    seeds: 50,
    async attempt(_, seed) {
      const arena = await openMemoryArena()
      const { marks: committed } = await work(arena.banks, seed)
      const which = seed % committed.length
      const received = committed.map((mark, k) => {
        if (k !== which) return mark
        if (lie === 'none in time') return undefined
        return lie === 'other steps' ? { ...mark, steps: mark.steps + 1 } : { ...mark, top: new Uint8Array(32) }
      })
      const credit = memoryCredit(memorySpec, { groups, marks: committed, inTime: marksInTime(committed, received) })
      return credit.countedSteps === 160
    },
  }),
)

/** Marks in the openings that are not those of the root. */
const otherMarks: Attack = {
  name: 'marks changed after the commitment',
  how: 'driven',
  formula: '1: the root is over the marks',
  expected: 1,
  seeds: 50,
  async attempt(_, seed) {
    const arena = await openMemoryArena()
    const window = await work(arena.banks, seed)
    const marks = window.marks.map((mark, k) =>
      k === seed % marksOfWindow ? { ...mark, steps: mark.steps - 1 } : mark,
    )
    const { answers } = await judgeMemory(arena, arena.banks, { ...window, marks }, seed)
    return answers.every(answer => !answer.ok)
  },
}
const marksOfWindow = marks - 1

/** More reads than the least time allows: what is above is not paid. */
const overread: Attack = {
  name: 'memory read over more often than is paid',
  how: 'computed',
  formula: '1: credit is min(M, R ÷ τ₀)',
  expected: 1,
  seeds: 20,
  async attempt(_, seed) {
    const steps = evenMarks.map(each => each * (10 + seed))
    const { bandwidth } = memoryCredit(memorySpec, { groups, marks: steps.map(each => ({ steps: each })) })
    const most = Math.floor((groups * width * width * memorySpec.layers) / memorySpec.leastReadMs / 1000)
    return bandwidth === most && honestCredit.bandwidth < most
  },
}

export const memoryChains: Attack[] = [...[1, 4, 8, 32].flatMap(brokenChains), oneSecond, ...lies, otherMarks, overread]
