/** How a daemon of this machine is reached and reaches others: its certificate file, its sockets, and which addresses it dials. */
import { webcrypto } from 'node:crypto'
import { isDevelopmentChain } from '../chain/network-presets.ts'
import type { Clock } from '../platform/clock.ts'
import { ensureCertificate } from '../transport/certificate-file.ts'
import { isLoopback } from '../transport/endpoint-url.ts'
import { transportErrors } from '../transport/errors.ts'
import { isPrivateAddress } from '../transport/private-address.ts'
import type { Identity, Transport } from '../transport/transport.ts'
import { createWebSocketTransport } from '../transport/websocket.ts'

export type PeerPortOptions = {
  readonly network: { readonly chainId: number }
  /** Whether endpoints at private addresses are dialled; default no. On a development chain they always are. */
  readonly privateEndpoints?: boolean
}

/** Whether endpoints at private addresses are dialled. */
export const dialsPrivate = ({ network, privateEndpoints = false }: PeerPortOptions): boolean =>
  privateEndpoints || isDevelopmentChain(network.chainId)

export const openTransport = (options: PeerPortOptions, identity: Identity): Transport =>
  createWebSocketTransport({ identity, dialsPrivate: dialsPrivate(options) })

/** The certificate in that file, bound to who uses it; made where it is missing, is bound to another, or ends soon. */
export const openCertificate = (
  options: Parameters<typeof ensureCertificate>[0],
  clock: Pick<Clock, 'now'>,
): ReturnType<typeof ensureCertificate> =>
  ensureCertificate(options, { now: () => new Date(clock.now()), crypto: webcrypto as webcrypto.Crypto })

/** @throws TRANSPORT_ENDPOINT_PRIVATE where what would be registered could be dialled by nobody */
export function requirePublicEndpoint({
  listen,
  publicUrl,
}: {
  readonly listen: { readonly host: string; readonly port: number }
  readonly publicUrl: string | null
}): void {
  const url = publicUrl ?? `wss://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
  const host = URL.parse(url)?.hostname.replace(/^\[|\]$/g, '') ?? ''
  if (isPrivateAddress(host) || isLoopback(host))
    throw transportErrors.TRANSPORT_ENDPOINT_PRIVATE({ url, address: host })
}
