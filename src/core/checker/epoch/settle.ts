/**
 * What is due for the epochs that are not over, at every block, and what is waited for before the daemon ends. Each thing runs for
 * itself: one that fails, or waits for somebody, holds up no other, and is begun again at the next block.
 */
import type { ReadEpoch } from '../../chain/epochs.ts'
import { nextLookAt } from '../../epoch/keeper-times.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Duty } from '../duty.ts'
import type { RoundJudge } from '../round/judge.ts'
import type { SeatEpoch } from './seat-epoch.ts'

/** One epoch at this seat. */
export type Epoch = {
  readonly duty: Pick<Duty, 'epoch'> & { readonly rounds: Pick<Duty['rounds'], 'startsAt' | 'epochSeconds'> }
  readonly judge: Pick<RoundJudge, 'idle' | 'release' | 'retryRecords'>
  readonly seat: Pick<SeatEpoch, 'commit' | 'reveal' | 'sendReceipts' | 'answerAudits'>
}

export type SettlementDependencies = {
  readonly epochs: () => Iterable<Epoch>
  /** What is due whatever the epochs are, by name: the keeper, proofs of fraud. */
  readonly duties: Readonly<Record<string, () => Promise<void>>>
  readonly onTrouble: (what: string, error: unknown) => void
  /** Timestamp of the newest block, in seconds. */
  readonly now: () => number
  readonly readEpoch: ReadEpoch
}

export function createSettlement(dependencies: SettlementDependencies) {
  const { epochs, duties, onTrouble, now, readEpoch } = dependencies
  const underWay = new Map<string, Promise<void>>()

  function begin(what: string, work: () => Promise<void>) {
    if (underWay.has(what)) return
    const ended = work()
      .catch(error => onTrouble(what, error))
      .finally(() => underWay.delete(what))
    underWay.set(what, ended)
  }

  /**
   * From and until when (block time) nothing has to be read of an epoch, at most to the end of its phase: after its audits are closed for ever,
   * unless time goes back.
   */
  const rests = new WeakMap<
    Epoch['seat'],
    { readonly from: number; readonly until: number; readonly isCommitOver: boolean }
  >()

  async function settle({ duty, judge, seat }: Epoch) {
    const { epoch } = duty
    const { startsAt, epochSeconds } = duty.rounds
    judge.retryRecords()
    if (now() < startsAt + epochSeconds) return
    const rest = rests.get(seat)
    if (rest !== undefined && now() >= rest.from && now() < rest.until) {
      // Before COMMIT is closed a receipt would tell others what to copy.
      if (rest.isCommitOver) giveReceipts(duty, seat)
      return
    }
    const at = now()
    const overview = await readEpoch(epoch)
    const { phase } = overview
    if (phase === 'future' || phase === 'work') return
    if (phase === 'commit') await judge.idle()
    await seat.commit(overview)
    judge.release(epoch)
    const isCommitOver = phase !== 'commit'
    if (isCommitOver) {
      await seat.reveal(overview)
      giveReceipts(duty, seat)
      // Audits are drawn by the seed of the epoch after the next.
      if (at >= startsAt + 2 * epochSeconds) await seat.answerAudits()
    }
    const until = at >= overview.auditClosesAt ? Number.POSITIVE_INFINITY : nextLookAt(overview, at)
    rests.set(seat, { from: at, until, isCommitOver })
  }

  /** A Provider that is slow to take its receipt has nothing to do with the deadlines. */
  const giveReceipts = ({ epoch }: Epoch['duty'], seat: Epoch['seat']) =>
    begin(`receipts of epoch ${epoch}`, seat.sendReceipts)

  /** Duties to be done again that are still under way. */
  const wanted = new Set<string>()

  return {
    /** Does a duty again, at once or when it is not under way any more: something that it looked for has come. */
    again(duty: string): void {
      if (wanted.has(duty)) return
      wanted.add(duty)
      void (underWay.get(duty) ?? Promise.resolve()).then(() => {
        wanted.delete(duty)
        begin(duty, duties[duty]!)
      })
    },
    /** Begins what is due and not under way. */
    pass(): void {
      for (const epoch of epochs()) begin(`epoch ${epoch.duty.epoch}`, () => settle(epoch))
      for (const [what, work] of Object.entries(duties)) begin(what, work)
    },
    /** Resolves when nothing is under way. */
    async idle(): Promise<void> {
      while (underWay.size > 0) await Promise.all(underWay.values())
    },
  }
}

/** Waits until nothing is under way, for at most `drainMs`; rounds that are still open then are recorded as this seat's own fault. */
export async function drain(
  { drainMs }: { readonly drainMs: number },
  {
    clock,
    judges,
    settled,
  }: {
    readonly clock: Clock
    readonly judges: readonly Pick<RoundJudge, 'idle' | 'stop'>[]
    /** Resolves when no deadline of an epoch is being worked for. */
    readonly settled: Promise<void>
  },
): Promise<void> {
  const over = new AbortController()
  const idle = Promise.all([settled, ...judges.map(judge => judge.idle())])
  await Promise.race([idle, clock.sleep(drainMs, over.signal).catch(() => undefined)])
  over.abort()
  await Promise.all(judges.map(judge => judge.stop()))
}
