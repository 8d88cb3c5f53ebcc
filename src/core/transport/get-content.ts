/** Plain `GET` from a Checker's endpoint, on the port of its sessions and without a certificate of ours. */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { type Hex, zeroHash } from 'viem'
import { peerCertificateHash } from './endpoint-url.ts'
import { transportErrors } from './errors.ts'
import { PrivateAddressError, publicLookup, requirePublicHost } from './private-address.ts'

export type GetContentOptions = {
  /** `wss://`, `https://`, or on loopback `ws://`, `http://`, with a host and a port. */
  readonly endpoint: string
  /** E.g. `/evidence/0x…`. */
  readonly path: string
  /** A longer answer is refused before it is received. */
  readonly limitBytes: number
  readonly timeoutMs: number
  /** Refuses loopback, link-local and private addresses, also behind a name: for endpoints that strangers have registered. Default no. */
  readonly publicOnly?: boolean
}

export type Content = {
  readonly status: number
  readonly body: Uint8Array
  /** SHA-256 of the certificate (DER) that the server presented, zero bytes without TLS. Nothing is pinned here; the caller judges it. */
  readonly certificateHash: Hex
}

/** @throws TRANSPORT_ENDPOINT_INVALID, TRANSPORT_ENDPOINT_PRIVATE, TRANSPORT_UNREACHABLE, TRANSPORT_TIMEOUT, TRANSPORT_CONTENT_TOO_LARGE */
export async function getContent(options: GetContentOptions): Promise<Content> {
  const { endpoint, path, limitBytes, timeoutMs, publicOnly = false } = options
  const url = URL.parse(path, endpoint.replace(/^ws/, 'http'))
  if (url === null || !/^https?:$/.test(url.protocol))
    throw transportErrors.TRANSPORT_ENDPOINT_INVALID({
      url: endpoint.slice(0, 256),
      why: 'it is neither wss:// nor https://',
    })
  const secure = url.protocol === 'https:'
  const deadline = AbortSignal.timeout(timeoutMs)
  const failed = (cause: Error) =>
    cause instanceof PrivateAddressError
      ? transportErrors.TRANSPORT_ENDPOINT_PRIVATE({ url: url.origin, address: cause.address })
      : deadline.aborted
        ? transportErrors.TRANSPORT_TIMEOUT({ url: url.origin, timeoutMs, cause })
        : transportErrors.TRANSPORT_UNREACHABLE({ url: url.origin, why: cause.message, cause })
  if (publicOnly) {
    try {
      requirePublicHost(url.hostname.replace(/^\[|\]$/g, ''))
    } catch (error) {
      throw failed(error as Error)
    }
  }
  return new Promise((resolve, reject) => {
    const tls = { signal: deadline, agent: false, rejectUnauthorized: false, minVersion: 'TLSv1.3' } as const
    const how = publicOnly ? { ...tls, lookup: publicLookup() } : tls
    const request = (secure ? requestHttps : requestHttp)(url, how, response => {
      const certificateHash = secure ? (peerCertificateHash(response.socket as TLSSocket) ?? zeroHash) : zeroHash
      readBody(response, limitBytes).then(
        body => {
          request.destroy()
          if (body === null) reject(transportErrors.TRANSPORT_CONTENT_TOO_LARGE({ url: url.href, limitBytes }))
          else resolve({ status: response.statusCode ?? 0, body, certificateHash })
        },
        (error: Error) => reject(failed(error)),
      )
    })
    request.on('error', error => reject(failed(error)))
    request.end()
  })
}

/** The body of the response; null once it is longer than allowed. */
export async function readBody(
  response: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limitBytes: number,
): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response) {
    length += chunk.length
    if (length > limitBytes) return null
    chunks.push(chunk)
  }
  return Uint8Array.from(Buffer.concat(chunks))
}
