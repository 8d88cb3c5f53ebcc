import type { Address, Hex } from 'viem'
import type { Network } from '../protocol/typed-data.ts'
import { createSession, type Session, type SessionDependencies } from './session.ts'
import { requestHandshake, type Sign } from './session-handshake.ts'
import { type Limits, type Transport, withDefaults } from './transport.ts'

/** A Checker as the chain knows it. */
export type CheckerEndpoint = {
  readonly checker: Address
  readonly url: string
  /** SHA-256 of its TLS certificate; zero bytes for a plain endpoint on loopback. */
  readonly certificateHash: Hex
}

export type DialSessionOptions = {
  readonly endpoint: CheckerEndpoint
  readonly network: Network
  /** The role in which we dial: a Provider for its devices, or a Checker (as keeper, or as another seat). */
  readonly role: Session['role']
  readonly operator: Address
  readonly deviceIds: readonly Hex[]
  readonly limits?: Partial<Limits>
  readonly signal?: AbortSignal
}

/** Opens a session with a Checker. @throws TRANSPORT_* where there is no connection, SESSION_* where one side does not accept the other */
export async function dialSession(
  options: DialSessionOptions,
  dependencies: SessionDependencies & { readonly transport: Transport; readonly sign: Sign },
): Promise<Session> {
  const { endpoint, network, role, deviceIds, signal } = options
  const { url, certificateHash: expectedCertificateHash } = endpoint
  const limits = withDefaults(options.limits)
  const checker = lowerCase(endpoint.checker)
  const channel = await dependencies.transport.dial({ url, expectedCertificateHash, signal })
  const abort = () => channel.close()
  signal?.addEventListener('abort', abort)
  try {
    const early = await requestHandshake(
      channel,
      {
        url,
        network: { ...network, consensus: lowerCase(network.consensus) },
        checker,
        role,
        operator: lowerCase(options.operator),
        deviceIds,
        handshakeTimeoutMs: limits.handshakeTimeoutMs,
      },
      dependencies,
    )
    return createSession(channel, { role: 'checker', operator: checker, deviceIds: [] }, limits, dependencies, early)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

const lowerCase = (address: Address) => address.toLowerCase() as Address
