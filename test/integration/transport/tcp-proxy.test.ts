import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createTcpProxy, type Faults, type TcpProxy } from '../../helpers/tcp-proxy.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** An echo server behind a proxy, and a connection through it. */
async function echo(up: Faults, seed = 1): Promise<{ proxy: TcpProxy; client: Socket }> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}))
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise(resolve => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const faults = (_: number, direction: string) => (direction === 'up' ? up : {})
  const proxy = await createTcpProxy({ target: { host: '127.0.0.1', port }, faults, seed })
  closing.push(() => proxy.close())
  const client = connect(proxy.port, proxy.host)
  await once(client, 'connect')
  closing.push(() => client.destroy())
  return { proxy, client }
}

async function read(client: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of client.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    if (Buffer.concat(chunks).length >= bytes) break
  }
  return Buffer.concat(chunks)
}

describe('tcp proxy', () => {
  it('the TCP proxy passes everything on where no fault is asked for', async () => {
    const { client, proxy } = await echo({})
    const sent = Buffer.alloc(300_000, 'abc')
    client.write(sent)
    expect((await read(client, sent.length)).equals(sent)).toBe(true)
    expect(proxy.passed).toEqual({ up: 300_000, down: 300_000 })
    expect(proxy.flipped).toBe(0)
  })

  it('the TCP proxy flips exactly the named bytes', async () => {
    const { client, proxy } = await echo({
      flips: [
        { offset: 2, mask: 0x20 },
        { offset: 5, mask: 0x01 },
      ],
    })
    client.write('abc')
    await read(client, 3)
    client.write('abc')
    expect((await read(client, 3)).toString()).toBe('abb')
    expect(proxy.flipped).toBe(2)
  })

  it('the TCP proxy flips the same bits for the same seed, and others for another seed', async () => {
    const damaged = async (seed: number) => {
      const { client } = await echo({ flipProbability: 0.1 }, seed)
      client.write(Buffer.alloc(1000))
      return (await read(client, 1000)).toString('hex')
    }
    const first = await damaged(7)
    expect(await damaged(7)).toBe(first)
    expect(await damaged(8)).not.toBe(first)
    expect(first).not.toBe('00'.repeat(1000))
  })

  it('the TCP proxy cuts the connection after the given number of bytes', async () => {
    const { client, proxy } = await echo({ cutAfterBytes: 10 })
    const ended = new Promise(resolve => client.once('close', resolve))
    client.on('error', () => {})
    client.write('0123456789abcdef')
    await ended
    expect(proxy.passed.up).toBe(10)
  })

  it('the TCP proxy hangs after the given number of bytes, with both ends connected', async () => {
    const { client, proxy } = await echo({ hangAfterBytes: 4 })
    client.write('0123456789')
    expect((await read(client, 4)).toString()).toBe('0123')
    expect([client.destroyed, proxy.passed.up]).toEqual([false, 4])
  })

  it('the TCP proxy delays and narrows a connection, and keeps the order', async () => {
    const { client } = await echo({ delayMs: 20, jitterMs: 20, bytesPerSecond: 2_000_000 })
    const startedAt = performance.now()
    for (let n = 0; n < 20; n++) client.write(Buffer.alloc(5_000, n))
    const echoed = await read(client, 100_000)
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(20)
    expect(echoed.equals(Buffer.concat(Array.from({ length: 20 }, (_, n) => Buffer.alloc(5_000, n))))).toBe(true)
  })

  it('the TCP proxy cuts everything at once when told to', async () => {
    const { client, proxy } = await echo({})
    client.write('x')
    await read(client, 1)
    const ended = new Promise(resolve => client.once('close', resolve))
    client.on('error', () => {})
    proxy.cut()
    await ended
    expect(proxy.connections).toBe(1)
  })
})
