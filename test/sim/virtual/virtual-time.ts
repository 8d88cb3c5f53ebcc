/**
 * Virtual time for daemons that run in this process. Time stands still while anybody has something to do; when all wait, it jumps to
 * whoever is due next. One thing happens after the other, always in the same order, so that a run follows from its seed alone.
 *
 * Real work (a request to the chain, a run of ONNX Runtime) takes no virtual time: it is done one piece at a time, in the order asked
 * for. Where it should take time, its caller sleeps.
 */
import type { Clock } from '../../../src/core/platform/clock.ts'

/** A host of the simulation: what runs on it can stand still or be gone at once, as a process can. */
export type VirtualHost = {
  readonly name: string
  readonly clock: Clock
  readonly isAlive: boolean
  /** Calls back after this many ms of virtual time; what was asked for earlier comes first. Never, once the host is gone. */
  after(ms: number, task: () => void): void
  /** Does real work and comes back with its outcome; never, once the host is gone. */
  exclusive<T>(work: () => Promise<T>): Promise<T>
  /** Stands still for this long, as after SIGSTOP: what is due meanwhile comes late. */
  freeze(ms: number): void
  /** Is gone, as after SIGKILL: nothing that waits on this host goes on. */
  kill(): void
}

export type VirtualTime = {
  /** Milliseconds since the simulation began. */
  readonly nowMs: number
  /** @param skewMs - how wrong the host's wall clock is */
  host(name: string, options?: { readonly skewMs?: number }): VirtualHost
  /** Lets time pass until then, or until the condition holds. @throws when nobody waits for anything any more */
  run(untilMs: number, isOver?: () => boolean): Promise<void>
}

type Timer = { dueMs: number; readonly order: number; readonly host: Host; readonly wake: () => void }
type Host = VirtualHost & { frozenUntilMs: number; isAlive: boolean }

/** @param epochMs - wall clock at the start, in ms since 1970 */
export function createVirtualTime(epochMs: number): VirtualTime {
  const timers = new Set<Timer>()
  const work: (() => Promise<void>)[] = []
  let nowMs = 0
  let order = 0

  function start(host: Host, ms: number, wake: () => void): Timer {
    const timer = { dueMs: nowMs + Math.max(0, ms), order: order++, host, wake }
    timers.add(timer)
    return timer
  }

  const clockOf = (host: () => Host, skewMs: number): Clock => ({
    now: () => Math.floor(epochMs + nowMs + skewMs),
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const cancel = () => {
          timers.delete(timer)
          reject(signal?.reason)
        }
        const timer = start(host(), ms, () => {
          signal?.removeEventListener('abort', cancel)
          resolve()
        })
        signal?.addEventListener('abort', cancel, { once: true })
      }),
  })

  function next(): Timer | null {
    let first: Timer | null = null
    for (const timer of timers)
      if (first === null || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order))
        first = timer
    return first
  }

  return {
    get nowMs() {
      return nowMs
    },
    host(name, { skewMs = 0 } = {}) {
      const host: Host = {
        name,
        isAlive: true,
        frozenUntilMs: 0,
        clock: clockOf(() => host, skewMs),
        after: (ms, task) => void start(host, ms, task),
        exclusive: task =>
          new Promise((resolve, reject) => {
            if (!host.isAlive) return
            work.push(() =>
              task().then(
                result => void (host.isAlive && start(host, 0, () => resolve(result))),
                error => void (host.isAlive && start(host, 0, () => reject(error))),
              ),
            )
          }),
        freeze(ms) {
          host.frozenUntilMs = nowMs + ms
        },
        kill() {
          host.isAlive = false
          for (const timer of timers) if (timer.host === host) timers.delete(timer)
        },
      }
      return host
    },
    async run(untilMs, isOver = () => false) {
      for (;;) {
        await settle()
        if (isOver()) return
        const task = work.shift()
        if (task !== undefined) {
          await task()
          continue
        }
        const timer = next()
        if (timer === null) throw new Error('The simulation stands still: nobody waits for anything.')
        if (timer.dueMs > untilMs) {
          nowMs = Math.max(nowMs, untilMs)
          return
        }
        nowMs = Math.max(nowMs, timer.dueMs)
        if (timer.host.frozenUntilMs > nowMs) {
          timer.dueMs = timer.host.frozenUntilMs
          continue
        }
        timers.delete(timer)
        if (timer.host.isAlive) timer.wake()
      }
    },
  }
}

/** Until everything that was set off has run: microtasks, and turns of the event loop that somebody asked for. */
async function settle(): Promise<void> {
  do await new Promise<void>(resolve => setImmediate(resolve))
  while (process.getActiveResourcesInfo().includes('Immediate'))
}
