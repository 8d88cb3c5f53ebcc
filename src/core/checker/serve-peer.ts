/** What a Checker answers another one: its opening once COMMIT is closed, and whether a wrong row is one. */
import type { Address, Hex } from 'viem'
import type { EpochOverview } from '../chain/epochs.ts'
import { isKaisarError } from '../platform/errors.ts'
import type { Signed } from '../protocol/typed-data.ts'
import type { Session } from '../transport/session.ts'
import { createTokenBucket, type TokenBucket } from '../transport/token-bucket.ts'
import type { SeatEpoch } from './epoch/seat-epoch.ts'
import { checkerErrors } from './errors.ts'
import type { RoundJudge } from './round/judge.ts'

export type PeerDependencies = {
  readonly seatOf: (epoch: number) => Pick<SeatEpoch, 'openingReply'> | null
  /** @throws CHECKER_ROUND_UNKNOWN */
  readonly judgeOf: (epoch: bigint) => Pick<RoundJudge, 'takeWrongRow'>
  readonly phaseOf: (epoch: number) => Promise<EpochOverview['phase']>
  /** Monotonic, in ms. */
  readonly now: () => number
}

/** Wrong rows that turned out to be none: an honest seat sends none, and each takes a recomputation. */
const unprovenRows = { perSecond: 1 / 60, burst: 8 }

/** What is kept of an operator beyond its sessions, since a new one costs it nothing. */
type Sender = { readonly patience: TokenBucket; waiting: number; last: Promise<unknown> }

/**
 * Answers other Checkers: called with each session of one. Wrong rows are counted by operator, over all of its sessions, and an operator
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
    if (!patience.take()) throw checkerErrors.CHECKER_WRONG_ROW_UNPROVEN({ reason: 'too many before it were none' })
    try {
      await judgeOf(commitment.message.epoch).takeWrongRow(commitment, payload)
      patience.give()
    } catch (error) {
      if (!isKaisarError(error, 'CHECKER_WRONG_ROW_UNPROVEN')) patience.give()
      throw error
    }
  }

  return session => {
    // One at a time, so that a peer has one recomputed and not as many as it can send.
    session.on('wrong.row', ({ commitment }, payload) => {
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

/** Reads an epoch's phase once for each block, however many ask. @param tip - the newest block's hash */
export function createPhaseReader(
  read: (epoch: number) => Promise<Pick<EpochOverview, 'phase'>>,
  tip: () => Hex | null,
): (epoch: number) => Promise<EpochOverview['phase']> {
  const known = new Map<number, { readonly at: Hex | null; readonly phase: Promise<EpochOverview['phase']> }>()
  return epoch => {
    const at = tip()
    for (const [other, entry] of known) if (entry.at !== at) known.delete(other)
    const phase = known.get(epoch)?.phase ?? read(epoch).then(overview => overview.phase)
    known.set(epoch, { at, phase })
    phase.catch(() => known.delete(epoch))
    return phase
  }
}
