import { EventEmitter } from 'node:events'
import { afterEach, expect, it, vi } from 'vitest'
import { createGracefulStop } from '../../../src/core/platform/graceful-stop.ts'

afterEach(() => vi.useRealTimers())

it('the first signal asks a run to end and the second ends it', () => {
  const signals = new EventEmitter()
  const exitNow = vi.fn()
  let now = 0
  const stop = createGracefulStop({}, { signals, exitNow, nowMs: () => now })
  expect(stop.signal.aborted).toBe(false)
  signals.emit('SIGTERM')
  expect({ aborted: stop.signal.aborted, exits: exitNow.mock.calls }).toEqual({ aborted: true, exits: [] })
  // The same Ctrl-C again, forwarded by a wrapper.
  now = 499
  signals.emit('SIGINT')
  expect(exitNow.mock.calls).toEqual([])
  now = 500
  signals.emit('SIGINT')
  expect(exitNow.mock.calls).toEqual([['second-signal']])
  stop.dispose()
  expect(signals.listenerCount('SIGINT') + signals.listenerCount('SIGTERM')).toBe(0)
})

it('a run is ended when draining takes too long, and not when it ends in time', () => {
  vi.useFakeTimers()
  for (const inTime of [false, true]) {
    const signals = new EventEmitter()
    const exitNow = vi.fn()
    const stop = createGracefulStop({ drainMs: 1_000 }, { signals, exitNow })
    signals.emit('SIGINT')
    vi.advanceTimersByTime(999)
    if (inTime) stop.dispose()
    vi.advanceTimersByTime(1)
    expect(exitNow.mock.calls).toEqual(inTime ? [] : [['drain-timeout']])
    stop.dispose()
  }
})
