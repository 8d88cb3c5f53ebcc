/** An endpoint as the chain has it: its URL, and the hash of the certificate that it has to present. */
import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { type Hex, zeroHash } from 'viem'
import { transportErrors } from './errors.ts'

const maxUrlLength = 256

export type EndpointUrl = {
  readonly url: string
  readonly secure: boolean
  readonly host: string
  readonly port: number
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

/**
 * Reads an endpoint of the chain, where anybody may have registered any text: `wss://host:port` pinned to a certificate, or
 * `ws://` on loopback with no certificate at all.
 *
 * @throws TRANSPORT_ENDPOINT_INVALID
 */
export function parseEndpointUrl(text: string, expectedCertificateHash: Hex): EndpointUrl {
  const shown = text.slice(0, maxUrlLength)
  const invalid = (why: string) => transportErrors.TRANSPORT_ENDPOINT_INVALID({ url: shown, why })
  const url = text.length <= maxUrlLength ? URL.parse(text) : null
  if (url === null) throw invalid('it is not a URL')
  if (url.protocol !== 'wss:' && url.protocol !== 'ws:') throw invalid('it is neither wss:// nor ws://')
  if (url.username || url.password || url.search || url.hash || url.pathname !== '/')
    throw invalid('it holds more than a host and a port')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const secure = url.protocol === 'wss:'
  const pinned = expectedCertificateHash !== zeroHash
  if (secure && !pinned) throw invalid('no certificate is registered for it')
  if (!secure && pinned) throw invalid('a certificate is registered, but it does not use TLS')
  if (!secure && !isLoopback(host)) throw invalid('without TLS only loopback is dialled')
  return { url: url.origin, secure, host, port: url.port === '' ? (secure ? 443 : 80) : Number(url.port) }
}

/** SHA-256 of a certificate's DER: what the chain pins. */
export const certificateHash = (der: Uint8Array): Hex => `0x${createHash('sha256').update(der).digest('hex')}`

/** The hash of the certificate that the peer of a TLS connection proved to hold, `null` where it presented none. */
export function peerCertificateHash(socket: TLSSocket): Hex | null {
  const certificate = socket.getPeerX509Certificate()
  return certificate === undefined ? null : certificateHash(certificate.raw)
}
