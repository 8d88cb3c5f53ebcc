import type { Clock } from '../platform/clock.ts'

/** Measures windows; a test owns it. */
export type MonotonicClock = Pick<Clock, 'monotonicMs'>

/** One monotonic clock for all threads of the process; the platform's starts anew in each thread. */
export const threadClock: MonotonicClock = { monotonicMs: () => Number(process.hrtime.bigint()) / 1e6 }
