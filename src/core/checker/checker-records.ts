/** What a Checker's journal holds, read by others while it runs. */
import { readFromStore } from '../platform/store.ts'
import type { Figures } from '../protocol/verdict.ts'
import type { RecordedVerdict } from './journal.ts'

export type JournaledVerdict = Omit<RecordedVerdict, 'generation' | 'commitmentHash' | 'commitment' | 'witness'>

export type CheckerRecords = {
  /** Newest first. */
  readonly verdicts: readonly JournaledVerdict[]
  /** How often each verdict was given, over all epochs. */
  readonly verdictCounts: Readonly<Record<string, number>>
  /** Epochs that were committed to, newest first. */
  readonly committedEpochs: readonly number[]
}

/**
 * @param file - the store of its daemon, or null where there is none
 * @param limit - most entries of each kind
 * @returns null where there is no journal (yet), or it cannot be read
 */
export const readCheckerRecords = (file: string | null, limit: number): CheckerRecords | null =>
  readFromStore(file, store => ({
    verdicts: store.all<Omit<JournaledVerdict, 'epoch' | 'figures'> & { epoch: bigint; figures: string }>`
      SELECT epoch, round, device_id AS deviceId, verdict, reason, detail, kind, figures, evidence FROM verdict
      ORDER BY epoch DESC, rowid DESC LIMIT ${limit}`.map(({ epoch, figures, ...row }) => ({
      ...{ ...row, epoch: Number(epoch), figures: JSON.parse(figures) as Figures },
    })),
    verdictCounts: Object.fromEntries(
      store.all<{ verdict: string; count: bigint }>`
        SELECT verdict, COUNT(*) AS count FROM verdict GROUP BY verdict ORDER BY verdict`.map(row => [
        row.verdict,
        Number(row.count),
      ]),
    ),
    committedEpochs: store.all<{ epoch: bigint }>`
      SELECT epoch FROM seat_commitment ORDER BY epoch DESC LIMIT ${limit}`.map(({ epoch }) => Number(epoch)),
  }))
