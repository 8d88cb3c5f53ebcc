import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

describe.each([
  ['system', () => ({ clock: systemClock, advance: async (_ms: number) => undefined })],
  [
    'manual',
    () => {
      const clock = createManualClock(1_000_000)
      return { clock, advance: clock.advance }
    },
  ],
])('%s clock', (_name, create) => {
  it('a clock sleeps at least as long as asked', async () => {
    const { clock, advance } = create()
    const before = clock.monotonicMs()
    const sleeping = clock.sleep(5)
    await advance(5)
    await sleeping
    // Timers of the system may fire a fraction of a millisecond early.
    expect(clock.monotonicMs() - before).toBeGreaterThan(3.9)
  })

  it('a sleep rejects with the reason when it is aborted, before it begins or during it', async () => {
    const { clock } = create()
    await expect(clock.sleep(10_000, AbortSignal.abort('before'))).rejects.toBe('before')
    const controller = new AbortController()
    const sleeping = clock.sleep(10_000, controller.signal)
    controller.abort('while')
    await expect(sleeping).rejects.toBe('while')
  })
})

it('a very long sleep does not end at once', async () => {
  const controller = new AbortController()
  let woke = false
  const sleeping = systemClock.sleep(2 ** 33, controller.signal).then(
    () => {
      woke = true
    },
    () => undefined,
  )
  await systemClock.sleep(10)
  expect(woke).toBe(false)
  controller.abort()
  await sleeping
})

it('the manual clock wakes sleepers in the order of their deadlines, each at its own time', async () => {
  const clock = createManualClock(1_000)
  const woken: [string, number][] = []
  const sleeper = async (name: string, ...naps: number[]) => {
    for (const nap of naps) {
      await clock.sleep(nap)
      woken.push([name, clock.now()])
    }
  }
  const all = Promise.all([sleeper('a', 30, 30), sleeper('b', 20, 20, 20)])
  await clock.advance(100)
  await all
  expect(woken).toEqual([
    ['b', 1020],
    ['a', 1030],
    ['b', 1040],
    ['a', 1060],
    ['b', 1060],
  ])
  expect({ now: clock.now(), sleepers: clock.sleepers() }).toEqual({ now: 1100, sleepers: 0 })
})
