import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createConnectionGuard, originOf } from '../../../src/core/transport/connection-guard.ts'
import { type Limits, withDefaults } from '../../../src/core/transport/transport.ts'

class FakeSocket extends EventEmitter {
  destroyed = false
  readonly remoteAddress: string | undefined
  readonly remotePort: number
  constructor(remoteAddress: string | undefined, remotePort: number) {
    super()
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
  }
  destroy() {
    if (this.destroyed) return this
    this.destroyed = true
    this.emit('close')
    return this
  }
}

function setUp(limits: Partial<Limits>) {
  let clock = 0
  let ports = 0
  const guard = createConnectionGuard(withDefaults(limits), () => clock)
  const connect = (address: string | undefined) => {
    const socket = new FakeSocket(address, ++ports)
    return { socket, admitted: guard.admit(socket as unknown as Socket) }
  }
  return {
    guard,
    connect,
    pass: (ms: number) => {
      clock += ms
    },
  }
}

describe('connection guard', () => {
  it('as many connections of one origin are admitted as allowed, and closed ones are forgotten', () => {
    const { connect } = setUp({ maxConnectionsPerAddress: 2 })
    const first = connect('192.0.2.1')
    expect([first.admitted, connect('192.0.2.1').admitted]).toEqual([true, true])
    const third = connect('192.0.2.1')
    expect([third.admitted, third.socket.destroyed]).toEqual([false, true])
    expect(connect('192.0.2.2').admitted).toBe(true)
    first.socket.destroy()
    expect(connect('192.0.2.1').admitted).toBe(true)
  })

  it('the oldest connection that has not authenticated is closed to make room, and never an authenticated one', () => {
    const { connect, guard } = setUp({ maxConnections: 3 })
    const [known, slow, slower] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(connect)
    guard.establish(known!.socket)
    expect(connect('192.0.2.4').admitted).toBe(true)
    expect([known, slow, slower].map(it => it!.socket.destroyed)).toEqual([false, true, false])
    guard.establish(slower!.socket)
    const next = connect('192.0.2.5')
    guard.establish(next.socket)
    expect(connect('192.0.2.6').admitted).toBe(false)
    next.socket.destroy()
    expect(connect('192.0.2.7').admitted).toBe(true)
  })

  it('a connection that made room for another of its own origin is counted no more', () => {
    const { connect } = setUp({ maxConnections: 1, maxConnectionsPerAddress: 2 })
    const admitted = Array.from({ length: 5 }, () => connect('192.0.2.1').admitted)
    expect(admitted).toEqual(Array(5).fill(true))
  })

  it('a data centre behind one address has as many connections as it has hosts that are known, and few others', () => {
    const { connect, guard } = setUp({ maxConnectionsPerAddress: 2, burstRequests: 200 })
    let isKnown = false
    const hosts = Array.from({ length: 100 }, () => {
      const host = connect('192.0.2.1')
      guard.establish(host.socket)
      return host
    })
    expect(hosts.every(({ admitted, socket }) => admitted && !socket.destroyed)).toBe(true)
    const guest = connect('192.0.2.1')
    guard.establish(guest.socket, { makesRoom: () => !isKnown })
    expect([guest.admitted, connect('192.0.2.1').admitted, connect('192.0.2.1').admitted]).toEqual([true, true, false])
    // One that was not counted takes no place of another's when it goes.
    hosts[0]!.socket.destroy()
    expect(connect('192.0.2.1').admitted).toBe(false)
    // A guest that has become known makes its place free for another.
    isKnown = true
    expect([connect('192.0.2.1').admitted, connect('192.0.2.1').admitted]).toEqual([true, false])
    guest.socket.destroy()
    expect(connect('192.0.2.1').admitted).toBe(false)
  })

  it('a crowd of new addresses begins 200 handshakes a second at most, and keeps nobody out whose address is known', () => {
    const { connect, guard, pass } = setUp({ strangersPerSecond: 200 })
    const crowd = () => Array.from({ length: 1000 }, (_, i) => connect(`10.0.${i >> 8}.${i & 255}`))
    const host = connect('192.0.2.1')
    guard.establish(host.socket)
    const came = crowd().filter(({ admitted }) => admitted)
    expect(came).toHaveLength(199)
    host.socket.destroy()
    expect([connect('192.0.2.1').admitted, connect('192.0.2.2').admitted]).toEqual([true, false])
    // A guest is as unknown as a stranger.
    guard.establish(came[0]!.socket, { makesRoom: () => true })
    expect(connect(came[0]!.socket.remoteAddress).admitted).toBe(false)
    pass(500)
    expect(crowd().filter(({ admitted }) => admitted)).toHaveLength(100)
  })

  it('a crowd of unknown addresses makes 200 requests a second at most, over connections that it keeps, and none of a known one waits', () => {
    const { connect, guard, pass } = setUp({ strangersPerSecond: 200 })
    const known = connect('192.0.2.1').socket
    guard.establish(known)
    const answered = () =>
      Array.from({ length: 1000 }, (_, i) =>
        guard.allowRequest({ remoteAddress: `10.0.${i >> 8}.${i & 255}`, remotePort: 9 }),
      ).filter(isAnswered => isAnswered).length
    expect(answered()).toBe(200)
    expect([answered(), guard.allowRequest(known)]).toEqual([0, true])
    pass(500)
    expect(answered()).toBe(100)
  })

  it('a guest that has become known meanwhile comes back through a crowd', () => {
    const { connect, guard } = setUp({ strangersPerSecond: 2 })
    let isKnown = false
    const guest = connect('192.0.2.1')
    guard.establish(guest.socket, { makesRoom: () => !isKnown })
    isKnown = true
    guest.socket.destroy()
    expect([connect('10.0.0.1').admitted, connect('10.0.0.2').admitted]).toEqual([true, false])
    expect(connect('192.0.2.1').admitted).toBe(true)
  })

  it('one origin’s rate of connections and requests is limited without an effect on others', () => {
    const { connect, guard, pass } = setUp({ requestsPerSecond: 1, burstRequests: 2 })
    expect(connect('192.0.2.1').admitted).toBe(true)
    expect(guard.allowRequest({ remoteAddress: '192.0.2.1', remotePort: 9 })).toBe(true)
    expect(guard.allowRequest({ remoteAddress: '::ffff:192.0.2.1', remotePort: 9 })).toBe(false)
    expect(connect('192.0.2.1').admitted).toBe(false)
    expect(connect('192.0.2.2').admitted).toBe(true)
    pass(1000)
    expect(connect('192.0.2.1').admitted).toBe(true)
  })

  it('a socket that is already closed is dropped', () => {
    expect(setUp({}).connect(undefined).admitted).toBe(false)
  })

  it('the guard never holds more connections than the limits, whatever comes and goes', () => {
    const step = fc.record({
      host: fc.integer({ min: 1, max: 6 }),
      act: fc.constantFrom('connect', 'leave', 'establish'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        const { connect, guard } = setUp({ maxConnections: 8, maxConnectionsPerAddress: 3, burstRequests: 1e9 })
        const sockets: FakeSocket[] = []
        const established = new Set<FakeSocket>()
        for (const { host, act } of steps) {
          const address = `192.0.2.${host}`
          const open = sockets.filter(socket => !socket.destroyed && socket.remoteAddress === address)
          if (act === 'connect') sockets.push(connect(address).socket)
          else if (act === 'leave') open[0]?.destroy()
          else if (open[0] !== undefined) {
            guard.establish(open[0])
            established.add(open[0])
          }
          const held = sockets.filter(socket => !socket.destroyed)
          expect(held.length).toBeLessThanOrEqual(8)
          // Hosts that are known are as many as they are.
          const unknown = Object.groupBy(
            held.filter(socket => !established.has(socket)),
            ({ remoteAddress }) => remoteAddress!,
          )
          for (const ofAddress of Object.values(unknown)) expect(ofAddress?.length).toBeLessThanOrEqual(3)
        }
        const left = steps.some(({ act }) => act === 'leave')
        if (!left) for (const socket of established) expect(socket.destroyed).toBe(false)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('originOf', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    [undefined, ''],
  ])('the origin of %s is %s', (address, origin) => {
    expect(originOf(address)).toBe(origin)
  })
})
