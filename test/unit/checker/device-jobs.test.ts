/** Threat row "Precompute, cache, replay": a device report is taken once, whenever it comes again. */

import type { Hex } from 'viem'
import { afterEach, expect, it } from 'vitest'
import { createDeviceJobs } from '../../../src/core/checker/device-check.ts'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import type { Clock } from '../../../src/core/platform/clock.ts'
import { openStore, type Store } from '../../../src/core/platform/store.ts'
import {
  deviceIdOf,
  encodeDeviceRecord,
  encodeEnvironmentRecord,
  hashRecordText,
  localId,
} from '../../../src/core/protocol/device-record.ts'
import type { MessageBody } from '../../../src/core/protocol/messages.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { createSession, type Session } from '../../../src/core/transport/session.ts'
import { defaultLimits } from '../../../src/core/transport/transport.ts'
import { environmentRecord } from '../../helpers/environment.ts'
import { createInMemoryNetwork } from '../../helpers/in-memory-transport.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { seededRandom } from '../../helpers/seeded-random.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'
import { device as deviceRecord } from '../report/sample-report.ts'
import { device as anyDevice, network, provider, seatKeys, word } from './judge-fixture.ts'

const device = { ...anyDevice, deviceId: deviceIdOf(provider.address, localId(deviceRecord)) }
const checker = createSigner({ privateKey: seatKeys[0]!, network })
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** The seat's end of a session with the operator, and the questions that came out at the other. */
async function connect(clock: Clock) {
  const asked: Hex[] = []
  const host = createInMemoryNetwork()
  const peer = { role: 'provider', operator: provider.address, deviceIds: [device.deviceId] } as const
  const accepted = Promise.withResolvers<Session>()
  const listener = await host.transport().listen({
    host: '127.0.0.1',
    port: 0,
    onChannel: channel => accepted.resolve(createSession(channel, peer, defaultLimits, { clock })),
  })
  closing.push(() => listener.close())
  const channel = await host.transport().dial({ url: listener.url, expectedCertificateHash: zeroBytes32 })
  const own = createSession(channel, peer, defaultLimits, { clock })
  own.on('device.request', ({ message }) => void asked.push(message.nonce))
  return { session: await accepted.promise, asked }
}

function jobsOf(
  store: Store,
  clock: ReturnType<typeof createManualClock>,
  random: () => number,
  deviceHash: Hex = word(1),
) {
  const judged: string[] = []
  const jobs = createDeviceJobs({
    network,
    signer: checker,
    journal: createCheckerJournal(store),
    policy: async () => [],
    registrationOf: async () => ({
      record: { deviceHash, certificateHash: word(2), attestedIdentity: zeroBytes32 },
    }),
    clock,
    randomBytes: size => Uint8Array.from({ length: size }, () => Math.floor(random() * 256)),
    log: silentLogger,
    onJudged: (_, deviceId) => void judged.push(deviceId),
  })
  return { jobs, judged }
}

async function reportOf(nonce: Hex): Promise<MessageBody<'device.report'>> {
  const report = await signMessage(provider, 'DeviceReport', {
    ...{ deviceId: device.deviceId, generation: 1, nonce, deviceHash: word(1), environmentHash: word(3) },
    ...{ certificateHash: word(2), attestationHash: zeroBytes32 },
  })
  return { report, device: '{}', environment: '{}', attestation: null }
}

it('a device report is taken once, and refused again after 1, 61 and 299 seconds and after a restart', async () => {
  const clock = createManualClock()
  const random = seededRandom(8)
  const store = openStore({ path: ':memory:', migrations: checkerMigrations })
  closing.push(() => store.close())
  const { session, asked } = await connect(clock)
  const before = jobsOf(store, clock, random)
  await before.jobs.ask(session, 7, [device])
  await expect.poll(() => asked).toHaveLength(1)
  const report = await reportOf(asked[0]!)
  const refused = expect.objectContaining({ code: 'CHECKER_REPORT_UNASKED' })

  await clock.advance(1_000)
  await before.jobs.take(session, report)
  for (const waitMs of [0, 60_000, 238_000]) {
    await clock.advance(waitMs)
    await expect(before.jobs.take(session, report)).rejects.toEqual(refused)
  }
  expect(before.judged).toHaveLength(1)

  // The nonces of a process end with it: the old one is unknown, also while the new one asks again.
  const after = jobsOf(store, clock, random)
  await expect(after.jobs.take(session, report)).rejects.toEqual(refused)
  await after.jobs.ask(session, 7, [device])
  await expect(after.jobs.take(session, report)).rejects.toEqual(refused)
  await expect.poll(() => asked).toHaveLength(2)
  expect(asked[1]).not.toBe(asked[0])
  await after.jobs.take(session, await reportOf(asked[1]!))
  expect(after.judged).toHaveLength(1)
})

it('a device report is taken while its nonce is fresh, and not later', async () => {
  for (const [waitMs, isTaken] of [
    [299_000, true],
    [301_000, false],
  ] as const) {
    const clock = createManualClock()
    const store = openStore({ path: ':memory:', migrations: checkerMigrations })
    closing.push(() => store.close())
    const { session, asked } = await connect(clock)
    const { jobs, judged } = jobsOf(store, clock, seededRandom(waitMs))
    await jobs.ask(session, 7, [device])
    await expect.poll(() => asked).toHaveLength(1)
    const report = await reportOf(asked[0]!)
    await clock.advance(waitMs)
    const taken = jobs.take(session, report)
    if (isTaken) await taken
    else await expect(taken).rejects.toMatchObject({ code: 'CHECKER_REPORT_UNASKED' })
    expect(judged).toHaveLength(isTaken ? 1 : 0)
  }
})

it('a device report is taken over the session that was asked, and the question ends with that session', async () => {
  const clock = createManualClock()
  const store = openStore({ path: ':memory:', migrations: checkerMigrations })
  closing.push(() => store.close())
  const [first, second] = [await connect(clock), await connect(clock)]
  const { jobs, judged } = jobsOf(store, clock, seededRandom(3))
  await jobs.ask(first.session, 7, [device])
  await expect.poll(() => first.asked).toHaveLength(1)
  const report = await reportOf(first.asked[0]!)
  await expect(jobs.take(second.session, report)).rejects.toMatchObject({ code: 'CHECKER_REPORT_UNASKED' })
  await jobs.take(first.session, report)
  expect(judged).toHaveLength(1)
})

it('is asked for again over a new session, as its host may have been updated: each environment counts, few times an epoch', async () => {
  const clock = createManualClock()
  const store = openStore({ path: ':memory:', migrations: checkerMigrations })
  closing.push(() => store.close())
  const text = encodeDeviceRecord(deviceRecord)
  const { jobs, judged } = jobsOf(store, clock, seededRandom(4), hashRecordText(text))
  const answer = async (nonce: Hex, kaisar: string) => {
    const environment = encodeEnvironmentRecord({ ...environmentRecord, kaisar })
    const report = await signMessage(provider, 'DeviceReport', {
      ...{ deviceId: device.deviceId, generation: 1, nonce, deviceHash: hashRecordText(text) },
      ...{ environmentHash: hashRecordText(environment), certificateHash: word(2), attestationHash: zeroBytes32 },
    })
    return { report, device: text, environment, attestation: null }
  }
  const hashOf = (kaisar: string) => hashRecordText(encodeEnvironmentRecord({ ...environmentRecord, kaisar }))

  const first = await connect(clock)
  await jobs.ask(first.session, 7, [device])
  await expect.poll(() => first.asked).toHaveLength(1)
  await jobs.take(first.session, await answer(first.asked[0]!, '0.1.0'))
  const journal = createCheckerJournal(store)
  expect(journal.deviceCheck(7, device.deviceId)).toMatchObject({ deviceValid: true, environmentValid: true })
  await jobs.ask(first.session, 7, [device])

  const updated = await connect(clock)
  await jobs.ask(updated.session, 7, [device])
  await expect.poll(() => updated.asked).toHaveLength(1)
  await jobs.take(updated.session, await answer(updated.asked[0]!, '0.2.0'))
  expect(first.asked).toHaveLength(1)
  expect([...journal.confirmedEnvironments(7, device.deviceId)].sort()).toEqual(
    [hashOf('0.1.0'), hashOf('0.2.0')].sort(),
  )

  for (let i = 3; i <= 8; i++) {
    const { session, asked } = await connect(clock)
    await jobs.ask(session, 7, [device])
    await expect.poll(() => asked).toHaveLength(1)
    await jobs.take(session, await answer(asked[0]!, `0.${i}.0`))
  }
  expect(judged).toHaveLength(8)
  const ninth = await connect(clock)
  await jobs.ask(ninth.session, 7, [device])
  await jobs.ask(ninth.session, 8, [device])
  await expect.poll(() => ninth.asked).toHaveLength(1)
})

it('a device whose reports do not hold is asked eight times an epoch, however often it connects, and once a minute then', async () => {
  const clock = createManualClock()
  const store = openStore({ path: ':memory:', migrations: checkerMigrations })
  closing.push(() => store.close())
  const { jobs, judged } = jobsOf(store, clock, seededRandom(5))
  for (let times = 1; times <= 8; times++) {
    const { session, asked } = await connect(clock)
    await jobs.ask(session, 7, [device])
    await expect.poll(() => asked).toHaveLength(1)
    await jobs.take(session, await reportOf(asked[0]!))
  }
  expect(judged).toHaveLength(8)
  const { session, asked } = await connect(clock)
  await jobs.ask(session, 7, [device])
  await clock.advance(59_000)
  await jobs.ask(session, 7, [device])
  // Another epoch is another matter.
  await jobs.ask(session, 8, [device])
  await expect.poll(() => asked).toHaveLength(1)
  await clock.advance(1_000)
  await jobs.ask(session, 7, [device])
  await expect.poll(() => asked).toHaveLength(2)
})
