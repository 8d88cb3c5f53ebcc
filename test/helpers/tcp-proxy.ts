import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { seededRandom } from './seeded-random.ts'

/** `up` is from the dialling side to the target. */
export type Direction = 'up' | 'down'

/** What happens to the bytes of one direction of one connection. Offsets count from its first byte. */
export type Faults = {
  /** XORs `mask` (not 0) into the byte at `offset`. */
  readonly flips?: readonly { readonly offset: number; readonly mask: number }[]
  /** Flips one random bit of each byte with this probability. */
  readonly flipProbability?: number
  /** Everything arrives this much later, plus up to `jitterMs`, in order. */
  readonly delayMs?: number
  readonly jitterMs?: number
  readonly bytesPerSecond?: number
  /** Both directions are reset once this many bytes have passed. */
  readonly cutAfterBytes?: number
  /** Nothing more arrives once this many bytes have passed, and nobody is told. */
  readonly hangAfterBytes?: number
}

export type TcpProxyOptions = {
  readonly target: { readonly host: string; readonly port: number }
  /** The faults of the nth connection, from 0; also read again for every chunk, so that they may change on the way. */
  readonly faults?: (connection: number, direction: Direction) => Faults
  readonly seed?: number
}

export type TcpProxy = {
  readonly host: string
  readonly port: number
  /** A URL as it would be dialled at the target, but through the proxy. */
  through(url: string): string
  /** Connections so far. */
  readonly connections: number
  /** Bytes that have passed, of all connections. */
  readonly passed: Readonly<Record<Direction, number>>
  readonly flipped: number
  /** Resets every connection that is open now. */
  cut(): void
  close(): Promise<void>
}

/** A TCP proxy on loopback that damages, delays, narrows, hangs or cuts what passes; all chance comes from the seed. */
export async function createTcpProxy({ target, faults = () => ({}), seed = 1 }: TcpProxyOptions): Promise<TcpProxy> {
  const random = seededRandom(seed)
  const open = new Set<Socket>()
  const passed = { up: 0, down: 0 }
  let connections = 0
  let flipped = 0

  async function pump(connection: number, direction: Direction, from: Socket, to: Socket) {
    let offset = 0
    let lastArrival = Promise.resolve()
    const reset = () => {
      from.resetAndDestroy()
      to.resetAndDestroy()
    }
    try {
      for await (const data of from as AsyncIterable<Buffer>) {
        const fault = faults(connection, direction)
        let chunk = Buffer.from(data)
        flipped += flip(chunk, offset, fault, random)
        const last = Math.min(fault.cutAfterBytes ?? Infinity, fault.hangAfterBytes ?? Infinity)
        if (offset + chunk.length > last) chunk = chunk.subarray(0, Math.max(0, last - offset))
        offset += chunk.length
        passed[direction] += chunk.length

        const latency = wait((fault.delayMs ?? 0) + random() * (fault.jitterMs ?? 0))
        lastArrival = Promise.all([lastArrival, latency]).then(() => write(to, chunk))
        lastArrival.catch(() => {})
        if (fault.bytesPerSecond !== undefined) await wait((chunk.length / fault.bytesPerSecond) * 1000)
        if (offset >= (fault.cutAfterBytes ?? Infinity)) {
          await lastArrival
          return reset()
        }
        while (offset >= (faults(connection, direction).hangAfterBytes ?? Infinity)) {
          if (from.destroyed || to.destroyed) return
          await wait(10)
        }
      }
      await lastArrival
      to.end()
    } catch {
      reset()
    }
  }

  const server = createServer({ allowHalfOpen: true }, client => {
    const upstream = connect({ ...target, allowHalfOpen: true })
    const connection = connections++
    for (const socket of [client, upstream]) {
      socket.setNoDelay()
      open.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        open.delete(socket)
        const other = socket === client ? upstream : client
        if (socket.errored) other.resetAndDestroy()
      })
    }
    upstream.once('connect', () => {
      void pump(connection, 'up', client, upstream)
      void pump(connection, 'down', upstream, client)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  return {
    host: '127.0.0.1',
    port,
    through: url => url.replace(/^(\w+:\/\/)[^/]+/, `$1127.0.0.1:${port}`),
    get connections() {
      return connections
    },
    passed,
    get flipped() {
      return flipped
    },
    cut() {
      for (const socket of open) socket.resetAndDestroy()
    },
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

function flip(chunk: Buffer, offset: number, fault: Faults, random: () => number): number {
  let flipped = 0
  for (const { offset: at, mask } of fault.flips ?? []) {
    const index = at - offset
    if (index < 0 || index >= chunk.length) continue
    chunk[index]! ^= mask
    flipped += 1
  }
  if (fault.flipProbability === undefined) return flipped
  for (let index = 0; index < chunk.length; index++) {
    if (random() >= fault.flipProbability) continue
    chunk[index]! ^= 1 << Math.floor(random() * 8)
    flipped += 1
  }
  return flipped
}

const write = (socket: Socket, chunk: Buffer): Promise<void> =>
  new Promise((resolve, reject) => socket.write(chunk, error => (error ? reject(error) : resolve())))
