// Why: docs/why/transport.md

import { isIPv6, type Socket } from 'node:net'
import { createTokenBucket, type TokenBucket } from './token-bucket.ts'
import type { Limits } from './transport.ts'

/** What a raw socket and the TLS socket above it have in common. */
type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>
/** `counts`: whether it is one of those that its origin may have. */
type Held = { readonly socket: Socket; readonly origin: string; counts: boolean }

const maxOrigins = 10_000

/**
 * Decides who may hold a connection. When all are taken, the oldest whose peer is not known is closed to make room, then the oldest
 * whose peer is a guest. So slow sockets, and guests, however many, cannot keep an honest peer out and never end its session. Addresses that
 * nobody known has come from share a rate, so that a crowd of them cannot hold up whoever is there with handshakes or requests.
 */
export function createConnectionGuard(limits: Limits, now: () => number, maxConnections = () => limits.maxConnections) {
  const held = new Map<string, Held>()
  const pending = new Set<string>()
  const guests = new Map<string, () => boolean>()
  const perOrigin = new Map<string, number>()
  const requests = new Map<string, TokenBucket>()
  /** Where peers that are known have come from, the latest last. */
  const knownOrigins = new Set<string>()
  const { strangersPerSecond } = limits
  /** What all addresses together may do that nobody known has come from. */
  const strangers = {
    handshakes: createTokenBucket({ perSecond: strangersPerSecond, burst: strangersPerSecond }, now),
    requests: createTokenBucket({ perSecond: strangersPerSecond, burst: strangersPerSecond }, now),
  }

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
    const makesRoom = guests.get(key)
    pending.delete(key)
    guests.delete(key)
    const entry = held.get(key)
    if (entry === undefined) return
    // A guest that has become known meanwhile will come back.
    if (makesRoom?.() === false) remember(entry.origin)
    held.delete(key)
    uncount(entry)
  }

  function uncount(entry: Held) {
    if (!entry.counts) return
    entry.counts = false
    const left = perOrigin.get(entry.origin)! - 1
    if (left === 0) perOrigin.delete(entry.origin)
    else perOrigin.set(entry.origin, left)
  }

  function mayPass(origin: string, ofStrangers: TokenBucket): boolean {
    return origin !== '' && bucketOf(origin).take() && (knownOrigins.has(origin) || ofStrangers.take())
  }

  function remember(origin: string) {
    knownOrigins.delete(origin)
    knownOrigins.add(origin)
    if (knownOrigins.size > maxOrigins) knownOrigins.delete(knownOrigins.values().next().value!)
  }

  /** Guests of an address, or all, that are guests no more. */
  function settle(address?: string) {
    for (const [key, makesRoom] of guests) {
      const entry = held.get(key)!
      if ((address ?? entry.origin) !== entry.origin || makesRoom()) continue
      guests.delete(key)
      remember(entry.origin)
      uncount(entry)
    }
  }

  function makeRoom(): boolean {
    if (held.size < maxConnections()) return true
    if (pending.size === 0) settle()
    const [oldest] = pending.size > 0 ? pending : guests.keys()
    if (oldest === undefined) return false
    held.get(oldest)?.socket.destroy()
    forget(oldest)
    return true
  }

  return {
    /** Whether a socket that was just accepted may stay; one that may not is destroyed here, before a byte of it is read. */
    admit(socket: Socket): boolean {
      const origin = originOf(socket.remoteAddress)
      const ofOrigin = () => perOrigin.get(origin) ?? 0
      if (ofOrigin() >= limits.maxConnectionsPerAddress) settle(origin)
      if (ofOrigin() >= limits.maxConnectionsPerAddress || !mayPass(origin, strangers.handshakes) || !makeRoom()) {
        socket.destroy()
        return false
      }
      const key = keyOf(socket)
      held.set(key, { socket, origin, counts: true })
      pending.add(key)
      // Counted after room was made, which may have been by one of the same origin.
      perOrigin.set(origin, ofOrigin() + 1)
      socket.once('close', () => {
        if (held.get(key)?.socket === socket) forget(key)
      })
      return true
    },
    /** Takes one request of this peer's allowance, whatever connection it comes by. */
    allowRequest: (peer: Peer): boolean => mayPass(originOf(peer.remoteAddress), strangers.requests),
    get connections(): number {
      return held.size
    },
    /**
     * The peer is known. As long as it `makesRoom` it is a guest: its connection is closed for others after those of all strangers. Else, which
     * is the default, it is never closed, and is none of those that its address may have.
     */
    establish(peer: Peer, { makesRoom = () => false }: { makesRoom?(): boolean } = {}): void {
      const key = keyOf(peer)
      if (!pending.delete(key)) return
      guests.set(key, makesRoom)
      // A data centre behind one address has as many hosts as it has.
      if (!makesRoom()) settle(held.get(key)!.origin)
    },
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
