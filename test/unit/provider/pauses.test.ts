import type { Hex } from 'viem'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openStore } from '../../../src/core/platform/store.ts'
import { answerControl } from '../../../src/core/provider/control.ts'
import { providerMigrations } from '../../../src/core/provider/journal.ts'
import { createPauseJournal, leastPauseSeconds } from '../../../src/core/provider/pause.ts'
import { createPauses } from '../../../src/core/provider/pauses.ts'
import type { ProviderEvent } from '../../../src/core/provider/provider-event.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const [one, other]: readonly Hex[] = [`0x${'1a'.repeat(32)}`, `0x${'2b'.repeat(32)}`]
const minute = 60_000

function openPauses(isInRound: (deviceId: Hex) => boolean = () => false) {
  const clock = createManualClock()
  const store = openStore({ path: ':memory:', migrations: [...providerMigrations] })
  onTestFinished(() => store.close())
  const journal = createPauseJournal(store)
  const events: ProviderEvent[] = []
  const changed: Hex[] = []
  const freed = new Set<Hex>()
  /** As a daemon that starts (again) with these records. */
  const start = () => {
    const stop = new AbortController()
    const pauses = createPauses(
      { deviceIds: [one!, other!] },
      {
        ...{ journal, clock, isInRound, isFreed: deviceId => freed.has(deviceId), leastSeconds: () => 60 },
        emit: event => events.push(event),
        onChange: deviceId => changed.push(deviceId),
      },
    )
    const running = pauses.run(stop.signal)
    const end = async () => {
      stop.abort()
      await running
    }
    onTestFinished(end)
    return { ...pauses, end }
  }
  const told = () => events.map(event => (event.type === 'pause.changed' ? event.state : event.type))
  return { clock, journal, events, changed, freed, start, told }
}

describe('a pause', () => {
  it('holds from the word on until its time is over, and is recorded before anybody hears of it', async () => {
    const { clock, journal, start, told } = openPauses()
    const pauses = start()
    const [state] = pauses.pause(one!, 7_200)
    expect(state).toMatchObject({ deviceId: one, state: 'paused', note: null })
    expect(Date.parse(state!.until!) - Date.parse(state!.since!)).toBe(120 * minute)
    expect(journal.pauses()).toHaveLength(1)
    expect([one!, other!].map(pauses.isPaused)).toEqual([true, false])
    await clock.advance(120 * minute - 1)
    expect(pauses.isPaused(one!)).toBe(true)
    await clock.advance(1)
    expect(pauses.isPaused(one!)).toBe(false)
    expect(journal.pauses()).toEqual([])
    expect(told()).toEqual(['paused', 'ended'])
  })

  it('survives a restart, and ends at one where its time is over', async () => {
    const { clock, changed, start, told } = openPauses()
    const first = start()
    first.pause(one!, 600)
    first.pause(other!, null)
    await first.end()
    await clock.advance(5 * minute)
    changed.length = 0
    const second = start()
    expect([one!, other!].map(second.isPaused)).toEqual([true, true])
    // What it held is given back again.
    expect(changed).toEqual([one, other])
    await second.end()
    await clock.advance(10 * minute)
    const third = start()
    expect([one!, other!].map(third.isPaused)).toEqual([false, true])
    expect(told()).toEqual(['paused', 'paused', 'paused', 'paused', 'paused', 'ended'])
  })

  it('that the disk does not let end is over all the same, and ended once it does', async () => {
    const { clock, journal, start, told } = openPauses()
    let isFull = true
    const { endPause } = journal
    journal.endPause = deviceId => {
      if (isFull) throw new Error('the disk is full')
      endPause(deviceId)
    }
    const pauses = start()
    pauses.pause(one!, 60)
    await clock.advance(minute)
    expect(pauses.isPaused(one!)).toBe(false)
    expect(told()).toEqual(['paused'])
    isFull = false
    await clock.advance(1_000)
    expect(told()).toEqual(['paused', 'ended'])
    expect(journal.pauses()).toEqual([])
  })

  it('that ends while the machine sleeps, or by a clock that was corrected, is ended within a minute', async () => {
    const { clock, start, told } = openPauses()
    const { now } = clock
    const pauses = start()
    pauses.pause(one!, 7_200)
    await clock.advance(minute / 2)
    clock.now = () => now() + 120 * minute
    expect(pauses.isPaused(one!)).toBe(false)
    await clock.advance(minute)
    expect(told()).toEqual(['paused', 'ended'])
  })

  it('is over while what it freed is made ready again, which is told', () => {
    const { freed, start } = openPauses()
    const pauses = start()
    pauses.pause(one!, null)
    freed.add(one!)
    expect(pauses.resume(one!)).toMatchObject([{ state: 'working', note: expect.stringContaining('busy') }])
    freed.clear()
    expect(pauses.states()[0]).toMatchObject({ state: 'working', note: null })
  })

  it('of two at once ends with the later one, and without an end with none', async () => {
    const { start } = openPauses()
    const pauses = start()
    const [long] = pauses.pause(one!, 7_200)
    expect(pauses.pause(one!, 600)).toMatchObject([{ since: long!.since, until: long!.until }])
    expect(Date.parse(pauses.pause(one!, 9_000)[0]!.until!)).toBe(Date.parse(long!.until!) + 30 * minute)
    expect(pauses.pause(one!, null)[0]!.until).toBeNull()
    expect(pauses.pause(one!, 600)[0]!.until).toBeNull()
    expect(pauses.resume(one!)).toMatchObject([{ state: 'working', until: null, note: null }])
    expect(pauses.isPaused(one!)).toBe(false)
    expect(pauses.resume(one!)).toMatchObject([{ state: 'working', note: 'It was not paused.' }])
  })

  it('that is shorter than the time between two looks is extended, with the reason', () => {
    const { start } = openPauses()
    const [state] = start().pause(one!, 5)
    expect(Date.parse(state!.until!) - Date.parse(state!.since!)).toBe(minute)
    expect(state!.note).toContain('60 s')
    expect(leastPauseSeconds({ epochSeconds: 16, beats: 2 })).toBe(8)
    expect(leastPauseSeconds({ epochSeconds: 86_400, beats: 48 })).toBe(1_800)
  })

  it('that is asked for within a round holds after it', () => {
    const { start } = openPauses(deviceId => deviceId === one)
    expect(start().pause(null, 600)).toMatchObject([{ state: 'finishing' }, { state: 'paused' }])
  })

  it('is of all devices, of one by its first digits, and of nobody else’s', () => {
    const { start } = openPauses()
    const pauses = start()
    expect(pauses.pause('0x1A', 600).map(({ deviceId }) => deviceId)).toEqual([one])
    for (const device of ['0x', '', '0x3c', 'card'])
      expect(() => pauses.pause(device, 600)).toThrow(expect.objectContaining({ code: 'PAUSE_DEVICE_UNKNOWN' }))
    expect(pauses.resume(null)).toHaveLength(2)
  })
})

it('what comes over the socket is of a known form, or refused', () => {
  const { start } = openPauses()
  const pauses = start()
  expect(answerControl(pauses, { command: 'pause', device: null, forSeconds: 600 }).devices).toHaveLength(2)
  expect(answerControl(pauses, { command: 'states' }).devices.map(({ state }) => state)).toEqual(['paused', 'paused'])
  for (const bad of [
    null,
    {},
    { command: 'stop' },
    { command: 'pause', device: null, forSeconds: -1 },
    { command: 'pause', device: null, forSeconds: 315_360_001 },
    { command: 'resume' },
    ...['', '0x', 'card', `${one}0`].map(device => ({ command: 'resume', device })),
  ])
    expect(() => answerControl(pauses, bad)).toThrow()
})
