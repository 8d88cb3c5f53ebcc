/** Lets windows go first: what can wait asks between its steps, and is let through while none runs. */
import { setImmediate } from 'node:timers/promises'

export type WindowGate = {
  /** Runs a window. */
  during<T>(window: () => Promise<T>): Promise<T>
  /** Resolves once no window runs, or what waits is itself needed by one. */
  pass(isUrgent: () => boolean): Promise<void>
  /** Asks again what waits whether it is urgent now. */
  hurry(): void
}

export function createWindowGate(): WindowGate {
  let running = 0
  let waiting: (() => void)[] = []
  const hurry = () => {
    for (const wake of waiting) wake()
    waiting = []
  }
  return {
    hurry,
    async during(window) {
      running++
      try {
        return await window()
      } finally {
        running--
        hurry()
      }
    },
    async pass(isUrgent) {
      // Two turns of the event loop: the first may end before messages are read, and one of them may ask for a window.
      await setImmediate()
      await setImmediate()
      while (running > 0 && !isUrgent()) await new Promise<void>(resolve => waiting.push(resolve))
    },
  }
}
