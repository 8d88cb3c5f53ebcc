/**
 * The groups that a device holds, as windows, rework and openings walk through them: a CPU's banks, or a card's. The order of groups is
 * a round's and known beforehand, so that a card is told of many steps at once and no state comes back between them.
 */
import type { StepOrder } from './drawn-entries.ts'
import type { MemorySpec } from './memory-spec.ts'

export type Memory = {
  readonly spec: MemorySpec
  /** Groups that are filled, from 0 on; none when the card that held them was lost. */
  readonly ready: number
  readonly pace: Pace
  walk(from: WalkStart): Walk
  /** Makes fewer groups count and gives the memory of the others back; with 0 there is nothing left of it. */
  shrink(groups: number): void
}

/** How runs of a walk are asked for, so that the memory is never waited for and a deadline is met. */
export type Pace = {
  /** Runs under way at once. */
  readonly runsAtOnce: number
  /** What one run should take, in milliseconds; a run is one step where that takes longer. */
  readonly runMs: number
  /** Most steps of one run. */
  readonly mostSteps: number
}

export type WalkStart = {
  readonly order: StepOrder
  /** The step that leads on from `state`. */
  readonly step: number
  /** K bytes in [0, 127]. */
  readonly state: Uint8Array
}

export type Walk = {
  /**
   * The states after each of so many further steps, [steps, K] bytes in [0, 127]. Runs that are asked for while one is under way follow it.
   *
   * @throws JOB_KERNEL_FAILED, JOB_MEMORY_LOST
   */
  run(steps: number): Promise<Uint8Array>
  /** Lets go of what the walk holds. */
  end(): void
}

/** Writes the state after `x` in this group to `next`. Both K bytes in [0, 127]. */
export type Step = (group: number, x: Uint8Array, next: Uint8Array) => void

/** How memory is walked whose steps are made one after the other in the thread that asks, which has other things to do between runs. */
export const walkedBy = ({ width }: Pick<MemorySpec, 'width'>, step: Step): Pick<Memory, 'pace' | 'walk'> => ({
  pace: { runsAtOnce: 1, runMs: 1, mostSteps: 64 },
  walk({ order, step: at, state }) {
    return {
      async run(steps) {
        const states = new Uint8Array(steps * width)
        for (let done = 0; done < steps; done++, at++) {
          const next = states.subarray(done * width, (done + 1) * width)
          step(order.groupOf(at), state, next)
          state = next
        }
        return states
      },
      end: () => undefined,
    }
  },
})
