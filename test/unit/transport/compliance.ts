import { type Hex, zeroHash } from 'viem'
import { afterEach, describe, expect, it } from 'vitest'
import type { Channel, CloseReason, Frame, Limits, Listener, Transport } from '../../../src/core/transport/transport.ts'

/** One network under test: a server host and a client host, each with its own certificate (or none). */
export type Network = {
  server(limits?: Partial<Limits>): Transport
  client(limits?: Partial<Limits>): Transport
  /** A host that has no certificate to present; `null` where nobody has one. */
  readonly anonymous: (() => Transport) | null
  readonly serverCertificateHash: Hex
  readonly clientCertificateHash: Hex
}

const otherHash: Hex = `0x${'77'.repeat(32)}`

/** What every implementation of the Transport port must do. */
export function complies(name: string, createNetwork: () => Promise<Network>): void {
  describe(`${name} complies with the transport port`, () => {
    const listeners: Listener[] = []
    afterEach(async () => {
      for (const listener of listeners.splice(0)) await listener.close()
    })

    async function open(limits?: { server?: Partial<Limits>; client?: Partial<Limits> }) {
      const network = await createNetwork()
      const accepted: Channel[] = []
      let notify = () => {}
      const listener = await network.server(limits?.server).listen({
        host: '127.0.0.1',
        port: 0,
        onChannel: channel => {
          accepted.push(channel)
          notify()
        },
      })
      listeners.push(listener)
      const dial = (
        transport = network.client(limits?.client),
        expectedCertificateHash = network.serverCertificateHash,
      ) => transport.dial({ url: listener.url, expectedCertificateHash })
      const channelNumber = async (n: number) => {
        while (accepted.length < n) await new Promise<void>(resolve => (notify = resolve))
        return accepted[n - 1]!
      }
      const connected = async () => {
        const client = await dial()
        return { client, server: await channelNumber(accepted.length || 1) }
      }
      return { network, listener, accepted, dial, connected, channelNumber }
    }

    it('frames are carried both ways, in order, with their payload', async () => {
      const { client, server } = await (await open()).connected()
      const sent: Frame[] = Array.from({ length: 50 }, (_, n) => ({
        type: 'test.frame',
        body: { n, text: 'Ünïcode' },
        payload: new Uint8Array(n * 97).fill(n),
      }))
      const there = collect(server, 50)
      for (const frame of sent) void client.send(frame)
      for (const [n, frame] of (await there).entries()) {
        expect(frame.body).toEqual(sent[n]!.body)
        expect([...(frame.payload ?? [])]).toEqual([...sent[n]!.payload!])
      }
      const back = collect(client, 1)
      await server.send({ type: 'test.frame', body: null })
      expect(await back).toEqual([{ type: 'test.frame', body: null }])
    })

    it('both ends know both certificates', async () => {
      const { connected, network } = await open()
      const { client, server } = await connected()
      expect(client.peerCertificateHash).toBe(network.serverCertificateHash)
      expect(client.ownCertificateHash).toBe(network.clientCertificateHash)
      expect(server.peerCertificateHash).toBe(network.clientCertificateHash)
      expect(server.ownCertificateHash).toBe(network.serverCertificateHash)
    })

    it('frames that arrive before a handler is set are kept', async () => {
      const { connected, channelNumber } = await open()
      const { client } = await connected()
      const server = await channelNumber(1)
      await client.send({ type: 'first', body: 1 })
      await client.send({ type: 'second', body: 2 })
      await client.send({ type: 'third', body: 3 })
      expect((await collect(server, 3)).map(frame => frame.type)).toEqual(['first', 'second', 'third'])
    })

    it('another certificate than the registered one is refused', async () => {
      const { dial, network } = await open()
      const code = network.serverCertificateHash === zeroHash ? /ENDPOINT_INVALID|PIN_MISMATCH/ : /PIN_MISMATCH/
      await expect(dial(undefined, otherHash)).rejects.toMatchObject({ code: expect.stringMatching(code) })
    })

    it('a peer without a certificate is refused exactly where the listener has one', async () => {
      const { dial, network, accepted } = await open()
      if (network.anonymous === null) return expect((await dial()).peerCertificateHash).toBe(zeroHash)
      await expect(dial(network.anonymous())).rejects.toMatchObject({
        code: 'TRANSPORT_REFUSED',
        context: { status: 401 },
      })
      expect(accepted).toEqual([])
    })

    it('both ends learn once why a channel ended, and cannot send afterwards', async () => {
      const { client, server } = await (await open()).connected()
      const reasons: CloseReason[] = []
      server.onClose(reason => reasons.push(reason))
      const heard = closed(client)
      const reason = { code: 'TEST_OVER', message: 'Enough: ü, and a colon.' }
      server.close(reason)
      server.close({ code: 'TEST_AGAIN', message: 'ignored' })
      expect(await heard).toEqual(reason)
      expect(reasons).toEqual([reason])
      expect([client.closed, server.closed]).toEqual([true, true])
      await expect(client.send({ type: 'late', body: null })).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' })
      expect(await closed(client)).toEqual(reason)
    })

    it('frames that were sent before a close are delivered', async () => {
      const { client, server } = await (await open()).connected()
      await server.send({ type: 'refused', body: { code: 'X' } })
      server.close({ code: 'TEST_OVER', message: 'bye' })
      await closed(client)
      expect((await collect(client, 1))[0]!.type).toBe('refused')
    })

    it('a reason that does not fit is shortened, without breaking its code', async () => {
      const { client, server } = await (await open()).connected()
      server.close({ code: 'TEST_LONG', message: 'ö'.repeat(400) })
      const { code, message } = await closed(client)
      expect(code).toBe('TEST_LONG')
      expect(message).toMatch(/^ö{30,400}…?$/)
    })

    it('a frame above the limit is not sent, and the channel goes on', async () => {
      const { client, server } = await (await open({ client: { maxFrameBytes: 4096 } })).connected()
      const large = client.send({ type: 'large', body: null, payload: new Uint8Array(4096) })
      await expect(large).rejects.toMatchObject({ code: 'TRANSPORT_FRAME_TOO_LARGE' })
      await client.send({ type: 'small', body: null })
      expect((await collect(server, 1))[0]!.type).toBe('small')
    })

    it('a peer that sends a frame above the limit is disconnected', async () => {
      const { client, server } = await (await open({ server: { maxFrameBytes: 4096 } })).connected()
      server.onFrame(() => expect.unreachable('it must not be delivered'))
      const ends = Promise.all([closed(client), closed(server)])
      client.send({ type: 'large', body: null, payload: new Uint8Array(8192) }).catch(() => {})
      for (const { code } of await ends) expect(code).toBe('TRANSPORT_FRAME_TOO_LARGE')
    })

    it('a peer whose header is above the limit is disconnected', async () => {
      const { client, server } = await (await open({ server: { maxHeaderBytes: 1024 } })).connected()
      const ends = closed(server)
      client.send({ type: 'large', body: 'x'.repeat(2048) }).catch(() => {})
      expect((await ends).code).toBe('TRANSPORT_FRAME_TOO_LARGE')
    })

    it('frames above the rate are dropped with a refusal, and then the peer is disconnected', async () => {
      const { connected } = await open({ server: { framesPerSecond: 10, burstFrames: 20 } })
      const { client, server } = await connected()
      const refusals: Frame[] = []
      client.onFrame(frame => refusals.push(frame))
      let delivered = 0
      server.onFrame(() => {
        delivered += 1
      })
      const end = closed(client)
      for (let n = 0; n < 200; n++) client.send({ type: 'flood', body: n }).catch(() => {})
      expect((await end).code).toBe('TRANSPORT_RATE_EXCEEDED')
      expect(delivered).toBeGreaterThanOrEqual(20)
      expect(delivered).toBeLessThan(60)
      expect(refusals.length).toBeGreaterThanOrEqual(1)
      expect(refusals.length).toBeLessThan(5)
      expect(refusals[0]).toMatchObject({ type: 'refused', body: { code: 'TRANSPORT_RATE_EXCEEDED' } })
    })

    it('no more frames are taken for a peer that does not read, and none that was taken is lost', async () => {
      const limits = { maxQueuedBytes: 256 * 1024, burstFrames: 100_000 }
      const { client, server } = await (await open({ server: limits, client: limits })).connected()
      const payload = new Uint8Array(64 * 1024)
      let taken = 0
      const results = new Set<Promise<unknown>>()
      const fill = async () => {
        // Kernel buffers take some megabytes first; the bound is far above them.
        for (let n = 0; n < 1000; n++) {
          let full = false
          const result = client.send({ type: 'bulk', body: n, payload }).then(
            () => void taken++,
            error => {
              expect(error.code).toBe('TRANSPORT_QUEUE_FULL')
              full = true
            },
          )
          results.add(result)
          await new Promise(setImmediate)
          if (full) return n
        }
        return expect.unreachable('the queue never filled')
      }
      const accepted = await fill()
      const bodies = collect(server, accepted).then(frames => frames.map(frame => frame.body))
      await Promise.all(results)
      expect(taken).toBe(accepted)
      expect(await bodies).toEqual(Array.from({ length: accepted }, (_, n) => n))
    })

    it('an urgent frame overtakes the frames that wait', async () => {
      const limits = { maxQueuedBytes: 64 * 1024 * 1024, burstFrames: 100_000 }
      const { client, server } = await (await open({ server: limits, client: limits })).connected()
      for (let n = 0; n < 200; n++) void client.send({ type: 'bulk', body: n, payload: new Uint8Array(60_000) })
      await client.send({ type: 'urgent', body: null }, { urgent: true })
      const frames = await collect(server, 201)
      const place = frames.findIndex(frame => frame.type === 'urgent')
      expect(place).toBeLessThan(20)
    })

    it('connections above the limits are refused', async () => {
      const { dial, channelNumber } = await open({ server: { maxConnections: 3, maxConnectionsPerAddress: 2 } })
      const first = await dial()
      await dial()
      await channelNumber(2)
      await expect(dial()).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' })
      first.close()
      await closed(first)
      // The server forgets a connection when its socket is gone, a moment after the client knows.
      await expect
        .poll(() =>
          dial().then(
            channel => channel.closed,
            error => error.code,
          ),
        )
        .toBe(false)
    })

    it('the oldest channel whose peer has not authenticated is ended to make room', async () => {
      const { dial, channelNumber } = await open({ server: { maxConnections: 2 } })
      const first = await dial()
      ;(await channelNumber(1)).authenticated()
      const second = await dial()
      await channelNumber(2)
      const end = closed(second)
      const third = await dial()
      ;(await channelNumber(3)).authenticated()
      expect((await end).code).toBe('TRANSPORT_LOST')
      await expect(dial()).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' })
      expect([first.closed, third.closed]).toEqual([false, false])
    })

    it('a channel that makes room all the same is ended after those of strangers, and before one that is kept', async () => {
      const { dial, channelNumber } = await open({ server: { maxConnections: 3 } })
      const guest = await dial()
      ;(await channelNumber(1)).authenticated({ makesRoom: () => true })
      const kept = await dial()
      ;(await channelNumber(2)).authenticated()
      const stranger = await dial()
      await channelNumber(3)
      const ends = [closed(stranger), closed(guest)]
      for (const number of [4, 5]) {
        await dial()
        ;(await channelNumber(number)).authenticated()
        expect((await ends.shift())?.code).toBe('TRANSPORT_LOST')
      }
      await expect(dial()).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' })
      expect(kept.closed).toBe(false)
    })

    it('channels end when their listener closes, which then is unreachable', async () => {
      const { client, ...rest } = await open().then(async it => ({ ...it, ...(await it.connected()) }))
      const end = closed(client)
      await rest.listener.close()
      expect((await end).code).toBe('TRANSPORT_SHUTTING_DOWN')
      await expect(rest.dial()).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' })
    })

    it('nothing is dialled once it was aborted', async () => {
      const { network, listener } = await open()
      const dialled = network.client().dial({
        url: listener.url,
        expectedCertificateHash: network.serverCertificateHash,
        signal: AbortSignal.abort(),
      })
      await expect(dialled).rejects.toMatchObject({ code: 'TRANSPORT_ABORTED' })
    })
  })
}

/** The next `count` frames of a channel. */
function collect(channel: Channel, count: number): Promise<Frame[]> {
  const frames: Frame[] = []
  return new Promise((resolve, reject) => {
    channel.onFrame(frame => {
      if (frames.push(frame) === count) resolve(frames)
    })
    channel.onClose(({ code }) => reject(new Error(`closed (${code}) after ${frames.length} of ${count} frames`)))
  })
}

const closed = (channel: Channel): Promise<CloseReason> => new Promise(resolve => channel.onClose(resolve))
