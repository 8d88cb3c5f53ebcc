/**
 * Whether this process itself stood still: what arrived meanwhile was read late, which must not be held against who sent it.
 */
import type { Clock } from '../platform/clock.ts'

export type StallWatch = {
  /** Whether this process did not run at that moment (monotonic ms), or was still reading what had piled up. */
  stoodStillAt(momentMs: number): boolean
  /** Watches until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

/** How often it looks: while deadlines are near, and else. */
const beatMs = 50
const restingBeatMs = 1_000
/** A pause shorter than this is ordinary; the grace of a round allows for it. */
const pauseMs = 250
/** After a pause sockets are read within this time. */
const readingMs = 250
/** Pauses that are remembered: deadlines are looked at as they pass, so a few are enough. */
const keptStalls = 32

/** @param isWaiting - whether a deadline of milliseconds may be near: else only longer pauses are noticed; default always */
export function createStallWatch({
  clock,
  isWaiting = () => true,
}: {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>
  readonly isWaiting?: () => boolean
}): StallWatch {
  let lastMs = clock.monotonicMs()
  let sleptMs = beatMs
  const stalls: { readonly fromMs: number; readonly untilMs: number }[] = []

  function look() {
    const nowMs = clock.monotonicMs()
    if (nowMs - lastMs > sleptMs + pauseMs) stalls.push({ fromMs: lastMs, untilMs: nowMs })
    if (stalls.length > keptStalls) stalls.shift()
    lastMs = nowMs
  }

  return {
    stoodStillAt(momentMs) {
      look()
      return stalls.some(({ fromMs, untilMs }) => fromMs <= momentMs && momentMs <= untilMs + readingMs)
    },
    async run(signal) {
      lastMs = clock.monotonicMs()
      while (!signal.aborted) {
        sleptMs = isWaiting() ? beatMs : restingBeatMs
        await clock.sleep(sleptMs, signal).catch(() => undefined)
        look()
      }
    },
  }
}
