/** Who is connected with this seat: the operators of its devices, and what each of them may send. */
import type { Address } from 'viem'
import type { Clock } from '../platform/clock.ts'
import type { Session } from '../transport/session.ts'
import type { CheckerEvent } from './checker-event.ts'
import type { DeviceJobs } from './device-check.ts'
import type { Epochs } from './epochs.ts'
import { checkerErrors } from './errors.ts'
import type { Send } from './round/seat-round.ts'

export type OperatorSessions = ReturnType<typeof createOperatorSessions>

/** @param findMs - within which an operator that is there has found a seat that listens */
export function createOperatorSessions(
  { findMs }: { readonly findMs: number },
  { clock, emit }: { readonly clock: Clock; readonly emit: (event: CheckerEvent) => void },
) {
  const sessions = new Map<Address, Session>()
  const found = new Set<Address>()
  let listeningSinceMs = clock.monotonicMs()
  return {
    /** How an operator is reached; null while it has no open session. */
    sendTo(operator: Address): Send | null {
      const session = sessions.get(operator)
      return session === undefined || session.closed ? null : (type, body, payload) => session.send(type, body, payload)
    },
    all: (): readonly Session[] => [...sessions.values()],
    /** Whether the operator may not have found this seat yet: Providers dial again within the time that a round stays open. */
    isArriving: (operator: Address): boolean => !found.has(operator) && clock.monotonicMs() < listeningSinceMs + findMs,
    /** This seat listens from now on. */
    listening(): void {
      listeningSinceMs = clock.monotonicMs()
    },
    /** Takes the place of the operator's former session. */
    add(session: Session): void {
      const { operator } = session
      sessions.set(operator, session)
      found.add(operator)
      emit({ type: 'session.opened', operator, reason: null })
      session.onClose(({ code }) => {
        if (sessions.get(operator) === session) sessions.delete(operator)
        emit({ type: 'session.closed', operator, reason: code })
      })
    },
  }
}

export type ServeOperatorDependencies = {
  readonly sessions: OperatorSessions
  readonly epochs: Epochs
  readonly jobs: DeviceJobs
  readonly onTrouble: (where: string) => (error: unknown) => void
}

/** Takes what an operator sends over its new session, and repeats to it what still stands: offers, requests, device requests. */
export function serveOperator(session: Session, dependencies: ServeOperatorDependencies): void {
  const { sessions, epochs, jobs, onTrouble } = dependencies
  const { operator } = session
  sessions.add(session)
  session.on('job.commitment', (commitment, _, receivedAt) =>
    epochs.judgeOf(commitment.message.epoch).takeCommitment(operator, commitment, receivedAt),
  )
  session.on('job.mark', (mark, _, receivedAt) => epochs.judgeOf(mark.epoch).takeMark(operator, mark, receivedAt))
  session.on('job.abort', abort => epochs.judgeOf(abort.message.epoch).takeAbort(operator, abort))
  session.on('job.busy', (busy, _, receivedAt) =>
    epochs.judgeOf(busy.message.epoch).takeBusy(operator, busy, receivedAt),
  )
  session.on('job.openings', (about, payload, receivedAt) => {
    if (!epochs.newestFirst().some(({ judge }) => judge.takeOpenings(operator, about, payload, receivedAt)))
      throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: about.commitmentHash })
  })
  session.on('device.report', body => jobs.take(session, body))
  for (const { judge } of epochs.newestFirst()) judge.greet(operator).catch(onTrouble('greeting'))
  const working = epochs.working()
  if (working !== null)
    jobs.ask(session, working.epoch, working.byOperator.get(operator) ?? []).catch(onTrouble('device request'))
}
