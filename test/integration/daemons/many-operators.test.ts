/** A seat that judges 1,100 operators: each has its session, works real rows and is judged, beside strangers that hold all other connections. */
import { bytesToHex, type Hex } from 'viem'
import { afterAll, expect, it } from 'vitest'
import type { RegisteredDevice } from '../../../src/core/chain/devices.ts'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import type { SeatDevice } from '../../../src/core/checker/round/seat-round.ts'
import { connectionsFor, createAdmission } from '../../../src/core/checker/seat-server.ts'
import { jobWith } from '../../../src/core/job/jobs.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { commitmentHash, sampleOf, seedOf } from '../../../src/core/report/commitment.ts'
import { createSigner, recoverSigner, type Signer, signMessage } from '../../../src/core/report/signer.ts'
import { dialSession } from '../../../src/core/transport/dial-session.ts'
import { serveSessions } from '../../../src/core/transport/serve-sessions.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { defaultLimits } from '../../../src/core/transport/transport.ts'
import { createInMemoryNetwork } from '../../helpers/in-memory-transport.ts'
import { network, openJudgeFixture, rules, trigger, word } from '../../unit/checker/judge-fixture.ts'
import { commitTo, epochSeed, smallSpec as spec } from '../../unit/job/small-spec.ts'

const count = 1_100
const rows = 128
/** More than are let in at once beside whom the seat judges. */
const strangers = 2_300
const fixture = await openJudgeFixture()
afterAll(() => fixture.end())

type Operator = { readonly signer: Signer; readonly device: SeatDevice }
const operators: Operator[] = Array.from({ length: count }, (_, i) => {
  const signer = createSigner({ privateKey: word(10_000 + i), network })
  const device = { deviceId: word(1 + i), generation: 1, operator: signer.address, cohort: i >> 6, lane: i & 63 }
  return { signer, device }
})

/** What a Provider does at a round, without its daemon. */
function work(session: Session, { signer, device: { deviceId } }: Operator) {
  let open: (sample: readonly number[]) => Uint8Array
  const identity = { epoch: 0n, round: trigger.hash, deviceId, generation: 1, specHash: rules.specHash }
  const message = { ...identity, rows: BigInt(rows), root: word(0), environmentHash: word(3) }
  session.on('job.offer', async () => {
    const digests = Uint8Array.from(await fixture.run(rowInput(seedOf(network, identity), 0, rows)))
    const committed = commitTo(digests)
    open = committed.open
    message.root = bytesToHex(committed.tree.root)
    await session.send('job.commitment', await signMessage(signer, 'Commitment', message))
  })
  session.on('job.request', ({ message: request }) => {
    const about = { commitmentHash: commitmentHash(network, message), secret: request.secret }
    return session.send('job.openings', about, open(sampleOf(jobWith('tensor', spec), message, request)))
  })
}

it(`a Checker judges ${count} operators beside strangers, with one read of the chain for each device`, {
  timeout: 120_000,
}, async () => {
  const hosts = createInMemoryNetwork()
  const signer = fixture.openSigner(0)
  const duty = { operators: new Set(operators.map(each => each.signer.address)), peers: new Set<Hex>() }
  const reads = { expected: 0, strangers: 0 }
  const byDevice = new Map(operators.map(({ device }) => [device.deviceId, device]))
  const admit = createAdmission({} as ConnectedNetwork, {
    clock: systemClock,
    isExpected: operator => duty.operators.has(operator),
    async readDevice(_, id) {
      const device = byDevice.get(id)
      reads[device === undefined ? 'strangers' : 'expected']++
      return device === undefined
        ? null
        : ({ ...device, record: { certificateHash: word(0) } } as unknown as RegisteredDevice)
    },
  })
  const sessions = new Map<Hex, Session>()
  let committed = 0
  const seat = fixture.seat(0, {
    sendTo: operator => {
      const session = sessions.get(operator)
      return session === undefined ? null : (type, body, payload) => session.send(type, body, payload)
    },
  })
  const server = await serveSessions(
    { host: 'seat', port: 1, network, checker: signer.address, maxConnections: () => connectionsFor([duty]) },
    {
      transport: hosts.transport(),
      recover: (type, message, signature) => recoverSigner(network, type, { message, signature }),
      randomNonce: () => word(7),
      admit,
      clock: systemClock,
      onSession(session) {
        sessions.set(session.operator, session)
        session.on('job.commitment', commitment => {
          seat.judge.takeCommitment(session.operator, commitment, 1000)
          committed++
        })
        session.on('job.openings', (about, payload) => {
          seat.judge.takeOpenings(session.operator, about, payload, 2100)
        })
      },
    },
  )
  const dial = (who: Signer, deviceId: Hex, address: string) =>
    dialSession(
      {
        endpoint: { checker: signer.address, url: server.url, certificateHash: word(0) },
        ...{ network, role: 'provider', operator: who.address, deviceIds: [deviceId] },
      },
      { transport: hosts.transport({ address }), sign: who.sign, clock: systemClock },
    )

  const heapBytes = () => {
    globalThis.gc?.()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = heapBytes()
  for (const [i, operator] of operators.entries()) {
    const session = await dial(operator.signer, operator.device.deviceId, `10.0.${i >> 8}.${i & 255}`)
    work(session, operator)
  }
  const growth = heapBytes() - before
  // Strangers that say nothing hold what is left, and make room for each other alone.
  for (let i = 0; i < strangers; i++)
    await hosts
      .transport({ address: `172.16.${i >> 8}.${i & 255}` })
      .dial({ url: server.url, expectedCertificateHash: word(0) })
  expect(server.connections()).toBeLessThanOrEqual(connectionsFor([duty]))
  expect(server.connections()).toBeGreaterThan(defaultLimits.maxConnections)
  expect([...sessions.values()].filter(({ closed }) => !closed)).toHaveLength(count)
  expect(reads).toEqual({ expected: count, strangers: 0 })

  const devices = operators.map(({ device }) => device)
  await seat.judge.begin({ epoch: 0, epochSeed, trigger, seenAtMs: 0, devices })
  await expect.poll(() => committed, { timeout: 60_000 }).toBe(count)
  await seat.judge.takeSamplingBlock(trigger.hash, { number: 11n, hash: word(11), timestamp: 1002, seenAtMs: 2000 })
  await expect.poll(() => seat.journal.verdicts(0).length, { timeout: 60_000 }).toBe(count)
  expect(new Set(seat.journal.verdicts(0).map(({ verdict, reason }) => `${verdict} ${reason}`))).toEqual(
    new Set(['VALID ALL_EQUAL']),
  )
  // Both ends of each session are in this process; 40 KiB with a collected heap.
  expect(growth / count).toBeLessThan(512 * 1024)
  await server.close()
})
