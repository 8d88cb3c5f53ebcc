import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Session } from '../../../src/core/transport/session.ts'
import type { Identity, Limits } from '../../../src/core/transport/transport.ts'
import { createWebSocketTransport } from '../../../src/core/transport/websocket.ts'
import { createIdentity } from '../../helpers/identities.ts'
import { seededRandom } from '../../helpers/seeded-random.ts'
import { createTcpProxy, type Direction, type Faults } from '../../helpers/tcp-proxy.ts'
import { dial, hash, serve } from './hosts.ts'

const seed = 20261122
const openings = { commitmentHash: hash('07'), secret: hash('08') }
const payload = Uint8Array.from({ length: 300 }, (_, n) => n)
const reply = { epoch: 10n, cohort: 7 }

let identities: { server: Identity; client: Identity; middle: Identity }
type Endpoint = Awaited<ReturnType<typeof serve>>['endpoint']
/** One with the limits that everybody has, and one that waits for nobody: many a flipped byte leaves both ends waiting. */
let endpoint: Endpoint
let hasty: Endpoint
let stop: () => Promise<unknown>
/** What the server's handlers were given, since the last exchange began. */
let received: { body: unknown; payload: string }[] = []
const sessions: Session[] = []
let onReceived = () => {}

beforeAll(async () => {
  identities = {
    server: await createIdentity('checker'),
    client: await createIdentity('provider'),
    middle: await createIdentity('provider'),
  }
  const onSession = (session: Session) => {
    sessions.push(session)
    session.on('job.openings', async (body, bytes) => {
      received.push({ body, payload: Buffer.from(bytes).toString('hex') })
      onReceived()
      await session.send('opening.request', reply)
    })
  }
  const all = { maxConnectionsPerAddress: 1000, requestsPerSecond: 1e6, burstRequests: 1e6 }
  const served = await Promise.all(
    [all, { ...all, handshakeTimeoutMs: 1000 }].map(limits =>
      serve({ identity: identities.server, limits, onSession }),
    ),
  )
  ;[endpoint, hasty] = served.map(({ endpoint }) => endpoint) as [Endpoint, Endpoint]
  stop = () => Promise.all(served.map(({ server }) => server.close()))
})
afterAll(() => stop())

/** One session with one exchange through a proxy with these faults: what arrived at either end, and how much passed. */
async function exchange(
  faults: (direction: Direction) => Faults,
  { to, limits }: { readonly to: Endpoint; readonly limits?: Partial<Limits> } = {
    to: hasty,
    limits: { handshakeTimeoutMs: 500 },
  },
) {
  received = []
  const { hostname: host, port } = new URL(to.url)
  const target = { host, port: Number(port) }
  const proxy = await createTcpProxy({ target, faults: (_, direction) => faults(direction), seed })
  const heard: unknown[] = []
  // Bytes up to the last one that the exchange needs: what follows closes the connection.
  const needed = { up: 0, down: 0 }
  onReceived = () => {
    needed.up = proxy.passed.up
  }
  try {
    const options = { identity: identities.client, ...(limits && { limits }) }
    const session = await dial({ ...to, url: proxy.through(to.url) }, options)
    const over = new Promise<void>(resolve => {
      session.onClose(() => resolve())
      session.on('opening.request', body => {
        heard.push(body)
        needed.down = proxy.passed.down
        resolve()
      })
    })
    await session.send('job.openings', openings, payload).catch(() => {})
    await over
    session.close()
  } catch {
    // Refused: what arrived is what counts.
  } finally {
    await proxy.close()
  }
  return { heard, received, needed, flipped: proxy.flipped }
}

describe('Man in the middle', () => {
  it('a man in the middle gets no altered byte accepted, whichever byte of the connection is flipped', async () => {
    const clean = await exchange(() => ({}), { to: endpoint })
    expect(clean.received).toEqual([{ body: openings, payload: Buffer.from(payload).toString('hex') }])
    expect(clean.heard).toEqual([reply])

    const random = seededRandom(seed)
    const survived: string[] = []
    let flips = 0
    for (const direction of ['up', 'down'] as const) {
      for (let offset = 0; offset < clean.needed[direction]; offset += 1 + Math.floor(random() * 24)) {
        const mask = 1 << Math.floor(random() * 8)
        const result = await exchange(side => (side === direction ? { flips: [{ offset, mask }] } : {}))
        flips += result.flipped
        // Nothing altered: a message arrives as it was sent, or not at all.
        for (const message of result.received) expect(message).toEqual(clean.received[0])
        for (const message of result.heard) expect(message).toEqual(reply)
        // Signatures in DER differ in length from one connection to the next: a flip behind the exchange proves nothing.
        const hit = offset < result.needed[direction]
        if (hit && result.heard.length > 0) survived.push(`${direction} ${offset}`)
      }
    }
    expect(flips).toBeGreaterThan(200)
    // TLS 1.3 ignores the legacy version in the header of its first records, and only that.
    expect(survived.filter(place => !/^(up|down) [12]$/.test(place))).toEqual([])
  })

  it('a man in the middle with another certificate is told nothing by the client', async () => {
    let heardBytes = 0
    const trap = createServer(
      {
        key: identities.middle.keyPem,
        cert: identities.middle.certificatePem,
        requestCert: true,
        rejectUnauthorized: false,
      },
      socket => socket.on('error', () => {}).on('data', data => (heardBytes += data.length)),
    ).listen(0, '127.0.0.1')
    await once(trap, 'listening')
    const gone = new Promise(resolve => trap.once('connection', socket => socket.once('close', resolve)))
    const url = `wss://127.0.0.1:${(trap.address() as AddressInfo).port}`
    await expect(dial({ ...endpoint, url }, { identity: identities.client })).rejects.toMatchObject({
      code: 'TRANSPORT_PIN_MISMATCH',
      context: { expected: identities.server.certificateHash, found: identities.middle.certificateHash },
    })
    await gone
    expect(heardBytes).toBe(0)
    await new Promise(resolve => trap.close(resolve))
  })

  it('a man in the middle cannot relay a session, even of a client that trusts it', async () => {
    const upstream = createWebSocketTransport({ dialsPrivate: true, identity: identities.middle })
    const trap = await upstream.listen({
      host: '127.0.0.1',
      port: 0,
      onChannel: async down => {
        const up = await upstream.dial({
          url: endpoint.url,
          expectedCertificateHash: identities.server.certificateHash,
        })
        up.onFrame(frame => void down.send(frame).catch(() => {}))
        down.onFrame(frame => void up.send(frame).catch(() => {}))
      },
    })
    const before = sessions.length
    const fooled = { ...endpoint, url: trap.url, certificateHash: identities.middle.certificateHash }
    await expect(dial(fooled, { identity: identities.client })).rejects.toMatchObject({
      context: { code: 'SESSION_CERTIFICATE_MISMATCH' },
    })
    expect(sessions.length).toBe(before)
    await trap.close()
  })
})
