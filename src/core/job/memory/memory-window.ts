/**
 * Works one window: steps through memory, one state after the other, until the deadline. A step that ends inside counts. Of each state
 * its hash is kept, and one state in {@link keptEvery}, from which the others are walked again when they are opened.
 */
import { setImmediate } from 'node:timers/promises'
import { jobErrors } from '../errors.ts'
import type { MonotonicClock } from '../thread-clock.ts'
import { firstState, stepOrder } from './drawn-entries.ts'
import type { MemoryBanks } from './memory-banks.ts'
import { keptEvery, markCount } from './memory-spec.ts'
import { hashBytes, type LeafTree, leafHash, leafTree, type Mark, memoryRoot } from './state-tree.ts'

export type MemoryWindowOptions = {
  /** Job seed of the round, 32 bytes. */
  readonly seed: Uint8Array
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
  readonly trees: readonly LeafTree[]
  /** States 0, 64, 128 … */
  readonly kept: readonly Uint8Array[]
}

/** For so long at a time the thread does nothing else. */
const stretchMs = 5

/** @throws JOB_WINDOW_CANCELLED, JOB_MEMORY_LOST */
export async function runMemoryWindow(
  banks: MemoryBanks,
  { seed, groups = banks.ready, startedAtMs, signal, onMark }: MemoryWindowOptions,
  { clock }: { readonly clock: MonotonicClock },
): Promise<WorkedMemoryWindow> {
  const { spec } = banks
  const walk = startWalk(banks, seed, groups)
  for (let index = 0; index < markCount(spec); index++) {
    const endMs = startedAtMs + (index + 1) * spec.markMs
    for (let nowMs = clock.monotonicMs(); nowMs < endMs; ) {
      await setImmediate()
      if (signal?.aborted) throw jobErrors.JOB_WINDOW_CANCELLED()
      const pauseMs = Math.min(endMs, clock.monotonicMs() + stretchMs)
      do {
        walk.step()
        nowMs = clock.monotonicMs()
        // The one that ends too late is the first of the next mark, or none.
        if (nowMs < endMs) walk.accept()
      } while (nowMs < pauseMs)
    }
    const mark = walk.mark()
    if (index < markCount(spec) - 1) onMark?.(mark, index)
    // The step that ended after the mark's time, in the window still.
    if (clock.monotonicMs() < startedAtMs + spec.windowMs) walk.accept()
  }
  return walk.finish()
}

/** The first steps again up to these marks, for a commitment whose states were lost. The same root, for the same memory. */
export async function reworkMemoryWindow(
  banks: MemoryBanks,
  { seed, groups, markSteps }: { seed: Uint8Array; groups: number; markSteps: readonly number[] },
): Promise<WorkedMemoryWindow> {
  const walk = startWalk(banks, seed, groups)
  for (const [index, until] of markSteps.entries()) {
    for (let step = markSteps[index - 1] ?? 0; step < until; step++) {
      if (step % keptEvery === 0) await setImmediate()
      walk.step()
      walk.accept()
    }
    walk.mark()
  }
  return walk.finish()
}

function startWalk(banks: MemoryBanks, seed: Uint8Array, groups: number) {
  if (groups > banks.ready) throw jobErrors.JOB_MEMORY_LOST({ groups, ready: banks.ready })
  const order = stepOrder(seed, groups)
  let state: Uint8Array = firstState(banks.spec, seed)
  let next: Uint8Array = new Uint8Array(state.length)
  let pending = false
  let steps = 0
  let leaves = Buffer.allocUnsafeSlow(1024 * hashBytes)
  let leafCount = 0
  const kept = [Uint8Array.from(state)]
  const marks: Mark[] = []
  const trees: LeafTree[] = []
  return {
    /** Computes the next state, which is there once it is accepted. */
    step() {
      banks.step(order.groupOf(steps), state, next)
      pending = true
    },
    accept() {
      if (!pending) return
      pending = false
      ;[state, next] = [next, state]
      steps++
      if (leafCount * hashBytes === leaves.length) leaves = Buffer.concat([leaves], 2 * leaves.length)
      leaves.set(leafHash(state), leafCount++ * hashBytes)
      if (steps % keptEvery === 0) kept.push(Uint8Array.from(state))
    },
    mark(): Mark {
      const tree = leafTree(Buffer.from(leaves.subarray(0, leafCount * hashBytes)))
      leafCount = 0
      const mark = { steps, top: tree.top }
      trees.push(tree)
      marks.push(mark)
      return mark
    },
    finish: (): WorkedMemoryWindow => ({
      seed,
      groups,
      steps: marks.at(-1)!.steps,
      marks,
      root: memoryRoot(groups, marks),
      trees,
      kept,
    }),
  }
}

/** The states `first` to `last` of a window that was worked over this memory. @throws JOB_MEMORY_LOST */
export function walkAgain(
  banks: MemoryBanks,
  { seed, groups, kept }: Pick<WorkedMemoryWindow, 'seed' | 'groups' | 'kept'>,
  first: number,
  last: number,
): Uint8Array[] {
  if (groups > banks.ready) throw jobErrors.JOB_MEMORY_LOST({ groups, ready: banks.ready })
  const order = stepOrder(seed, groups)
  const from = Math.floor(first / keptEvery)
  let state = kept[from]!
  const states: Uint8Array[] = []
  for (let at = from * keptEvery; ; at++) {
    if (at >= first) states.push(state)
    if (at === last) return states
    const next = new Uint8Array(state.length)
    banks.step(order.groupOf(at), state, next)
    state = next
  }
}
