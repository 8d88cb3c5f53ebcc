// Why: docs/why/transport.md

import { type Clock, systemClock } from '../platform/clock.ts'
import type { KaisarError } from '../platform/errors.ts'
import { closeReason, transportErrors } from './errors.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import { createOutbox } from './outbox.ts'
import { createAllowance, createTokenBucket } from './token-bucket.ts'
import type { Channel, CloseReason, Frame, Limits } from './transport.ts'

/** A connection as a channel needs it: whole byte strings in order, both ways. */
export type Wire = {
  /** Resolves when the operating system took the bytes; rejects when the connection is gone. */
  write(bytes: Uint8Array): Promise<void>
  /** Stops and resumes reading, so that an unread peer is slowed down by its own connection. */
  pause(): void
  resume(): void
  /** Ends the connection after everything that was written before, and tells the peer the reason. */
  close(reason: CloseReason): void
}

export type ChannelEnd = ReturnType<typeof createChannel>

export type ChannelOptions = {
  readonly clock?: Clock
  /** As {@link import('./transport.ts').ListenOptions.maxEarlyBytes}. */
  readonly maxEarlyBytes?: number
}

const bytesPerToken = 64 * 1024

/**
 * A {@link Channel} over a wire: frames, limits, order and back-pressure, the same for every implementation of the port.
 *
 * Frames above the rate are dropped unparsed and answered by one `refused` a second; a peer that goes on is disconnected.
 * A frame that cannot be read ends the channel, since whatever follows it may be read wrongly too.
 */
export function createChannel(
  identity: Pick<Channel, 'peerAddress' | 'peerCertificateHash' | 'ownCertificateHash' | 'authenticated'>,
  limits: Limits,
  wire: Wire,
  { clock = systemClock, maxEarlyBytes = Number.POSITIVE_INFINITY }: ChannelOptions = {},
) {
  const now = () => clock.monotonicMs()
  let allowance = createAllowance({ perSecond: limits.framesPerSecond, burst: limits.burstFrames }, now)
  const refusals = createTokenBucket({ perSecond: 1, burst: 1 }, now)
  const outbox = createOutbox(
    { maxQueuedBytes: limits.maxQueuedBytes, stallMs: limits.idleTimeoutMs },
    {
      write: wire.write,
      clock,
      onStall: () => end(transportErrors.TRANSPORT_PEER_NOT_READING({ timeoutMs: limits.idleTimeoutMs })),
    },
  )
  const kept: (readonly [Frame, number])[] = []
  const closeHandlers: ((reason: CloseReason) => void)[] = []
  let keptBytes = 0
  let earlyBytes = 0
  let isAuthenticated = false
  let frameHandler: ((frame: Frame, bytes: number) => void) | null = null
  let ending: CloseReason | null = null

  function settle(reason: CloseReason): boolean {
    if (ending !== null) return false
    ending = reason
    outbox.fail(transportErrors.TRANSPORT_CLOSED({ reason }))
    for (const handler of closeHandlers) handler(reason)
    return true
  }

  function close(reason: CloseReason) {
    if (settle(reason)) wire.close(reason)
  }

  const end = (error: KaisarError) => close(closeReason(error))

  function overRate(isTooMuch: boolean) {
    const error = transportErrors.TRANSPORT_RATE_EXCEEDED({ perSecond: allowance.perSecond })
    if (isTooMuch) end(error)
    else if (refusals.take())
      channel.send({ type: 'refused', body: closeReason(error) }, { urgent: true }).catch(() => {})
  }

  const channel: Channel = {
    ...identity,
    authenticated(options) {
      isAuthenticated = true
      earlyBytes = 0
      allowance = options?.allowance ?? allowance
      identity.authenticated(options)
    },
    get closed() {
      return ending !== null
    },
    async send(frame, { urgent = false } = {}) {
      if (ending !== null) throw transportErrors.TRANSPORT_CLOSED({ reason: ending })
      await outbox.push(encodeFrame(frame, limits), urgent)
    },
    onFrame(handler) {
      frameHandler = handler
      for (const [frame, bytes] of kept.splice(0)) handler(frame, bytes)
      keptBytes = 0
      wire.resume()
    },
    onClose(handler) {
      if (ending !== null) handler(ending)
      else closeHandlers.push(handler)
    },
    close(reason = closeReason(transportErrors.TRANSPORT_CLOSED({}))) {
      close(reason)
    },
  }

  return {
    channel,
    /** Called by the wire with each whole byte string that it received. */
    receive(bytes: Uint8Array) {
      if (ending !== null) return
      if (!isAuthenticated) earlyBytes += bytes.length
      if (earlyBytes > maxEarlyBytes)
        return end(transportErrors.TRANSPORT_FRAME_TOO_LARGE({ bytes: earlyBytes, maxBytes: maxEarlyBytes }))
      const outcome = allowance.spend(1 + Math.floor(bytes.length / bytesPerToken))
      if (outcome !== 'taken') return overRate(outcome === 'exceeded')
      let frame: Frame
      try {
        frame = decodeFrame(bytes, limits)
      } catch (error) {
        return end(error as KaisarError)
      }
      if (frameHandler !== null) return frameHandler(frame, bytes.length)
      kept.push([frame, bytes.length])
      keptBytes += bytes.length
      if (keptBytes > limits.maxQueuedBytes) wire.pause()
    },
    /** Called by the wire with what the connection itself sends, which costs as much as a frame: pings and their answers. */
    control() {
      if (ending === null && allowance.spend(1) === 'exceeded') overRate(true)
    },
    /** Called when the wire has ended; the first reason counts. */
    ended: settle,
  }
}
