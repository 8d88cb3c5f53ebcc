import type { Socket } from 'node:net'
import type { Hex } from 'viem'
import type { ClientOptions, ServerOptions, WebSocket } from 'ws'
import { printable } from '../platform/printable.ts'
import { type ChannelEnd, createChannel } from './channel.ts'
import { closeReason, transportErrors } from './errors.ts'
import type { Channel, CloseReason, Limits } from './transport.ts'

/** The close code (RFC 6455 leaves 4000 to 4999 to applications) which says that the reason holds a code of ours and a sentence. */
const ownCloseCode = 4000
const maxReasonBytes = 123
const closeTimeoutMs = 1_000
/** Longest header of a client's WebSocket frame: 2 bytes, 8 of length, 4 of mask. */
const maxFrameHeaderBytes = 14

/** Options of `ws` at both ends: no compression (against bombs), few fragments, and a frame limit that is checked against the announced length. */
export const socketOptions = ({ maxFrameBytes }: Limits): ClientOptions & ServerOptions =>
  ({
    perMessageDeflate: false,
    skipUTF8Validation: true,
    maxPayload: maxFrameBytes,
    maxFragments: 64,
    maxBufferedChunks: 64 + Math.ceil(maxFrameBytes / 256),
    closeTimeout: closeTimeoutMs,
  }) as ClientOptions & ServerOptions

/** A channel over an open WebSocket and the socket below it. */
export function channelOf(
  webSocket: WebSocket,
  socket: Socket,
  certificates: { readonly peer: Hex; readonly own: Hex },
  limits: Limits,
  {
    authenticated = () => {},
    maxEarlyBytes = Number.POSITIVE_INFINITY,
  }: { readonly authenticated?: Channel['authenticated']; readonly maxEarlyBytes?: number } = {},
): Channel {
  let earlyBytes = 0
  let fault: CloseReason | null = null
  const end: ChannelEnd = createChannel(
    {
      peerAddress: socket.remoteAddress ?? 'unknown',
      peerCertificateHash: certificates.peer,
      ownCertificateHash: certificates.own,
      authenticated(options) {
        socket.off('data', countEarly)
        authenticated(options)
      },
    },
    limits,
    {
      write: bytes =>
        new Promise((resolve, reject) => webSocket.send(bytes, error => (error ? reject(error) : resolve()))),
      pause: () => webSocket.pause(),
      resume: () => webSocket.resume(),
      close: reason => {
        // A paused socket never sees the peer's close frame.
        webSocket.resume()
        webSocket.close(ownCloseCode, encodeReason(reason))
      },
    },
  )

  /** Counts bytes as they come, because `ws` hands a frame on only when it is whole. */
  function countEarly(chunk: Buffer) {
    earlyBytes += chunk.length
    if (earlyBytes <= maxEarlyBytes + maxFrameHeaderBytes || end.channel.closed) return
    end.channel.close(
      closeReason(transportErrors.TRANSPORT_FRAME_TOO_LARGE({ bytes: earlyBytes, maxBytes: maxEarlyBytes })),
    )
    // Nothing more is read from this peer; a second is enough for its close frame.
    webSocket.pause()
  }
  if (Number.isFinite(maxEarlyBytes)) socket.on('data', countEarly)

  webSocket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) end.receive(data)
    else end.channel.close(closeReason(transportErrors.TRANSPORT_FRAME_MALFORMED({ why: 'it is text, not binary' })))
  })
  for (const kind of ['ping', 'pong']) webSocket.on(kind, () => end.control())
  webSocket.on('error', error => {
    fault ??= reasonOfError(error, limits)
  })
  webSocket.on('close', (code, reason) => end.ended(fault ?? reasonOfClose(code, reason.toString(), limits)))
  keepAlive(webSocket, socket, limits.idleTimeoutMs, reason => end.channel.close(reason))
  return end.channel
}

/** Pings a silent peer (which also keeps a NAT entry alive) and disconnects it after `idleTimeoutMs` without a byte. */
function keepAlive(
  webSocket: WebSocket,
  socket: Socket,
  idleTimeoutMs: number,
  giveUp: (reason: CloseReason) => void,
): void {
  let heardBytes = socket.bytesRead
  let silentTicks = 0
  const timer = setInterval(() => {
    // While we do not read, the silence is our own.
    if (socket.bytesRead !== heardBytes || webSocket.isPaused) silentTicks = 0
    else silentTicks += 1
    heardBytes = socket.bytesRead
    if (silentTicks < 4) return webSocket.ping()
    giveUp(closeReason(transportErrors.TRANSPORT_IDLE({ timeoutMs: idleTimeoutMs })))
    webSocket.terminate()
  }, idleTimeoutMs / 4)
  timer.unref()
  webSocket.on('close', () => clearInterval(timer))
}

function encodeReason({ code, message }: CloseReason): string {
  const text = `${code}: ${message}`
  if (Buffer.byteLength(text) <= maxReasonBytes) return text
  const cut = Buffer.from(text).subarray(0, maxReasonBytes - 3)
  // A character cut in half would decode to the three-byte replacement character.
  return `${cut.toString().replace(/\uFFFD+$/, '')}…`
}

function reasonOfClose(code: number, text: string, limits: Limits): CloseReason {
  const [, ownCode, message] = (code === ownCloseCode ? /^([A-Z][A-Z0-9_]{0,63}): (.*)$/s.exec(text) : null) ?? []
  if (ownCode !== undefined) return { code: ownCode, message: printable(message!) }
  if (code === 1009) return tooLarge(limits)
  if (code === 1000) return closeReason(transportErrors.TRANSPORT_CLOSED({}))
  return closeReason(transportErrors.TRANSPORT_LOST({ why: `it ended with WebSocket code ${code}` }))
}

function reasonOfError(error: Error & { code?: string }, limits: Limits): CloseReason {
  if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' || error.code === 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH')
    return tooLarge(limits)
  if (error.code?.startsWith('WS_ERR_'))
    return closeReason(transportErrors.TRANSPORT_FRAME_MALFORMED({ why: error.message }))
  return closeReason(transportErrors.TRANSPORT_LOST({ why: error.message }))
}

const tooLarge = ({ maxFrameBytes }: Limits) =>
  closeReason(transportErrors.TRANSPORT_FRAME_TOO_LARGE({ bytes: maxFrameBytes + 1, maxBytes: maxFrameBytes }))
