import type { Limits } from './transport.ts'

const mebibyte = 1024 * 1024

/**
 * What one Checker endpoint grants. A Provider with 256 devices sends about 256 commitments at once at a trigger, so the
 * burst is generous and the sustained rate is not; one address may be a data centre behind one NAT.
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
 * Most bytes of a client that has not been let in, in all: its `session` and the 256 devices that it names take 18 KiB. Whoever sends more
 * is shown out, so that strangers hold little memory however long the chain takes to say who they are.
 */
export const maxEarlyBytes = 64 * 1024

export const withDefaults = (limits: Partial<Limits> = {}): Limits => ({ ...defaultLimits, ...limits })
