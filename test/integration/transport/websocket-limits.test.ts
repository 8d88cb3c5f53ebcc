import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type {
  Channel,
  CloseReason,
  Identity,
  Limits,
  Listener,
  ListenOptions,
} from '../../../src/core/transport/transport.ts'
import { createWebSocketTransport } from '../../../src/core/transport/websocket.ts'
import { createIdentity } from '../../helpers/identities.ts'
import { createTcpProxy } from '../../helpers/tcp-proxy.ts'
import { hash } from './hosts.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function listen(limits: Partial<Limits>, options: Partial<ListenOptions> = {}, identity: Identity | null = null) {
  const channels: Channel[] = []
  const opened = Promise.withResolvers<Channel>()
  const listener = await createWebSocketTransport({ dialsPrivate: true, identity, limits }).listen({
    host: '127.0.0.1',
    port: 0,
    onChannel: channel => {
      channels.push(channel)
      opened.resolve(channel)
    },
    ...options,
  })
  closing.push(() => listener.close())
  return { listener, channels, opened: opened.promise, port: Number(new URL(listener.url).port) }
}

const plain = (limits: Partial<Limits> = {}) => createWebSocketTransport({ dialsPrivate: true, identity: null, limits })
const dial = ({ url }: Pick<Listener, 'url'>, limits: Partial<Limits> = {}) =>
  plain(limits).dial({ url, expectedCertificateHash: hash('00') })
const ended = (channel: Channel): Promise<CloseReason> => new Promise(resolve => channel.onClose(resolve))
const gone = (socket: Socket) =>
  new Promise<void>(resolve => {
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.resume()
  })

/** A peer that speaks WebSocket, but as this test likes. */
async function rawPeer(url: string): Promise<{ webSocket: WebSocket; socket: Socket }> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  const webSocket = new WebSocket(url, { autoPong: false, createConnection: () => socket } as WebSocket.ClientOptions)
  webSocket.on('error', () => {})
  closing.push(() => webSocket.terminate())
  await once(webSocket, 'open')
  return { webSocket, socket }
}

describe('websocket limits', () => {
  it('a peer that does not answer pings is disconnected', async () => {
    const { listener, opened } = await listen({ idleTimeoutMs: 100 })
    await rawPeer(listener.url)
    expect((await ended(await opened)).code).toBe('TRANSPORT_IDLE')
  })

  it('silent peers that answer pings are kept', async () => {
    const { listener, channels } = await listen({ idleTimeoutMs: 100 })
    const client = await dial(listener, { idleTimeoutMs: 100 })
    const { webSocket } = await rawPeer(listener.url)
    // The fourth ping without an answer would be the last one.
    await new Promise<void>(resolve => {
      let pings = 0
      webSocket.on('ping', data => {
        webSocket.pong(data)
        if (++pings === 10) resolve()
      })
      webSocket.on('close', () => resolve())
    })
    expect([client, ...channels].map(({ closed }) => closed)).toEqual([false, false, false])
  })

  it.each(['ping', 'pong'] as const)('a peer that sends %ss above its rate is disconnected', async kind => {
    const { listener, opened } = await listen({ framesPerSecond: 1, burstFrames: 20 })
    const { webSocket } = await rawPeer(listener.url)
    const server = await opened
    for (let i = 0; i < 60; i++) webSocket[kind]()
    expect((await ended(server)).code).toBe('TRANSPORT_RATE_EXCEEDED')
  })

  it('both ends notice when the network hangs', async () => {
    const { listener, opened, port } = await listen({ idleTimeoutMs: 100 })
    let hung = false
    const target = { host: '127.0.0.1', port }
    const proxy = await createTcpProxy({ target, faults: () => (hung ? { hangAfterBytes: 0 } : {}) })
    closing.push(() => proxy.close())
    const client = await dial({ url: proxy.through(listener.url) }, { idleTimeoutMs: 100 })
    const ends = [ended(client), ended(await opened)]
    hung = true
    expect((await Promise.all(ends)).map(({ code }) => code)).toEqual(['TRANSPORT_IDLE', 'TRANSPORT_IDLE'])
  })

  it('a peer that takes nothing of a write is disconnected, although it goes on sending', async () => {
    const { listener, opened } = await listen({
      idleTimeoutMs: 200,
      maxQueuedBytes: 64 * 1024 * 1024,
      burstFrames: 1e6,
    })
    const { webSocket, socket } = await rawPeer(listener.url)
    const server = await opened
    socket.pause()
    const talking = setInterval(() => webSocket.ping(), 20)
    closing.push(() => clearInterval(talking))
    for (let n = 0; n < 60; n++)
      server.send({ type: 'bulk', body: n, payload: new Uint8Array(1_000_000) }).catch(() => {})
    expect((await ended(server)).code).toBe('TRANSPORT_PEER_NOT_READING')
  })

  it('a slow, late and jittery link keeps the order of frames', async () => {
    const { listener, opened, port } = await listen({})
    const faults = { bytesPerSecond: 5_000_000, delayMs: 5, jitterMs: 10 }
    const proxy = await createTcpProxy({ target: { host: '127.0.0.1', port }, faults: () => faults })
    closing.push(() => proxy.close())
    const client = await dial({ url: proxy.through(listener.url) })
    const server = await opened
    const received: unknown[] = []
    const all = new Promise<void>(resolve => server.onFrame(({ body }) => received.push(body) === 30 && resolve()))
    await Promise.all(
      Array.from({ length: 30 }, (_, n) => client.send({ type: 'bulk', body: n, payload: new Uint8Array(50_000) })),
    )
    await all
    expect(received).toEqual(Array.from({ length: 30 }, (_, n) => n))
  })

  it('a connection that was cut is reported at both ends', async () => {
    const { listener, opened, port } = await listen({})
    const proxy = await createTcpProxy({ target: { host: '127.0.0.1', port } })
    closing.push(() => proxy.close())
    const client = await dial({ url: proxy.through(listener.url) })
    const ends = [ended(client), ended(await opened)]
    proxy.cut()
    expect((await Promise.all(ends)).map(({ code }) => code)).toEqual(['TRANSPORT_LOST', 'TRANSPORT_LOST'])
  })

  it.each<[string, (peer: WebSocket, socket: Socket) => void, string]>([
    ['text', peer => peer.send('{"type":"job.mark"}'), 'TRANSPORT_FRAME_MALFORMED'],
    ['bytes that are no frame', peer => peer.send(Buffer.alloc(100)), 'TRANSPORT_FRAME_MALFORMED'],
    ['an empty message', peer => peer.send(Buffer.alloc(0)), 'TRANSPORT_FRAME_MALFORMED'],
    ['a message announced as 1 GiB', (_, socket) => socket.write(maskedHeader(2 ** 30)), 'TRANSPORT_FRAME_TOO_LARGE'],
    [
      'a message announced as 2^62 bytes',
      (_, socket) => socket.write(maskedHeader(2 ** 62)),
      'TRANSPORT_FRAME_TOO_LARGE',
    ],
    ['a message in 1000 fragments', fragments, 'TRANSPORT_FRAME_MALFORMED'],
    [
      'a reserved opcode',
      (_, socket) => socket.write(Buffer.from('83800000000000', 'hex')),
      'TRANSPORT_FRAME_MALFORMED',
    ],
    ['an unmasked message', (_, socket) => socket.write(Buffer.from('820100', 'hex')), 'TRANSPORT_FRAME_MALFORMED'],
  ])('disconnects a peer that sends %s', async (_, send, code) => {
    const { listener, opened } = await listen({})
    const { webSocket, socket } = await rawPeer(listener.url)
    const server = await opened
    server.onFrame(() => expect.unreachable('nothing may be delivered'))
    send(webSocket, socket)
    expect((await ended(server)).code).toBe(code)
  })

  it.each([
    ['nothing', ''],
    ['half a request line', 'GET / HT'],
    ['headers without end', 'GET / HTTP/1.1\r\nHost: a\r\n'],
  ])('a connection that sends %s is dropped', async (_, bytes) => {
    const { port } = await listen({ headersTimeoutMs: 100 })
    const socket = connect(port, '127.0.0.1')
    socket.write(bytes)
    await gone(socket)
  })

  it.each([
    ['says nothing', false],
    ['finishes TLS and says nothing', true],
  ])('a TLS connection that %s is dropped', async (_, handshake) => {
    const identity = await createIdentity('checker')
    const { port } = await listen({ headersTimeoutMs: 200 }, {}, identity)
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false }
    await gone(handshake ? connectTls(options) : connect(options))
  })

  it('the port answers GET by path, and no other method', async () => {
    const bundle = { contentType: 'application/json', body: Buffer.from('{}') }
    const { port } = await listen(
      {},
      {
        onGet: async path => {
          if (path === '/evidence/broken') throw new Error('disk')
          return path === '/evidence/0xab' ? bundle : null
        },
      },
    )
    const ask = async (method: string, path: string, headers = {}) => {
      const sent = request({ port, host: '127.0.0.1', method, path, headers, agent: false })
      sent.on('error', () => {})
      if (method === 'POST') sent.flushHeaders()
      else sent.end()
      const [response] = await once(sent, 'response')
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      return [response.statusCode, Buffer.concat(chunks).toString(), response.headers['content-type']]
    }
    expect(await ask('GET', '/evidence/0xab')).toEqual([200, '{}', 'application/json'])
    expect(await ask('HEAD', '/evidence/0xab')).toEqual([200, '', 'application/json'])
    expect(await ask('GET', '/evidence/0xcd')).toEqual([404, '', undefined])
    expect(await ask('GET', '/evidence/broken')).toEqual([500, '', undefined])
    expect(await ask('GET', `/${'a'.repeat(300)}`)).toEqual([414, '', undefined])
    expect(await ask('DELETE', '/evidence/0xab')).toEqual([405, '', undefined])
    expect(await ask('POST', '/', { 'content-length': 2 ** 30 })).toEqual([405, '', undefined])
    expect(await ask('GET', '/evidence/0xab', { 'content-length': 5 })).toEqual([413, '', undefined])
  })

  it.skipIf(process.platform !== 'linux')(
    'one address that takes its replies slowly leaves those of others',
    async () => {
      const written = Promise.withResolvers<null>()
      let asked = 0
      const { port } = await listen(
        {},
        {
          onGet() {
            asked++
            return written.promise
          },
        },
      )
      const ask = (localAddress: string) => {
        const sent = request({ port, host: '127.0.0.1', localAddress, path: '/', agent: false }).end()
        return once(sent, 'response').then(([{ statusCode }]) => statusCode as number)
      }
      const slow = Array.from({ length: 9 }, () => ask('127.0.0.1'))
      expect(await Promise.race(slow)).toBe(503)
      const other = ask('127.0.0.2')
      await expect.poll(() => asked).toBe(9)
      written.resolve(null)
      expect(await other).toBe(404)
      expect((await Promise.all(slow)).toSorted()).toEqual([...Array(8).fill(404), 503])
      expect(await ask('127.0.0.1')).toBe(404)
    },
  )

  it('the listener closes while connections are open that never end by themselves', async () => {
    const { listener, port, opened } = await listen({})
    const slow = connect(port, '127.0.0.1')
    slow.write('GET / HT')
    const { socket } = await rawPeer(listener.url)
    const ends = [gone(slow), gone(socket.pause())]
    await opened
    await listener.close()
    socket.resume()
    await Promise.all(ends)
    await expect(dial(listener)).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' })
  })

  it('requests above the rate of their address are refused', async () => {
    const { port } = await listen({ requestsPerSecond: 0.001, burstRequests: 5 }, { onGet: async () => null })
    const statuses: unknown[] = []
    for (let n = 0; n < 5; n++) {
      const sent = request({ port, host: '127.0.0.1', path: '/', agent: false }).end()
      statuses.push(
        await once(sent, 'response').then(
          ([{ statusCode }]) => statusCode,
          error => error.code,
        ),
      )
    }
    // A connection and its request take one each.
    expect(statuses).toEqual([404, 404, 429, 'ECONNRESET', 'ECONNRESET'])
  })

  it.each([
    ['another path', '/other', 404],
    ['no certificate where one is needed', '/', 401],
  ])('an upgrade with %s is refused', async (_, path, status) => {
    const identity = status === 401 ? await createIdentity('checker') : null
    const { listener } = await listen({}, {}, identity)
    const webSocket = new WebSocket(`${listener.url}${path}`, { rejectUnauthorized: false })
    webSocket.on('error', () => {})
    const [, response] = await once(webSocket, 'unexpected-response')
    expect(response.statusCode).toBe(status)
    webSocket.terminate()
  })
})

describe('websocket dialling', () => {
  it('endpoints that must not be dialled are refused', async () => {
    const pinned = hash('aa')
    const refused = (url: string, expectedCertificateHash: `0x${string}`) =>
      expect(plain().dial({ url, expectedCertificateHash })).rejects.toMatchObject({
        code: 'TRANSPORT_ENDPOINT_INVALID',
      })
    await refused('ws://192.0.2.1:80', hash('00'))
    await refused('ws://127.0.0.1:80', pinned)
    await refused('wss://127.0.0.1:80', hash('00'))
    await refused('https://127.0.0.1', pinned)
    await refused('wss://user:password@host', pinned)
    await refused('wss://host/path', pinned)
    await refused('wss://host?query', pinned)
    await refused('not a url', pinned)
    await refused(`wss://${'a'.repeat(300)}`, pinned)
    await refused('ws://127.0.0.1.evil.example', hash('00'))
  })

  it('the error says why there is no connection', async () => {
    const { listener } = await listen({})
    await listener.close()
    await expect(dial(listener)).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE', message: /nobody listens/ })
    const unnamed = plain().dial({ url: 'wss://checker.invalid:1', expectedCertificateHash: hash('aa') })
    await expect(unnamed).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' })
  })

  it.each([
    ['accepts and says nothing', 0],
    ['hangs in the middle of the handshake', 20],
  ])('a host that %s is given up', async (_, hangAfterBytes) => {
    const { listener, port } = await listen({})
    const target = { host: '127.0.0.1', port }
    const proxy = await createTcpProxy({ target, faults: () => ({ hangAfterBytes }) })
    closing.push(() => proxy.close())
    const dialled = dial({ url: proxy.through(listener.url) }, { handshakeTimeoutMs: 100 })
    await expect(dialled).rejects.toMatchObject({ code: 'TRANSPORT_TIMEOUT' })
  })

  it('dialling ends at once when it is aborted on the way', async () => {
    const { listener, port } = await listen({})
    const proxy = await createTcpProxy({ target: { host: '127.0.0.1', port }, faults: () => ({ hangAfterBytes: 0 }) })
    closing.push(() => proxy.close())
    const stop = new AbortController()
    const dialled = plain().dial({
      url: proxy.through(listener.url),
      expectedCertificateHash: hash('00'),
      signal: stop.signal,
    })
    setTimeout(() => stop.abort(), 20)
    await expect(dialled).rejects.toMatchObject({ code: 'TRANSPORT_ABORTED' })
  })

  it('listening without TLS is refused on every address but loopback', async () => {
    const listening = plain().listen({ host: '0.0.0.0', port: 0, onChannel: () => {} })
    await expect(listening).rejects.toMatchObject({ code: 'TRANSPORT_PLAIN_NOT_LOCAL' })
  })

  it('the error names a port that is in use and an address that cannot be bound', async () => {
    const { port } = await listen({})
    const onChannel = () => {}
    const taken = plain().listen({ host: '127.0.0.1', port, onChannel })
    await expect(taken).rejects.toMatchObject({ code: 'TRANSPORT_PORT_IN_USE', context: { port } })
    const identity = await createIdentity('checker')
    const foreign = createWebSocketTransport({ dialsPrivate: true, identity }).listen({
      host: '192.0.2.1',
      port: 0,
      onChannel,
    })
    await expect(foreign).rejects.toMatchObject({ code: 'TRANSPORT_LISTEN_FAILED' })
    const broken = createWebSocketTransport({ dialsPrivate: true, identity: { ...identity, keyPem: 'no key' } })
    await expect(broken.listen({ host: '127.0.0.1', port: 0, onChannel })).rejects.toMatchObject({
      code: 'TRANSPORT_LISTEN_FAILED',
    })
  })

  it('a listener on IPv6 loopback gives a URL that can be dialled', async ({ skip }) => {
    const listener = await plain()
      .listen({ host: '::1', port: 0, onChannel: () => {} })
      .catch(() => skip('this host has no IPv6 loopback'))
    closing.push(() => listener.close())
    expect(listener.url).toMatch(/^ws:\/\/\[::1\]:\d+$/)
    const channel = await dial(listener)
    expect(channel.closed).toBe(false)
  })
})

/** The header of a masked binary WebSocket message with a 64-bit length. */
function maskedHeader(bytes: number): Buffer {
  const header = Buffer.alloc(14)
  header.set([0x82, 0xff])
  header.writeBigUInt64BE(BigInt(bytes), 2)
  return header
}

function fragments(peer: WebSocket): void {
  for (let n = 0; n < 1000; n++) peer.send(Buffer.alloc(1), { fin: false, binary: true })
}
