import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { type Hex, keccak256 } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { protocolVersion } from '../../../src/core/protocol/messages.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { decodeFrame, encodeFrame } from '../../../src/core/transport/frame.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { hashClaim } from '../../../src/core/transport/session-handshake.ts'
import { defaultLimits, type Identity } from '../../../src/core/transport/transport.ts'
import { eventually } from '../../helpers/eventually.ts'
import { createFlood, gibibyte } from '../../helpers/flood.ts'
import { createIdentity } from '../../helpers/identities.ts'
import type { FloodTargetMessage } from './flood-target.ts'
import { checker, dial, hash, network } from './hosts.ts'

const maxGrowthBytes = 128 * 1024 * 1024
/** Of 24 connections: their TLS, and a quarter of a MiB of what each said. */
const maxStrangersBytes = 64 * 1024 * 1024

let target: ChildProcess
let ready: Extract<FloodTargetMessage, { kind: 'ready' }>
let honest: Identity
let flood: ReturnType<typeof createFlood>

beforeAll(async () => {
  honest = await createIdentity('provider')
  target = fork(new URL('./flood-target.ts', import.meta.url), { execArgv: ['--expose-gc'] })
  const [message] = await once(target, 'message')
  ready = message as typeof ready
  flood = createFlood({ port: Number(new URL(ready.url).port), identity: await createIdentity('provider') })
})
afterAll(async () => {
  flood.stop()
  const exited = once(target, 'exit')
  target.disconnect()
  await exited
})

async function ask(question: 'baseline' | 'memory') {
  target.send(question)
  const [message] = await once(target, 'message')
  return message as Extract<FloodTargetMessage, { kind: 'memory' }>
}

/** Sends 100 kB of openings and waits for the answer that only their receiver can give, `count` times. */
async function exchanges(session: Session, count: number): Promise<number> {
  let answered = 0
  for (let n = 0; n < count; n++) {
    const payload = new Uint8Array(100_000).fill(n)
    const { promise: answer, resolve } = Promise.withResolvers<string>()
    const stop = session.on('job.openings', ({ secret }) => resolve(secret))
    session.onClose(({ code }) => resolve(code))
    await session.send('job.openings', { commitmentHash: hash('07'), secret: hash('08') }, payload)
    if ((await answer) === keccak256(payload)) answered += 1
    stop()
    await wait(20)
  }
  return answered
}

it.skipIf(process.platform !== 'linux')(
  'Flood, slowloris, giant frames: serves an honest session through 500 slow sockets, two gigabytes and 200 requests a second, in bounded memory',
  async () => {
    const endpoint = { checker: checker.address, url: ready.url, certificateHash: ready.certificateHash }
    const session = await dial(endpoint, { identity: honest })
    expect(await exchanges(session, 10)).toBe(10)
    await ask('baseline')

    const startedAt = performance.now()
    flood.slowSockets()
    const flooding = Promise.all([flood.requests(), flood.gigabyteBody(), flood.gigabyteMessage()])
    const early = exchanges(session, 60)
    await wait(500)
    const newcomer = await dial(endpoint, { identity: honest, role: 'checker', deviceIds: [] })
    expect(await exchanges(newcomer, 40)).toBe(40)
    expect(await early).toBe(60)
    const [answers, bodyBytes, messageBytes] = await flooding

    const { baselineBytes, peakBytes, sessions } = await ask('memory')
    const growthBytes = peakBytes - baselineBytes
    expect(sessions).toBe(2)
    expect([session.closed, newcomer.closed]).toEqual([false, false])
    expect(growthBytes).toBeLessThan(maxGrowthBytes)
    // What was let in is what kernel buffers hold, not the gigabyte.
    expect(bodyBytes).toBeLessThan(gibibyte / 8)
    expect(messageBytes).toBeLessThan(gibibyte / 8)
    // Some are served, at the rate that one address is granted (a connection and its request take one each); others are not.
    const granted =
      defaultLimits.burstRequests + (defaultLimits.requestsPerSecond * (performance.now() - startedAt)) / 1000
    expect(answers['200']).toBeGreaterThan(10)
    expect(answers['200']).toBeLessThanOrEqual(granted / 2)
  },
)

/** A client of its own kind: it signs its session, and then sends what it likes. */
async function stranger(identity: Identity, key: Hex, frames: readonly Uint8Array[]) {
  const signer = createSigner({ privateKey: key, network })
  const socket = flood.attack(
    connectTls({
      ...{ host: '127.0.0.1', port: Number(new URL(ready.url).port), minVersion: 'TLSv1.3', rejectUnauthorized: false },
      ...{ key: identity.keyPem, cert: identity.certificatePem },
    }),
  )
  const webSocket = new WebSocket(ready.url, { createConnection: (() => socket) as never, perMessageDeflate: false })
  webSocket.on('error', () => {})
  const closed = new Promise<string>(resolve => webSocket.on('close', (_, reason) => resolve(reason.toString())))
  const [welcome] = (await once(webSocket, 'message')) as [Buffer]
  const { nonce: serverNonce } = decodeFrame(welcome, defaultLimits).body as { nonce: Hex }
  const deviceIds = [hash('07')]
  const session = await signMessage(signer, 'Session', {
    ...{ operator: signer.address, checker: checker.address, serverNonce },
    ...{ clientCertificateHash: identity.certificateHash, serverCertificateHash: ready.certificateHash },
    claimHash: hashClaim('provider', deviceIds),
  })
  const body = { version: protocolVersion, role: 'provider', session, deviceIds }
  webSocket.send(encodeFrame({ type: 'session', body }, defaultLimits))
  for (const frame of frames) webSocket.send(frame)
  return { webSocket, closed }
}

it('24 strangers that send 8 MiB each before they are accepted cost a few MiB and are disconnected, while honest sessions are served', async () => {
  const endpoint = { checker: checker.address, url: ready.url, certificateHash: ready.certificateHash }
  const session = await dial(endpoint, { identity: honest })
  expect(await exchanges(session, 10)).toBe(10)
  await ask('baseline')
  const identity = await createIdentity('provider')
  const payload = new Uint8Array(1024 * 1024 - 200)
  const bulk = Array.from({ length: 8 }, () => encodeFrame({ type: 'job.openings', body: {}, payload }, defaultLimits))
  const key = (n: number) => `0x${(5_000 + n).toString(16).padStart(64, '0')}` as const
  const strangers = Promise.all(Array.from({ length: 24 }, (_, n) => stranger(identity, key(n), bulk)))
  expect(await exchanges(session, 40)).toBe(40)
  const reasons = await Promise.all((await strangers).map(({ closed }) => closed))
  const { baselineBytes, peakBytes } = await ask('memory')
  expect(peakBytes - baselineBytes).toBeLessThan(maxStrangersBytes)
  // One that is cut off while it still writes does not hear why.
  for (const reason of reasons) expect(reason).toMatch(/^$|^TRANSPORT_FRAME_TOO_LARGE/)
  expect(await exchanges(session, 5)).toBe(5)
  expect(session.closed).toBe(false)
})

it.skipIf(process.platform === 'win32')(
  'a Checker goes on after a flood has used up its file descriptors',
  async () => {
    const script = new URL('./flood-target.ts', import.meta.url).pathname
    const poor = spawn('sh', ['-c', `ulimit -n 64 && exec "${process.execPath}" "${script}"`], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const [{ url, certificateHash }] = (await once(poor, 'message')) as [typeof ready]
    const endpoint = { checker: checker.address, url, certificateHash }
    const session = await dial(endpoint, { identity: honest })

    const sockets = Array.from({ length: 60 }, () => flood.attack(connect(Number(new URL(url).port), '127.0.0.1')))
    await Promise.all(
      sockets.map(socket => Promise.race([once(socket, 'connect'), new Promise(r => socket.once('close', r))])),
    )
    expect(await exchanges(session, 5)).toBe(5)
    for (const socket of sockets) socket.destroy()
    // Its file descriptors come back as it notices that each of those is gone.
    const newcomer = await eventually(() => dial(endpoint, { identity: honest, role: 'checker', deviceIds: [] }))
    expect(await exchanges(newcomer, 5)).toBe(5)

    const exited = once(poor, 'exit')
    poor.disconnect()
    await exited
  },
)
