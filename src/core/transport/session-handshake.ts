// Why: docs/why/transport.md

import { type Address, concat, type Hex, stringToHex } from 'viem'
import { type Clock, systemClock, timeLimit } from '../platform/clock.ts'
import { isKaisarError, type KaisarError } from '../platform/errors.ts'
import { keccak256 } from '../platform/keccak.ts'
import { type MessageBody, type MessageType, messageBodies, protocolVersion, toWire } from '../protocol/messages.ts'
import type { Network, SignedMessage, SignedType } from '../protocol/typed-data.ts'
import { closeReason, sessionErrors, transportErrors } from './errors.ts'
import type { Peer, SizedFrame } from './session.ts'
import type { Allowance } from './token-bucket.ts'
import type { Channel } from './transport.ts'

/** Signs a message for one network with our operator key. */
export type Sign = <T extends SignedType>(type: T, message: SignedMessage<T>) => Promise<Hex>
/** The signer's address, in lower case; may throw for a signature that no key can have made. */
export type Recover = <T extends SignedType>(
  type: T,
  message: SignedMessage<T>,
  signature: Hex,
) => Address | Promise<Address>

/** What a client claims to be. It has proven that it holds the keys; `admit` says whether the chain knows them. */
export type Claim = Peer & { readonly certificateHash: Hex }

export type ServerSide = {
  readonly network: Network
  readonly checker: Address
  readonly handshakeTimeoutMs: number
}

export type ClientSide = ServerSide & {
  readonly url: string
  readonly role: Peer['role']
  readonly operator: Address
  readonly deviceIds: readonly Hex[]
}

/** Frames that a client may send before it is accepted: its `session`. */
const framesOfClient = 1
/** Most frames that may arrive behind `accepted`, before the receiver of the session listens. */
const framesBehind = 64

/**
 * The server's side: sends `welcome` with a fresh nonce, takes one `session`, and sends `accepted` or `refused`.
 * The signature covers everything that the client says, the Checker, both certificates and the nonce, so it is useless on any other connection.
 *
 * @param admit - resolves with the reason to refuse the client, or `null`; a rejection counts as our fault and not as the client's
 * @returns the peer, and frames that arrived behind `accepted`; they belong to the session
 * @throws the SESSION error that the client was told, after the channel was closed; SESSION_REFUSED where the client refused us
 */
export async function acceptHandshake(
  channel: Channel,
  { network, checker, handshakeTimeoutMs }: ServerSide,
  dependencies: {
    recover: Recover
    admit(claim: Claim): Promise<string | null>
    /** Whether a peer that was let in is closed again where others need its connection; asked whenever they do. Default: none is. */
    makesRoom?(peer: Peer): boolean
    /** What the peer may send, over all its connections. Default: each has an allowance of its own. */
    allowanceOf?(peer: Peer): Allowance
    randomNonce(): Hex
    readonly clock?: Clock
  },
): Promise<{ readonly peer: Peer; readonly early: readonly SizedFrame[] }> {
  const { peerAddress: from } = channel
  const reader = readFrames(
    channel,
    { from, maxFrames: framesOfClient, timeoutMs: handshakeTimeoutMs },
    dependencies.clock,
  )
  try {
    const nonce = dependencies.randomNonce()
    await say(channel, 'welcome', { version: protocolVersion, ...network, checker, nonce })
    const { version, role, session, deviceIds } = await reader.next('session')
    if (version !== protocolVersion)
      throw sessionErrors.SESSION_VERSION_UNSUPPORTED({ theirs: version, ours: protocolVersion })
    const { message, signature } = session
    if (message.checker !== checker)
      throw sessionErrors.SESSION_CHECKER_MISMATCH({ theirs: message.checker, ours: checker })
    if (
      message.clientCertificateHash !== channel.peerCertificateHash ||
      message.serverCertificateHash !== channel.ownCertificateHash
    )
      throw sessionErrors.SESSION_CERTIFICATE_MISMATCH()
    if (message.serverNonce !== nonce) throw sessionErrors.SESSION_NONCE_MISMATCH()
    const { operator } = message
    if (message.claimHash !== hashClaim(role, deviceIds)) throw sessionErrors.SESSION_SIGNATURE_INVALID({ operator })
    if ((await signerOf(dependencies.recover, message, signature)) !== operator)
      throw sessionErrors.SESSION_SIGNATURE_INVALID({ operator })

    const peer = { role, operator, deviceIds }
    const admission = dependencies
      .admit({ ...peer, certificateHash: channel.peerCertificateHash })
      .catch(cause => Promise.reject(sessionErrors.SESSION_ADMISSION_FAILED({ cause })))
    // A client that goes on sending, or hangs up, ends the handshake before the chain has answered.
    const why = await Promise.race([admission, reader.broken])
    if (why !== null) throw sessionErrors.SESSION_NOT_ADMITTED({ operator, why })
    if (channel.closed) throw transportErrors.TRANSPORT_LOST({ why: 'it ended during the handshake' })
    channel.authenticated({
      makesRoom: () => dependencies.makesRoom?.(peer) ?? false,
      allowance: dependencies.allowanceOf?.(peer),
    })
    reader.letIn()
    await say(channel, 'accepted', {})
    return { peer, early: reader.early }
  } catch (error) {
    await refuse(channel, error)
    throw error
  } finally {
    reader.stop()
  }
}

/**
 * The client's side: checks that the server is the Checker it should be, signs, and waits to be accepted.
 *
 * @returns frames that arrived right behind `accepted`; they belong to the session
 * @throws SESSION_REFUSED with the server's code, or the SESSION error that the server was told
 */
export async function requestHandshake(
  channel: Channel,
  { url, network, checker, role, operator, deviceIds, handshakeTimeoutMs }: ClientSide,
  { sign, clock }: { sign: Sign; readonly clock?: Clock },
): Promise<readonly SizedFrame[]> {
  const reader = readFrames(channel, { from: url, maxFrames: framesBehind, timeoutMs: handshakeTimeoutMs }, clock)
  try {
    const welcome = await reader.next('welcome')
    if (welcome.version !== protocolVersion)
      throw sessionErrors.SESSION_VERSION_UNSUPPORTED({ theirs: welcome.version, ours: protocolVersion })
    const [theirs, ours] = [nameOf(welcome), nameOf(network)]
    if (theirs !== ours) throw sessionErrors.SESSION_NETWORK_MISMATCH({ theirs, ours })
    if (welcome.checker !== checker)
      throw sessionErrors.SESSION_CHECKER_MISMATCH({ theirs: welcome.checker, ours: checker })

    const message = {
      operator,
      checker,
      clientCertificateHash: channel.ownCertificateHash,
      serverCertificateHash: channel.peerCertificateHash,
      serverNonce: welcome.nonce,
      claimHash: hashClaim(role, deviceIds),
    }
    const session = { message, signature: await sign('Session', message) }
    await say(channel, 'session', { version: protocolVersion, role, session, deviceIds: [...deviceIds] })
    await reader.next('accepted')
    channel.authenticated()
    return reader.early
  } catch (error) {
    await refuse(channel, error)
    throw error
  } finally {
    reader.stop()
  }
}

/** The `claimHash` of a session: what it says of its sender besides the operator. */
export const hashClaim = (role: Peer['role'], deviceIds: readonly Hex[]): Hex =>
  keccak256(concat([stringToHex(role), ...deviceIds]))

const nameOf = ({ chainId, consensus }: Network) => `${chainId}:${consensus.toLowerCase()}`

async function signerOf(recover: Recover, message: SignedMessage<'Session'>, signature: Hex): Promise<Address | null> {
  try {
    return (await recover('Session', message, signature)).toLowerCase() as Address
  } catch {
    return null
  }
}

const say = <T extends MessageType>(channel: Channel, type: T, body: MessageBody<T>): Promise<void> =>
  channel.send({ type, body: toWire(body) }, { urgent: true })

/** Tells the peer the reason, where it is still connected, and ends the channel. A refusal is not answered by another. */
async function refuse(channel: Channel, error: unknown): Promise<void> {
  const reason = closeReason(isKaisarError(error) ? error : sessionErrors.SESSION_ADMISSION_FAILED())
  if (!channel.closed && !isKaisarError(error, 'SESSION_REFUSED')) await say(channel, 'refused', reason).catch(() => {})
  channel.close(reason)
}

/** Takes the handshake's frames one by one; all of them within one deadline. */
function readFrames(
  channel: Channel,
  { from, maxFrames, timeoutMs }: { readonly from: string; readonly maxFrames: number; readonly timeoutMs: number },
  clock: Pick<Clock, 'sleep'> = systemClock,
) {
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => undefined)
  let framesLeft = maxFrames
  const early: SizedFrame[] = []
  let failure: KaisarError | null = null
  let wake = () => {}

  const fail = (error: KaisarError) => {
    failure ??= error
    broken.reject(failure)
    wake()
  }
  const done = timeLimit(clock, timeoutMs, () => fail(sessionErrors.SESSION_HANDSHAKE_TIMEOUT({ timeoutMs })))
  channel.onFrame((frame, bytes) => {
    if (--framesLeft < 0) return fail(sessionErrors.SESSION_OUT_OF_ORDER({ type: frame.type }))
    early.push([frame, bytes])
    wake()
  })
  channel.onClose(reason => fail(transportErrors.TRANSPORT_CLOSED({ reason })))

  return {
    /** Frames that have arrived and were not taken. */
    early,
    /** From this call on frames belong to the session. */
    letIn() {
      framesLeft = framesBehind
    },
    /** Rejects when the handshake can no longer succeed. */
    broken: broken.promise,
    async next<T extends MessageType>(type: T): Promise<MessageBody<T>> {
      while (early.length === 0 && failure === null) await new Promise<void>(resolve => (wake = resolve))
      const [frame] = early.shift() ?? []
      if (frame === undefined) throw failure
      if (frame.type === 'refused') {
        const refusal = messageBodies.refused.safeParse(frame.body)
        if (refusal.success) throw sessionErrors.SESSION_REFUSED({ url: from, ...refusal.data })
      }
      if (frame.type !== type || frame.payload !== undefined)
        throw sessionErrors.SESSION_OUT_OF_ORDER({ type: frame.type })
      const parsed = messageBodies[type].safeParse(frame.body)
      if (!parsed.success)
        throw sessionErrors.MESSAGE_INVALID({ type, why: parsed.error.issues[0]?.message ?? 'not as expected' })
      return parsed.data as MessageBody<T>
    },
    stop: done,
  }
}
