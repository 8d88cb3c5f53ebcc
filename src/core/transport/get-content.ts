/** Plain `GET` from a Checker's endpoint, on the port of its sessions and without a certificate of ours. */
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { type Hex, zeroHash } from 'viem'
import { peerCertificateHash } from './certificate-hash.ts'
import { transportErrors } from './errors.ts'

export type GetContentOptions = {
  /** `wss://`, `https://`, or on loopback `ws://`, `http://`, with a host and a port. */
  readonly endpoint: string
  /** E.g. `/evidence/0x…`. */
  readonly path: string
  /** A longer answer is refused before it is received. */
  readonly limitBytes: number
  readonly timeoutMs: number
}

export type Content = {
  readonly status: number
  readonly body: Uint8Array
  /** SHA-256 of the certificate (DER) that the server presented, zero bytes without TLS. Nothing is pinned here; the caller judges it. */
  readonly certificateHash: Hex
}

/** @throws TRANSPORT_ENDPOINT_INVALID, TRANSPORT_UNREACHABLE, TRANSPORT_TIMEOUT, TRANSPORT_CONTENT_TOO_LARGE */
export function getContent({ endpoint, path, limitBytes, timeoutMs }: GetContentOptions): Promise<Content> {
  const url = URL.parse(path, endpoint.replace(/^ws/, 'http'))
  if (url === null || !/^https?:$/.test(url.protocol))
    throw transportErrors.TRANSPORT_ENDPOINT_INVALID({
      url: endpoint.slice(0, 256),
      why: 'it is neither wss:// nor https://',
    })
  const secure = url.protocol === 'https:'
  const deadline = AbortSignal.timeout(timeoutMs)
  const failed = (cause: Error) =>
    deadline.aborted
      ? transportErrors.TRANSPORT_TIMEOUT({ url: url.origin, timeoutMs, cause })
      : transportErrors.TRANSPORT_UNREACHABLE({ url: url.origin, why: cause.message, cause })
  return new Promise((resolve, reject) => {
    const options = { signal: deadline, agent: false, rejectUnauthorized: false, minVersion: 'TLSv1.3' } as const
    const request = (secure ? requestHttps : requestHttp)(url, options, response => {
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
async function readBody(response: IncomingMessage, limitBytes: number): Promise<Uint8Array | null> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limitBytes) return null
    chunks.push(chunk)
  }
  return Uint8Array.from(Buffer.concat(chunks))
}
