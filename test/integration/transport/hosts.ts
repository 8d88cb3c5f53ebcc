import { randomBytes } from 'node:crypto'
import { bytesToHex } from 'viem'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { createSigner, recoverSigner } from '../../../src/core/report/signer.ts'
import { type CheckerEndpoint, type DialSessionOptions, dialSession } from '../../../src/core/transport/dial-session.ts'
import {
  type ServeSessionsDependencies,
  type SessionServer,
  serveSessions,
} from '../../../src/core/transport/serve-sessions.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import type { Recover } from '../../../src/core/transport/session-handshake.ts'
import type { Identity, Limits, ListenOptions } from '../../../src/core/transport/transport.ts'
import { createWebSocketTransport } from '../../../src/core/transport/websocket.ts'

export const hash = (byte: string) => `0x${byte.repeat(32)}` as const
export const network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` } as const
export const checker = createSigner({ privateKey: hash('22'), network })
export const provider = createSigner({ privateKey: hash('11'), network })
const deviceIds = [hash('d1')]

const recover: Recover = (type, message, signature) => recoverSigner(network, type, { message, signature })

type ServeOptions = {
  readonly identity: Identity | null
  readonly limits?: Partial<Limits>
  onSession(session: Session): void
  /** Default: everybody is let in. */
  readonly admit?: ServeSessionsDependencies['admit']
  readonly onRefused?: ServeSessionsDependencies['onRefused']
} & Partial<Pick<ListenOptions, 'onGet'>>

/** A Checker's endpoint on loopback with the real transport and the native signatures. */
export async function serve({
  identity,
  limits = {},
  onSession,
  onRefused,
  admit = async () => null,
  ...listen
}: ServeOptions): Promise<{
  server: SessionServer
  endpoint: CheckerEndpoint
}> {
  const server = await serveSessions(
    { host: '127.0.0.1', port: 0, network, checker: checker.address, limits, ...listen },
    {
      transport: createWebSocketTransport({ dialsPrivate: true, identity, limits }),
      recover,
      randomNonce: () => bytesToHex(randomBytes(32)),
      clock: systemClock,
      admit,
      onSession,
      ...(onRefused === undefined ? {} : { onRefused }),
    },
  )
  const certificateHash = identity?.certificateHash ?? hash('00')
  return { server, endpoint: { checker: checker.address, url: server.url, certificateHash } }
}

/** Dials as the one Provider of these tests. */
export const dial = (
  endpoint: CheckerEndpoint,
  { identity, ...options }: { identity: Identity | null } & Partial<DialSessionOptions>,
): Promise<Session> =>
  dialSession(
    { endpoint, network, role: 'provider', operator: provider.address, deviceIds, ...options },
    {
      transport: createWebSocketTransport({ dialsPrivate: true, identity, limits: options.limits ?? {} }),
      sign: provider.sign,
      clock: systemClock,
    },
  )
