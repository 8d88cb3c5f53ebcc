import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { type MessageBody, messageBodies, toWire } from '../../../src/core/protocol/messages.ts'
import { createSession, type Peer, type Session } from '../../../src/core/transport/session.ts'
import {
  type Channel,
  type CloseReason,
  type Frame,
  type Limits,
  withDefaults,
} from '../../../src/core/transport/transport.ts'
import { createInMemoryNetwork } from '../../helpers/in-memory-transport.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { chainErrors } from './fixtures.ts'

const hash = (byte: string) => `0x${byte.repeat(32)}` as const
const address = (byte: string) => `0x${byte.repeat(20)}` as const
const provider: Peer = { role: 'provider', operator: address('aa'), deviceIds: [hash('01')] }
const commitment: MessageBody<'job.commitment'> = {
  message: {
    epoch: 3n,
    round: hash('02'),
    deviceId: hash('01'),
    generation: 1,
    specHash: hash('03'),
    rows: 18_446_744_073_709_551_615n,
    root: hash('04'),
    environmentHash: hash('05'),
  },
  signature: `0x${'06'.repeat(65)}`,
}

/** A session, and the bare channel of its peer. */
async function open(limits: Partial<Limits> = {}, monotonicMs = systemClock.monotonicMs) {
  const clock = { ...systemClock, monotonicMs }
  const network = createInMemoryNetwork()
  const faults: { type: string; error: unknown }[] = []
  const accepted = Promise.withResolvers<Channel>()
  const listener = await network.transport({ limits }).listen({ host: 'checker', port: 0, onChannel: accepted.resolve })
  const peer = await network.transport({ limits }).dial({ url: listener.url, expectedCertificateHash: hash('00') })
  const session = createSession(await accepted.promise, provider, withDefaults(limits), {
    clock,
    onFault: fault => faults.push(fault),
  })
  const frames: Frame[] = []
  let notify = () => {}
  peer.onFrame(frame => {
    frames.push(frame)
    notify()
  })
  const heard = async (count: number) => {
    while (frames.length < count) await new Promise<void>(resolve => (notify = resolve))
    return frames
  }
  return { session, peer, faults, frames, heard, ended: ended(session) }
}

const ended = (session: Session): Promise<CloseReason> => new Promise(resolve => session.onClose(resolve))
const refusalOf = ({ body }: Frame) => (body as { code: string }).code

describe('session', () => {
  it('a session hands over typed bodies, payload and time of arrival', async () => {
    let clock = 1000
    const { session, peer } = await open({}, () => clock)
    const received = Promise.withResolvers<unknown[]>()
    session.on('job.openings', (...args) => received.resolve(args))
    const body = { commitmentHash: hash('07'), secret: hash('08') }
    const sent = peer.send({ type: 'job.openings', body: { ...body, extra: 'dropped' }, payload: Uint8Array.of(1, 2) })
    await sent
    clock = 2000
    expect(await received.promise).toEqual([body, Buffer.of(1, 2), 1000])
  })

  it('bigints are sent as decimal strings that the schema reads back', async () => {
    const { session, heard } = await open()
    await session.send('job.commitment', commitment)
    const [frame] = await heard(1)
    expect((frame!.body as typeof commitment).message.rows).toBe('18446744073709551615')
    expect(messageBodies['job.commitment'].parse(frame!.body)).toEqual(commitment)
  })

  it('frames that arrived together reach handlers registered in the same turn, in their order', async () => {
    const order: string[] = []
    const channel = {
      send: async ({ type }: Frame) => void order.push(type),
      onFrame: () => {},
      onClose: () => {},
    } as unknown as Channel
    const frames: Frame[] = [
      { type: 'job.openings', body: { commitmentHash: hash('07'), secret: hash('08') } },
      { type: 'job.abort', body: abortBody() },
    ]
    const early = frames.map(frame => [frame, 100] as const)
    const session = createSession(channel, provider, withDefaults(), { clock: createManualClock() }, early)
    const done = Promise.withResolvers<void>()
    session.on('job.openings', () => void order.push('openings handled'))
    session.on('job.abort', () => {
      order.push('abort handled')
      done.resolve()
    })
    await done.promise
    expect(order).toEqual(['openings handled', 'abort handled'])
  })

  it('a slow handler does not delay the next one', async () => {
    const { session, peer, heard } = await open()
    const stuck = Promise.withResolvers<void>()
    session.on('job.abort', () => stuck.promise)
    session.on('job.commitment', () => session.send('opening.request', { epoch: 1n, cohort: 0 }))
    await peer.send({ type: 'job.abort', body: abortBody() })
    await peer.send({ type: 'job.commitment', body: toWire(commitment) })
    expect((await heard(1))[0]!.type).toBe('opening.request')
    stuck.resolve()
  })

  it('every handler of a type is called until it stops listening', async () => {
    const { session, peer } = await open()
    const [first, second] = [vi.fn(), vi.fn()]
    const stop = session.on('opening.request', first)
    const done = Promise.withResolvers<void>()
    session.on('opening.request', second)
    session.on('job.commitment', () => done.resolve())
    await peer.send({ type: 'opening.request', body: { epoch: '1', cohort: 0 } })
    await vi.waitFor(() => expect(second).toHaveBeenCalledOnce())
    stop()
    await peer.send({ type: 'opening.request', body: { epoch: '1', cohort: 0 } })
    await peer.send({ type: 'job.commitment', body: toWire(commitment) })
    await done.promise
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 2])
  })

  it.each([
    ['an unknown type', { type: 'job.bribe', body: {} }, 'MESSAGE_UNKNOWN'],
    ['a type nobody takes', { type: 'job.abort', body: abortBody() }, 'MESSAGE_UNEXPECTED'],
    ['no body', { type: 'job.commitment', body: null }, 'MESSAGE_INVALID'],
    ['a missing field', { type: 'job.commitment', body: { message: {} } }, 'MESSAGE_INVALID'],
    ['a number for a uint64', { type: 'job.commitment', body: wire({ rows: 1 }) }, 'MESSAGE_INVALID'],
    [
      'a uint64 above its range',
      { type: 'job.commitment', body: wire({ rows: '18446744073709551616' }) },
      'MESSAGE_INVALID',
    ],
    ['a negative generation', { type: 'job.commitment', body: wire({ generation: -1 }) }, 'MESSAGE_INVALID'],
    [
      'a hash in upper case',
      { type: 'job.commitment', body: wire({ root: `0x${'AB'.repeat(32)}` }) },
      'MESSAGE_INVALID',
    ],
    [
      'a payload where none belongs',
      { type: 'opening.request', body: { epoch: '1', cohort: 0 }, payload: Uint8Array.of(1) },
      'MESSAGE_PAYLOAD_TOO_LARGE',
    ],
    [
      'a payload above its limit',
      { type: 'wrong.work', body: {}, payload: new Uint8Array(65_537) },
      'MESSAGE_PAYLOAD_TOO_LARGE',
    ],
    ['a request without a cohort', { type: 'opening.request', body: { epoch: '1' } }, 'MESSAGE_INVALID'],
  ])('a session refuses %s with the reason, and goes on', async (_, frame, code) => {
    const { session, peer, heard } = await open()
    session.on('job.commitment', () => session.send('opening.request', { epoch: 1n, cohort: 0 }))
    await peer.send(frame)
    const [refusal] = await heard(1)
    expect(refusal).toMatchObject({ type: 'refused', body: { code, regarding: frame.type } })
    expect(messageBodies.refused.safeParse(refusal!.body).success).toBe(true)
    await peer.send({ type: 'job.commitment', body: toWire(commitment) })
    expect((await heard(2))[1]!.type).toBe('opening.request')
    expect(session.closed).toBe(false)
  })

  it.each(['welcome', 'session', 'accepted'])('a session ends when a "%s" comes after the handshake', async type => {
    const { peer, ended } = await open()
    await peer.send({ type, body: {} })
    expect((await ended).code).toBe('SESSION_OUT_OF_ORDER')
  })

  it('a session ends when too many messages were refused', async () => {
    const { peer, ended, frames } = await open({}, () => 0)
    for (let n = 0; n < 100; n++) peer.send({ type: 'job.bribe', body: n }).catch(() => {})
    expect((await ended).code).toBe('SESSION_FAULTS_EXCEEDED')
    expect(frames.length).toBeLessThanOrEqual(32)
  })

  it('a handler that fails is answered with the code alone, and the cause stays private', async () => {
    const { session, peer, heard, faults } = await open()
    const failure = chainErrors.TEST_RPC_UNREACHABLE({ url: 'https://key@rpc.example/secret' })
    session.on('job.commitment', () => Promise.reject(failure))
    session.on('job.abort', () => {
      throw new Error('secret detail')
    })
    await peer.send({ type: 'job.commitment', body: toWire(commitment) })
    await peer.send({ type: 'job.abort', body: abortBody() })
    const refusals = await heard(2)
    expect(JSON.stringify(refusals)).not.toMatch(/secret|key@/)
    expect(refusals.map(refusalOf)).toEqual(['MESSAGE_NOT_PROCESSED', 'MESSAGE_NOT_PROCESSED'])
    expect(refusals.map(({ body }) => (body as { message: string }).message)).toEqual([
      expect.stringContaining('TEST_RPC_UNREACHABLE'),
      expect.stringContaining('INTERNAL'),
    ])
    expect(faults).toMatchObject([{ type: 'job.commitment', error: failure }, { type: 'job.abort' }])
  })

  it('messages are refused while too many wait, and small ones are still taken', async () => {
    const { session, peer, heard } = await open({ maxQueuedBytes: 100_000 })
    const stuck = Promise.withResolvers<void>()
    let handled = 0
    session.on('job.openings', async () => {
      await stuck.promise
      handled += 1
    })
    const body = { commitmentHash: hash('07'), secret: hash('08') }
    for (let n = 0; n < 5; n++) await peer.send({ type: 'job.openings', body, payload: new Uint8Array(40_000) })
    const refusals = await heard(3)
    expect(refusals.map(refusalOf)).toEqual(Array(3).fill('MESSAGE_QUEUE_FULL'))
    session.on('job.abort', () => session.send('opening.request', { epoch: 1n, cohort: 0 }))
    await peer.send({ type: 'job.abort', body: abortBody() })
    expect((await heard(4))[3]!.type).toBe('opening.request')
    stuck.resolve()
    await vi.waitFor(() => expect(handled).toBe(2))
    await peer.send({ type: 'job.openings', body, payload: new Uint8Array(40_000) })
    await vi.waitFor(() => expect(handled).toBe(3))
  })

  it('messages without a handler do not count against the peer', async () => {
    const { session, peer, frames } = await open({}, () => 0)
    for (let n = 0; n < 100; n++) await peer.send({ type: 'job.abort', body: abortBody() })
    await vi.waitFor(() => expect(frames).toHaveLength(100))
    expect(session.closed).toBe(false)
  })

  it('a refusal is never answered with a refusal', async () => {
    const { session, peer, frames } = await open()
    const refusals: unknown[] = []
    session.on('refused', body => void refusals.push(body))
    await peer.send({ type: 'refused', body: { code: 'lower case', message: 1 } })
    await peer.send({ type: 'refused', body: null, payload: Uint8Array.of(1) })
    await peer.send({ type: 'refused', body: { code: 'PEER_SAYS', message: 'no\u001b[31m red\n' } })
    await vi.waitFor(() => expect(refusals).toEqual([{ code: 'PEER_SAYS', message: 'no [31m red ' }]))
    expect(frames).toEqual([])
  })

  it('small messages overtake openings that wait', async () => {
    const { session, heard } = await open({ maxQueuedBytes: 10_000_000 })
    const body = { commitmentHash: hash('07'), secret: hash('08') }
    for (let n = 0; n < 10; n++) void session.send('job.openings', body, new Uint8Array(100_000))
    void session.send('job.commitment', commitment)
    const order = (await heard(11)).map(({ type }) => type)
    expect(order.indexOf('job.commitment')).toBeLessThan(3)
  })
})

function abortBody() {
  const { epoch, round, deviceId, generation } = commitment.message
  return toWire({ message: { epoch, round, deviceId, generation, reason: 'reset' }, signature: commitment.signature })
}

function wire(fields: Record<string, unknown>) {
  const body = toWire(commitment) as { message: object; signature: string }
  return { ...body, message: { ...body.message, ...fields } }
}
