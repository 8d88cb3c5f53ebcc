import type { Hex } from 'viem'
import { describe, expect, it, vi } from 'vitest'
import type { CheckerEndpoint } from '../../../src/core/transport/dial-session.ts'
import { transportErrors } from '../../../src/core/transport/errors.ts'
import { type Backoff, keepSessions, type Unreachable } from '../../../src/core/transport/keep-sessions.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import type { CloseReason } from '../../../src/core/transport/transport.ts'

const endpoint = (digit: string, port = 1): CheckerEndpoint => ({
  checker: `0x${digit.repeat(40)}`,
  url: `wss://${digit}.example:${port}`,
  certificateHash: `0x${digit.repeat(64)}`,
})
const backoff: Backoff = { baseMs: 100, capMs: 1600 }

/** A world in which dials are answered by the test, and time passes when it says so. */
function world({ random = (): number => 0.5 } = {}) {
  let clock = 0
  let refusing: Error | null = null
  const dials: { endpoint: CheckerEndpoint; session: FakeSession | null }[] = []
  const waits: { ms: number; end(): void }[] = []
  const opened: Session[] = []
  const reports: Unreachable[] = []
  const kept = keepSessions(backoff, {
    now: () => clock,
    random,
    dial: async endpoint => {
      const session = refusing === null ? createFakeSession(endpoint) : null
      dials.push({ endpoint, session })
      if (session === null) throw refusing
      return session
    },
    delay: (ms, signal) =>
      new Promise(resolve => {
        waits.push({ ms, end: resolve })
        signal.addEventListener('abort', () => resolve())
      }),
    onSession: session => opened.push(session),
    onUnreachable: unreachable => reports.push(unreachable),
  })
  return {
    kept,
    dials,
    waits,
    opened,
    reports,
    refuse: (error: Error | null) => {
      refusing = error
    },
    pass: (ms: number) => {
      clock += ms
    },
    settled: () => new Promise(setImmediate),
  }
}

type FakeSession = Session & { end(reason: CloseReason): void }

function createFakeSession({ checker }: CheckerEndpoint): FakeSession {
  const handlers: ((reason: CloseReason) => void)[] = []
  let over: CloseReason | null = null
  const end = (reason: CloseReason) => {
    over ??= reason
    for (const handler of handlers.splice(0)) handler(over)
  }
  return {
    role: 'checker',
    operator: checker,
    deviceIds: [],
    peerCertificateHash: `0x${'0'.repeat(64)}`,
    send: () => Promise.resolve(),
    on: () => () => {},
    onClose(handler) {
      if (over === null) handlers.push(handler)
      else handler(over)
      return () => undefined
    },
    close: (reason = { code: 'TRANSPORT_CLOSED', message: '' }) => end(reason),
    get closed() {
      return over !== null
    },
    end,
  }
}

const lost: CloseReason = { code: 'TRANSPORT_LOST', message: 'gone' }
const unreachable = transportErrors.TRANSPORT_UNREACHABLE({ url: 'wss://a', why: 'nobody listens there' })

describe('keepSessions', () => {
  it('keepSessions dials every endpoint once', async () => {
    const { kept, dials, settled } = world()
    kept.update([endpoint('a'), endpoint('b')])
    kept.update([endpoint('b'), endpoint('a')])
    await settled()
    expect(dials.map(({ endpoint }) => endpoint)).toEqual([endpoint('a'), endpoint('b')])
    expect(kept.sessionWith(endpoint('a').checker)).toBe(dials[0]!.session)
    expect(kept.sessionWith(endpoint('a').checker.toUpperCase().replace('0X', '0x') as Hex)).toBe(dials[0]!.session)
    expect(kept.sessionWith(endpoint('c').checker)).toBe(null)
    await kept.close()
  })

  it('a lost session is dialled again, and the reason of the loss is reported', async () => {
    const { kept, dials, waits, settled, pass } = world()
    kept.update([endpoint('a')])
    await settled()
    pass(10)
    dials[0]!.session!.end(lost)
    await settled()
    expect(kept.sessionWith(endpoint('a').checker)).toBe(null)
    expect(kept.unreachable()).toEqual([{ endpoint: endpoint('a'), reason: lost, failures: 1, retryInMs: 50 }])
    waits[0]!.end()
    await settled()
    expect(dials).toHaveLength(2)
    expect(kept.unreachable()).toEqual([])
    await kept.close()
  })

  it('the wait doubles after each failure, up to the cap', async () => {
    const { kept, waits, refuse, reports, settled } = world({ random: () => 0.999_999 })
    refuse(unreachable)
    kept.update([endpoint('a')])
    for (let n = 0; n < 7; n++) {
      await settled()
      waits[n]!.end()
    }
    await settled()
    expect(waits.map(({ ms }) => Math.round(ms))).toEqual([100, 200, 400, 800, 1600, 1600, 1600, 1600])
    expect(reports.map(({ failures, reason }) => [failures, reason.code]).at(-1)).toEqual([8, 'TRANSPORT_UNREACHABLE'])
    await kept.close()
  })

  it('waits are spread over the whole range', async () => {
    const draws = [0, 0.25, 0.75]
    const { kept, waits, refuse, settled } = world({ random: () => draws.shift() ?? 0 })
    refuse(unreachable)
    kept.update([endpoint('a'), endpoint('b'), endpoint('c')])
    await settled()
    expect(waits.map(({ ms }) => ms)).toEqual([0, 25, 75])
    await kept.close()
  })

  it('failures of short sessions are counted, and forgotten after a session that lasted', async () => {
    const { kept, dials, waits, reports, pass, settled } = world()
    kept.update([endpoint('a')])
    for (const [n, lastedMs] of [10, 10, 2000, 10].entries()) {
      await settled()
      pass(lastedMs)
      dials[n]!.session!.end(lost)
      await settled()
      waits[n]!.end()
    }
    expect(reports.map(({ failures }) => failures)).toEqual([1, 2, 1, 2])
    await kept.close()
  })

  it('a session that another machine with the same key has taken is not fought for', async () => {
    const { kept, dials, waits, settled } = world()
    kept.update([endpoint('a')])
    await settled()
    dials[0]!.session!.end({ code: 'SESSION_REPLACED', message: '' })
    await settled()
    expect(waits[0]!.ms).toBe(backoff.capMs / 2)
    await kept.close()
  })

  it('sessions that are no longer wanted are closed, and a changed endpoint is dialled anew', async () => {
    const { kept, dials, settled } = world()
    kept.update([endpoint('a'), endpoint('b')])
    await settled()
    kept.update([endpoint('a', 2)])
    await settled()
    expect(dials.map(({ session }) => session!.closed)).toEqual([true, true, false])
    expect(dials[2]!.endpoint).toEqual(endpoint('a', 2))
    expect(kept.sessionWith(endpoint('b').checker)).toBe(null)
    await kept.close()
  })

  it('close ends everything and stops dialling, also during a wait', async () => {
    const { kept, dials, refuse, settled } = world()
    kept.update([endpoint('a')])
    await settled()
    refuse(unreachable)
    kept.update([endpoint('a'), endpoint('b')])
    await settled()
    await kept.close()
    expect(dials).toHaveLength(2)
    expect(dials[0]!.session!.closed).toBe(true)
    expect(kept.unreachable()).toEqual([])
  })

  it('a session for which a handler cannot be made is closed, and dialled again later', async () => {
    const sessions: FakeSession[] = []
    const reports: Unreachable[] = []
    const kept = keepSessions(backoff, {
      now: () => 0,
      random: () => 0,
      dial: async endpoint => {
        sessions.push(createFakeSession(endpoint))
        return sessions.at(-1)!
      },
      delay: (_, signal) => new Promise(resolve => signal.addEventListener('abort', () => resolve())),
      onSession: () => {
        throw new Error('not ready')
      },
      onUnreachable: unreachable => reports.push(unreachable),
    })
    kept.update([endpoint('a')])
    await vi.waitFor(() => expect(reports).toHaveLength(1))
    expect(reports[0]!.reason.message).toContain('not ready')
    expect([sessions[0]!.closed, kept.sessionWith(endpoint('a').checker)]).toEqual([true, null])
    await kept.close()
  })

  it('a session that opens after its endpoint was given up is closed', async () => {
    const late = Promise.withResolvers<Session>()
    const onSession = vi.fn()
    const kept = keepSessions(backoff, {
      now: () => 0,
      random: () => 0,
      dial: () => late.promise,
      delay: async () => {},
      onSession,
    })
    kept.update([endpoint('a')])
    const closed = kept.close()
    const session = createFakeSession(endpoint('a'))
    late.resolve(session)
    await closed
    expect(session.closed).toBe(true)
    expect(onSession).not.toHaveBeenCalled()
  })
})
