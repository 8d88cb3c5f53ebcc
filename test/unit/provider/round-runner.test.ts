import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import { jobSets } from '../../../src/core/job/jobs.ts'
import type { WindowOptions } from '../../../src/core/job/round-kind.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import type { Signed } from '../../../src/core/protocol/typed-data.ts'
import type { ProviderEvent } from '../../../src/core/provider/provider-event.ts'
import { createRoundRunner, type RoundRunnerDependencies } from '../../../src/core/provider/round-runner.ts'
import { createSigner, isSignedBy } from '../../../src/core/report/signer.ts'
import { eventually } from '../../helpers/eventually.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` as const }
const round = (n: number) => ({
  number: BigInt(n),
  hash: hash(n),
  timestamp: n,
  slot: 0,
  ordinal: 0,
  kind: 'tensor' as const,
  epoch: 3,
  seenAtMs: 0,
})
const rules = { windowMs: 2_000, graceMs: 500, samplingSeconds: 3, openingsMs: 3_500 }
const standard = { windowMs: 10_000, beatWindowMs: 500, graceMs: 500, samplingSeconds: 11, openingsMs: 30_000 }

/** A runner of one device in epoch 3, whose journal and work are the test's. */
function runnerWith(changes: Partial<RoundRunnerDependencies>) {
  const events: ProviderEvent[] = []
  const errors: unknown[] = []
  const deviceId = hash(5)
  const runner = createRoundRunner({
    devices: [{ deviceId, probed: { record: { identity: 'GPU-a' } }, engine: {} } as never],
    environmentHash: hash(1),
    rosterOf: () =>
      ({ epoch: 3, rounds: { seed: hash(2), rules }, members: [{ deviceId, generation: 1, cohort: 0 }] }) as never,
    seatsOf: () => [],
    tip: () => null,
    roundWork: {
      work: async () => ({ commitment: { message: { rows: 64n } }, figures: { tensor: 1 }, lostMs: 0 }),
    } as never,
    jobs: jobSets.devnet,
    journal: { commitmentOf: () => null } as never,
    health: { stopReason: () => null },
    signer: createSigner({ privateKey: hash(1001), network }),
    clock: createManualClock(),
    log: { ...silentLogger, error: (...said: unknown[]) => void errors.push(said[0]) } as never,
    emit: event => events.push(event),
    ...changes,
  })
  return { runner, events, errors }
}

it('the round runner goes on with the next round after the store or a listener failed at one', async () => {
  let reads = 0
  const { runner, events, errors } = runnerWith({
    journal: {
      commitmentOf: () => {
        if (reads++ === 0) throw new Error('the disk cannot be read')
        return null
      },
    } as never,
  })
  runner.take(round(1))
  await runner.idle()
  expect(errors).toHaveLength(1)
  runner.take(round(2))
  await runner.idle()
  expect(events.map(({ type }) => type)).toEqual(['round.committed'])

  const deaf = runnerWith({
    emit: () => {
      throw new Error('the pipe is closed')
    },
  })
  deaf.runner.take(round(1))
  await deaf.runner.idle()
  expect(deaf.errors.length).toBeGreaterThan(0)
})

it('the marks of a window go to every seat as they come, and one that does not arrive holds up nothing', async () => {
  const sent: string[] = []
  const seat = (name: string, fails = false) => ({
    async send(type: string, body: { index?: number }) {
      sent.push([name, type, body.index].filter(part => part !== undefined).join(' '))
      if (fails) throw new Error('the session is closed')
    },
  })
  const { runner, events, errors } = runnerWith({
    seatsOf: () => [seat('one'), seat('two', true)] as never,
    roundWork: {
      async work(...given: Parameters<RoundRunnerDependencies['roundWork']['work']>) {
        const { onMark } = given[4]! as Required<WindowOptions>
        onMark(0, '0x00')
        onMark(1, '0x01')
        sent.push('worked')
        return { commitment: { message: { rows: 9n } }, figures: { bandwidth: 1, resident: 2 }, lostMs: 0 } as never
      },
    } as never,
  })
  runner.take({ ...round(1), kind: 'memory' })
  await runner.idle()
  const marks = ['one job.mark 0', 'two job.mark 0', 'one job.mark 1', 'two job.mark 1']
  expect(sent).toEqual([...marks, 'worked', 'one job.commitment', 'two job.commitment'])
  expect(errors).toEqual([])
  const worth = { kind: 'memory', units: 9, figures: { bandwidth: 1, resident: 2 } }
  expect(events).toMatchObject([{ type: 'round.committed', ...worth }])
})

it('a paused device signs that it is busy, on record before it is said, to the seats that have offered the round, and works nothing', async () => {
  const told: string[] = []
  const recorded: Signed<'Busy'>[] = []
  const seat = (operator: string) => ({
    operator,
    send: async (type: string) => void told.push(`${operator} ${type} after ${recorded.length}`),
  })
  let isPaused = true
  let worked = 0
  const { runner, events, errors } = runnerWith({
    seatsOf: () => [seat('one'), seat('two')] as never,
    pauses: {
      isBusy: () => isPaused,
      settle: () => undefined,
      journal: {
        recordBusy: busy => void recorded.push(busy),
        busyIn: hash => recorded.find(({ message }) => message.round === hash) ?? null,
      },
    },
    roundWork: {
      isOffered: (checker: string) => checker === 'one',
      work: async () => {
        worked++
        return { commitment: { message: { rows: 64n } }, figures: {}, lostMs: 0 }
      },
    } as never,
  })
  runner.take(round(1))
  await runner.idle()
  expect(told).toEqual(['one job.busy after 1'])
  const [busy] = recorded
  expect(busy!.message).toEqual({ epoch: 3n, round: hash(1), deviceId: hash(5), generation: 1 })
  expect(isSignedBy(network, 'Busy', busy!, createSigner({ privateKey: hash(1001), network }).address)).toBe(true)

  // A restart, or the end of the pause, within the round: what was signed stands, and is said again.
  isPaused = false
  runner.take(round(1))
  await runner.idle()
  expect([worked, recorded.length, told.length]).toEqual([0, 1, 2])
  runner.take(round(2))
  await runner.idle()
  expect(worked).toBe(1)
  expect(events.map(({ type }) => type)).toEqual(['round.busy', 'round.committed'])
  expect(errors).toEqual([])
})

it('a pause that is asked for within a window leaves that window alone', async () => {
  let isPaused = false
  const window = Promise.withResolvers<void>()
  const { runner, events } = runnerWith({
    pauses: {
      ...{ isBusy: () => isPaused, settle: () => undefined },
      journal: { recordBusy: () => undefined, busyIn: () => null },
    },
    roundWork: {
      isOffered: () => true,
      async work() {
        await window.promise
        return { commitment: { message: { rows: 64n } }, figures: { tensor: 1 }, lostMs: 0 }
      },
    } as never,
  })
  runner.take(round(1))
  expect(runner.idleOf(hash(5))).not.toBeNull()
  isPaused = true
  runner.take(round(2))
  window.resolve()
  await runner.idleOf(hash(5))
  expect(runner.idleOf(hash(5))).toBeNull()
  expect(runner.idleOf(hash(6))).toBeNull()
  expect(events.map(({ type }) => type).sort()).toEqual(['round.busy', 'round.committed'])
})

it('a commitment that is taken up after a restart is sent as it was signed, without the notes by which it is worked again', async () => {
  const sent: unknown[] = []
  const message = { rows: 9n }
  const recorded = { message, signature: '0x01', notes: '{"groups":4,"marks":[9]}' }
  const restored: unknown[] = []
  const settled: unknown[] = []
  const { runner, events } = runnerWith({
    pauses: {
      isBusy: () => true,
      settle: device => void settled.push([device, restored.length]),
      journal: { recordBusy: () => undefined, busyIn: () => null },
    },
    seatsOf: () => [{ send: async (_: string, body: unknown) => void sent.push(body) }] as never,
    journal: { commitmentOf: () => recorded } as never,
    roundWork: {
      async restore(...given: unknown[]) {
        restored.push(given[1])
        return { commitment: recorded }
      },
    } as never,
  })
  runner.take({ ...round(1), kind: 'memory' })
  await runner.idle()
  expect(sent).toEqual([{ message, signature: '0x01' }])
  expect(restored).toEqual([recorded])
  // What it filled for that is given back where the device is paused.
  expect(settled).toEqual([[hash(5), 1]])
  expect(events).toMatchObject([{ type: 'round.resumed', kind: 'memory', units: 9 }])
})

it('the window of a round that left the chain ends when another begins, and goes on once where its block comes back before', async () => {
  const said: string[] = []
  const ends = new Map<bigint, () => void>()
  const { runner, events, errors } = runnerWith({
    roundWork: {
      async work(...[, { number }, , , options]: Parameters<RoundRunnerDependencies['roundWork']['work']>) {
        const { signal } = options as Required<WindowOptions>
        said.push(`${number} begins`)
        await new Promise<void>(resolve => {
          ends.set(number, resolve)
          signal.addEventListener('abort', () => resolve())
        })
        said.push(`${number} ${signal.aborted ? 'is given up' : 'is worked'}`)
        signal.throwIfAborted()
        return { commitment: { message: { rows: 64n } }, figures: { tensor: 1 }, lostMs: 0 }
      },
    } as never,
  })
  runner.take(round(1))
  runner.drop(round(1).hash)
  runner.take(round(1))
  runner.take(round(2))
  expect(said).toEqual(['1 begins', '2 begins'])
  runner.drop(round(1).hash)
  expect(said).toHaveLength(2)
  runner.take(round(3))
  await eventually(() => expect(said.slice(2)).toEqual(['3 begins', '1 is given up']))
  for (const n of [2n, 3n]) ends.get(n)!()
  await runner.idle()
  expect(said.slice(4)).toEqual(['2 is worked', '3 is worked'])
  // Nobody is told of a fault: there is no such round.
  expect(events.map(({ type }) => type)).toEqual(['round.committed', 'round.committed'])
  expect(errors).toEqual([])
})

it.each([
  [1_999, ['1 begins', '1 is worked']],
  [2_001, []],
])(
  'a window that was given up is worked anew where its block comes back before its end, once the first has ended: after %i ms',
  async (afterMs, anew) => {
    const clock = createManualClock()
    const batch = Promise.withResolvers<void>()
    const said: string[] = []
    const { runner, events, errors } = runnerWith({
      clock,
      roundWork: {
        async work(...[, { number }, , , options]: Parameters<RoundRunnerDependencies['roundWork']['work']>) {
          const { signal } = options as Required<WindowOptions>
          said.push(`${number} begins`)
          // A window that is given up ends with its batch, not at once.
          await batch.promise
          said.push(`${number} ${signal.aborted ? 'is given up' : 'is worked'}`)
          signal.throwIfAborted()
          return { commitment: { message: { rows: 64n } }, figures: { tensor: 1 }, lostMs: 0 }
        },
      } as never,
    })
    const flip = (from: number, to: number) => {
      runner.drop(round(from).hash)
      runner.take(round(to))
    }
    runner.take(round(1))
    flip(1, 2)
    await clock.advance(afterMs)
    flip(2, 1)
    batch.resolve()
    await runner.idle()
    expect(said).toEqual(['1 begins', '2 begins', '1 is given up', '2 is given up', ...anew])
    expect(events.map(({ type }) => type)).toEqual(anew.length === 0 ? ['round.missed'] : ['round.committed'])
    expect(errors).toEqual([])
  },
)

/** A runner under the standard rules whose endpoint gives the trigger of a round when it is `lateS` old by block time. */
async function seenLate(kind: RoundKindName, lateS: number, changes: Partial<RoundRunnerDependencies> = {}) {
  const clock = createManualClock()
  const windows: { seenAtMs: number; beganAtMs?: number | undefined }[] = []
  const told: unknown[] = []
  const warnings: unknown[] = []
  const { runner, events, errors } = runnerWith({
    clock,
    rosterOf: () =>
      ({
        ...{ epoch: 3, rounds: { seed: hash(2), rules: standard } },
        members: [{ deviceId: hash(5), generation: 1, cohort: 0 }],
      }) as never,
    seatsOf: () => [{ operator: 'seat', send: async (...said: unknown[]) => void told.push(said) }] as never,
    tip: () => ({ number: 2n, hash: hash(8), timestamp: 100 + lateS, seenAtMs: clock.monotonicMs() }),
    roundWork: {
      isOffered: () => true,
      async work(...[, , , seenAtMs, options]: Parameters<RoundRunnerDependencies['roundWork']['work']>) {
        windows.push({ seenAtMs, beganAtMs: options?.beganAtMs })
        return { commitment: { message: { rows: 64n } }, figures: { tensor: 1 }, lostMs: 0 }
      },
    } as never,
    jobs: jobSets.standard,
    log: { ...silentLogger, warn: (facts: unknown) => void warnings.push(facts) } as never,
    ...changes,
  })
  await clock.advance(60_000)
  runner.take({ ...round(100), kind, seenAtMs: 60_000 })
  await runner.idle()
  return { runner, events, errors, windows, told, warnings }
}

it.each([
  ['tensor', 1, 9_000],
  ['tensor', 2, 8_000],
  ['tensor', 9, 1_000],
  ['memory', 1, 9_000],
] as const)(
  'of a %s round whose trigger is seen %i s late %i ms are worked, to the end that the seats count to',
  async (kind, lateS, leftMs) => {
    const { events, errors, windows, warnings } = await seenLate(kind, lateS)
    // Seats that saw it in time wait until a grace after their window; what is asked about afterwards is counted from our own sight.
    expect(windows).toEqual([{ seenAtMs: 60_000, beganAtMs: 60_000 - lateS * 1_000 }])
    const about = { epoch: 3, round: hash(100), deviceId: hash(5), kind, lateMs: lateS * 1_000, leftMs }
    expect(events).toMatchObject([{ type: 'round.late', ...about }, { type: 'round.committed' }])
    expect(warnings).toEqual([about])
    expect(errors).toEqual([])
  },
)

it.each([
  // Two of its seconds would have no steps, and nothing of it would count.
  ['memory', 2, true],
  ['tensor', 10, true],
  // The samples are drawn: the seats have judged.
  ['tensor', 11, false],
  ['beat', 1, true],
  ['beat', 2, false],
] as const)(
  'a %s round whose trigger is seen %i s late is missed, which is said, to the seats while they wait: %s',
  async (kind, lateS, isTold) => {
    const { events, errors, windows, told, warnings } = await seenLate(kind, lateS)
    expect(windows).toEqual([])
    const about = { epoch: 3, round: hash(100), deviceId: hash(5), kind, lateMs: lateS * 1_000 }
    expect(events).toEqual([{ type: 'round.missed', ...about }])
    expect(warnings).toEqual([about])
    const abort = { message: { round: hash(100), reason: `its trigger was seen ${lateS * 1_000} ms late` } }
    expect(told).toMatchObject(isTold ? [['job.abort', abort]] : [])
    expect(errors).toEqual([])
  },
)

it('a round that is seen at once is worked from then on, and one that began before this run is left out', async () => {
  const { events, windows } = await seenLate('tensor', 0)
  expect(windows).toEqual([{ seenAtMs: 60_000, beganAtMs: 60_000 }])
  expect(events.map(({ type }) => type)).toEqual(['round.committed'])
  const before = await seenLate('tensor', 61)
  expect([before.events, before.windows, before.told, before.warnings]).toEqual([[], [], [], []])
})

it('a paused device says of a late round that it is busy and works nothing; what it said stands when the round is over', async () => {
  const recorded: Signed<'Busy'>[] = []
  const journal = {
    recordBusy: (busy: Signed<'Busy'>) => void recorded.push(busy),
    busyIn: () => recorded[0] ?? null,
  }
  const pauses = { isBusy: () => true, settle: () => undefined, journal }
  const first = await seenLate('tensor', 2, { pauses })
  expect(first.told).toMatchObject([['job.busy', { message: { round: hash(100) } }]])
  expect(first.events.map(({ type }) => type)).toEqual(['round.busy'])
  expect(first.windows).toEqual([])
  // A reorganisation brings its block back: no abort beside the word that was signed.
  const again = await seenLate('tensor', 10, { pauses })
  expect(again.told).toEqual(first.told)
  expect(again.events).toEqual([])
})

it('a round that left the chain before its epoch was entered is not taken', async () => {
  let isEntered = false
  let worked = 0
  const { runner } = runnerWith({
    rosterOf: () =>
      (isEntered
        ? { epoch: 3, rounds: { seed: hash(2), rules }, members: [{ deviceId: hash(5), generation: 1, cohort: 0 }] }
        : null) as never,
    roundWork: {
      async work() {
        worked++
        return { commitment: { message: { rows: 64n } }, figures: { tensor: 1 }, lostMs: 0 }
      },
    } as never,
  })
  for (const n of [1, 2]) runner.take(round(n))
  runner.drop(round(1).hash)
  isEntered = true
  runner.entered(3)
  await runner.idle()
  expect(worked).toBe(1)
})
