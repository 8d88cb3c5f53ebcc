import { describe, expect, it, onTestFinished } from 'vitest'
import { createStallWatch } from '../../../src/core/checker/stall-watch.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

it('the stall watch knows when this process stood still, and how long it needs to read what piled up', async () => {
  const clock = createManualClock()
  const stop = new AbortController()
  const { stoodStillAt, run } = createStallWatch({ clock })
  const running = run(stop.signal)
  await clock.advance(1000)
  expect(stoodStillAt(500)).toBe(false)
  clock.stall(2000)
  // Asked before the watch itself has had a turn: the deadline's own timer may wake first.
  expect([900, 1000, 1001, 3000].map(stoodStillAt)).toEqual([false, true, true, true])
  await clock.advance(1000)
  expect([3250, 3251, 3900].map(stoodStillAt)).toEqual([true, false, false])
  stop.abort()
  await running
})

it('a short pause is not taken for a stall', async () => {
  const clock = createManualClock()
  const stop = new AbortController()
  const { stoodStillAt, run } = createStallWatch({ clock })
  const running = run(stop.signal)
  for (let i = 0; i < 20; i++) {
    clock.stall(200)
    await clock.advance(50)
  }
  for (let moment = 0; moment < 5000; moment += 10) expect(stoodStillAt(moment)).toBe(false)
  stop.abort()
  await running
})

it('a bounded number of pauses is remembered', async () => {
  const clock = createManualClock()
  const stop = new AbortController()
  const { stoodStillAt, run } = createStallWatch({ clock })
  const running = run(stop.signal)
  for (let i = 0; i < 100; i++) {
    clock.stall(1000)
    await clock.advance(1000)
  }
  expect(stoodStillAt(500)).toBe(false)
  expect(stoodStillAt(198_500)).toBe(true)
  stop.abort()
  await running
})

it('between rounds it looks once a second, and notices a pause that is longer than that', async () => {
  const clock = createManualClock()
  const stop = new AbortController()
  let isWaiting = false
  let looks = 0
  const counted = {
    monotonicMs: clock.monotonicMs,
    sleep(ms: number, signal?: AbortSignal) {
      looks++
      return clock.sleep(ms, signal)
    },
  }
  const { stoodStillAt, run } = createStallWatch({ clock: counted, isWaiting: () => isWaiting })
  const running = run(stop.signal)
  await clock.advance(60_000)
  expect(looks).toBeLessThanOrEqual(61)
  clock.stall(3_000)
  await clock.advance(1_000)
  expect([59_000, 62_000].map(stoodStillAt)).toEqual([false, true])
  isWaiting = true
  await clock.advance(2_000)
  clock.stall(400)
  await clock.advance(100)
  expect(stoodStillAt(clock.monotonicMs() - 200)).toBe(true)
  stop.abort()
  await running
})

describe('a round that opens while it rests', () => {
  /** Rests from 0 to 1000; a round is seen at 200. */
  async function resting() {
    const clock = createManualClock()
    const stop = new AbortController()
    let isWaiting = false
    const { run, wake, stoodStillAt } = createStallWatch({ clock, isWaiting: () => isWaiting })
    const running = run(stop.signal)
    onTestFinished(() => {
      stop.abort()
      return running
    })
    const open = (sinceMs: number) => {
      isWaiting = true
      wake(sinceMs)
    }
    await clock.advance(200)
    return { clock, open, stoodStillAt }
  }

  it('wakes it to its short beat: a standstill in what was left of the rest counts', async () => {
    const { clock, open, stoodStillAt } = await resting()
    open(200)
    await clock.advance(100)
    clock.stall(600)
    await clock.advance(50)
    expect([250, 700, 900].map(stoodStillAt)).toEqual([false, true, true])
  })

  it('counts a standstill between seeing the round and opening it', async () => {
    const { clock, open, stoodStillAt } = await resting()
    clock.stall(600)
    open(200)
    expect([199, 200, 700].map(stoodStillAt)).toEqual([false, true, true])
  })

  it('does not take the rest before it for a standstill', async () => {
    const { clock, open, stoodStillAt } = await resting()
    await clock.advance(600)
    open(800)
    await clock.advance(1_000)
    for (let moment = 0; moment < 1_800; moment += 10) expect(stoodStillAt(moment)).toBe(false)
  })
})
