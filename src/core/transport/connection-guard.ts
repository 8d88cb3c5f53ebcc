// Why: docs/why/transport.md

import { isIPv6, type Socket } from 'node:net'
import { createTokenBucket, type TokenBucket } from './token-bucket.ts'
import type { Limits } from './transport.ts'

/** What a raw socket and the TLS socket above it have in common. */
type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>
type Held = { readonly socket: Socket; readonly origin: string }

const maxOrigins = 10_000

/**
 * Decides who may hold a connection. When all are taken, the oldest whose peer has not authenticated is closed to make room. So slow
 * sockets, however many, cannot keep an honest peer out and never end its session.
 */
export function createConnectionGuard(limits: Limits, now: () => number, maxConnections = () => limits.maxConnections) {
  const held = new Map<string, Held>()
  const pending = new Set<string>()
  const perOrigin = new Map<string, number>()
  const requests = new Map<string, TokenBucket>()

  function bucketOf(origin: string): TokenBucket {
    const known = requests.get(origin)
    if (known !== undefined) return known
    if (requests.size >= maxOrigins) {
      for (const [other, bucket] of requests) if (bucket.full) requests.delete(other)
      // The oldest allowance is forgotten, so that memory stays bounded. An attacker with this many addresses gains little by that.
      if (requests.size >= maxOrigins) requests.delete(requests.keys().next().value!)
    }
    const bucket = createTokenBucket({ perSecond: limits.requestsPerSecond, burst: limits.burstRequests }, now)
    requests.set(origin, bucket)
    return bucket
  }

  function forget(key: string) {
    pending.delete(key)
    const entry = held.get(key)
    if (entry === undefined) return
    held.delete(key)
    const left = perOrigin.get(entry.origin)! - 1
    if (left === 0) perOrigin.delete(entry.origin)
    else perOrigin.set(entry.origin, left)
  }

  function makeRoom(): boolean {
    if (held.size < maxConnections()) return true
    const [oldest] = pending
    if (oldest === undefined) return false
    held.get(oldest)?.socket.destroy()
    forget(oldest)
    return true
  }

  return {
    /** Whether a socket that was just accepted may stay. Where it may not, the caller destroys it before it reads a byte. */
    admit(socket: Socket): boolean {
      const origin = originOf(socket.remoteAddress)
      const ofOrigin = perOrigin.get(origin) ?? 0
      if (origin === '' || ofOrigin >= limits.maxConnectionsPerAddress || !bucketOf(origin).take() || !makeRoom()) {
        socket.destroy()
        return false
      }
      const key = keyOf(socket)
      held.set(key, { socket, origin })
      pending.add(key)
      perOrigin.set(origin, ofOrigin + 1)
      socket.once('close', () => {
        if (held.get(key)?.socket === socket) forget(key)
      })
      return true
    },
    /** Takes one request of this peer's allowance. */
    allowRequest: (peer: Peer): boolean => bucketOf(originOf(peer.remoteAddress)).take(),
    get connections(): number {
      return held.size
    },
    /** The peer has authenticated: its connection no longer makes room for others. */
    establish: (peer: Peer): void => void pending.delete(keyOf(peer)),
  }
}

const keyOf = ({ remoteAddress, remotePort }: Peer) => `${remoteAddress} ${remotePort}`

/** The origin that limits are counted for: an IPv4 address, or the /64 of an IPv6 address, which one host owns; empty where the socket is gone. */
export function originOf(address: string | undefined): string {
  const mapped = address?.replace(/^::ffff:(?=\d+\.)/i, '') ?? ''
  if (!isIPv6(mapped)) return mapped
  const [head = '', tail] = mapped.replace(/%.*$/, '').split('::')
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  const full = [...groups, ...Array<string>(missing).fill('0'), ...(tail ? tail.split(':') : [])]
  return `${full.slice(0, 4).join(':')}::/64`
}
