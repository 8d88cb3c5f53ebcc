/** A wrong row over real sessions of the in-memory transport: seats that judge by themselves, and only one whose sample hit it. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createForwardWrongWork, createPeerServer, type PeerDependencies } from '../../../src/core/checker/peers.ts'
import { recoverSigner } from '../../../src/core/report/signer.ts'
import { dialSession } from '../../../src/core/transport/dial-session.ts'
import { type SessionServer, serveSessions } from '../../../src/core/transport/serve-sessions.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { createInMemoryNetwork } from '../../helpers/in-memory-transport.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'
import { network, openJudgeFixture, type Worked, word } from './judge-fixture.ts'

let fixture: Awaited<ReturnType<typeof openJudgeFixture>>
let worked: Worked
const closing: (() => unknown)[] = []
beforeAll(async () => {
  fixture = await openJudgeFixture()
  worked = await fixture.workWrongFor(0)
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
afterAll(() => fixture.end())

const memory = () => createInMemoryNetwork()
type Judge = ReturnType<typeof fixture.seat>['judge']

const nobody: Omit<PeerDependencies, 'judgeOf'> = { seatOf: () => null, phaseOf: async () => 'work', now: () => 0 }

/** A seat's own end: what it judges with, behind a session server. */
async function serve(host: ReturnType<typeof memory>, index: number, judge: Pick<Judge, 'takeWrongWork'>) {
  const faults: unknown[] = []
  const server = await serveSessions(
    { host: '127.0.0.1', port: 0, network, checker: fixture.openSigner(index).address },
    {
      transport: host.transport(),
      recover: (type, message, signature) => recoverSigner(network, type, { message, signature }),
      randomNonce: () => word(Math.floor(index + 1)),
      admit: async () => null,
      onSession: createPeerServer({ ...nobody, judgeOf: () => judge }),
      onFault: ({ error }) => faults.push(error),
      clock: createManualClock(),
    },
  )
  closing.push(() => server.close())
  return { server, faults }
}

/** The forwarder of seat 0, which dials whom `find` knows. */
function forwarder(
  host: ReturnType<typeof memory>,
  find: (checker: string) => SessionServer | undefined,
  isOver: () => boolean = () => false,
) {
  const clock = createManualClock()
  const stop = new AbortController()
  const signer = fixture.openSigner(0)
  const sessions: Session[] = []
  const dials: number[] = []
  closing.push(() => {
    stop.abort()
    for (const session of sessions) session.close()
  })
  const forward = createForwardWrongWork({
    async tell(checker, send) {
      dials.push(clock.monotonicMs())
      const server = find(checker)
      if (server === undefined) return false
      try {
        const endpoint = { checker, url: server.url, certificateHash: word(0) }
        const session = await dialSession(
          { endpoint, network, role: 'checker', operator: signer.address, deviceIds: [] },
          { transport: host.transport(), sign: (type, message) => signer.sign(type, message), clock },
        )
        sessions.push(session)
        await send(session)
        return true
      } catch {
        return false
      }
    },
    isOver,
    clock,
    log: silentLogger,
    stop: stop.signal,
  })
  return { forward, clock, dials, stop }
}

it('every other seat of the committee adopts a wrong row that none of them sampled', async () => {
  const host = memory()
  const others = [fixture.seat(1), fixture.seat(2)]
  const servers = new Map<string, SessionServer>()
  for (const [i, { judge }] of others.entries())
    servers.set(fixture.openSigner(i + 1).address, (await serve(host, i + 1, judge)).server)
  const { forward, clock } = forwarder(host, checker => servers.get(checker))

  let forwarding: Promise<void> | undefined
  const finder = fixture.seat(0, {
    forwardWrongWork: (_cohort, epoch, commitment, payload) => {
      forwarding = forward([...servers.keys()] as `0x${string}`[], epoch, commitment, payload)
    },
  })
  const second = others[0]!
  // The second seat's own sample holds only right rows: alone it would say VALID.
  const { answer } = await second.upToRequest(worked)
  answer()
  await expect.poll(() => second.journal.verdicts(0)).toMatchObject([{ verdict: 'VALID' }])
  // The third one saw the round, and no commitment yet.
  await others[1]!.begin()
  const own = await finder.upToRequest(worked)
  own.answer()

  for (const seat of [finder, ...others])
    await expect.poll(() => seat.journal.verdicts(0)).toMatchObject([{ verdict: 'WRONG', reason: 'ROW_WRONG' }])
  await clock.advance(3_000)
  await forwarding
  for (const seat of others) expect(seat.forwarded).toEqual([])
})

it('a wrong row is sent again with growing pauses to a seat that is away or has no such round yet, until it was taken', async () => {
  const host = memory()
  const seat = fixture.seat(1)
  const { server, faults } = await serve(host, 1, seat.judge)
  let isThere = false
  const { forward, clock, dials } = forwarder(host, () => (isThere ? server : undefined))
  const finder = fixture.seat(0)
  const own = await finder.upToRequest(worked)
  own.answer()
  await expect.poll(() => finder.forwarded).toHaveLength(1)
  const { commitment, payload } = finder.forwarded[0]!

  let isDone = false
  const done = forward([fixture.openSigner(1).address], 0, commitment, payload).then(() => {
    isDone = true
  })
  await clock.advance(6_900)
  expect(dials).toEqual([0, 1_000, 3_000])
  isThere = true
  await clock.advance(200)
  // It has not begun the round: refused, so it is told again.
  await expect.poll(() => faults).toEqual([expect.objectContaining({ code: 'CHECKER_ROUND_UNKNOWN' })])
  await seat.begin()
  for (let i = 0; i < 40 && !isDone; i++) await clock.advance(1_000)
  await done
  expect(dials).toHaveLength(5)
  expect(seat.journal.verdicts(0)).toMatchObject([{ verdict: 'WRONG', reason: 'ROW_WRONG' }])
})

it('a wrong row is not sent any more once the epoch is committed to, or the process stops', async () => {
  let isOver = false
  const { forward, clock, dials, stop } = forwarder(
    memory(),
    () => undefined,
    () => isOver,
  )
  const told = () => forward([fixture.openSigner(1).address], 0, worked.commitment, new Uint8Array(8))
  const first = told()
  await clock.advance(2_000)
  isOver = true
  await clock.advance(10_000)
  await first
  expect(dials).toEqual([0, 1_000])
  isOver = false
  const second = told()
  await clock.advance(0)
  stop.abort()
  await second
  expect(dials).toHaveLength(3)
})

it('a wrong row is sent at most every five minutes to a seat that stays away', async () => {
  const { forward, clock, dials, stop } = forwarder(memory(), () => undefined)
  const told = forward([fixture.openSigner(1).address], 0, worked.commitment, new Uint8Array(8))
  await clock.advance(3_600_000)
  expect(dials.length).toBeLessThan(9 + 12)
  expect(dials.at(-1)! - dials.at(-2)!).toBe(300_000)
  stop.abort()
  await told
})
