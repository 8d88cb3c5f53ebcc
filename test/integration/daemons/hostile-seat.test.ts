/** What one hostile seat of five can cost a Provider over a real session, with a real engine and store. */
import { type Hex, keccak256 } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type JobSpec, specHash } from '../../../src/core/job/spec.ts'
import type { WorkEngine } from '../../../src/core/job/work-engine.ts'
import { silentLogger } from '../../../src/core/platform/log.ts'
import { createManualClock } from '../../../src/core/platform/manual-clock.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import type { MessageBody } from '../../../src/core/protocol/messages.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import { type ProviderSessionDependencies, serveSeat } from '../../../src/core/provider/provider-session.ts'
import { createRoundWork } from '../../../src/core/provider/round-work.ts'
import { createBlockFinder } from '../../../src/core/provider/sampling-block.ts'
import { createSigner, recoverSigner, signMessage } from '../../../src/core/report/signer.ts'
import { dialSession } from '../../../src/core/transport/dial-session.ts'
import { createInMemoryNetwork } from '../../../src/core/transport/in-memory.ts'
import { serveSessions } from '../../../src/core/transport/serve-sessions.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'

const network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` as const }
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const spec: JobSpec = { width: 64, layers: 2, weights: 2, windowMs: 50, samples: 8 }
const provider = createSigner({ privateKey: hash(1001), network })
const seats = [1, 2, 3, 4, 5].map(n => createSigner({ privateKey: hash(2000 + n), network }))
const deviceId = hash(5)
const epochSeed = hash(77)
const trigger = { number: 9n, hash: hash(9), timestamp: 1000, slot: 0, ordinal: 0 }
const samplingBlock = { hash: hash(11), parentHash: trigger.hash, timestamp: 1002 }
const secret = hash(4242)
/** Of production: openings are due half a minute after the trigger. */
const rules = { samplingSeconds: 2, openingsMs: 30_000, graceMs: 500 }

let engine: WorkEngine
beforeAll(async () => {
  engine = await createCountedEngine({ spec, provider: 'cpu', threads: 1 })
  await engine.prepare(epochSeed)
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
    read: async (at: Hex) => (reads.push(at), null),
  }
  const roundWork = createRoundWork(
    { network, spec, specHash: specHash(spec), deviceIds: [deviceId] },
    { signer: provider, journal, clock, rulesOf: () => rules as never, findBlock: createBlockFinder(source, clock) },
  )
  const memory = createInMemoryNetwork()
  const connect = async (i: number): Promise<Session> => {
    const seat = seats[i]!
    const atSeat = new Promise<Session>(resolve => {
      void serveSessions(
        { host: 'seat', port: i + 1, network, checker: seat.address },
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
      now: () => clock.now(),
      ...changed,
    })
    return atSeat
  }
  const sessions = await Promise.all(seats.map((_, i) => connect(i)))
  return { clock, store, journal, roundWork, reads, sessions }
}

it('1,500 copies of a request for a block that nobody knows cost few reads, and the other seats are answered', async () => {
  const { clock, roundWork, reads, sessions } = await world()
  for (const [i, session] of sessions.entries())
    await session.send(
      'job.offer',
      await signMessage(seats[i]!, 'JobOffer', {
        ...{ epoch: 0n, round: trigger.hash, deviceId, generation: 1, specHash: specHash(spec) },
        ...{ secretHash: keccak256(secret), checker: seats[i]!.address },
      }),
    )
  const device = { deviceId, generation: 1, environmentHash: hash(3), engine }
  const { commitmentHash } = await roundWork.work(device, trigger, 0, epochSeed, clock.monotonicMs())
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
