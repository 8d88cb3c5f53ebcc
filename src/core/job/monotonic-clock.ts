/** A clock that never goes back; every thread of a process reads the same one. Windows are measured by it alone. */
export type MonotonicClock = {
  /** Milliseconds, with fractions, from an arbitrary start. */
  nowMs(): number
}

export const monotonicClock: MonotonicClock = { nowMs: () => Number(process.hrtime.bigint()) / 1e6 }
