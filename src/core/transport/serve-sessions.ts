import type { Address } from 'viem'
import { maxDevicesOfSession } from '../protocol/messages.ts'
import type { Network } from '../protocol/typed-data.ts'
import { closeReason, sessionErrors } from './errors.ts'
import { createSession, type Peer, type Session, type SessionDependencies } from './session.ts'
import { acceptHandshake, type Claim, type Recover } from './session-handshake.ts'
import { type Allowance, createAllowance } from './token-bucket.ts'
import {
  type Channel,
  type Limits,
  type Listener,
  type ListenOptions,
  maxEarlyBytes,
  type Transport,
  withDefaults,
} from './transport.ts'

export type ServeSessionsOptions = Pick<ListenOptions, 'host' | 'port' | 'onGet' | 'maxConnections'> & {
  readonly network: Network
  /** Our own operator address. */
  readonly checker: Address
  readonly limits?: Partial<Limits>
}

export type ServeSessionsDependencies = SessionDependencies & {
  readonly transport: Transport
  readonly recover: Recover
  /** Fresh 32 bytes. */
  readonly randomNonce: () => `0x${string}`
  /** Resolves with `null` where the chain knows this claim, else with the reason. A rejection counts as our own fault. */
  admit(claim: Claim): Promise<string | null>
  /** How many devices of this Provider we judge: what it may send grows with them. Default: as many as a session may have. */
  devicesOf?(operator: Address): number
  /** Whether a session with this peer is closed again where others need its connection; asked whenever they do. Default: none is. */
  makesRoom?(peer: Peer): boolean
  /** A session is open; handlers are registered before this returns. */
  onSession(session: Session): void
  /** Called where a client was refused; `error` has the code that it was told. */
  onRefused?(refusal: { readonly peerAddress: string; readonly error: unknown }): void
}

export type SessionServer = Listener & {
  /** The open sessions, one for each role and operator. */
  sessions(): readonly Session[]
}

/** From so many operators on, those who have used nothing and are not here are forgotten. */
const leastSwept = 2_048

/** A Provider whose devices we do not judge, and one of few, sends as if it had so many more. */
const devicesBeside = 10

/**
 * Serves sessions to Providers and other Checkers. An operator has one live session in each role: a newer one takes the
 * place of the older once it has authenticated, so that a client that lost its connection is not locked out by its own former session.
 */
export async function serveSessions(
  options: ServeSessionsOptions,
  dependencies: ServeSessionsDependencies,
): Promise<SessionServer> {
  const limits = withDefaults(options.limits)
  const live = new Map<string, Session>()
  const allowances = new Map<string, Allowance>()
  let sweepAt = leastSwept
  const rate = { perSecond: limits.framesPerSecond, burst: limits.burstFrames }
  const { host, port, onGet, maxConnections } = options
  const serverSide = {
    network: { ...options.network, consensus: options.network.consensus.toLowerCase() as Address },
    checker: options.checker.toLowerCase() as Address,
    handshakeTimeoutMs: limits.handshakeTimeoutMs,
  }

  /** Counted over all connections of an operator, so that none has more by a new one. */
  function allowanceOf(peer: Peer): Allowance {
    const key = keyOf(peer)
    const { clock } = dependencies
    const allowance =
      allowances.get(key) ??
      createAllowance(
        rate,
        () => clock.monotonicMs(),
        () => partOf(peer),
      )
    allowances.set(key, allowance)
    if (allowances.size >= sweepAt) {
      for (const [other, each] of allowances)
        if (!live.has(other) && other !== key && each.unused) allowances.delete(other)
      // Not again at the next handshake, where all of them are in use.
      sweepAt = Math.max(leastSwept, 2 * allowances.size)
    }
    return allowance
  }

  function partOf({ role, operator }: Peer): number {
    const devices =
      role === 'checker' ? maxDevicesOfSession : (dependencies.devicesOf?.(operator) ?? maxDevicesOfSession)
    return Math.min(1, (devices + devicesBeside) / maxDevicesOfSession)
  }

  async function accept(channel: Channel) {
    try {
      const { peer, early } = await acceptHandshake(channel, serverSide, { ...dependencies, allowanceOf })
      const key = keyOf(peer)
      live.get(key)?.close(closeReason(sessionErrors.SESSION_REPLACED()))
      const session = createSession(channel, peer, limits, dependencies, early)
      live.set(key, session)
      session.onClose(() => {
        if (live.get(key) === session) live.delete(key)
      })
      dependencies.onSession(session)
    } catch (error) {
      channel.close()
      dependencies.onRefused?.({ peerAddress: channel.peerAddress, error })
    }
  }

  const listener = await dependencies.transport.listen({
    ...{ host, port, maxEarlyBytes, onGet, maxConnections },
    onChannel: channel => void accept(channel),
  })
  return { ...listener, sessions: () => [...live.values()] }
}

const keyOf = ({ role, operator }: Peer) => `${role} ${operator}`
