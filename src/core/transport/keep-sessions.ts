import type { Address } from 'viem'
import { isKaisarError } from '../platform/errors.ts'
import type { CheckerEndpoint } from './dial-session.ts'
import { closeReason, transportErrors } from './errors.ts'
import type { Session } from './session.ts'
import type { CloseReason } from './transport.ts'

export type Backoff = {
  /** Longest wait before the first retry. */
  readonly baseMs: number
  /** Longest wait before any retry; also how long a session must last for the next failure to count as the first. */
  readonly capMs: number
}

export const defaultBackoff: Backoff = { baseMs: 500, capMs: 60_000 }

/** A Checker with which there is no session now, and the reason. */
export type Unreachable = {
  readonly endpoint: CheckerEndpoint
  readonly reason: CloseReason
  /** Failures in a row. */
  readonly failures: number
  /** The next attempt comes after this many milliseconds. */
  readonly retryInMs: number
}

export type KeepSessionsDependencies = {
  dial(endpoint: CheckerEndpoint, signal: AbortSignal): Promise<Session>
  /** Resolves after `ms`, early when aborted. */
  delay(ms: number, signal: AbortSignal): Promise<void>
  /** Monotonic, in milliseconds. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
  /** A session is open; handlers are registered before this returns. */
  onSession(session: Session, endpoint: CheckerEndpoint): void
  onUnreachable?(unreachable: Unreachable): void
}

type Kept = {
  readonly endpoint: CheckerEndpoint
  readonly stop: AbortController
  session: Session | null
  unreachable: Unreachable | null
}

/**
 * Keeps one session with each of a changing set of Checkers. A lost session is dialled again, whatever ended it. Waits have full
 * jitter (uniform between 0 and min(cap, base × 2^failures)), so that the Providers of a restarted Checker do not all dial at once.
 * The wait is longest after another machine with the same key took the session: the two would otherwise take it from each other
 * all day.
 */
export function keepSessions(backoff: Backoff, dependencies: KeepSessionsDependencies) {
  const kept = new Map<Address, Kept>()
  const ending = new Set<Promise<void>>()

  function keep(endpoint: CheckerEndpoint) {
    const stop = new AbortController()
    const entry: Kept = { endpoint, stop, session: null, unreachable: null }
    const running = run(entry, stop.signal).finally(() => ending.delete(running))
    ending.add(running)
    kept.set(keyOf(endpoint), entry)
  }

  function drop(entry: Kept) {
    kept.delete(keyOf(entry.endpoint))
    entry.stop.abort()
    entry.session?.close()
  }

  async function run(entry: Kept, stopped: AbortSignal) {
    let failures = 0
    while (!stopped.aborted) {
      const { reason, lastedMs } = await hold(entry, stopped)
      if (stopped.aborted) return
      failures = lastedMs >= backoff.capMs ? 1 : failures + 1
      const longestMs =
        reason.code === 'SESSION_REPLACED'
          ? backoff.capMs
          : Math.min(backoff.capMs, backoff.baseMs * 2 ** (failures - 1))
      const retryInMs = dependencies.random() * longestMs
      entry.unreachable = { endpoint: entry.endpoint, reason, failures, retryInMs }
      dependencies.onUnreachable?.(entry.unreachable)
      await dependencies.delay(retryInMs, stopped)
    }
  }

  /** Dials, and resolves when there is no session with the reason: at once where none was opened, else when it has ended. */
  async function hold(entry: Kept, stopped: AbortSignal): Promise<{ reason: CloseReason; lastedMs: number }> {
    let session: Session | null = null
    let openedAt = dependencies.now()
    try {
      session = await dependencies.dial(entry.endpoint, stopped)
      openedAt = dependencies.now()
      if (stopped.aborted) throw transportErrors.TRANSPORT_ABORTED({ url: entry.endpoint.url })
      entry.session = session
      entry.unreachable = null
      dependencies.onSession(session, entry.endpoint)
    } catch (error) {
      entry.session = null
      session?.close()
      return { reason: reasonOf(error), lastedMs: 0 }
    }
    const opened = session
    const reason = await new Promise<CloseReason>(resolve => opened.onClose(resolve))
    entry.session = null
    return { reason, lastedMs: dependencies.now() - openedAt }
  }

  return {
    /** The Checkers to be connected with from now on; sessions with others are closed, changed endpoints dialled anew. */
    update(endpoints: readonly CheckerEndpoint[]): void {
      const wanted = new Map(endpoints.map(endpoint => [keyOf(endpoint), endpoint]))
      for (const [key, entry] of kept) if (!same(wanted.get(key), entry.endpoint)) drop(entry)
      for (const [key, endpoint] of wanted) if (!kept.has(key)) keep(endpoint)
    },
    /** The open session with a Checker. */
    sessionWith: (checker: Address): Session | null => kept.get(checker.toLowerCase() as Address)?.session ?? null,
    unreachable: (): readonly Unreachable[] => [...kept.values()].flatMap(({ unreachable }) => unreachable ?? []),
    /** Closes everything and dials no more; resolves when nothing is left running. */
    async close(): Promise<void> {
      for (const entry of [...kept.values()]) drop(entry)
      await Promise.all(ending)
    },
  }
}

const keyOf = ({ checker }: CheckerEndpoint) => checker.toLowerCase() as Address

const same = (a: CheckerEndpoint | undefined, b: CheckerEndpoint) =>
  a?.url === b.url && a.certificateHash === b.certificateHash

const reasonOf = (error: unknown): CloseReason =>
  isKaisarError(error) ? closeReason(error) : closeReason(transportErrors.TRANSPORT_LOST({ why: String(error) }))
