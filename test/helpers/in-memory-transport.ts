import { type Hex, zeroHash } from 'viem'
import { type Clock, systemClock } from '../../src/core/platform/clock.ts'
import { type ChannelEnd, type ChannelOptions, createChannel, type Wire } from '../../src/core/transport/channel.ts'
import { closeReason, transportErrors } from '../../src/core/transport/errors.ts'
import {
  type Channel,
  type CloseReason,
  type Limits,
  type ListenOptions,
  type Transport,
  withDefaults,
} from '../../src/core/transport/transport.ts'

type Endpoint = {
  /** Of its host. */
  readonly address: string
  readonly clock: Clock
  readonly options: ListenOptions
  readonly certificateHash: Hex
  readonly limits: Limits
  readonly rewrite: Rewrite
  readonly open: Map<ChannelEnd, Entry>
  /** How many of these each address has. */
  readonly openOf: Map<string, number>
} & ChannelOptions

export type InMemoryNetwork = {
  /** A host of this network; its certificate is only a hash here. */
  transport(options?: {
    readonly certificateHash?: Hex
    readonly address?: string
    readonly limits?: Partial<Limits>
    readonly clock?: Clock
    readonly rewrite?: Rewrite
  }): Transport
  /** Cuts every connection of a host and everything it listens on, as when its process is killed: nothing reaches it any more, and nothing comes from it. */
  sever(address: string): void
}

/** Changes the bytes that a hostile host puts on the wire in place of a frame. */
export type Rewrite = (bytes: Uint8Array) => Uint8Array
const asItIs: Rewrite = bytes => bytes

/** Runs the tasks of a host in the order of the calls; default: each in its own turn of the event loop, as a socket would. */
export type Deliver = (address: string, task: () => void) => void

/** Hosts in one process that reach each other as over a network: the same frames, limits and refusals, without sockets. */
export function createInMemoryNetwork({
  deliver = (_, task) => void setImmediate(task),
}: {
  readonly deliver?: Deliver
} = {}): InMemoryNetwork {
  const links = new Set<Link>()
  const endpoints = new Map<string, Endpoint>()
  let ports = 0

  return {
    sever(address) {
      for (const [url, endpoint] of endpoints) if (endpoint.address === address) endpoints.delete(url)
      for (const link of links) {
        if (link.ends.every(each => each.address !== address)) continue
        links.delete(link)
        const lost = closeReason(transportErrors.TRANSPORT_LOST({ why: 'its process ended' }))
        for (const { address: own, end, hears } of link.ends)
          if (own === address) hears.cut()
          else {
            hears.seal()
            deliver(own, () => end.ended(lost))
          }
      }
    },
    transport(options = {}) {
      const { certificateHash = zeroHash, address = 'memory', limits: given } = options
      const { clock = systemClock, rewrite = asItIs } = options
      const limits = withDefaults(given)
      return {
        async dial({ url, expectedCertificateHash, signal }) {
          if (signal?.aborted) throw transportErrors.TRANSPORT_ABORTED({ url })
          const server = endpoints.get(url)
          if (server === undefined) throw transportErrors.TRANSPORT_UNREACHABLE({ url, why: 'nobody listens there' })
          if (server.certificateHash !== expectedCertificateHash)
            throw transportErrors.TRANSPORT_PIN_MISMATCH({
              url,
              expected: expectedCertificateHash,
              found: server.certificateHash,
            })
          if (!hasRoom(server, address))
            throw transportErrors.TRANSPORT_UNREACHABLE({ url, why: 'all of its connections are taken' })
          if (server.certificateHash !== zeroHash && certificateHash === zeroHash)
            throw transportErrors.TRANSPORT_REFUSED({ url, status: 401 })

          const toServer = createPipe(task => deliver(server.address, task))
          const toClient = createPipe(task => deliver(address, task))
          const entry: Entry = { address, makesRoom: null }
          const client = createChannel(
            {
              peerAddress: url,
              peerCertificateHash: server.certificateHash,
              ownCertificateHash: certificateHash,
              authenticated: () => {},
            },
            limits,
            wireOf(toServer, toClient, rewrite),
            { clock },
          )
          const accepted = createChannel(
            {
              peerAddress: address,
              peerCertificateHash: certificateHash,
              ownCertificateHash: server.certificateHash,
              authenticated: ({ makesRoom = () => false } = {}) => {
                entry.makesRoom = makesRoom
              },
            },
            server.limits,
            wireOf(toClient, toServer, server.rewrite),
            server,
          )
          toServer.connect(accepted)
          toClient.connect(client)
          const link = {
            ends: [
              { address, end: client, hears: toClient },
              { address: server.address, end: accepted, hears: toServer },
            ],
          }
          links.add(link)
          accepted.channel.onClose(() => links.delete(link))
          const countOpen = (by: number) => server.openOf.set(address, (server.openOf.get(address) ?? 0) + by)
          server.open.set(accepted, entry)
          countOpen(1)
          accepted.channel.onClose(() => {
            server.open.delete(accepted)
            countOpen(-1)
          })
          server.options.onChannel(accepted.channel)
          return client.channel
        },
        async listen(options) {
          const url = `memory://${options.host}:${options.port === 0 ? 40_000 + ++ports : options.port}`
          if (endpoints.has(url)) throw transportErrors.TRANSPORT_PORT_IN_USE(options)
          const open: Endpoint['open'] = new Map()
          endpoints.set(url, {
            address,
            clock,
            options,
            certificateHash,
            limits,
            rewrite,
            open,
            openOf: new Map(),
            ...earlyLimit(options),
          })
          return {
            url,
            connections: () => open.size,
            async close() {
              endpoints.delete(url)
              const channels: Channel[] = [...open.keys()].map(end => end.channel)
              for (const channel of channels) channel.close(closeReason(transportErrors.TRANSPORT_SHUTTING_DOWN()))
            },
          }
        },
      }
    },
  }
}

const earlyLimit = ({ maxEarlyBytes }: ListenOptions) => (maxEarlyBytes === undefined ? {} : { maxEarlyBytes })

function hasRoom({ open, openOf, limits, options }: Endpoint, address: string): boolean {
  const isFull = () =>
    [...open.values()].filter(entry => entry.address === address && entry.makesRoom?.() !== false).length >=
    limits.maxConnectionsPerAddress
  // Those of an address are looked at only where there are that many.
  if ((openOf.get(address) ?? 0) >= limits.maxConnectionsPerAddress && isFull()) return false
  if (open.size < (options.maxConnections?.() ?? limits.maxConnections)) return true
  const oldest =
    [...open].find(([, { makesRoom }]) => makesRoom === null) ?? [...open].find(([, { makesRoom }]) => makesRoom?.())
  oldest?.[0].channel.close(closeReason(transportErrors.TRANSPORT_LOST({ why: 'it made room for another' })))
  return oldest !== undefined
}

/** `makesRoom`: null while the peer is a stranger. */
type Entry = { readonly address: string; makesRoom: (() => boolean) | null }

type Link = { readonly ends: readonly { readonly address: string; readonly end: ChannelEnd; readonly hears: Pipe }[] }

type Pipe = {
  connect(end: ChannelEnd): void
  write(bytes: Uint8Array): Promise<void>
  end(reason: CloseReason): void
  pause(): void
  resume(): void
  /** Nothing is delivered any more. */
  cut(): void
  /** Delivers what is on the way, and loses what is written from now on. */
  seal(): void
}

/** One direction: delivers in order, one task per byte string like a socket would, and holds the writer while paused. */
function createPipe(deliver: (task: () => void) => void): Pipe {
  const waiting: (() => void)[] = []
  let receiver: ChannelEnd | null = null
  let paused = false
  let scheduled = false
  let sealed = false

  const schedule = () => {
    if (scheduled || paused || waiting.length === 0) return
    scheduled = true
    deliver(() => {
      scheduled = false
      if (!paused) waiting.shift()?.()
      schedule()
    })
  }
  const enqueue = (task: () => void) => {
    if (sealed) return
    waiting.push(task)
    schedule()
  }

  return {
    connect(end) {
      receiver = end
    },
    write: bytes =>
      new Promise(resolve =>
        enqueue(() => {
          resolve()
          receiver?.receive(bytes)
        }),
      ),
    end(reason) {
      enqueue(() => receiver?.ended(reason))
    },
    pause() {
      paused = true
    },
    cut() {
      receiver = null
      waiting.length = 0
    },
    seal() {
      sealed = true
    },
    resume() {
      paused = false
      schedule()
    },
  }
}

const wireOf = (outgoing: Pipe, incoming: Pipe, rewrite: Rewrite): Wire => ({
  write: bytes => outgoing.write(rewrite(bytes)),
  close: outgoing.end,
  pause: incoming.pause,
  resume: incoming.resume,
})
