import type { Hex } from 'viem'

/**
 * The port between Provider and Checker (and between Checkers): framed, ordered, two-way messages over a connection whose
 * ends are known by certificate. `websocket.ts` and `in-memory.ts` implement it; one compliance suite runs over both.
 */
export type Frame = {
  /** What the frame is, e.g. `job.offer`; see `protocol/messages.ts`. */
  readonly type: string
  /** JSON-compatible fields; validated by the receiver. */
  readonly body: unknown
  /** Bytes that would be wasteful as JSON, e.g. openings. */
  readonly payload?: Uint8Array
}

export type CloseReason = { readonly code: string; readonly message: string }

export type Channel = {
  /** Unique within this process; for logs. */
  readonly id: string
  /** SHA-256 of the peer's TLS certificate (DER), zero bytes where the connection carries none. */
  readonly peerCertificateHash: Hex
  /** SHA-256 of our own TLS certificate (DER), zero bytes where none. */
  readonly ownCertificateHash: Hex
  /** Resolves when the frame was handed to the operating system; rejects when closed or when the peer does not read. */
  send(frame: Frame): Promise<void>
  /** Frames arrive in order; frames that arrive before a handler is set are kept. */
  onFrame(handler: (frame: Frame) => void): void
  onClose(handler: (reason: CloseReason) => void): void
  close(reason?: CloseReason): void
  readonly closed: boolean
}

export type Listener = {
  /** What a peer dials, e.g. `ws://127.0.0.1:40123`; the port is the one really bound. */
  readonly url: string
  close(): Promise<void>
}

export type Limits = {
  readonly maxFrameBytes: number
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  readonly framesPerSecond: number
  readonly maxQueuedBytes: number
  readonly handshakeTimeoutMs: number
  readonly idleTimeoutMs: number
}

export type DialOptions = {
  readonly url: string
  /** The certificate hash registered on chain; zero bytes accept a connection without TLS. */
  readonly expectedCertificateHash: Hex
  readonly signal?: AbortSignal
}

export type Transport = {
  dial(options: DialOptions): Promise<Channel>
}
