import type { lookup as dnsLookup } from 'node:dns'
import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type Hex, zeroHash } from 'viem'
import { WebSocket } from 'ws'
import { type EndpointUrl, parseEndpointUrl, peerCertificateHash } from './endpoint-url.ts'
import { transportErrors } from './errors.ts'
import { PrivateAddressError, publicLookup, requirePublicHost } from './private-address.ts'
import {
  type Channel,
  type DialOptions,
  type Identity,
  type Limits,
  type Transport,
  withDefaults,
} from './transport.ts'
import { listenWebSocket } from './websocket-server.ts'
import { channelOf, socketOptions } from './websocket-wire.ts'

export type WebSocketTransportOptions = {
  /** Our certificate, as a server and as a client; `null` is plain ws, which works on loopback only. */
  readonly identity: Identity | null
  readonly limits?: Partial<Limits>
  /** Whether endpoints at loopback, link-local and private addresses are dialled, as a network on one machine needs; default no. */
  readonly dialsPrivate?: boolean
  /** Resolves names; default node's. */
  readonly resolve?: typeof dnsLookup
}

/** The {@link Transport} of the network: WebSocket over TLS 1.3, both ends pinned by certificate hash. */
export function createWebSocketTransport({
  identity,
  limits: given,
  dialsPrivate = false,
  resolve,
}: WebSocketTransportOptions): Transport {
  const limits = withDefaults(given)
  return {
    dial: options => dialWebSocket(options, identity, limits, dialsPrivate ? undefined : publicLookup(resolve)),
    listen: options => listenWebSocket(options, identity, limits),
  }
}

/** @param lookup - resolves names and refuses those with private addresses; without it any host is dialled */
async function dialWebSocket(
  options: DialOptions,
  identity: Identity | null,
  limits: Limits,
  lookup: LookupFunction | undefined,
): Promise<Channel> {
  const { expectedCertificateHash, signal } = options
  const endpoint = parseEndpointUrl(options.url, expectedCertificateHash)
  const { url } = endpoint
  const timeoutMs = limits.handshakeTimeoutMs
  const deadline = AbortSignal.timeout(timeoutMs)
  const given = signal === undefined ? deadline : AbortSignal.any([signal, deadline])
  const failed = (error: Error) => {
    if (signal?.aborted) return transportErrors.TRANSPORT_ABORTED({ url, cause: error })
    if (error instanceof PrivateAddressError)
      return transportErrors.TRANSPORT_ENDPOINT_PRIVATE({ url, address: error.address })
    if (deadline.aborted) return transportErrors.TRANSPORT_TIMEOUT({ url, timeoutMs, cause: error })
    return transportErrors.TRANSPORT_UNREACHABLE({ url, why: whyUnreachable(error), cause: error })
  }
  if (given.aborted) throw failed(new Error('aborted'))

  const socket = await connect(endpoint, identity, given, lookup).catch((error: Error) => Promise.reject(failed(error)))
  const found = endpoint.secure ? peerCertificateHash(socket as TLSSocket) : zeroHash
  // The pin is the only reason to trust the peer, so none of our bytes is written before this line.
  if (found !== expectedCertificateHash) {
    socket.on('error', () => {})
    socket.destroy()
    throw transportErrors.TRANSPORT_PIN_MISMATCH({ url, expected: expectedCertificateHash, found: found ?? 'none' })
  }
  const own: Hex = endpoint.secure && identity !== null ? identity.certificateHash : zeroHash
  return upgrade(endpoint, socket, { peer: found, own }, limits, given, failed)
}

function connect(
  { secure, host, port }: EndpointUrl,
  identity: Identity | null,
  signal: AbortSignal,
  lookup: LookupFunction | undefined,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (lookup !== undefined) requirePublicHost(host)
    const named = lookup === undefined ? {} : { lookup }
    const socket = secure
      ? connectTls({
          host,
          port,
          ...named,
          minVersion: 'TLSv1.3',
          // Certificates are self-signed by design: the pin replaces an authority, and the caller checks it.
          rejectUnauthorized: false,
          ...(identity === null ? {} : { key: identity.keyPem, cert: identity.certificatePem }),
        })
      : connectTcp({ host, port, ...named })
    const settled = () => {
      signal.removeEventListener('abort', onAbort)
      socket.off('error', onError)
      socket.off('close', onEarlyClose)
    }
    const onError = (error: Error) => {
      settled()
      socket.on('error', () => {})
      socket.destroy()
      reject(error)
    }
    const onAbort = () => onError(new Error('aborted'))
    const onEarlyClose = () => onError(new Error('the connection was closed during the handshake'))
    signal.addEventListener('abort', onAbort)
    socket.on('error', onError)
    socket.on('close', onEarlyClose)
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      settled()
      resolve(socket)
    })
  })
}

function upgrade(
  { url }: EndpointUrl,
  socket: Socket,
  certificates: { readonly peer: Hex; readonly own: Hex },
  limits: Limits,
  signal: AbortSignal,
  failed: (error: Error) => Error,
): Promise<Channel> {
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(url, {
      ...socketOptions(limits),
      createConnection: (() => socket) as typeof connectTcp,
    })
    const onAbort = () => webSocket.terminate()
    const onError = (error: Error) => {
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      reject(failed(error))
    }
    signal.addEventListener('abort', onAbort)
    webSocket.on('error', onError)
    webSocket.on('unexpected-response', (_request, { statusCode = 0 }) => {
      signal.removeEventListener('abort', onAbort)
      reject(transportErrors.TRANSPORT_REFUSED({ url, status: statusCode }))
      webSocket.terminate()
    })
    webSocket.on('open', () => {
      signal.removeEventListener('abort', onAbort)
      webSocket.off('error', onError)
      // In the same turn as 'open', so that no frame is missed.
      resolve(channelOf(webSocket, socket, certificates, limits))
    })
  })
}

const whyByCode: ReadonlyMap<string | undefined, string> = new Map([
  ['ECONNREFUSED', 'nobody listens there'],
  ['ENOTFOUND', 'its name does not resolve'],
  ['EAI_AGAIN', 'its name does not resolve'],
  ['EHOSTUNREACH', 'there is no route to it'],
  ['ENETUNREACH', 'there is no route to it'],
  ['ECONNRESET', 'it dropped the connection'],
  ['EPIPE', 'it dropped the connection'],
])

const whyUnreachable = ({ code, message }: NodeJS.ErrnoException): string => whyByCode.get(code) ?? message
