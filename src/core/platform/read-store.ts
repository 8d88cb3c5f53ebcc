import { existsSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { Row, Store } from './store.ts'

/** What another process may read of a daemon's store while it runs. */
export type StoreReader = Pick<Store, 'get' | 'all' | 'close'>

/**
 * Opens a store to look at it: nothing is migrated, repaired or set aside, whatever its state. Null where there is none (yet),
 * or where it cannot be read; a daemon that opens it itself says why.
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
