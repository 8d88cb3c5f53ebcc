import { setTimeout as wait } from 'node:timers/promises'

/** Time as a parameter: everything that waits or measures is given a clock, so that a test can control it. */
export type Clock = {
  /** Milliseconds since 1970, as this machine believes. Deadlines of the chain come from block time, never from here. */
  now(): number
  /** Milliseconds, with fractions, from an arbitrary start; never goes back. Durations are measured by it. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** A longer timer would fire at once. */
const longestTimerMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted()
    try {
      for (let rest = ms; rest > 0; rest -= longestTimerMs) {
        await wait(Math.min(rest, longestTimerMs), undefined, { signal })
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  },
}
