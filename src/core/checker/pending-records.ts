/** Records that could not be written yet, on a full disk for one: kept in memory and tried again at whatever happens next. */
import type { Logger } from '../platform/log.ts'

export type PendingRecords = {
  /** Writes now, or as soon as it can be: what tells others of a record belongs inside, behind it. Never throws. */
  write(record: () => void): void
  /** Tries again what waits, in order. */
  retry(): void
}

export function createPendingRecords({ log }: { readonly log: Logger }): PendingRecords {
  let waiting: (() => void)[] = []

  function isWritten(record: () => void, onFailure?: (error: unknown) => void): boolean {
    try {
      record()
      return true
    } catch (error) {
      onFailure?.(error)
      return false
    }
  }
  function retry() {
    const again = waiting
    waiting = []
    waiting = [...again.filter(record => !isWritten(record)), ...waiting]
  }

  return {
    retry,
    write(record) {
      retry()
      const failed = (error: unknown) => log.error({ error }, 'a record could not be written; it is tried again')
      if (!isWritten(record, failed)) waiting.push(record)
    },
  }
}
