import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Hex } from 'viem'

/** SHA-256 of a certificate's DER: what the chain pins. */
export const certificateHash = (der: Uint8Array): Hex => `0x${createHash('sha256').update(der).digest('hex')}`

/** The hash of the certificate that the peer of a TLS connection proved to hold, `null` where it presented none. */
export function peerCertificateHash(socket: TLSSocket): Hex | null {
  const certificate = socket.getPeerX509Certificate()
  return certificate === undefined ? null : certificateHash(certificate.raw)
}
