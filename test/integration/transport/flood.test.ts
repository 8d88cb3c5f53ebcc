import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { get } from 'node:https'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { keccak256 } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { defaultLimits } from '../../../src/core/transport/limits.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import type { Identity } from '../../../src/core/transport/transport.ts'
import { createIdentity } from '../../helpers/identities.ts'
import type { FloodTargetMessage } from './flood-target.ts'
import { checker, dial, hash } from './hosts.ts'

const gibibyte = 2 ** 30
const maxGrowthBytes = 128 * 1024 * 1024

let target: ChildProcess
let ready: Extract<FloodTargetMessage, { kind: 'ready' }>
let port: number
let honest: Identity
let hostile: Identity
const attacking = new Set<Socket>()

beforeAll(async () => {
  honest = await createIdentity('provider')
  hostile = await createIdentity('provider')
  target = fork(new URL('./flood-target.ts', import.meta.url), { execArgv: ['--expose-gc'] })
  const [message] = await once(target, 'message')
  ready = message as typeof ready
  port = Number(new URL(ready.url).port)
})
afterAll(async () => {
  for (const socket of attacking) socket.destroy()
  const exited = once(target, 'exit')
  target.disconnect()
  await exited
})

async function ask(question: 'baseline' | 'memory') {
  target.send(question)
  const [message] = await once(target, 'message')
  return message as Extract<FloodTargetMessage, { kind: 'memory' }>
}

/** Linux owns all of 127.0.0.0/8, so that one machine can be many addresses. */
const from = (host: number) => `127.0.1.${host}`

function attack<T extends Socket>(socket: T): T {
  attacking.add(socket)
  socket.on('error', () => {})
  socket.on('close', () => attacking.delete(socket))
  return socket
}

/** 500 connections from 10 addresses: half say nothing at all, half finish TLS and send a header byte now and then. */
function slowSockets(): void {
  const drip = setInterval(() => {
    for (const socket of attacking) if (slow.has(socket) && socket.writable) socket.write('x')
  }, 100)
  drip.unref()
  const slow = new Set<Socket>()
  for (let n = 0; n < 500; n++) {
    const tcp = attack(connect({ port, host: '127.0.0.1', localAddress: from(1 + (n % 10)) }))
    if (n % 2 === 0) continue
    const tls = attack(connectTls({ socket: tcp, rejectUnauthorized: false }))
    tls.once('secureConnect', () => tls.write('GET / HTTP/1.1\r\nX: '))
    slow.add(tls)
  }
}

/** Writes up to 1 GiB behind `head`; resolves with how much the server let in before it hung up. */
async function gigabyte(socket: TLSSocket, head: string | Buffer): Promise<number> {
  const zeros = Buffer.alloc(1024 * 1024)
  const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
  let written = 0
  socket.resume()
  socket.write(head)
  while (written < gibibyte && !socket.destroyed) {
    written += zeros.length
    if (!socket.write(zeros)) await Promise.race([closed, new Promise(resolve => socket.once('drain', resolve))])
  }
  socket.destroy()
  return written
}

async function connected(localAddress: string, identity?: Identity): Promise<TLSSocket> {
  const certificate = identity === undefined ? {} : { key: identity.keyPem, cert: identity.certificatePem }
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    localAddress,
    ...certificate,
  } as never)
  attack(socket)
  await once(socket, 'secureConnect')
  return socket
}

async function gigabyteBody(): Promise<number> {
  const socket = await connected(from(30))
  return gigabyte(socket, `POST /evidence HTTP/1.1\r\nHost: a\r\nContent-Length: ${gibibyte}\r\n\r\n`)
}

async function gigabyteMessage(): Promise<number> {
  const socket = await connected(from(31), hostile)
  const key = 'dGhlIHNhbXBsZSBub25jZQ=='
  socket.write(
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  )
  await once(socket, 'data')
  const header = Buffer.alloc(14)
  header.set([0x82, 0xff])
  header.writeBigUInt64BE(BigInt(gibibyte), 2)
  return gigabyte(socket, header)
}

/** 200 requests a second for three seconds, each on its own connection; counts the answers by status. */
async function requests(): Promise<Record<string, number>> {
  const answers: Record<string, number> = {}
  const pending: Promise<void>[] = []
  for (let n = 0; n < 600; n++) {
    const options = { localAddress: from(40), rejectUnauthorized: false, agent: false } as const
    pending.push(
      new Promise(resolve => {
        const note = (what: string) => {
          answers[what] = (answers[what] ?? 0) + 1
          resolve()
        }
        get(`https://127.0.0.1:${port}/evidence/0xab`, options, response => {
          response.resume()
          response.on('close', () => note(String(response.statusCode)))
        }).on('error', () => note('dropped'))
      }),
    )
    await wait(5)
  }
  await Promise.all(pending)
  return answers
}

/** Sends 100 kB of openings and waits for the answer that only their receiver can give, `count` times. */
async function exchanges(session: Session, count: number): Promise<number> {
  let answered = 0
  for (let n = 0; n < count; n++) {
    const payload = new Uint8Array(100_000).fill(n)
    const { promise: answer, resolve } = Promise.withResolvers<string>()
    const stop = session.on('heartbeat', ({ nonce }) => resolve(nonce))
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
    slowSockets()
    const flood = Promise.all([requests(), gigabyteBody(), gigabyteMessage()])
    const early = exchanges(session, 60)
    await wait(500)
    const newcomer = await dial(endpoint, { identity: honest, role: 'checker', deviceIds: [] })
    expect(await exchanges(newcomer, 40)).toBe(40)
    expect(await early).toBe(60)
    const [answers, bodyBytes, messageBytes] = await flood

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

it.skipIf(process.platform === 'win32')('goes on when a flood leaves it without file descriptors', async () => {
  const script = new URL('./flood-target.ts', import.meta.url).pathname
  const poor = spawn('sh', ['-c', `ulimit -n 64 && exec "${process.execPath}" "${script}"`], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [{ url, certificateHash }] = (await once(poor, 'message')) as [typeof ready]
  const endpoint = { checker: checker.address, url, certificateHash }
  const session = await dial(endpoint, { identity: honest })

  const flood = Array.from({ length: 60 }, () => attack(connect(Number(new URL(url).port), '127.0.0.1')))
  await Promise.all(
    flood.map(socket => Promise.race([once(socket, 'connect'), new Promise(r => socket.once('close', r))])),
  )
  expect(await exchanges(session, 5)).toBe(5)
  for (const socket of flood) socket.destroy()
  const newcomer = await dial(endpoint, { identity: honest, role: 'checker', deviceIds: [] })
  expect(await exchanges(newcomer, 5)).toBe(5)

  const exited = once(poor, 'exit')
  poor.disconnect()
  await exited
})
