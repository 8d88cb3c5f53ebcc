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
  async sleep(ms, signal) {
    for (let rest = ms; rest > 0; rest -= longestTimerMs) await wait(Math.min(rest, longestTimerMs), signal)
    signal?.throwIfAborted()
  },
}

/** Not that of `node:timers/promises`, which makes an error with its stack for each wait that is given up, as nearly all are. */
const wait = (ms: number, signal: AbortSignal | undefined) =>
  new Promise<void>((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const cancel = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', cancel)
      resolve()
    }, ms)
    signal?.addEventListener('abort', cancel, { once: true })
  })

/** Calls back after this long, unless the function that it returns is called before. */
export function timeLimit(clock: Pick<Clock, 'sleep'>, ms: number, onLate: () => void): () => void {
  const inTime = new AbortController()
  clock.sleep(ms, inTime.signal).then(onLate, () => undefined)
  // Without a reason of ours a DOMException is made each time.
  return () => inTime.abort('in time')
}
