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

const beatMs = 50
/** A pause shorter than this is ordinary; the grace of a round allows for it. */
const pauseMs = 250
/** After a pause sockets are read within this time. */
const readingMs = 250
/** Pauses that are remembered: deadlines are looked at as they pass, so a few are enough. */
const keptStalls = 32

export function createStallWatch({ clock }: { readonly clock: Clock }): StallWatch {
  let lastMs = clock.monotonicMs()
  const stalls: { readonly fromMs: number; readonly untilMs: number }[] = []

  function look() {
    const nowMs = clock.monotonicMs()
    if (nowMs - lastMs > beatMs + pauseMs) stalls.push({ fromMs: lastMs, untilMs: nowMs })
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
        await clock.sleep(beatMs, signal).catch(() => undefined)
        look()
      }
    },
  }
}
