/** Long work in slices, between which everything else has its turn: what comes meanwhile is not seen late. */
import { setImmediate } from 'node:timers/promises'

/** Work that pauses after each slice and gives its outcome at the end. */
export type Sliced<T> = Generator<void, T, void>

/** Does all of it without a pause. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const slice = work.next()
    if (slice.done === true) return slice.value
  }
}

/** @param giveWay - lets everything else have its turn; default: that of the event loop */
export async function inSlices<T>(work: Sliced<T>, giveWay: () => Promise<unknown> = () => setImmediate()): Promise<T> {
  for (;;) {
    const slice = work.next()
    if (slice.done === true) return slice.value
    await giveWay()
  }
}
