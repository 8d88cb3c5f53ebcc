import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import type { CheckerEndpoint } from '../../../src/core/transport/dial-session.ts'
import { keepSessions, type Unreachable } from '../../../src/core/transport/keep-sessions.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import type { Identity } from '../../../src/core/transport/transport.ts'
import { eventually } from '../../helpers/eventually.ts'
import { createIdentity } from '../../helpers/identities.ts'
import { seededRandom } from '../../helpers/seeded-random.ts'
import { createTcpProxy } from '../../helpers/tcp-proxy.ts'
import { checker, dial, serve } from './hosts.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** A Provider that keeps its session with whatever endpoints it is given. */
function keep(identity: Identity) {
  const reports: Unreachable[] = []
  const patient = { handshakeTimeoutMs: 2_000, idleTimeoutMs: 10_000 }
  let limits = patient
  const kept = keepSessions(
    { baseMs: 20, capMs: 200 },
    {
      dial: (endpoint, signal) => dial(endpoint, { identity, signal, limits }),
      delay: (ms, signal) => wait(ms, undefined, { signal }).catch(() => {}),
      now: () => performance.now(),
      random: seededRandom(7),
      onSession: session => void session.on('opening.reply', () => {}),
      onUnreachable: unreachable => reports.push(unreachable),
    },
  )
  closing.push(() => kept.close())
  /** Whether the sessions that are dialled from here on are given up soon: of a connection that hangs, nothing else is heard. */
  const hurry = (isHasty: boolean) => {
    limits = isHasty ? { ...patient, idleTimeoutMs: 400 } : patient
  }
  return { kept, reports, hurry }
}

async function served(identity: Identity) {
  const sessions: Session[] = []
  const it = await serve({ identity, limits: { idleTimeoutMs: 2_000 }, onSession: session => sessions.push(session) })
  const { port } = new URL(it.server.url)
  let fault = {}
  const proxy = await createTcpProxy({ target: { host: '127.0.0.1', port: Number(port) }, faults: () => fault })
  closing.push(
    () => it.server.close(),
    () => proxy.close(),
  )
  const endpoint: CheckerEndpoint = { ...it.endpoint, url: proxy.through(it.endpoint.url) }
  return { ...it, proxy, endpoint, sessions, setFault: (next: object) => (fault = next) }
}

const open = (kept: ReturnType<typeof keep>['kept']) =>
  eventually(() => {
    const session = kept.sessionWith(checker.address)
    expect(session?.closed).toBe(false)
    return session!
  })

it('a Provider has a session again after the connection was cut, hung, or was ended by the Checker', async () => {
  const { endpoint, proxy, sessions, setFault, server } = await served(await createIdentity('checker'))
  const { kept, reports, hurry } = keep(await createIdentity('provider'))
  kept.update([endpoint])
  const first = await open(kept)

  hurry(true)
  proxy.cut()
  await eventually(() => expect(first.closed).toBe(true))
  const second = await open(kept)

  hurry(false)
  setFault({ hangAfterBytes: 0 })
  await eventually(() => expect(second.closed).toBe(true))
  setFault({})
  const third = await open(kept)

  sessions.at(-1)!.close({ code: 'TEST_OVER', message: 'for a test' })
  await eventually(() => expect(third.closed).toBe(true))
  const fourth = await open(kept)
  await fourth.send('opening.request', { epoch: 1n, cohort: 0 })

  const codes = new Set(reports.map(({ reason }) => reason.code))
  expect(codes).toContain('TRANSPORT_LOST')
  expect(codes).toContain('TRANSPORT_IDLE')
  expect(codes).toContain('TEST_OVER')
  await eventually(() => expect(server.sessions()).toHaveLength(1))
})

it('a Provider follows an endpoint to another place and certificate, and reports the error of the old one', async () => {
  const old = await served(await createIdentity('checker'))
  const { kept, reports } = keep(await createIdentity('provider'))
  kept.update([old.endpoint])
  const first = await open(kept)
  const next = await served(await createIdentity('checker'))

  // The Checker moved before it registered its new certificate.
  kept.update([{ ...next.endpoint, certificateHash: old.endpoint.certificateHash }])
  await eventually(() => expect(reports.at(-1)?.reason.code).toBe('TRANSPORT_PIN_MISMATCH'))
  expect([first.closed, kept.sessionWith(checker.address), next.sessions.length]).toEqual([true, null, 0])
  expect(kept.unreachable()[0]?.reason.message).toContain('is registered on chain')

  kept.update([next.endpoint])
  const moved = await open(kept)
  expect(moved.peerCertificateHash).toBe(next.endpoint.certificateHash)
  expect(kept.unreachable()).toEqual([])
})
