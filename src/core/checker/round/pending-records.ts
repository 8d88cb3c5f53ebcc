/** Records on their way to the disk: several at once where they come together, kept in memory and tried again where it is full. */
import type { Logger } from '../../platform/log.ts'

/** Writes, in a transaction, and returns what is to be told of it once it is on disk. */
type PendingRecord = () => (() => void) | undefined

export type PendingRecords = {
  /** Writes now, or as soon as it can be. Never throws. */
  write(record: PendingRecord): void
  /** What `work` writes reaches the disk in one transaction, when `work` is over. */
  together(work: () => void): void
  /** Tries again what waits, in order. */
  retry(): void
}

export type PendingRecordsDependencies = {
  readonly log: Logger
  readonly transaction: <R>(work: () => R) => R
}

export function createPendingRecords({ log, transaction }: PendingRecordsDependencies): PendingRecords {
  let waiting: PendingRecord[] = []
  let isGathering = false
  const reported = new WeakSet<PendingRecord>()

  /** Returns the records that could not be written. */
  function flush(records: readonly PendingRecord[]): readonly PendingRecord[] {
    let news: readonly ReturnType<PendingRecord>[]
    try {
      news = transaction(() => records.map(record => record()))
    } catch (error) {
      // One that can never be written must not hold up the others.
      if (records.length > 1) return records.flatMap(record => flush([record]))
      if (!reported.has(records[0]!)) log.error({ error }, 'a record could not be written; it is tried again')
      reported.add(records[0]!)
      return records
    }
    for (const tell of news) tell?.()
    return []
  }
  function retry() {
    if (isGathering || waiting.length === 0) return
    const records = waiting
    waiting = []
    waiting = [...flush(records), ...waiting]
  }

  return {
    retry,
    write(record) {
      waiting.push(record)
      retry()
    },
    together(work) {
      isGathering = true
      try {
        work()
      } finally {
        isGathering = false
        retry()
      }
    },
  }
}
