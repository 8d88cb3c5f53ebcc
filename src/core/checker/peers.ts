/**
 * What the seats of a committee have to do with each other: sessions among them, what whoever proved work wrong tells the others, and the
 * answers to what others ask or tell. What a keeper asks them for is in gather-openings.ts.
 */
import type { Address } from 'viem'
import { getChecker } from '../chain/checkers.ts'
import type { EpochOverview } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { Clock } from '../platform/clock.ts'
import { isKaisarError } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import type { Signed } from '../protocol/typed-data.ts'
import type { Signer } from '../report/signer.ts'
import { dialSession } from '../transport/dial-session.ts'
import type { Session } from '../transport/session.ts'
import { createTokenBucket, type TokenBucket } from '../transport/token-bucket.ts'
import type { Transport } from '../transport/transport.ts'
import type { SeatEpoch } from './epoch/seat-epoch.ts'
import { checkerErrors } from './errors.ts'
import { createGatherOpenings, type GatherOpeningsDependencies, onRefusal } from './gather-openings.ts'
import type { RoundJudge } from './round/judge.ts'

type Peers = ReturnType<typeof createPeers>

export type PeersDependencies = {
  readonly network: ConnectedNetwork
  readonly signer: Signer
  readonly transport: Transport
  readonly clock: Clock
  readonly log: Logger
} & Pick<GatherOpeningsDependencies, 'answerMs' | 'onGathered'>

export function createPeers({ network, signer, transport, clock, log, ...gathering }: PeersDependencies) {
  const sessions = new Map<Address, Promise<Session>>()

  async function dial(checker: Address): Promise<Session> {
    const known = await getChecker(network, checker)
    if (known === null) throw new Error(`${checker} is not bonded`)
    const endpoint = { checker, url: known.endpoint, certificateHash: known.certificateHash }
    const session = await dialSession(
      { endpoint, network, role: 'checker', operator: signer.address, deviceIds: [] },
      { transport, sign: (type, message) => signer.sign(type, message), clock },
    )
    session.onClose(() => sessions.delete(checker))
    return session
  }

  async function sessionWith(checker: Address): Promise<Session> {
    const open = sessions.get(checker) ?? dial(checker)
    sessions.set(checker, open)
    try {
      return await open
    } catch (error) {
      sessions.delete(checker)
      throw error
    }
  }

  return {
    gather: createGatherOpenings({ ...gathering, network, self: signer.address, sessionWith, clock, log }),
    /** Sends a message to a Checker; resolves false where it cannot be reached. */
    async tell(checker: Address, send: (session: Session) => Promise<void>): Promise<boolean> {
      try {
        await send(await sessionWith(checker))
        return true
      } catch (error) {
        log.debug({ error, checker }, 'a seat could not be told')
        return false
      }
    },
    close(): void {
      for (const session of sessions.values()) session.then(open => open.close()).catch(() => undefined)
    },
  }
}

/** Resolves when every one of them has taken the row or the epoch is over. Never rejects. */
export type ForwardWrongWork = (
  others: readonly Address[],
  epoch: number,
  commitment: Signed<'Commitment'>,
  payload: Uint8Array,
) => Promise<void>

export type ForwardWrongWorkDependencies = {
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

export function createForwardWrongWork(deps: ForwardWrongWorkDependencies): ForwardWrongWork {
  const { tell, isOver, clock, log, stop } = deps

  async function hand(session: Session, commitment: Signed<'Commitment'>, payload: Uint8Array): Promise<void> {
    const given = new AbortController()
    const { promise: refused, reject } = Promise.withResolvers<never>()
    const stopListening = onRefusal(session, 'wrong.work', ({ code, message }, hasEnded) =>
      reject(new Error(hasEnded ? code : message)),
    )
    try {
      refused.catch(() => undefined)
      await session.send('wrong.work', { commitment }, payload)
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
        log.warn({ checker, epoch }, 'a seat has not taken wrong work; it is told again')
        await clock.sleep(Math.min(pauseMs, longestPauseMs), stop).catch(() => undefined)
      }
    }
    await Promise.all(others.map(untilTaken))
  }
}

export type PeerDependencies = {
  readonly seatOf: (epoch: number) => Pick<SeatEpoch, 'openingReply'> | null
  /** @throws CHECKER_ROUND_UNKNOWN */
  readonly judgeOf: (epoch: bigint) => Pick<RoundJudge, 'takeWrongWork'>
  readonly phaseOf: (epoch: number) => Promise<EpochOverview['phase']>
  /** Monotonic, in ms. */
  readonly now: () => number
}

/** Wrong work that turned out to be none: an honest seat sends none, and each takes a recomputation. */
const unprovenRows = { perSecond: 1 / 60, burst: 8 }

/** What is kept of an operator beyond its sessions, since a new one costs it nothing. */
type Sender = { readonly patience: TokenBucket; waiting: number; last: Promise<unknown> }

/**
 * Answers other Checkers: called with each session of one. Wrong work are counted by operator, over all of its sessions, and an operator
 * whose allowance has refilled is forgotten: those kept are seats of committees beside us that sent one in the last minutes.
 */
export function createPeerServer({ seatOf, judgeOf, phaseOf, now }: PeerDependencies): (session: Session) => void {
  const senders = new Map<Address, Sender>()

  function senderOf(operator: Address): Sender {
    for (const [other, { patience, waiting }] of senders) if (waiting === 0 && patience.full) senders.delete(other)
    const known = senders.get(operator)
    const sender = known ?? { patience: createTokenBucket(unprovenRows, now), waiting: 0, last: Promise.resolve() }
    senders.set(operator, sender)
    return sender
  }

  async function judge(patience: TokenBucket, commitment: Signed<'Commitment'>, payload: Uint8Array) {
    if (!patience.take()) throw checkerErrors.CHECKER_WRONG_WORK_UNPROVEN({ reason: 'too many before it were none' })
    try {
      await judgeOf(commitment.message.epoch).takeWrongWork(commitment, payload)
      patience.give()
    } catch (error) {
      if (!isKaisarError(error, 'CHECKER_WRONG_WORK_UNPROVEN')) patience.give()
      throw error
    }
  }

  return session => {
    // One at a time, so that a peer has one recomputed and not as many as it can send.
    session.on('wrong.work', ({ commitment }, payload) => {
      const sender = senderOf(session.operator)
      sender.waiting++
      const judging = sender.last
        .then(() => judge(sender.patience, commitment, payload))
        .finally(() => sender.waiting--)
      sender.last = judging.catch(() => undefined)
      return judging
    })
    session.on('opening.request', async ({ epoch, cohort }) => {
      const seat = seatOf(Number(epoch))
      // Before COMMIT is closed an opening is a secret: who knew it could copy it.
      if (seat === null || ['work', 'commit', 'future'].includes(await phaseOf(Number(epoch))))
        throw checkerErrors.CHECKER_OPENING_UNAVAILABLE({ epoch: Number(epoch), cohort })
      await session.send('opening.reply', seat.openingReply(cohort))
    })
  }
}
