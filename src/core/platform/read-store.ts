import { existsSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { Row, Store } from './store.ts'

/** The part of a daemon's store that another process may use while the daemon runs. */
export type StoreReader = Pick<Store, 'get' | 'all' | 'close'>

/**
 * Opens a store for reading alone: nothing is migrated, repaired or set aside, whatever its state. Null where there is no store yet, or
 * where it cannot be read; the daemon itself says the reason when it opens the store.
 */
export function readStore(path: string): StoreReader | null {
  if (!existsSync(path)) return null
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 2_000, readBigInts: true })
    const prepare = (sql: string) => database.prepare(sql)
    try {
      prepare('SELECT 1 FROM sqlite_master').all()
    } catch {
      database.close()
      return null
    }
    return {
      get: <T = Row>(sql: string, ...parameters: SQLInputValue[]) => prepare(sql).get(...parameters) as T | undefined,
      all: <T = Row>(sql: string, ...parameters: SQLInputValue[]) => prepare(sql).all(...parameters) as T[],
      close: () => database.close(),
    }
  } catch {
    return null
  }
}
