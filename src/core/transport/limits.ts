import type { Limits } from './transport.ts'

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
