import type { Clock } from '../../src/core/platform/clock.ts'

/** A clock that moves only when it is told to: sleepers wake in the order of their deadlines. */
export type ManualClock = Clock & {
  /** Moves time on by `ms`. Sleepers that are due on the way wake in order, each running before the next. */
  advance(ms: number): Promise<void>
  /** Moves time on and wakes no sleeper, as if this process had stood still. */
  stall(ms: number): void
  /** Number of sleepers. */
  sleepers(): number
}

/** @param startMs - wall clock at the start; the monotonic clock starts at 0 */
export function createManualClock(startMs = 0): ManualClock {
  let elapsedMs = 0
  const waiting = new Set<{ dueMs: number; wake: () => void }>()
  const settle = () => new Promise<void>(resolve => setImmediate(resolve))
  return {
    now: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    stall: ms => {
      elapsedMs += ms
    },
    sleepers: () => waiting.size,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const cancel = () => {
          waiting.delete(sleeper)
          reject(signal?.reason)
        }
        const sleeper = {
          dueMs: elapsedMs + Math.max(0, ms),
          wake: () => {
            signal?.removeEventListener('abort', cancel)
            waiting.delete(sleeper)
            resolve()
          },
        }
        waiting.add(sleeper)
        signal?.addEventListener('abort', cancel, { once: true })
      }),
    advance: async ms => {
      const endMs = elapsedMs + ms
      await settle()
      for (;;) {
        const next = [...waiting].sort((a, b) => a.dueMs - b.dueMs)[0]
        if (!next || next.dueMs > endMs) break
        elapsedMs = Math.max(elapsedMs, next.dueMs)
        next.wake()
        await settle()
      }
      elapsedMs = endMs
    },
  }
}
