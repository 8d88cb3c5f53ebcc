import { type Hex, keccak256, toHex } from 'viem'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { type MessageBody, protocolVersion, toWire } from '../../../src/core/protocol/messages.ts'
import type { Network } from '../../../src/core/protocol/typed-data.ts'
import { type CheckerEndpoint, type DialSessionOptions, dialSession } from '../../../src/core/transport/dial-session.ts'
import { decodeFrame, encodeFrame } from '../../../src/core/transport/frame.ts'
import {
  type ServeSessionsDependencies,
  type SessionServer,
  serveSessions,
} from '../../../src/core/transport/serve-sessions.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { type Claim, hashClaim, type Sign } from '../../../src/core/transport/session-handshake.ts'
import {
  type Channel,
  type CloseReason,
  defaultLimits,
  type Frame,
  type Limits,
} from '../../../src/core/transport/transport.ts'
import { createInMemoryNetwork } from '../../helpers/in-memory-transport.ts'
import { recoverOn, signerOf } from '../../helpers/session-signers.ts'

const hash = (byte: string) => `0x${byte.repeat(32)}` as const
const network: Network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` }
const provider = signerOf(network, hash('11'))
const checker = signerOf(network, hash('22'))
const certificates = { server: hash('aa'), client: hash('bb') }
const deviceIds = [hash('d1'), hash('d2')]

let nonces = 0
const randomNonce = () => keccak256(toHex(++nonces))

type Setup = { limits?: Partial<Limits> } & Partial<
  Pick<ServeSessionsDependencies, 'admit' | 'makesRoom' | 'devicesOf' | 'clock'>
>
const servers: SessionServer[] = []

async function serve({ limits, admit = async () => null, ...others }: Setup = {}) {
  const hosts = createInMemoryNetwork()
  const sessions: Session[] = []
  const refusals: unknown[] = []
  const claims: Claim[] = []
  const server = await serveSessions(
    { host: 'checker', port: 0, network, checker: checker.operator, limits: limits ?? {} },
    {
      transport: hosts.transport({ certificateHash: certificates.server, limits }),
      recover: recoverOn(network),
      randomNonce,
      clock: systemClock,
      admit: claim => {
        claims.push(claim)
        return admit(claim)
      },
      onSession: session => sessions.push(session),
      onRefused: ({ error }) => refusals.push(error),
      ...others,
    },
  )
  servers.push(server)
  const client = hosts.transport({ certificateHash: certificates.client, limits })
  const endpoint: CheckerEndpoint = { checker: checker.operator, url: server.url, certificateHash: certificates.server }
  const dial = (options: Partial<DialSessionOptions> = {}, sign: Sign = provider.sign) =>
    dialSession(
      { endpoint, network, role: 'provider', operator: provider.operator, deviceIds, limits: limits ?? {}, ...options },
      { transport: client, sign, clock: systemClock },
    )
  const channel = () => client.dial({ url: server.url, expectedCertificateHash: certificates.server })
  return { hosts, server, sessions, refusals, claims, endpoint, client, dial, channel }
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

describe('session handshake', () => {
  it('the handshake tells both sides whom they speak with', async () => {
    const { dial, sessions, claims, server } = await serve()
    const session = await dial()
    expect(session).toMatchObject({
      role: 'checker',
      operator: checker.operator,
      peerCertificateHash: certificates.server,
    })
    expect(sessions).toMatchObject([{ role: 'provider', operator: provider.operator, deviceIds }])
    expect(claims).toEqual([
      { role: 'provider', operator: provider.operator, deviceIds, certificateHash: certificates.client },
    ])
    expect(server.sessions()).toEqual(sessions)
  })

  it('the handshake accepts addresses in any case', async () => {
    const { dial, endpoint } = await serve()
    const upper = (address: Hex) => `0x${address.slice(2).toUpperCase()}` as const
    const session = await dial({
      operator: upper(provider.operator),
      network: { ...network, consensus: upper(network.consensus) },
      endpoint: { ...endpoint, checker: upper(endpoint.checker) },
    })
    expect(session.operator).toBe(checker.operator)
  })

  it('messages that either side sends right after acceptance are not lost', async () => {
    const { dial, sessions } = await serve()
    const client = await dial()
    const served = sessions[0]!
    const heard: string[] = []
    const both = Promise.withResolvers<void>()
    const note = (who: string) => () => {
      if (heard.push(who) === 2) both.resolve()
    }
    served.on('opening.request', note('server'))
    client.on('opening.request', note('client'))
    await Promise.all([
      client.send('opening.request', { epoch: 1n, cohort: 0 }),
      served.send('opening.request', { epoch: 1n, cohort: 0 }),
    ])
    await both.promise
    expect(heard.toSorted()).toEqual(['client', 'server'])
  })

  it.each<[string, Partial<DialSessionOptions>, Sign | undefined, string]>([
    ['another key than the operator’s', {}, checker.sign, 'SESSION_SIGNATURE_INVALID'],
    ['a signature nobody can have made', {}, async () => `0x${'ff'.repeat(65)}`, 'SESSION_SIGNATURE_INVALID'],
    [
      'a signature for another network',
      {},
      signerOf({ ...network, chainId: 1 }, hash('11')).sign,
      'SESSION_SIGNATURE_INVALID',
    ],
    ['a signature for another nonce', {}, alter({ serverNonce: hash('99') }), 'SESSION_SIGNATURE_INVALID'],
    [
      'a signature for another client certificate',
      {},
      alter({ clientCertificateHash: hash('99') }),
      'SESSION_SIGNATURE_INVALID',
    ],
    [
      'a signature for another server certificate',
      {},
      alter({ serverCertificateHash: hash('99') }),
      'SESSION_SIGNATURE_INVALID',
    ],
    ['a signature for another Checker', {}, alter({ checker: provider.operator }), 'SESSION_SIGNATURE_INVALID'],
  ])('the server refuses %s', async (_, options, sign, code) => {
    const { dial, sessions, refusals } = await serve()
    await expect(dial(options, sign)).rejects.toMatchObject({ code: 'SESSION_REFUSED', context: { code } })
    expect(sessions).toEqual([])
    await vi.waitFor(() => expect(refusals).toMatchObject([{ code }]))
  })

  it.each([
    ['version', (body: Body) => ({ ...body, version: protocolVersion + 1 }), 'SESSION_VERSION_UNSUPPORTED'],
    ['version from before pauses', (body: Body) => ({ ...body, version: 2 }), 'SESSION_VERSION_UNSUPPORTED'],
    ['checker', within({ checker: `0x${'99'.repeat(20)}` }), 'SESSION_CHECKER_MISMATCH'],
    ['operator', within({ operator: `0x${'99'.repeat(20)}` }), 'SESSION_SIGNATURE_INVALID'],
    ['clientCertificateHash', within({ clientCertificateHash: hash('99') }), 'SESSION_CERTIFICATE_MISMATCH'],
    ['serverCertificateHash', within({ serverCertificateHash: hash('99') }), 'SESSION_CERTIFICATE_MISMATCH'],
    ['serverNonce', within({ serverNonce: hash('99') }), 'SESSION_NONCE_MISMATCH'],
    [
      'signature',
      (body: Body) => ({ ...body, session: { ...body.session, signature: `0x${'01'.repeat(65)}` } }),
      'SESSION_SIGNATURE_INVALID',
    ],
    ['claimHash', within({ claimHash: hash('99') }), 'SESSION_SIGNATURE_INVALID'],
    ['role', (body: Body) => ({ ...body, role: 'checker' }), 'SESSION_SIGNATURE_INVALID'],
    ['role to nonsense', (body: Body) => ({ ...body, role: 'keeper' }), 'MESSAGE_INVALID'],
    ['deviceIds', (body: Body) => ({ ...body, deviceIds: [hash('d1')] }), 'SESSION_SIGNATURE_INVALID'],
    ['deviceIds to too many', (body: Body) => ({ ...body, deviceIds: Array(257).fill(hash('01')) }), 'MESSAGE_INVALID'],
    ['everything', () => null, 'MESSAGE_INVALID'],
  ])('refuses a session whose %s was changed on the way', async (_, change, code) => {
    const { channel, sessions } = await serve()
    const heard = await exchange(await channel(), async nonce => change(await sessionBody(nonce)))
    expect(heard).toMatchObject({ type: 'refused', body: { code } })
    expect(sessions).toEqual([])
  })

  it('a session frame with any byte flipped is refused', async () => {
    const { channel, sessions } = await serve()
    let refused = 0
    let at = 0
    for (let bytes = 1; at < bytes; at++) {
      const client = await channel()
      const heard = await exchange(client, async nonce => {
        const frame = encodeFrame({ type: 'session', body: toWire(await sessionBody(nonce)) }, defaultLimits)
        bytes = frame.length
        frame[at]! ^= 1 << (at % 8)
        return frame
      })
      if (heard.type === 'refused') refused += 1
      client.close()
    }
    expect(at).toBeGreaterThan(700)
    expect(refused).toBe(at)
    expect(sessions).toEqual([])
  })

  it('a refusal by the client is reported as such, and is not answered', async () => {
    const { channel, refusals } = await serve()
    const client = await channel()
    const heard: Frame[] = []
    const closed = new Promise<CloseReason>(resolve => client.onClose(resolve))
    client.onFrame(frame => void heard.push(frame))
    const body = { code: 'SESSION_NETWORK_MISMATCH', message: 'another network' }
    await client.send({ type: 'refused', body })
    expect(await closed).toMatchObject({ code: 'SESSION_REFUSED' })
    expect(heard.map(({ type }) => type)).toEqual(['welcome'])
    const context = { ...body, url: 'memory' }
    await vi.waitFor(() => expect(refusals).toMatchObject([{ code: 'SESSION_REFUSED', context }]))
  })

  it('a session that was recorded from an earlier connection is refused', async () => {
    const { channel, sessions } = await serve()
    let recorded: unknown
    const first = await exchange(await channel(), async nonce => {
      recorded = await sessionBody(nonce)
      return recorded
    })
    expect(first.type).toBe('accepted')
    const replayed = await exchange(await channel(), async () => recorded)
    expect(replayed).toMatchObject({ type: 'refused', body: { code: 'SESSION_NONCE_MISMATCH' } })
    expect(sessions).toHaveLength(1)
  })

  it('a session that a man in the middle with another certificate relays is refused', async () => {
    const { hosts, sessions, endpoint } = await serve()
    const middle = hosts.transport({ certificateHash: hash('ee') })
    const upstream = await middle.dial({ url: endpoint.url, expectedCertificateHash: certificates.server })
    const trap = await middle.listen({
      host: 'middle',
      port: 0,
      onChannel: downstream => {
        upstream.onFrame(frame => void downstream.send(frame).catch(() => {}))
        downstream.onFrame(frame => void upstream.send(frame).catch(() => {}))
      },
    })
    // Even a client that was lied to about the certificate signs what its own connection has.
    const dialled = dialSession(
      {
        endpoint: { ...endpoint, url: trap.url, certificateHash: hash('ee') },
        network,
        role: 'provider',
        operator: provider.operator,
        deviceIds,
      },
      { transport: hosts.transport({ certificateHash: certificates.client }), sign: provider.sign, clock: systemClock },
    )
    await expect(dialled).rejects.toMatchObject({ context: { code: 'SESSION_CERTIFICATE_MISMATCH' } })
    expect(sessions).toEqual([])
  })

  it('the refusal says why an operator is not admitted', async () => {
    const { dial } = await serve({ admit: async () => `it has no device, ${'or so '.repeat(500)}` })
    await expect(dial()).rejects.toMatchObject({
      message: expect.stringContaining('has no device'),
      context: { code: 'SESSION_NOT_ADMITTED' },
    })
  })

  it('where the registration cannot be looked up, the refusal names the server’s fault and nothing else', async () => {
    const { dial, refusals } = await serve({ admit: () => Promise.reject(new Error('https://key@rpc')) })
    const error = await dial().catch(error => error)
    expect(error).toMatchObject({ context: { code: 'SESSION_ADMISSION_FAILED' } })
    expect(error.message).not.toMatch(/key@/)
    await vi.waitFor(() => expect(refusals).toMatchObject([{ code: 'SESSION_ADMISSION_FAILED' }]))
    expect((refusals[0] as Error).cause).toEqual(new Error('https://key@rpc'))
  })

  it.each([
    ['another network', { network: { ...network, chainId: 1 } }, 'SESSION_NETWORK_MISMATCH'],
    ['another contract', { network: { ...network, consensus: provider.operator } }, 'SESSION_NETWORK_MISMATCH'],
  ])('the client signs nothing for %s', async (_, options, code) => {
    const { dial } = await serve()
    const sign: Sign = async () => expect.unreachable('nothing may be signed')
    await expect(dial(options, sign)).rejects.toMatchObject({ code })
  })

  it('the client signs nothing for another Checker than the registered one', async () => {
    const { dial, endpoint } = await serve()
    const sign: Sign = async () => expect.unreachable('nothing may be signed')
    const dialled = dial({ endpoint: { ...endpoint, checker: provider.operator } }, sign)
    await expect(dialled).rejects.toMatchObject({ code: 'SESSION_CHECKER_MISMATCH' })
  })

  it('a client that says nothing is disconnected', async () => {
    const { channel, refusals } = await serve({ limits: { handshakeTimeoutMs: 50 } })
    const silent = await channel()
    expect((await ended(silent)).code).toBe('SESSION_HANDSHAKE_TIMEOUT')
    await vi.waitFor(() => expect(refusals).toMatchObject([{ code: 'SESSION_HANDSHAKE_TIMEOUT' }]))
  })

  it('a server that says nothing is given up', async () => {
    const hosts = createInMemoryNetwork()
    const listener = await hosts.transport().listen({ host: 'mute', port: 0, onChannel: () => {} })
    const dialled = dialSession(
      {
        endpoint: { checker: checker.operator, url: listener.url, certificateHash: hash('00') },
        network,
        role: 'checker',
        operator: provider.operator,
        deviceIds: [],
        limits: { handshakeTimeoutMs: 50 },
      },
      { transport: hosts.transport(), sign: provider.sign, clock: systemClock },
    )
    await expect(dialled).rejects.toMatchObject({ code: 'SESSION_HANDSHAKE_TIMEOUT' })
  })

  it.each([
    ['a message before the session', [{ type: 'opening.request', body: { epoch: '1', cohort: 0 } }]],
    ['a flood before the session', Array.from({ length: 200 }, () => ({ type: 'opening.request', body: null }))],
    ['an accepted of its own', [{ type: 'accepted', body: {} }]],
  ])('the handshake refuses %s', async (_, frames) => {
    const { channel, sessions } = await serve()
    const client = await channel()
    const end = ended(client)
    for (const frame of frames) client.send(frame).catch(() => {})
    expect((await end).code).toBe('SESSION_OUT_OF_ORDER')
    expect(sessions).toEqual([])
  })

  it('a client that goes on before it was accepted is refused', async () => {
    const answered = Promise.withResolvers<null>()
    const { channel, sessions } = await serve({ admit: () => answered.promise })
    const client = await channel()
    const end = ended(client)
    const heard = exchange(client, async nonce => {
      const session = await sessionBody(nonce)
      void client.send({ type: 'session', body: session }).then(async () => {
        await client.send({ type: 'opening.request', body: { epoch: '1', cohort: 0 } })
        setImmediate(() => answered.resolve(null))
      })
      return new Promise(() => {})
    })
    expect((await heard).type).toBe('refused')
    expect((await end).code).toBe('SESSION_OUT_OF_ORDER')
    expect(sessions).toEqual([])
  })

  it('a newer session of an operator replaces the older one, once the newer one has authenticated', async () => {
    const { dial, channel, server, sessions } = await serve()
    const first = await dial()
    await channel()
    await expect(dial({}, checker.sign)).rejects.toMatchObject({ code: 'SESSION_REFUSED' })
    expect([first.closed, server.sessions().length]).toEqual([false, 1])

    const end = ended(first)
    const second = await dial()
    expect((await end).code).toBe('SESSION_REPLACED')
    expect(server.sessions()).toEqual([sessions[1]])
    expect(second.closed).toBe(false)
    second.close()
    await ended(sessions[1]!)
    expect(server.sessions()).toEqual([])
  })

  it('a session is never ended to make room for a stranger', async () => {
    const { dial, channel } = await serve({ limits: { maxConnections: 2 } })
    const session = await dial()
    const strangers = [await channel(), await channel(), await channel()]
    expect(strangers.map(({ closed }) => closed)).toEqual([false, false, false])
    await vi.waitFor(() => expect(strangers.map(({ closed }) => closed)).toEqual([true, true, false]))
    expect(session.closed).toBe(false)
  })

  it('sessions of operators that are not judged here make room for one that is, however many they are', async () => {
    const { dial } = await serve({ limits: { maxConnections: 2 }, makesRoom: ({ role }) => role === 'checker' })
    const guests = [
      await dial({ role: 'checker', deviceIds: [] }),
      await dial({ role: 'checker', operator: checker.operator, deviceIds: [] }, checker.sign),
    ]
    const end = ended(guests[0]!)
    const judged = await dial()
    await end
    expect([guests[1]!.closed, judged.closed]).toEqual([false, false])
  })

  it('what an operator may send grows with the devices that are judged, and is counted over all its sessions', async () => {
    let now = 0
    let devices = deviceIds.length
    const clock = { ...systemClock, monotonicMs: () => now }
    const limits = { framesPerSecond: 256, burstFrames: 40 }
    const { dial, sessions } = await serve({ clock, limits, devicesOf: () => devices })
    let taken = 0
    const flood = async (frames: number) => {
      const client = await dial()
      const served = sessions.at(-1)!
      served.on('opening.request', () => void taken++)
      const refused = new Promise<string>(resolve => client.on('refused', ({ code }) => resolve(code)))
      const cohorts = Array.from({ length: frames }, (_, cohort) => cohort)
      await Promise.allSettled(cohorts.map(cohort => client.send('opening.request', { epoch: 1n, cohort })))
      if (frames > 40) expect(await refused).toBe('TRANSPORT_RATE_EXCEEDED')
      client.close()
      await ended(served)
    }
    await flood(30)
    await expect.poll(() => taken).toBe(30)
    // A new session has what the one before left.
    await flood(50)
    await expect.poll(() => taken).toBe(40)
    now += 1_000
    await flood(60)
    await expect.poll(() => taken).toBe(40 + 10 + deviceIds.length)
    // What is judged no more brings nothing, whatever the session names; the second before still did.
    devices = 0
    now += 1_000
    await flood(60)
    await expect.poll(() => taken).toBe(52 + 10 + deviceIds.length)
    now += 1_000
    await flood(60)
    await expect.poll(() => taken).toBe(64 + 10)
  })

  it('an operator of one device has an eighth of the burst, and a Checker all of it', async () => {
    const clock = { ...systemClock, monotonicMs: () => 0 }
    const { dial, sessions } = await serve({ clock, devicesOf: () => 1 })
    const takenOf = async (options: Partial<DialSessionOptions>) => {
      let taken = 0
      const client = await dial(options)
      const served = sessions.at(-1)!
      served.on('opening.request', () => void taken++)
      const cohorts = Array.from({ length: 400 }, (_, cohort) => cohort)
      await Promise.allSettled(cohorts.map(cohort => client.send('opening.request', { epoch: 1n, cohort })))
      client.close()
      await ended(served)
      await expect.poll(() => taken).toBeGreaterThanOrEqual(256)
      return () => taken
    }
    const provider = await takenOf({ deviceIds: [deviceIds[0]!] })
    const checker = await takenOf({ role: 'checker', deviceIds: [] })
    await expect.poll(checker).toBe(400)
    expect(provider()).toBe(256)
  })

  it('one session is kept for each role and operator', async () => {
    const { dial, server } = await serve()
    await dial()
    await dial({ role: 'checker', deviceIds: [] })
    await dial({ role: 'checker', operator: checker.operator, deviceIds: [] }, checker.sign)
    expect(server.sessions().map(({ role, operator }) => [role, operator])).toEqual([
      ['provider', provider.operator],
      ['checker', provider.operator],
      ['checker', checker.operator],
    ])
  })

  it('dialling stops when it is aborted, also in the middle of the handshake', async () => {
    const { dial } = await serve()
    const stop = new AbortController()
    const dialled = dial({ signal: stop.signal }, async () => {
      stop.abort()
      return `0x${'00'.repeat(65)}`
    })
    await expect(dialled).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' })
  })
})

type Body = MessageBody<'session'>

async function sessionBody(serverNonce: Hex): Promise<Body> {
  const message = {
    operator: provider.operator,
    checker: checker.operator,
    clientCertificateHash: certificates.client,
    serverCertificateHash: certificates.server,
    serverNonce,
    claimHash: hashClaim('provider', deviceIds),
  }
  const session = { message, signature: await provider.sign('Session', message) }
  return { version: protocolVersion, role: 'provider', session, deviceIds }
}

/** Changes fields of the signed session after it was signed. */
function within(fields: Partial<Body['session']['message']>) {
  return (body: Body) => ({ ...body, session: { ...body.session, message: { ...body.session.message, ...fields } } })
}

/** Signs something else than what is sent. */
function alter(fields: Partial<Body['session']['message']>): Sign {
  return (type, message) => provider.sign(type, { ...message, ...fields })
}

/** Answers a server's welcome with a body, or with the bytes of a whole frame, and returns what the server says then. */
function exchange(channel: Channel, answer: (nonce: Hex) => Promise<unknown>): Promise<Frame> {
  return new Promise(resolve =>
    channel.onFrame(async frame => {
      if (frame.type !== 'welcome') return resolve(frame)
      const body = await answer((frame.body as { nonce: Hex }).nonce)
      if (!(body instanceof Uint8Array)) return channel.send({ type: 'session', body }).catch(() => {})
      try {
        await channel.send(decodeFrame(body, defaultLimits))
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^TRANSPORT_FRAME_/) })
        resolve({ type: 'refused', body: error })
      }
    }),
  )
}

const ended = (it: Channel | Session): Promise<CloseReason> => new Promise(resolve => it.onClose(resolve))
