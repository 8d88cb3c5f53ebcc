/** Wrong rows that this seat found: told to the others of a committee until each has taken them. */
import type { Address } from 'viem'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Signed } from '../protocol/typed-data.ts'
import type { Session } from '../transport/session.ts'
import type { Peers } from './gather-openings.ts'

/** Resolves when every one of them has taken the row or the epoch is over. Never rejects. */
export type ForwardWrongRow = (
  others: readonly Address[],
  epoch: number,
  commitment: Signed<'Commitment'>,
  payload: Uint8Array,
) => Promise<void>

export type ForwardWrongRowDependencies = {
  readonly tell: Peers['tell']
  /** Whether the epoch is committed to, so that no verdict changes any more. */
  readonly isOver: (epoch: number) => boolean
  readonly clock: Clock
  readonly log: Logger
  readonly stop: AbortSignal
}

/** A seat refuses within this time what it does not take; silence on an open session means that it has. */
const takenMs = 3_000
const firstPauseMs = 1_000
/** A seat that is away for hours is not dialled more often than this. */
const longestPauseMs = 300_000

export function createForwardWrongRow(deps: ForwardWrongRowDependencies): ForwardWrongRow {
  const { tell, isOver, clock, log, stop } = deps

  async function hand(session: Session, commitment: Signed<'Commitment'>, payload: Uint8Array): Promise<void> {
    const given = new AbortController()
    let stopListening = () => {}
    const refused = new Promise<never>((_, reject) => {
      const stopRefusals = session.on('refused', ({ message, regarding }) => {
        if (regarding === 'wrong.row') reject(new Error(message))
      })
      const stopWatching = session.onClose(({ code }) => reject(new Error(code)))
      stopListening = () => {
        stopRefusals()
        stopWatching()
      }
    })
    try {
      refused.catch(() => undefined)
      await session.send('wrong.row', { commitment }, payload)
      await Promise.race([refused, clock.sleep(takenMs, AbortSignal.any([given.signal, stop]))])
    } finally {
      given.abort()
      stopListening()
    }
  }

  return async (others, epoch, commitment, payload) => {
    const untilTaken = async (checker: Address) => {
      for (let pauseMs = firstPauseMs; !stop.aborted && !isOver(epoch); pauseMs *= 2) {
        if (await tell(checker, session => hand(session, commitment, payload))) return
        log.warn({ checker, epoch }, 'a seat has not taken a wrong row; it is told again')
        await clock.sleep(Math.min(pauseMs, longestPauseMs), stop).catch(() => undefined)
      }
    }
    await Promise.all(others.map(untilTaken))
  }
}
