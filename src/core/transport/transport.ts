import type { Hex } from 'viem'
import type { Allowance } from './token-bucket.ts'

/**
 * The port between Provider and Checker (and between Checkers): framed, ordered, two-way messages over a connection whose
 * ends are known by certificate. `websocket.ts` implements it; tests have one in memory, and one compliance suite runs over both.
 */
export type Frame = {
  /** What the frame is, e.g. `job.offer`; see `protocol/messages.ts`. */
  readonly type: string
  /** JSON-compatible fields; validated by the receiver. */
  readonly body: unknown
  /** Bytes that would be wasteful as JSON, e.g. openings; absent when there are none. */
  readonly payload?: Uint8Array
}

/** The reason why a channel ended: `code` is one of this folder's `errors.ts`, or the one that the peer gave. */
export type CloseReason = { readonly code: string; readonly message: string }

export type Channel = {
  /** The peer's place, e.g. an IP address; for logs and limits, never for identity. */
  readonly peerAddress: string
  /** SHA-256 of the peer's TLS certificate (DER), zero bytes where the connection carries none. */
  readonly peerCertificateHash: Hex
  /** SHA-256 of our own TLS certificate (DER), zero bytes where none. */
  readonly ownCertificateHash: Hex
  /**
   * Resolves when the frame was handed to the operating system. Rejects with `TRANSPORT_FRAME_TOO_LARGE`,
   * `TRANSPORT_QUEUE_FULL` when the peer does not read (nothing was sent, the channel stays), or `TRANSPORT_CLOSED`.
   * An `urgent` frame overtakes the frames that still wait, but none that is being written.
   */
  send(frame: Frame, options?: { readonly urgent?: boolean }): Promise<void>
  /**
   * Frames arrive in order, with their size in bytes. Frames that arrive before a handler is set are kept, up to `maxQueuedBytes`;
   * after that nothing is read from the peer.
   */
  onFrame(handler: (frame: Frame, bytes: number) => void): void
  /** Called once; at once where the channel has already ended. */
  onClose(handler: (reason: CloseReason) => void): void
  /**
   * Says that the peer has proven who it is, so that it may send more than a stranger. This channel is no longer closed when connections run
   * out, or, as long as it `makesRoom`, only after those of all strangers. An `allowance` takes the place of this channel's own: that of a
   * peer who had other channels before.
   */
  authenticated(options?: { makesRoom?(): boolean; readonly allowance?: Allowance }): void
  close(reason?: CloseReason): void
  readonly closed: boolean
}

export type Listener = {
  /** What a peer dials, e.g. `ws://127.0.0.1:40123`; the port is the one really bound. */
  readonly url: string
  /** Number of connections that are held now, those of strangers included. */
  connections(): number
  /** Ends every channel with `TRANSPORT_SHUTTING_DOWN`; resolves when the last socket is gone. */
  close(): Promise<void>
}

/** What a connection may cost, checked before anything is parsed; see {@link defaultLimits}. */
export type Limits = {
  readonly maxFrameBytes: number
  /** Of a frame, the part that is parsed as JSON. */
  readonly maxHeaderBytes: number
  /** When all are taken, the oldest whose peer has not authenticated is closed to make room, then the oldest that makes room all the same. A listener may name another number at any time. */
  readonly maxConnections: number
  /** Of peers that are not known, or make room all the same. */
  readonly maxConnectionsPerAddress: number
  /** Sustained frames per second of one peer; a frame costs one more per 64 KiB. A Provider has a part of both, by its devices. */
  readonly framesPerSecond: number
  readonly burstFrames: number
  /** New connections and HTTP requests per second of one address. */
  readonly requestsPerSecond: number
  readonly burstRequests: number
  /** New connections per second, and at once, of all addresses together that no known peer has come from: each costs a handshake. */
  readonly strangersPerSecond: number
  /** Bytes waiting to be written to a peer, and bytes of a peer that wait for a handler. */
  readonly maxQueuedBytes: number
  /** From the first byte of a request to the end of its headers. */
  readonly headersTimeoutMs: number
  /** From the first packet to the open channel, and again from there to the accepted session. */
  readonly handshakeTimeoutMs: number
  /** A peer that sends nothing, or takes nothing of a pending write, for this long is disconnected. */
  readonly idleTimeoutMs: number
}

export type DialOptions = {
  readonly url: string
  /** The certificate hash registered on chain; zero bytes accept a connection without TLS. */
  readonly expectedCertificateHash: Hex
  readonly signal?: AbortSignal
}

/** An answer to `GET`: the whole body, so that its size is known and bounded when it was stored. */
type GetReply = { readonly contentType: string; readonly body: Uint8Array }

export type ListenOptions = {
  /** Address to bind, e.g. `127.0.0.1` or `::`. */
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  onChannel(channel: Channel): void
  /** Most bytes that a channel takes from a peer before `authenticated` is called; default: only the limits of frames. */
  readonly maxEarlyBytes?: number
  /** Most connections now; asked at each new one. Default: `maxConnections` of the limits. */
  maxConnections?(): number
  /** Answers plain `GET <path>` on the same port, without a client certificate; `null` gives 404. */
  onGet?(path: string): Promise<GetReply | null>
}

export type Transport = {
  dial(options: DialOptions): Promise<Channel>
  listen(options: ListenOptions): Promise<Listener>
}

/** One end's TLS certificate with its key, as `certificate.ts` makes them. */
export type Identity = {
  readonly certificatePem: string
  readonly keyPem: string
  /** SHA-256 of the certificate's DER. */
  readonly certificateHash: Hex
}

const mebibyte = 1024 * 1024

/**
 * The limits of one Checker endpoint. A Provider with 256 devices sends about 256 commitments at once at a trigger, so the burst
 * is generous and the sustained rate is not. One address may be a data centre behind a NAT.
 */
export const defaultLimits: Limits = {
  maxFrameBytes: mebibyte,
  maxHeaderBytes: mebibyte / 2,
  maxConnections: 1024,
  maxConnectionsPerAddress: 64,
  framesPerSecond: 200,
  burstFrames: 2000,
  requestsPerSecond: 20,
  burstRequests: 100,
  strangersPerSecond: 200,
  maxQueuedBytes: 4 * mebibyte,
  headersTimeoutMs: 5_000,
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: 60_000,
}

/**
 * Most bytes, in all, of a client that has not been accepted: its `session` and the 256 devices that it names take 18 KiB. A client that
 * sends more is disconnected, so that strangers hold little memory however long the chain takes to answer for them.
 */
export const maxEarlyBytes = 64 * 1024

export const withDefaults = (limits: Partial<Limits> = {}): Limits => ({ ...defaultLimits, ...limits })
