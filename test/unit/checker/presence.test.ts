import { expect, it } from 'vitest'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { createPresence } from '../../../src/core/checker/presence.ts'
import { silentLogger } from '../../../src/core/platform/log.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { heartbeatSeconds } from '../../../src/core/protocol/network-parameters.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { seededRandom } from '../../helpers/seeded-random.ts'

const operators = {
  answers: `0x${'01'.repeat(20)}`,
  silent: `0x${'02'.repeat(20)}`,
  away: `0x${'03'.repeat(20)}`,
} as const
const random = seededRandom(7)
const randomBytes = (size: number) => Uint8Array.from({ length: size }, () => Math.floor(random() * 256))
const device = (n: number, operator: `0x${string}`) => ({
  deviceId: `0x${String(n).padStart(64, '0')}` as const,
  generation: 1,
  operator,
  cohort: 0,
  lane: n,
})

/** One heartbeat a second. */
const epochSeconds = 16

it('heartbeats that were asked and answered in time are counted for every device of an operator', async () => {
  const clock = createManualClock()
  const journal = createCheckerJournal(openStore({ path: ':memory:', migrations: [...checkerMigrations] }))
  const devices = [
    device(1, operators.answers),
    device(2, operators.answers),
    device(3, operators.silent),
    device(4, operators.away),
  ]
  const presence = createPresence({
    journal,
    clock,
    log: silentLogger,
    randomBytes,
    isArriving: () => false,
    duty: () => ({ epoch: 7, epochSeconds, devices }),
    sendTo: operator => {
      if (operator === operators.away) return null
      return async (_type, body) => {
        if (operator === operators.answers) presence.onReply(body as { nonce: `0x${string}` }, new Uint8Array(), 0)
      }
    },
  })
  const stop = new AbortController()
  const running = presence.run(stop.signal)
  for (let i = 0; i < 300; i++) await clock.advance(100)
  // Not in the middle of asking: what is not waited for is not counted.
  while (journal.heartbeats(7, devices[2]!.deviceId).asked < journal.heartbeats(7, devices[0]!.deviceId).asked)
    await clock.advance(100)
  stop.abort()
  await running
  const [first, second, third, fourth] = devices.map(({ deviceId }) => journal.heartbeats(7, deviceId))
  // Thirty seconds at a mean of one a second, each wait between half and one and a half of it, plus the silent one's time limit of two.
  expect(first!.asked).toBeGreaterThanOrEqual(5)
  expect(first).toEqual({ asked: first!.asked, answered: first!.asked })
  expect(second).toEqual(first)
  expect(third).toEqual({ asked: first!.asked, answered: 0 })
  expect(fourth).toEqual({ asked: first!.asked, answered: 0 })
})

it('an answer to a nonce that was not asked is ignored', async () => {
  const clock = createManualClock()
  const journal = createCheckerJournal(openStore({ path: ':memory:', migrations: [...checkerMigrations] }))
  const only = device(1, operators.silent)
  const presence = createPresence({
    journal,
    clock,
    log: silentLogger,
    randomBytes: size => new Uint8Array(size).fill(9),
    isArriving: () => false,
    duty: () => ({ epoch: 7, epochSeconds, devices: [only] }),
    sendTo: () => async () => presence.onReply({ nonce: `0x${'00'.repeat(32)}` }, new Uint8Array(), 0),
  })
  const stop = new AbortController()
  const running = presence.run(stop.signal)
  for (let i = 0; i < 30; i++) await clock.advance(100)
  stop.abort()
  await running
  const { asked, answered } = journal.heartbeats(7, only.deviceId)
  expect(asked).toBeGreaterThan(0)
  expect(answered).toBe(0)
})

/** One device whose operator answers `delayMs` after it was asked; gives the counts after thirty seconds. */
async function countsOf(delayMs: number | null, changed: Partial<Parameters<typeof createPresence>[0]> = {}) {
  const clock = createManualClock()
  const journal = createCheckerJournal(openStore({ path: ':memory:', migrations: [...checkerMigrations] }))
  const only = device(1, operators.answers)
  const presence = createPresence({
    journal,
    clock,
    log: silentLogger,
    randomBytes,
    duty: () => ({ epoch: 7, epochSeconds, devices: [only] }),
    sendTo: () => async (_type, body) => {
      if (delayMs === null) return
      const atMs = clock.monotonicMs() + delayMs
      const reply = () => void presence.onReply(body as { nonce: `0x${string}` }, new Uint8Array(), atMs)
      // Its handler's turn comes later than the message itself.
      void clock.sleep(delayMs + 50).then(reply)
    },
    ...changed,
  })
  const stop = new AbortController()
  const running = presence.run(stop.signal)
  for (let i = 0; i < 600; i++) await clock.advance(50)
  stop.abort()
  await running
  return journal.heartbeats(7, only.deviceId)
}

it('an answer is judged by its arrival, not by its handler’s turn', async () => {
  const inTime = await countsOf(2_000)
  expect(inTime.answered).toBe(inTime.asked)
  expect(inTime.asked).toBeGreaterThan(4)
  expect(await countsOf(2_001)).toMatchObject({ answered: 0 })
})

it('a silence during which this process stood still is not counted', async () => {
  expect(await countsOf(null, { stoodStillAt: () => true })).toEqual({ asked: 0, answered: 0 })
  expect((await countsOf(null)).asked).toBeGreaterThan(4)
})

it('counts that cannot be written are kept, and heartbeats go on', async () => {
  const journal = createCheckerJournal(openStore({ path: ':memory:', migrations: [...checkerMigrations] }))
  let calls = 0
  const flaky = {
    ...journal,
    countHeartbeat: (...count: Parameters<typeof journal.countHeartbeat>) => {
      if (++calls < 4) throw new Error('database or disk is full')
      journal.countHeartbeat(...count)
    },
  }
  await countsOf(0, { journal: flaky })
  const { asked, answered } = journal.heartbeats(7, device(1, operators.answers).deviceId)
  expect(answered).toBe(asked)
  // Two records failed three times in all: each was written once in the end.
  expect(asked).toBe(calls - 3)
})

it.each([
  [16, 1],
  [60, 3],
  [960, 60],
  [86_400, 60],
])('heartbeats follow the length of epochs alone: of %i seconds every %i on average', (epoch, seconds) => {
  expect(heartbeatSeconds(epoch)).toBe(seconds)
})
