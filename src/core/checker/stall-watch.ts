/** Whether this process itself stood still: what arrived meanwhile was read late, which must not be held against who sent it. */
import type { Clock } from '../platform/clock.ts'

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
}) {
  let lastMs = clock.monotonicMs()
  let sleptMs = beatMs
  let rest = new AbortController()
  const stalls: { readonly fromMs: number; readonly untilMs: number }[] = []

  const isPause = (fromMs: number) => clock.monotonicMs() - fromMs > sleptMs + pauseMs

  function look() {
    const nowMs = clock.monotonicMs()
    if (isPause(lastMs)) stalls.push({ fromMs: lastMs, untilMs: nowMs })
    if (stalls.length > keptStalls) stalls.shift()
    lastMs = nowMs
  }

  return {
    /**
     * Ends a rest, since deadlines are near. What of the rest lies after `sinceMs` (monotonic) was too long to say what this process did
     * in it, so it counts as a standstill where it is longer than a pause.
     */
    wake(sinceMs: number): void {
      if (sleptMs === beatMs) return
      if (!isPause(lastMs)) lastMs = Math.max(lastMs, sinceMs)
      sleptMs = beatMs
      look()
      rest.abort()
    },
    /** Whether this process did not run at that moment (monotonic ms), or was still reading what had piled up. */
    stoodStillAt(momentMs: number): boolean {
      look()
      return stalls.some(({ fromMs, untilMs }) => fromMs <= momentMs && momentMs <= untilMs + readingMs)
    },
    /** Watches until the signal aborts. */
    async run(signal: AbortSignal): Promise<void> {
      lastMs = clock.monotonicMs()
      signal.addEventListener('abort', () => rest.abort(), { once: true })
      while (!signal.aborted) {
        if (rest.signal.aborted) rest = new AbortController()
        sleptMs = isWaiting() ? beatMs : restingBeatMs
        await clock.sleep(sleptMs, rest.signal).catch(() => undefined)
        look()
      }
    },
  }
}
