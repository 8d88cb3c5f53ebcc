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

type Timer = { dueMs: number; readonly order: number; readonly host: Host; readonly wake: () => void; isOver: boolean }
type Host = VirtualHost & { frozenUntilMs: number; isAlive: boolean }

/** @param epochMs - wall clock at the start, in ms since 1970 */
export function createVirtualTime(epochMs: number): VirtualTime {
  const timers = createHeap()
  const work: (() => Promise<void>)[] = []
  let nowMs = 0
  let order = 0

  function start(host: Host, ms: number, wake: () => void): Timer {
    const timer = { dueMs: nowMs + Math.max(0, ms), order: order++, host, wake, isOver: false }
    timers.push(timer)
    return timer
  }

  const clockOf = (host: () => Host, skewMs: number): Clock => ({
    now: () => Math.floor(epochMs + nowMs + skewMs),
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const cancel = () => {
          timers.cancel(timer)
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
    while (timers.first !== null && (timers.first.isOver || !timers.first.host.isAlive)) timers.pop()
    return timers.first
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
        timers.pop()
        if (timer.host.frozenUntilMs > nowMs) {
          timer.dueMs = timer.host.frozenUntilMs
          timers.push(timer)
        } else timer.wake()
      }
    },
  }
}

/** Timers by when they are due, in the order in which they were set where they are due together: a binary heap. */
function createHeap() {
  const heap: Timer[] = []
  /** Since the last time that they were taken out. */
  let cancelled = 0
  const isBefore = (a: Timer, b: Timer) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
  const swap = (a: number, b: number) => {
    const other = heap[a]!
    heap[a] = heap[b]!
    heap[b] = other
  }
  return {
    get first(): Timer | null {
      return heap[0] ?? null
    },
    push(timer: Timer) {
      let at = heap.push(timer) - 1
      for (let up = (at - 1) >> 1; at > 0 && isBefore(heap[at]!, heap[up]!); at = up, up = (at - 1) >> 1) swap(at, up)
    },
    /** Its time would come late: of many that are cancelled, none is kept until then. */
    cancel(timer: Timer) {
      timer.isOver = true
      if (++cancelled < 1_000 || 2 * cancelled < heap.length) return
      cancelled = 0
      const left = heap.filter(({ isOver }) => !isOver)
      heap.splice(0, heap.length, ...left.sort((a, b) => (isBefore(a, b) ? -1 : 1)))
    },
    pop() {
      const last = heap.pop()
      if (last === undefined || heap.length === 0) return
      heap[0] = last
      for (let at = 0; ; ) {
        const [left, right] = [2 * at + 1, 2 * at + 2]
        let least = at
        for (const child of [left, right])
          if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child
        if (least === at) return
        swap(at, least)
        at = least
      }
    },
  }
}

/** Until everything that was set off has run: microtasks, and turns of the event loop that somebody asked for. */
async function settle(): Promise<void> {
  do await new Promise<void>(resolve => setImmediate(resolve))
  while (process.getActiveResourcesInfo().includes('Immediate'))
}
