/**
 * Works one window: steps through memory, one state after the other, until the deadline. Steps are asked for in runs, sized for what the
 * memory takes and for what is left of the window; those of a run that ends inside count, and belong to the mark in whose time it ends. Of
 * each state its hash is kept, and of the states as many as {@link keptBytes} hold, evenly spread, from which the others are walked again.
 */
import { setImmediate } from 'node:timers/promises'
import { jobErrors } from '../errors.ts'
import type { HashTree } from '../hash-tree.ts'
import { type MonotonicClock, threadClock } from '../thread-clock.ts'
import { firstState, stepOrder } from './drawn-entries.ts'
import type { Memory, Pace } from './memory.ts'
import { type MemorySpec, markCount } from './memory-spec.ts'
import { growLeafTree, leafHash, type Mark, memoryRoot } from './state-tree.ts'

export type MemoryWindowOptions = {
  /** Job seed of the round, 32 bytes. */
  readonly seed: Uint8Array
  /** The round's specification, which gives window and marks; default that of the memory. */
  readonly round?: MemorySpec
  /** The groups that the order goes over: as many as are claimed. Default all that are ready. */
  readonly groups?: number
  /** On the clock given: when the window began and, by the spec, when it closes. */
  readonly startedAtMs: number
  readonly signal?: AbortSignal
  /** As soon as a mark's time is over; the last one comes with the result. */
  readonly onMark?: (mark: Mark, index: number) => void
}

export type WorkedMemoryWindow = {
  readonly seed: Uint8Array
  readonly groups: number
  readonly steps: number
  readonly marks: readonly Mark[]
  readonly root: Buffer
  /** The tree of each mark's leaves. */
  readonly trees: readonly HashTree[]
  /** States 0, s, 2s …, where s is the stride. */
  readonly kept: readonly Uint8Array[]
  readonly stride: number
}

/** Of states, for one window. The slow steps of most CPUs all fit; those of a card are walked again in no time. */
const keptBytes = 16 * 2 ** 20
/** For so long at a time the thread does nothing else. */
const stretchMs = 5
/** A run has at most so many times the steps of the largest before, whose time told how long it will take. */
const growth = 8
/** The last runs take this share of what is left, so that one that is a little slower still ends inside. */
const tailShare = 0.95

/** @throws JOB_WINDOW_CANCELLED, JOB_MEMORY_LOST, JOB_KERNEL_FAILED */
export async function runMemoryWindow(
  memory: Memory,
  { seed, round: spec = memory.spec, groups = memory.ready, startedAtMs, signal, onMark }: MemoryWindowOptions,
  { clock }: { readonly clock: MonotonicClock },
): Promise<WorkedMemoryWindow> {
  const walk = startWalk(memory, seed, groups)
  const record = recordOf(spec, seed, groups)
  const runs = createRuns(memory.pace, walk.run)
  const count = markCount(spec)
  const endMs = startedAtMs + spec.windowMs
  let nowMs = clock.monotonicMs()
  let restedAtMs = Number.NEGATIVE_INFINITY
  try {
    runs.ask(nowMs, endMs)
    for (let mark = 0; mark < count; ) {
      if (nowMs - restedAtMs >= stretchMs) {
        await setImmediate()
        restedAtMs = nowMs
      }
      if (signal?.aborted) throw jobErrors.JOB_WINDOW_CANCELLED()
      const states = await runs.next()
      nowMs = clock.monotonicMs()
      runs.ended(nowMs)
      // Before the thread hashes, so that a card does not wait for it.
      if (nowMs < endMs) runs.ask(nowMs, endMs)
      for (; mark < count && nowMs >= startedAtMs + (mark + 1) * spec.markMs; mark++) {
        const made = record.mark()
        if (mark < count - 1) onMark?.(made, mark)
      }
      if (mark < count) record.accept(states)
    }
  } finally {
    walk.end()
  }
  return record.finish()
}

/** Runs of a walk that are under way, oldest first, and the size of the next. */
function createRuns({ runsAtOnce, runMs, mostSteps }: Pace, run: (steps: number) => Promise<Uint8Array>) {
  const asked: { readonly steps: number; readonly atMs: number; readonly states: Promise<Uint8Array> }[] = []
  let stepMs = 0
  let largest = 1 / growth
  let endedAtMs = 0
  const sizeFor = (leftMs: number): number => {
    const size = Math.min(mostSteps, largest * growth)
    return stepMs === 0 ? size : Math.min(size, Math.max(1, Math.floor(runMs / stepMs)), Math.floor(leftMs / stepMs))
  }
  return {
    /** Asks for what fits before `untilMs`; for one step where nothing is under way, whatever is left. */
    ask(nowMs: number, untilMs: number) {
      while (asked.length < runsAtOnce) {
        const aheadMs = asked.reduce((sum, { steps }) => sum + steps, 0) * stepMs
        const size = sizeFor((untilMs - nowMs) * tailShare - aheadMs)
        if (size < 1 && asked.length > 0) return
        const steps = Math.max(1, size)
        const states = run(steps)
        // Whoever waits for it hears of it; a window that is given up waits no more.
        states.catch(() => undefined)
        asked.push({ steps, atMs: nowMs, states })
      }
    },
    next: (): Promise<Uint8Array> => asked[0]!.states,
    /** The oldest has ended now. */
    ended(nowMs: number) {
      const { steps, atMs } = asked.shift()!
      const tookMs = (nowMs - Math.max(atMs, endedAtMs)) / steps
      // Slower at once, faster slowly: an estimate that is too low costs the run at the end.
      stepMs = Math.max(tookMs, (stepMs + tookMs) / 2)
      largest = Math.max(largest, steps)
      endedAtMs = nowMs
    },
  }
}

/** The first steps again up to these marks, for a commitment whose states were lost. The same root, for the same memory. */
export async function reworkMemoryWindow(
  memory: Memory,
  { seed, groups, markSteps }: { seed: Uint8Array; groups: number; markSteps: readonly number[] },
  {
    clock = threadClock,
    giveWay = () => setImmediate(undefined),
  }: { readonly clock?: MonotonicClock; readonly giveWay?: () => Promise<void> } = {},
): Promise<WorkedMemoryWindow> {
  const walk = startWalk(memory, seed, groups)
  const record = recordOf(memory.spec, seed, groups)
  try {
    const { runMs, mostSteps } = memory.pace
    let steps = 0
    let size = 1
    for (const until of markSteps) {
      while (steps < until) {
        await giveWay()
        const count = Math.min(until - steps, size)
        const startMs = clock.monotonicMs()
        record.accept(await walk.run(count))
        steps += count
        const fitting = (count * runMs) / Math.max(clock.monotonicMs() - startMs, 1e-3)
        size = Math.max(1, Math.min(mostSteps, size * growth, Math.floor(fitting)))
      }
      record.mark()
    }
  } finally {
    walk.end()
  }
  return record.finish()
}

function startWalk(memory: Memory, seed: Uint8Array, groups: number, from?: { step: number; state: Uint8Array }) {
  if (groups < 1 || groups > memory.ready) throw jobErrors.JOB_MEMORY_LOST({ groups, ready: memory.ready })
  const start = from ?? { step: 0, state: firstState(memory.spec, seed) }
  return memory.walk({ order: stepOrder(seed, groups), ...start })
}

/** What is kept of the states that a walk leads to. */
function recordOf({ width }: MemorySpec, seed: Uint8Array, groups: number) {
  let steps = 0
  let tree = growLeafTree()
  const mostKept = Math.floor(keptBytes / width)
  let stride = 1
  let kept = [firstState({ width }, seed)]
  const marks: Mark[] = []
  const trees: HashTree[] = []
  return {
    /** The next states, [steps, K] bytes. */
    accept(states: Uint8Array) {
      for (let at = 0; at < states.length; at += width) {
        const state = states.subarray(at, at + width)
        steps++
        tree.append(leafHash(state))
        if (steps % stride !== 0) continue
        kept.push(Uint8Array.from(state))
        if (kept.length <= mostKept) continue
        kept = kept.filter((_, place) => place % 2 === 0)
        stride *= 2
      }
    },
    mark(): Mark {
      const finished = tree.finish()
      tree = growLeafTree()
      const mark = { steps, top: finished.top }
      trees.push(finished)
      marks.push(mark)
      return mark
    },
    finish: (): WorkedMemoryWindow => ({
      seed,
      groups,
      steps,
      marks,
      root: memoryRoot(groups, marks),
      trees,
      kept,
      stride,
    }),
  }
}

/** The states `first` to `last` of a window that was worked over this memory. @throws JOB_MEMORY_LOST, JOB_KERNEL_FAILED */
export async function walkAgain(
  memory: Memory,
  { seed, groups, kept, stride }: Pick<WorkedMemoryWindow, 'seed' | 'groups' | 'kept' | 'stride'>,
  first: number,
  last: number,
): Promise<Uint8Array[]> {
  const from = Math.floor(first / stride)
  const step = from * stride
  const states = [kept[from]!]
  while (states.length <= last - step && kept[from + states.length] !== undefined && stride === 1)
    states.push(kept[from + states.length]!)
  if (states.length > last - step) return states.slice(first - step)
  const walk = startWalk(memory, seed, groups, { step: step + states.length - 1, state: states.at(-1)! })
  try {
    while (step + states.length <= last) {
      const count = Math.min(last - step - states.length + 1, memory.pace.mostSteps)
      const { width } = memory.spec
      const run = await walk.run(count)
      for (let at = 0; at < count; at++) states.push(run.subarray(at * width, (at + 1) * width))
    }
  } finally {
    walk.end()
  }
  return states.slice(first - step)
}
