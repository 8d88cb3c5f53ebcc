/** What a Provider keeps of its rounds, on an engine that does nothing: how many, for how long, and how much of an answer at once. */
import { type Hex, keccak256 } from 'viem'
import { expect, it } from 'vitest'
import { jobOf, jobSets, ownKinds } from '../../../src/core/job/jobs.ts'
import type { OpenRequest, WindowRequest } from '../../../src/core/job/round-kind.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import { createRoundWork } from '../../../src/core/provider/round-work.ts'
import { serveSeat } from '../../../src/core/provider/seats.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const jobs = jobSets.standard
const network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` as const }
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const deviceId = hash(5)
const seat = createSigner({ privateKey: hash(1002), network })
const rules = { windowMs: 10_000, beatWindowMs: 500, graceMs: 500, samplingSeconds: 11, openingsMs: 30_000 }
const samplingBlock = { hash: hash(11), parentHash: hash(1), timestamp: 1011 }
const triggerAt = (n: number, kind: RoundKindName) => ({
  ...{ number: BigInt(n), hash: hash(n), timestamp: 1000, slot: 0, ordinal: n, kind },
})

function start() {
  const clock = createManualClock()
  const opening: number[] = []
  const dues: (number | undefined)[] = []
  const startedAtMs: (number | undefined)[] = []
  const released: string[] = []
  const engineOf = (kind: RoundKindName) => ({
    async runWindow(request: Pick<WindowRequest, 'startedAtMs'>) {
      startedAtMs.push(request.startedAtMs)
      return { handle: kind, units: 10_000, root: hash(7), figures: {}, lostMs: 0, notes: '' }
    },
    async release(handle: string) {
      released.push(handle)
    },
    async open({ sample, dueMs }: OpenRequest) {
      opening.push(sample.length)
      dues.push(dueMs)
      return new Uint8Array(8)
    },
  })
  const journal = createProviderJournal(openStore({ path: ':memory:', migrations: [...providerMigrations] }))
  const roundWork = createRoundWork(
    { network, jobs, deviceIds: [deviceId] },
    {
      ...{ signer: createSigner({ privateKey: hash(1001), network }), journal, clock },
      rulesOf: () => rules as never,
      findBlock: async (_, at) =>
        [{ hash: hash(1), parentHash: hash(0), timestamp: 1000 }, samplingBlock].find(block => block.hash === at) ??
        null,
    },
  )
  const kinds = { tensor: engineOf('tensor'), memory: engineOf('memory'), beat: engineOf('beat') }
  const device = { deviceId, generation: 1, environmentHash: hash(3), engine: { kinds } } as never
  const work = (n: number, kind: RoundKindName, options = {}) =>
    roundWork.work(device, triggerAt(n, kind), { number: 0, seed: hash(77) }, clock.monotonicMs(), options)
  /** Commits to a memory round that the seat has offered, and gives what the seat asks for then. */
  async function sampled(options = {}) {
    const secret = hash(4242)
    const { specHash } = jobOf(jobs, 'memory')
    const offer = { epoch: 0n, round: hash(1), deviceId, generation: 1, specHash, checker: seat.address }
    roundWork.takeOffer({ ...offer, secretHash: keccak256(secret) })
    const { commitmentHash } = await work(1, 'memory', options)
    return { commitmentHash, secret, samplingBlockHash: samplingBlock.hash, checker: seat.address }
  }
  return { clock, roundWork, work, sampled, opening, dues, startedAtMs, released, journal }
}

it('as many rounds of each kind can be opened as its engine keeps windows of, whatever came of the others', async () => {
  const { roundWork, work } = start()
  await work(1, 'memory')
  await work(2, 'tensor')
  for (let n = 10; n < 10 + ownKinds.beat!.keptWindows + 2; n++) await work(n, 'beat')
  const kept = (n: number) => roundWork.committed(hash(n), deviceId) !== null
  expect([1, 2].map(kept)).toEqual([true, true])
  expect(Array.from({ length: ownKinds.beat!.keptWindows + 2 }, (_, i) => kept(10 + i))).toEqual([
    ...[false, false],
    ...Array(ownKinds.beat!.keptWindows).fill(true),
  ])
})

it('a window is let go when nobody may ask about it any more, with the next one of its kind', async () => {
  const { clock, roundWork, work, released } = start()
  await work(1, 'beat')
  await work(2, 'memory')
  // A seat may have seen the trigger later than we: twice the 21 seconds.
  await clock.advance(41_999)
  await work(3, 'beat')
  expect(released).toEqual([])
  await clock.advance(1)
  await work(4, 'beat')
  expect(released).toEqual(['beat'])
  expect([1, 2, 3, 4].map(n => roundWork.committed(hash(n), deviceId) !== null)).toEqual([false, true, true, true])
})

it('a device is in its rounds as long as the last of them can be asked about, each kind by its own time', async () => {
  const { clock, roundWork, work } = start()
  await work(1, 'beat')
  // Nine seconds sooner than a round, since its sampling block comes so much sooner.
  expect(roundWork.openMs(deviceId)).toBe(21_000)
  await work(2, 'memory')
  await clock.advance(1_000)
  await work(3, 'beat')
  expect(roundWork.openMs()).toBe(29_000)
  await clock.advance(28_999)
  expect(roundWork.openMs(deviceId)).toBe(1)
  await clock.advance(1)
  expect([roundWork.openMs(), roundWork.openMs(hash(6))]).toEqual([0, 0])
})

it('a piece of an answer is opened once the one before it was sent', async () => {
  const { roundWork, sampled, opening, journal } = start()
  const message = await sampled()
  const handlers = new Map<string, (body: unknown) => Promise<void>>()
  const sent: (() => void)[] = []
  serveSeat(
    {
      operator: seat.address,
      on: (type: string, handler: (body: unknown) => Promise<void>) => void handlers.set(type, handler),
      send: () => new Promise<void>(resolve => sent.push(resolve)),
    } as unknown as Session,
    { network, journal, roundWork, statementOf: async () => null, now: () => 0, wantsReceipt: () => false } as never,
  )
  const answered = handlers.get('job.request')!(await signMessage(seat, 'SampleRequest', message))
  for (let piece = 1; ; piece++) {
    await expect.poll(() => [opening.length, sent.length]).toEqual([piece, piece])
    sent.at(-1)!()
    if (opening.reduce((sum, places) => sum + places, 0) === jobs.memory.samples) break
  }
  await answered
  expect(opening.length).toBeGreaterThan(1)
})

it('a window that began before its trigger was seen is worked from then on, and asked about as long as any other', async () => {
  const { clock, roundWork, work, startedAtMs } = start()
  await clock.advance(5_000)
  await work(1, 'tensor', { beganAtMs: 3_000 })
  await work(2, 'tensor')
  expect(startedAtMs).toEqual([3_000, 5_000])
  expect(roundWork.openMs()).toBe(rules.openingsMs)
})

it('an answer that was cut off with its connection is as urgent over the next one, and a third one waits for every window', async () => {
  const { clock, roundWork, sampled, dues, journal } = start()
  await clock.advance(5_000)
  const request = await signMessage(seat, 'SampleRequest', await sampled())
  /** Over a connection of its own, which is cut after so many pieces. */
  async function ask(pieces = Number.POSITIVE_INFINITY) {
    const handlers = new Map<string, (body: unknown) => Promise<void>>()
    let sent = 0
    const session = {
      operator: seat.address,
      on: (type: string, handler: (body: unknown) => Promise<void>) => void handlers.set(type, handler),
      send: async () => {
        if (sent++ === pieces) throw new Error('the connection was cut')
      },
    }
    const dependencies = { statementOf: async () => null, now: () => 0, wantsReceipt: () => false }
    serveSeat(session as unknown as Session, { network, journal, roundWork, ...dependencies } as never)
    await handlers.get('job.request')!(request).catch(() => undefined)
    return dues.splice(0)
  }
  // In time: a grace before openings are due.
  const due = 5_000 + rules.openingsMs - rules.graceMs
  expect(await ask(1)).toEqual([due, due])
  const whole = await ask()
  expect(whole.length).toBeGreaterThan(2)
  expect(new Set(whole)).toEqual(new Set([due]))
  expect(new Set(await ask())).toEqual(new Set([undefined]))
})
