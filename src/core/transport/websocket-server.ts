import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type Hex, zeroHash } from 'viem'
import { WebSocketServer } from 'ws'
import { createConnectionGuard, originOf } from './connection-guard.ts'
import { isLoopback, peerCertificateHash } from './endpoint-url.ts'
import { closeReason, transportErrors } from './errors.ts'
import type { Channel, Identity, Limits, Listener, ListenOptions } from './transport.ts'
import { channelOf, socketOptions } from './websocket-wire.ts'

const maxRequestHeaderBytes = 8 * 1024
const maxPathLength = 256
/** Replies being written at once, in all and to one address: each may hold a whole evidence bundle in memory, for as long as it is read slowly. */
const maxReplies = 32
const maxRepliesToAddress = 8

/**
 * Listens for channels (WebSocket upgrades of `/`) and answers `GET` on the same port.
 *
 * With an identity: TLS 1.3 only; an upgrade needs a client certificate, a `GET` does not. Without: loopback only.
 *
 * @throws TRANSPORT_PLAIN_NOT_LOCAL, TRANSPORT_PORT_IN_USE, TRANSPORT_LISTEN_FAILED
 */
export async function listenWebSocket(
  options: ListenOptions,
  identity: Identity | null,
  limits: Limits,
): Promise<Listener> {
  const { host } = options
  if (identity === null && !isLoopback(host)) throw transportErrors.TRANSPORT_PLAIN_NOT_LOCAL({ host })

  const guard = createConnectionGuard(limits, () => performance.now(), options.maxConnections)
  const channels = new Set<Channel>()
  const sockets = new Set<Socket>()
  const replies: string[] = []
  const webSockets = new WebSocketServer({ ...socketOptions(limits), noServer: true, clientTracking: false })
  const server = createServer(options, identity, limits)

  server.prependListener('connection', (socket: Socket) => {
    if (!guard.admit(socket)) return
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  server.on('clientError', (_error, socket) => socket.destroy())
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    // A reply that is read slowly holds a connection for this long at most.
    const deadline = setTimeout(() => request.socket.destroy(), limits.idleTimeoutMs)
    response.once('close', () => clearTimeout(deadline))
    if (!guard.allowRequest(request.socket)) return refuse(response, 429)
    const origin = originOf(request.socket.remoteAddress)
    const toOrigin = replies.filter(other => other === origin).length
    if (replies.length >= maxReplies || toOrigin >= maxRepliesToAddress) return refuse(response, 503)
    replies.push(origin)
    response.once('close', () => void replies.splice(replies.indexOf(origin), 1))
    void answer(request, response, options)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const tcp = socket as Socket
    const peer = identity === null ? zeroHash : peerCertificateHash(tcp as TLSSocket)
    const status = refusalOf(request, peer)
    if (status !== null) return refuseUpgrade(socket, status)
    webSockets.handleUpgrade(request, socket, head, webSocket => {
      const certificates = { peer: peer!, own: identity?.certificateHash ?? zeroHash }
      const { maxEarlyBytes } = options
      const authenticated: Channel['authenticated'] = options => guard.establish(tcp, options)
      const channel = channelOf(webSocket, tcp, certificates, limits, { authenticated, maxEarlyBytes })
      channels.add(channel)
      channel.onClose(() => channels.delete(channel))
      options.onChannel(channel)
    })
  })

  await bind(server, options)
  // Where file descriptors run out, for example, one connection fails; the others and the server go on.
  server.on('error', () => {})
  const { port } = server.address() as AddressInfo
  return {
    url: `${identity === null ? 'ws' : 'wss'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    connections: () => guard.connections,
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      for (const channel of channels) channel.close(closeReason(transportErrors.TRANSPORT_SHUTTING_DOWN()))
      // Channels end by their closing handshake, which ws bounds in time. Nothing waits for the other open sockets.
      const forced = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, 1_500)
      await closed
      clearTimeout(forced)
    },
  }
}

function createServer({ host, port }: ListenOptions, identity: Identity | null, limits: Limits): Server {
  const http = {
    maxHeaderSize: maxRequestHeaderBytes,
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.handshakeTimeoutMs),
    requestTimeout: limits.handshakeTimeoutMs,
    // Node looks for late headers this often; its default of 30 s would make the limits above meaningless.
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(limits.headersTimeoutMs / 2)),
    keepAliveTimeout: limits.headersTimeoutMs,
  }
  if (identity === null) return createHttpServer(http)
  try {
    return createHttpsServer({
      ...http,
      key: identity.keyPem,
      cert: identity.certificatePem,
      minVersion: 'TLSv1.3',
      handshakeTimeout: limits.headersTimeoutMs,
      requestCert: true,
      // Certificates are self-signed by design: the chain says whom one belongs to, and not an authority.
      rejectUnauthorized: false,
    })
  } catch (cause) {
    throw transportErrors.TRANSPORT_LISTEN_FAILED({ host, port, why: (cause as Error).message, cause })
  }
}

function bind(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? transportErrors.TRANSPORT_PORT_IN_USE({ host, port, cause })
          : transportErrors.TRANSPORT_LISTEN_FAILED({ host, port, why: cause.message, cause }),
      ),
    )
    server.listen({ host, port }, resolve)
  })
}

/** The HTTP status that refuses an upgrade, or `null`. */
function refusalOf(request: IncomingMessage, peer: Hex | null): number | null {
  if (request.url !== '/') return 404
  return peer === null ? 401 : null
}

function refuseUpgrade(socket: Duplex, status: number): void {
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

async function answer(request: IncomingMessage, response: ServerResponse, { onGet }: ListenOptions): Promise<void> {
  const { method, url = '', headers } = request
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405)
  if (url.length > maxPathLength) return refuse(response, 414)
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0)
    return refuse(response, 413)
  let reply: Awaited<ReturnType<NonNullable<typeof onGet>>>
  try {
    reply = (await onGet?.(url)) ?? null
  } catch {
    return refuse(response, 500)
  }
  if (reply === null) return refuse(response, 404)
  response.writeHead(200, {
    'content-type': reply.contentType,
    'content-length': reply.body.length,
    'x-content-type-options': 'nosniff',
  })
  response.end(method === 'HEAD' ? undefined : reply.body)
}

/** Answers without reading on, so that a body is never received, however long it is. */
function refuse(response: ServerResponse, status: number): void {
  const { socket } = response
  response.writeHead(status, { connection: 'close', 'content-length': 0 })
  response.end(() => socket?.destroySoon())
}
