/** Lets windows go first: what can wait asks between its steps, and is let through while none runs. */
import { setImmediate } from 'node:timers/promises'

export type WindowGate = ReturnType<typeof createWindowGate>

export function createWindowGate() {
  const running = new Set<{ readonly endsAtMs: number }>()
  let waiting: (() => void)[] = []
  const hurry = () => {
    for (const wake of waiting) wake()
    waiting = []
  }
  return {
    /** Asks again what waits whether it is urgent now. */
    hurry,
    /** Runs a window that ends at this time, in ms of the engine's clock. */
    async during<T>(endsAtMs: number, window: () => Promise<T>): Promise<T> {
      const own = { endsAtMs }
      running.add(own)
      try {
        return await window()
      } finally {
        running.delete(own)
        hurry()
      }
    },
    /** Resolves once no window runs, or what waits is urgent: needed by a window, or due before those that run end. */
    async pass(isUrgent: (endsAtMs: number) => boolean): Promise<void> {
      // Two turns of the event loop: the first may end before messages are read, and one of them may ask for a window.
      await setImmediate()
      await setImmediate()
      const endsAtMs = () => Math.max(...[...running].map(each => each.endsAtMs))
      while (running.size > 0 && !isUrgent(endsAtMs())) await new Promise<void>(resolve => waiting.push(resolve))
    },
  }
}
