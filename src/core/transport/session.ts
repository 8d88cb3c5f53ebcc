// Why: docs/why/transport.md

import type { Address, Hex } from 'viem'
import type { Clock } from '../platform/clock.ts'
import { isKaisarError, KaisarError } from '../platform/errors.ts'
import {
  type HandshakeType,
  handshakeTypes,
  isMessageType,
  type MessageBody,
  type MessageType,
  maxPayloadBytes,
  messageBodies,
  toWire,
} from '../protocol/messages.ts'
import { closeReason, sessionErrors } from './errors.ts'
import { createTokenBucket } from './token-bucket.ts'
import type { Channel, CloseReason, Frame, Limits } from './transport.ts'

/** The other end of a session, as the handshake has proven it. */
export type Peer = {
  readonly role: 'provider' | 'checker'
  /** Address of the peer's operator, in lower case. For the dialling side: that of the Checker. */
  readonly operator: Address
  /** The devices for which a Provider dials; empty for a Checker. */
  readonly deviceIds: readonly Hex[]
}

/**
 * Handles one message. `receivedAt` is when its last byte arrived, by the session's clock: deadlines are judged by it, not
 * by when the handler's turn came. A rejection is answered by a refusal that carries its code and nothing else.
 */
type MessageHandler<T extends MessageType> = (
  body: MessageBody<T>,
  payload: Uint8Array,
  receivedAt: number,
) => void | Promise<void>

export type Session = Peer & {
  readonly peerCertificateHash: Hex
  /** Rejects as {@link Channel.send} does. Small messages overtake those that carry bulk. */
  send<T extends MessageType>(type: T, body: MessageBody<T>, payload?: Uint8Array): Promise<void>
  /** Handles messages of a type; they start in the order in which they came. Returns a function that ends it. */
  on<T extends MessageType>(type: T, handler: MessageHandler<T>): () => void
  /** Called once; at once where the session has already ended. Returns a function that ends it. */
  onClose(handler: (reason: CloseReason) => void): () => void
  close(reason?: CloseReason): void
  readonly closed: boolean
}

export type SessionDependencies = {
  /** The clock whose monotonic time `receivedAt` is. */
  readonly clock: Clock
  /** Called where a handler failed; the peer learns only the code. */
  onFault?(fault: { readonly session: Session; readonly type: MessageType; readonly error: unknown }): void
}

const bulkTypes: ReadonlySet<string> = new Set<MessageType>(['job.openings', 'wrong.work', 'device.report'])
/** Refused messages that a session survives: 32 at once, and 10 a minute. */
const faultBurst = 32
const faultsPerSecond = 10 / 60
const noBytes = new Uint8Array()

/** A frame with its size in bytes. */
export type SizedFrame = readonly [frame: Frame, bytes: number]
type AnyHandler = (body: unknown, payload: Uint8Array, receivedAt: number) => void | Promise<void>

/**
 * Typed messages over a channel whose peer is known. `early` are frames that arrived together with the end of the handshake.
 * The receiver of a session has to register its handlers in the same turn of the event loop; then it misses nothing.
 *
 * Handlers run one per turn of the event loop. Unknown, malformed and oversized messages are refused and the session goes on, until there are too many.
 * Messages without a handler, or that do not fit the queue, are refused. A handshake message ends the session.
 */
export function createSession(
  channel: Channel,
  peer: Peer,
  limits: Pick<Limits, 'maxQueuedBytes'>,
  { clock, onFault }: SessionDependencies,
  early: readonly SizedFrame[] = [],
): Session {
  const now = () => clock.monotonicMs()
  const handlers = new Map<MessageType, Set<AnyHandler>>()
  const waiting: (() => void)[] = []
  const faults = createTokenBucket({ perSecond: faultsPerSecond, burst: faultBurst }, now)
  const closers = new Set<(reason: CloseReason) => void>()
  let ended: CloseReason | null = null
  let unhandledBytes = 0
  let scheduled = false
  channel.onClose(reason => {
    ended = reason
    for (const closer of closers) closer(reason)
    closers.clear()
  })

  const session: Session = {
    ...peer,
    peerCertificateHash: channel.peerCertificateHash,
    get closed() {
      return channel.closed
    },
    send: (type, body, payload) =>
      channel.send({ type, body: toWire(body), payload }, { urgent: !bulkTypes.has(type) }),
    on(type, handler) {
      const ofType = handlers.get(type) ?? new Set()
      handlers.set(type, ofType.add(handler as AnyHandler))
      return () => void ofType.delete(handler as AnyHandler)
    },
    onClose(handler) {
      if (ended !== null) handler(ended)
      else closers.add(handler)
      return () => void closers.delete(handler)
    },
    close: reason => channel.close(reason),
  }

  function refuse(error: KaisarError, regarding: string, isFault: boolean) {
    if (isFault && !faults.take()) return channel.close(closeReason(sessionErrors.SESSION_FAULTS_EXCEEDED()))
    session.send('refused', { ...closeReason(error), regarding }).catch(() => {})
  }

  function receive({ type, body, payload = noBytes }: Frame, bytes: number) {
    const receivedAt = now()
    if (!isMessageType(type)) return refuse(sessionErrors.MESSAGE_UNKNOWN({ type }), type, true)
    if (handshakeTypes.includes(type as HandshakeType))
      return channel.close(closeReason(sessionErrors.SESSION_OUT_OF_ORDER({ type })))

    const parsed = parse(type, body, payload)
    // A refusal is never answered by a refusal: the two sides could go on for ever.
    if (type === 'refused' && (parsed instanceof KaisarError || unhandledBytes + bytes > limits.maxQueuedBytes)) return
    if (parsed instanceof KaisarError) return refuse(parsed, type, true)
    if (unhandledBytes + bytes > limits.maxQueuedBytes)
      return refuse(sessionErrors.MESSAGE_QUEUE_FULL({ type }), type, false)
    unhandledBytes += bytes
    inTurn(async () => {
      await handle(type, parsed, payload, receivedAt)
      unhandledBytes -= bytes
    })
  }

  async function handle(type: MessageType, body: unknown, payload: Uint8Array, receivedAt: number) {
    const ofType = handlers.get(type)
    if (ofType === undefined || ofType.size === 0) {
      if (type !== 'refused') refuse(sessionErrors.MESSAGE_UNEXPECTED({ type }), type, false)
      return
    }
    const handled = await Promise.allSettled([...ofType].map(async handler => handler(body, payload, receivedAt)))
    for (const result of handled) {
      if (result.status === 'fulfilled') continue
      const error: unknown = result.reason
      const code = isKaisarError(error) ? error.code : 'INTERNAL'
      if (type !== 'refused') refuse(sessionErrors.MESSAGE_NOT_PROCESSED({ type, code }), type, false)
      onFault?.({ session, type, error })
    }
  }

  function inTurn(task: () => void) {
    waiting.push(task)
    if (scheduled) return
    scheduled = true
    setImmediate(function next() {
      waiting.shift()?.()
      scheduled = waiting.length > 0
      if (scheduled) setImmediate(next)
    })
  }

  for (const [frame, bytes] of early) receive(frame, bytes)
  channel.onFrame(receive)
  return session
}

/** The body as its schema reads it, or the error that says what is wrong with it. */
function parse(type: MessageType, body: unknown, payload: Uint8Array): unknown {
  const [bytes, maxBytes] = [payload.length, maxPayloadBytes[type] ?? 0]
  if (bytes > maxBytes) return sessionErrors.MESSAGE_PAYLOAD_TOO_LARGE({ type, bytes, maxBytes })
  const parsed = messageBodies[type].safeParse(body)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const why = `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not as expected'}`.slice(0, 200)
  return sessionErrors.MESSAGE_INVALID({ type, why })
}
