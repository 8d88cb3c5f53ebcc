/** What a flood sends to one port: slow sockets, gigabytes, requests. Bounded in count and time, and to this machine. */
import { once } from 'node:events'
import { get } from 'node:https'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Identity } from '../../src/core/transport/transport.ts'

export const gibibyte = 2 ** 30

/** Linux owns all of 127.0.0.0/8, so that one machine can be many addresses. */
const from = (host: number) => `127.0.1.${host}`

/** @param identity - certificate of a client that is let in by nobody */
export function createFlood({ port, identity: hostile }: { readonly port: number; readonly identity: Identity }) {
  const attacking = new Set<Socket>()
  const slow = new Set<Socket>()

  function attack<T extends Socket>(socket: T): T {
    attacking.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => attacking.delete(socket))
    return socket
  }

  /** 500 connections from 10 addresses: half say nothing at all, half finish TLS and send a header byte now and then. */
  function slowSockets(): void {
    const drip = setInterval(() => {
      for (const socket of attacking) if (slow.has(socket) && socket.writable) socket.write('x')
    }, 100)
    drip.unref()
    for (let n = 0; n < 500; n++) {
      const tcp = attack(connect({ port, host: '127.0.0.1', localAddress: from(1 + (n % 10)) }))
      if (n % 2 === 0) continue
      const tls = attack(connectTls({ socket: tcp, rejectUnauthorized: false }))
      tls.once('secureConnect', () => tls.write('GET / HTTP/1.1\r\nX: '))
      slow.add(tls)
    }
  }

  /** Writes up to 1 GiB behind `head`; resolves with how much the server let in before it hung up. */
  async function gigabyte(socket: TLSSocket, head: string | Buffer): Promise<number> {
    const zeros = Buffer.alloc(1024 * 1024)
    const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
    let written = 0
    socket.resume()
    socket.write(head)
    while (written < gibibyte && !socket.destroyed) {
      written += zeros.length
      if (!socket.write(zeros)) await Promise.race([closed, new Promise(resolve => socket.once('drain', resolve))])
    }
    socket.destroy()
    return written
  }

  /** Tries until it is let in: new addresses share a rate. */
  async function connected(localAddress: string, identity?: Identity): Promise<TLSSocket> {
    const certificate = identity === undefined ? {} : { key: identity.keyPem, cert: identity.certificatePem }
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, localAddress, ...certificate }
    for (;;) {
      const socket = attack(connectTls(options as never))
      const isIn = await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).then(
        () => !socket.destroyed,
        () => false,
      )
      if (isIn) return socket
      await wait(50)
    }
  }

  async function gigabyteBody(): Promise<number> {
    const socket = await connected(from(30))
    return gigabyte(socket, `POST /evidence HTTP/1.1\r\nHost: a\r\nContent-Length: ${gibibyte}\r\n\r\n`)
  }

  async function gigabyteMessage(): Promise<number> {
    const socket = await connected(from(31), hostile)
    const key = 'dGhlIHNhbXBsZSBub25jZQ=='
    socket.write(
      `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    )
    await once(socket, 'data')
    const header = Buffer.alloc(14)
    header.set([0x82, 0xff])
    header.writeBigUInt64BE(BigInt(gibibyte), 2)
    return gigabyte(socket, header)
  }

  /** 200 requests a second for three seconds, each on its own connection; counts the answers by status. */
  async function requests(): Promise<Record<string, number>> {
    const answers: Record<string, number> = {}
    const pending: Promise<void>[] = []
    for (let n = 0; n < 600; n++) {
      const options = { localAddress: from(40), rejectUnauthorized: false, agent: false } as const
      pending.push(
        new Promise(resolve => {
          const note = (what: string) => {
            answers[what] = (answers[what] ?? 0) + 1
            resolve()
          }
          get(`https://127.0.0.1:${port}/evidence/0xab`, options, response => {
            response.resume()
            response.on('close', () => note(String(response.statusCode)))
          }).on('error', () => note('dropped'))
        }),
      )
      await wait(5)
    }
    await Promise.all(pending)
    return answers
  }

  return {
    attack,
    slowSockets,
    gigabyteBody,
    gigabyteMessage,
    requests,
    stop() {
      for (const socket of attacking) socket.destroy()
    },
  }
}
