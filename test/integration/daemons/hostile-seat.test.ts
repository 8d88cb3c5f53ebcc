/** A Provider and its five seats over real sessions, with a real engine and store: what it answers, and what a hostile one can cost it. */
import { type Hex, keccak256 } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { deviceRecord, probedDevice } from '../../../src/core/devices/probed-device.ts'
import { jobOf, jobsOf } from '../../../src/core/job/jobs.ts'
import type { WorkEngine } from '../../../src/core/job/work-engine.ts'
import type { Clock } from '../../../src/core/platform/clock.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import type { MessageBody } from '../../../src/core/protocol/messages.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import { isReceiptWanted } from '../../../src/core/provider/report-false-receipts.ts'
import { createRoundWork } from '../../../src/core/provider/round-work.ts'
import { createBlockFinder } from '../../../src/core/provider/sampling-block.ts'
import { type ProviderSessionDependencies, serveSeat } from '../../../src/core/provider/seats.ts'
import { collectEverySeconds, createStatements, type StatementOf } from '../../../src/core/provider/statements.ts'
import { claimOf, sampleOf } from '../../../src/core/report/commitment.ts'
import { createSigner, recoverSigner, signMessage } from '../../../src/core/report/signer.ts'
import { dialSession } from '../../../src/core/transport/dial-session.ts'
import { serveSessions } from '../../../src/core/transport/serve-sessions.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'
import { createInMemoryNetwork } from '../../helpers/in-memory-transport.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'
import { smallMemorySpec } from '../../unit/job/small-memory-spec.ts'

const network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` as const }
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const jobs = jobsOf(
  { width: 64, layers: 2, weights: 2, windowMs: 50, samples: 8 },
  { ...smallMemorySpec, samples: 256 },
  150,
  30,
)
const provider = createSigner({ privateKey: hash(1001), network })
const seats = [1, 2, 3, 4, 5].map(n => createSigner({ privateKey: hash(2000 + n), network }))
const deviceId = hash(5)
const epochSeed = hash(77)
const trigger = { number: 9n, hash: hash(9), timestamp: 1000, slot: 0, ordinal: 0, kind: 'tensor' as const }
const samplingBlock = { hash: hash(11), parentHash: trigger.hash, timestamp: 1002 }
const secret = hash(4242)
/** Of production: openings are due half a minute after the trigger. */
const rules = { samplingSeconds: 2, openingsMs: 30_000, graceMs: 500 }

let engine: WorkEngine
beforeAll(async () => {
  engine = await createCountedEngine({ jobs, provider: 'cpu', threads: 1 }, 1, 1)
  await engine.prepare({ epochSeed })
})
afterAll(() => engine.close())

/** A Provider and its five seats, each at the other end of a session. */
async function world(changed: Partial<ProviderSessionDependencies> = {}) {
  const clock = createManualClock()
  const store = openStore({ path: ':memory:', migrations: [...providerMigrations] })
  const journal = createProviderJournal(store)
  const reads: Hex[] = []
  const source = {
    seen: (at: Hex) => [{ ...trigger, parentHash: hash(8) }, samplingBlock].find(block => block.hash === at) ?? null,
    async read(at: Hex) {
      reads.push(at)
      return null
    },
  }
  const roundWork = createRoundWork(
    { network, jobs, deviceIds: [deviceId] },
    { signer: provider, journal, clock, rulesOf: () => rules as never, findBlock: createBlockFinder(source, clock) },
  )
  const memory = createInMemoryNetwork()
  const connect = async (i: number): Promise<Session> => {
    const seat = seats[i]!
    const atSeat = new Promise<Session>(resolve => {
      void serveSessions(
        // A refusal of each thing that a hostile seat says is more than it would take of an honest Provider.
        { host: 'seat', port: i + 1, network, checker: seat.address, limits: { burstFrames: 100_000 } },
        {
          transport: memory.transport({ clock }),
          recover: (type, message, signature) => recoverSigner(network, type, { message, signature }),
          randomNonce: () => hash(7),
          admit: async () => null,
          onSession: resolve,
          clock,
        },
      )
    })
    const endpoint = { checker: seat.address, url: `memory://seat:${i + 1}`, certificateHash: hash(0) }
    const session = await dialSession(
      { endpoint, network, role: 'provider', operator: provider.address, deviceIds: [deviceId] },
      { transport: memory.transport({ clock }), sign: provider.sign, clock },
    )
    serveSeat(session, {
      network,
      signer: provider,
      journal,
      roundWork,
      log: silentLogger,
      statementOf: async () => null,
      wantsReceipt: () => false,
      now: () => clock.now(),
      ...changed,
    })
    return atSeat
  }
  const sessions = await Promise.all(seats.map((_, i) => connect(i)))
  return { clock, store, journal, roundWork, reads, sessions }
}

it('openings of many samples are sent in pieces, in order, each of which opens its part of the sample', async () => {
  const { clock, roundWork, sessions } = await world()
  const [session, seat] = [sessions[0]!, seats[0]!]
  const job = jobOf(jobs, 'memory')
  const device = { deviceId, generation: 1 }
  const offer = { ...device, epoch: 0n, round: trigger.hash, specHash: job.specHash, secretHash: keccak256(secret) }
  await session.send('job.offer', await signMessage(seat, 'JobOffer', { ...offer, checker: seat.address }))
  await engine.prepare({ epochSeed, device })
  const { commitment, commitmentHash } = await roundWork.work(
    { ...device, environmentHash: hash(3), engine },
    { ...trigger, kind: 'memory' },
    { number: 0, seed: epochSeed },
    clock.monotonicMs(),
  )
  // Copies of the offer get the commitment once, and nothing of it twice.
  const commitments: Hex[] = []
  session.on('job.commitment', ({ message }) => void commitments.push(message.root))
  for (let i = 0; i < 100; i++)
    await session.send('job.offer', await signMessage(seat, 'JobOffer', { ...offer, checker: seat.address }))
  const pieces: { readonly piece: number | undefined; readonly payload: Uint8Array }[] = []
  session.on('job.openings', ({ piece }, payload) => void pieces.push({ piece, payload }))
  const request = { commitmentHash, secret, samplingBlockHash: samplingBlock.hash, checker: seat.address }
  await session.send('job.request', await signMessage(seat, 'SampleRequest', request))
  await expect.poll(() => pieces.length).toBe(3)
  const parts = job.cut(sampleOf(job, commitment.message, request))
  expect(pieces.map(({ piece }) => piece)).toEqual([0, 1, 2])
  for (const [at, { payload }] of pieces.entries())
    expect(job.pieceFault(claimOf(network, commitment.message), parts[at]!, payload)).toBeNull()
  expect(commitments).toEqual([commitment.message.root])
})

it('1,500 copies of a request for an unknown block cost few reads, and the other seats are answered', async () => {
  const { clock, roundWork, reads, sessions } = await world()
  for (const [i, session] of sessions.entries())
    await session.send(
      'job.offer',
      await signMessage(seats[i]!, 'JobOffer', {
        ...{ epoch: 0n, round: trigger.hash, deviceId, generation: 1, specHash: jobOf(jobs, 'tensor').specHash },
        ...{ secretHash: keccak256(secret), checker: seats[i]!.address },
      }),
    )
  const device = { deviceId, generation: 1, environmentHash: hash(3), engine }
  const { commitmentHash } = await roundWork.work(device, trigger, { number: 0, seed: epochSeed }, clock.monotonicMs())
  const requestOf = (i: number, samplingBlockHash: Hex) =>
    signMessage(seats[i]!, 'SampleRequest', { commitmentHash, secret, samplingBlockHash, checker: seats[i]!.address })
  const answered: MessageBody<'job.openings'>[] = []
  for (const session of sessions) session.on('job.openings', body => void answered.push(body))

  const hostile = await requestOf(0, hash(666))
  for (let copy = 0; copy < 1_500; copy++) sessions[0]!.send('job.request', hostile).catch(() => undefined)
  const others = [1, 2, 3, 4].map(async i => sessions[i]!.send('job.request', await requestOf(i, samplingBlock.hash)))
  await Promise.all(others)
  await expect.poll(() => answered.length).toBe(4)
  await clock.advance(31_000)
  expect(reads.length).toBeGreaterThan(8)
  expect(reads.length).toBeLessThan(40)
  expect(sessions.filter(({ closed }) => closed)).toEqual([])
})

it('a Provider keeps one receipt of each seat for its own devices and recent epochs, and deletes them with their epochs', async () => {
  const received: bigint[] = []
  const { store, journal, sessions } = await world({
    wantsReceipt: isReceiptWanted({ deviceIds: [deviceId], latestEpoch: () => 100 }),
    onReceipt: (_, { epoch }) => received.push(epoch),
  })
  const [hostile] = sessions
  const refused: string[] = []
  hostile!.on('refused', ({ message }) => void refused.push(message))
  const give = async (epoch: bigint, of: Hex, rate = 1) => {
    const lane = { cohort: 4_000_000_000, lane: 255, generation: 1, rate, uptime: 1, flags: 1 }
    await hostile!.send('receipt', await signMessage(seats[0]!, 'Receipt', { epoch, deviceId: of, ...lane }))
  }
  for (let i = 0; i < 300; i++) await give(100n, hash(1_000_000 + i))
  for (let i = 0; i < 300; i++) await give(9_000_000_000_000_000_000n - BigInt(i), deviceId)
  for (let epoch = 0n; epoch <= 101n; epoch++) await give(epoch, deviceId)
  for (let i = 0; i < 300; i++) await give(99n, deviceId, i)
  await expect.poll(() => refused.length).toBe(300 + 300 + 102 - 5)
  expect(new Set(refused.map(message => /PROVIDER_\w+/.exec(message)?.[0]))).toEqual(
    new Set(['PROVIDER_RECEIPT_UNWANTED']),
  )
  await expect.poll(() => received).toEqual([96n, 97n, 98n, 99n, 100n])
  const kept = () => store.all<{ epoch: bigint }>('SELECT epoch FROM receipt').map(({ epoch }) => Number(epoch))
  expect(kept()).toEqual([96, 97, 98, 99, 100])
  journal.prune(101)
  expect(kept()).toEqual([])
})

it('1,000 device requests start one collection of evidence, and each seat gets one a minute', async () => {
  let running = 0
  let most = 0
  const collected: Hex[] = []
  const finish: (() => void)[] = []
  const probed = probedDevice(
    deviceRecord({ kind: 'gpu', vendor: 'nvidia', model: 'NVIDIA L4', identity: 'GPU-a', identitySource: 'uuid' }),
  )
  const statements = (clock: Clock) =>
    createStatements(
      { devices: [{ deviceId, probed }], certificateHash: hash(1), environment: '{}' },
      {
        async attest(_, nonce) {
          collected.push(nonce)
          most = Math.max(most, ++running)
          await new Promise<void>(resolve => finish.push(resolve))
          running--
          return { evidence: nonce }
        },
        isAttested: () => true,
        generationOf: () => 1,
        intervalSeconds: () => collectEverySeconds(86_400),
        clock,
      },
    )
  let statementOf: StatementOf | null = null
  const { clock, sessions } = await world({ statementOf: (...asked) => statementOf!(...asked) })
  statementOf = statements(clock)
  const reports: Hex[] = []
  const refused: string[] = []
  for (const session of sessions) {
    session.on('device.report', ({ report }) => void reports.push(report.message.nonce))
    session.on('refused', ({ message }) => void refused.push(message))
  }
  const ask = async (i: number, nonce: number) =>
    sessions[i]!.send(
      'device.request',
      await signMessage(seats[i]!, 'DeviceRequest', { deviceId, nonce: hash(nonce), checker: seats[i]!.address }),
    )
  for (let nonce = 1; nonce <= 1_000; nonce++) await ask(0, nonce)
  for (const i of [1, 2, 3, 4]) await ask(i, 2_000 + i)
  await expect.poll(() => refused.length).toBe(999)
  expect(refused.every(message => message.includes('PROVIDER_ATTESTATION_TOO_SOON'))).toBe(true)
  expect(collected).toEqual([hash(1)])
  const finishAll = (count: number) =>
    expect
      .poll(() => {
        for (const done of finish.splice(0)) done()
        return reports.length
      })
      .toBe(count)
  await finishAll(5)
  expect(reports).toEqual([hash(1), ...[1, 2, 3, 4].map(i => hash(2_000 + i))])
  await clock.advance(59_000)
  await ask(0, 3_000)
  await expect.poll(() => refused.length).toBe(1_000)
  await clock.advance(1_000)
  await ask(0, 3_001)
  await finishAll(6)
  expect(collected.at(-1)).toBe(hash(3_001))
  expect(most).toBe(1)
})
