import { type Clock, systemClock, timeLimit } from '../platform/clock.ts'
import { transportErrors } from './errors.ts'

/** Bytes kept free for urgent frames, so that waiting bulk never delays a commitment. */
const urgentReserveBytes = 64 * 1024

type Entry = { readonly bytes: Uint8Array; resolve(): void; reject(error: Error): void }

/**
 * The frames that wait to be written to one peer: bounded in bytes, one write at a time, urgent frames first.
 * `onStall` is called when one write takes longer than `stallMs`.
 */
export function createOutbox(
  options: { readonly maxQueuedBytes: number; readonly stallMs: number },
  dependencies: { write(bytes: Uint8Array): Promise<void>; onStall(): void; readonly clock?: Pick<Clock, 'sleep'> },
) {
  const { clock = systemClock } = dependencies
  const urgent: Entry[] = []
  const bulk: Entry[] = []
  let queuedBytes = 0
  let writing = false
  let failure: Error | null = null
  let written = () => {}
  let current: Entry | null = null

  async function drain() {
    if (writing) return
    writing = true
    for (let entry = urgent.shift() ?? bulk.shift(); entry !== undefined; entry = urgent.shift() ?? bulk.shift()) {
      current = entry
      written = timeLimit(clock, options.stallMs, dependencies.onStall)
      try {
        await dependencies.write(entry.bytes)
        entry.resolve()
      } catch (cause) {
        entry.reject(failure ?? transportErrors.TRANSPORT_LOST({ why: 'a write failed', cause }))
      } finally {
        written()
        queuedBytes -= entry.bytes.length
        current = null
      }
    }
    writing = false
  }

  return {
    /** Resolves when `write` took the bytes; rejects with TRANSPORT_QUEUE_FULL, or with the error given to `fail`. */
    push(bytes: Uint8Array, isUrgent: boolean): Promise<void> {
      if (failure !== null) return Promise.reject(failure)
      const maxBytes = options.maxQueuedBytes + (isUrgent ? urgentReserveBytes : 0)
      // An empty queue takes any frame: frames have their own limit.
      if (queuedBytes > 0 && queuedBytes + bytes.length > maxBytes)
        return Promise.reject(transportErrors.TRANSPORT_QUEUE_FULL({ queuedBytes, maxBytes }))
      queuedBytes += bytes.length
      return new Promise<void>((resolve, reject) => {
        const queue = isUrgent ? urgent : bulk
        queue.push({ bytes, resolve, reject })
        void drain()
      })
    },
    /** Rejects everything that waits, and every later push. */
    fail(error: Error): void {
      failure ??= error
      // The write in progress may end as it likes, or never.
      written()
      current?.reject(failure)
      for (const entry of [...urgent.splice(0), ...bulk.splice(0)]) {
        queuedBytes -= entry.bytes.length
        entry.reject(failure)
      }
    },
  }
}
