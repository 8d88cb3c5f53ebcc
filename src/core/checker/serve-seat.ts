/** Where a Checker listens: at the port it was given, or at that of its last run where any will do. */
import type { Address } from 'viem'
import { getChecker } from '../chain/checkers.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { Clock } from '../platform/clock.ts'
import { isKaisarError } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import { recoverSigner, type Signer } from '../report/signer.ts'
import { type SessionServer, serveSessions } from '../transport/serve-sessions.ts'
import type { Session } from '../transport/session.ts'
import type { Transport } from '../transport/transport.ts'
import { createAdmission } from './admit-peer.ts'
import type { EvidenceStore } from './round/evidence-store.ts'

export type SeatServerOptions = {
  readonly network: ConnectedNetwork
  /** Address and port to listen on; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** What Providers dial, where it differs from where we listen. */
  readonly publicUrl: string | null
  /** Most connections now, those of strangers too. */
  readonly maxConnections: () => number
}

export type SeatServerDependencies = {
  readonly signer: Signer
  readonly evidence: EvidenceStore
  readonly transport: Transport
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly log: Logger
  readonly onSession: (session: Session) => void
  /** As {@link import('./admit-peer.ts').AdmissionDependencies.isExpected}. */
  readonly isExpected: (operator: Address) => boolean
}

/** @throws TRANSPORT_PORT_IN_USE */
export async function serveSeat(
  { network, listen, publicUrl, maxConnections }: SeatServerOptions,
  { signer, evidence, transport, clock, randomBytes, log, onSession, isExpected }: SeatServerDependencies,
): Promise<SessionServer> {
  const admit = createAdmission(network, { clock, isExpected })
  const last = listen.port === 0 && publicUrl === null ? await lastPort() : listen.port
  try {
    return await serve(last)
  } catch (error) {
    if (listen.port === last || !isKaisarError(error, 'TRANSPORT_PORT_IN_USE')) throw error
    return serve(listen.port)
  }

  /** Providers find us again without a transaction. */
  async function lastPort(): Promise<number> {
    const known = await getChecker(network, signer.address)
    return known === null ? 0 : Number(new URL(known.endpoint).port)
  }

  function serve(port: number): Promise<SessionServer> {
    return serveSessions(
      {
        host: listen.host,
        port,
        network,
        checker: signer.address,
        maxConnections,
        async onGet(path) {
          const body = evidence.read(/^\/evidence\/(0x[0-9a-f]{64})$/.exec(path)?.[1] ?? '')
          return body === null ? null : { contentType: 'application/octet-stream', body }
        },
      },
      {
        transport,
        recover: (type, message, signature) => recoverSigner(network, type, { message, signature }),
        randomNonce: () => `0x${Buffer.from(randomBytes(32)).toString('hex')}`,
        admit,
        onSession,
        onRefused: ({ peerAddress, error }) => log.info({ error, peerAddress }, 'a client was not let in'),
        clock,
        onFault: ({ session, type, error }) =>
          log.debug({ error, type, peer: session.operator }, 'a message was refused'),
      },
    )
  }
}
