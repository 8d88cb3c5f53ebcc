/**
 * Durable state: one SQLite database per daemon. A transaction has reached the disk when `transaction` returns, and only then may
 * anything that depends on it be sent.
 */
import { existsSync, readdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { isKaisarError } from './errors.ts'
import { storeErrors } from './store-errors.ts'

/** Integers are read as bigint, blobs as Uint8Array. */
export type Row = Record<string, null | bigint | number | string | Uint8Array>

/** A text with plain `?` for its parameters (Node 22 takes `?1` for a name), or a template, whose values are its parameters. */
export type Sql = string | TemplateStringsArray

export type Store = {
  readonly path: string
  /** Where a damaged predecessor was set aside at opening; its state must be rebuilt from the chain. */
  readonly quarantinedTo: string | undefined
  /**
   * Runs `work` in one transaction (BEGIN IMMEDIATE … COMMIT, synced to disk) and returns its result; a throw rolls back.
   * A transaction inside a transaction is part of it. `work` must not be asynchronous.
   */
  transaction<R>(work: () => R): R
  /**
   * Executes one statement; returns the number of rows it changed.
   *
   * @example
   * store.run`DELETE FROM duty WHERE epoch < ${first}`
   */
  run(sql: Sql, ...parameters: SQLInputValue[]): number
  get<T = Row>(sql: Sql, ...parameters: SQLInputValue[]): T | undefined
  all<T = Row>(sql: Sql, ...parameters: SQLInputValue[]): T[]
  close(): void
}

export type StoreOptions = {
  /** File of the database, or `:memory:`. */
  readonly path: string
  /** SQL of each schema version, in order; only ever appended to. */
  readonly migrations: readonly string[]
  /** How long to wait for a lock of another process, in ms; default 5,000. */
  readonly busyTimeoutMs?: number
}

/**
 * Opens (and migrates) a store. A damaged file is set aside as `<path>.damaged-<time>`, never deleted, and a fresh one opened.
 *
 * @throws STORE_NEWER, STORE_READ_ONLY, STORE_DISK_FULL, STORE_BUSY
 */
export function openStore(options: StoreOptions, dependencies: { now?: () => number } = {}): Store {
  try {
    return openSound(options, undefined)
  } catch (error) {
    if (!isKaisarError(error, 'STORE_CORRUPTED') || options.path === ':memory:') throw error
    return openSound(options, setAside(options.path, 'damaged', dependencies.now?.() ?? Date.now()))
  }
}

/** Renames a database that no process has open to `<path>.<why>-<time>`, and returns the new path. `now`: ms since 1970. */
export function setAside(path: string, why: string, now: number): string {
  const aside = `${path}.${why}-${new Date(now).toISOString().replaceAll(':', '-')}`
  // The write-ahead log belongs to the file: left behind, SQLite would apply it to the fresh one.
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  return aside
}

function openSound(
  { path, migrations, busyTimeoutMs = 5_000 }: StoreOptions,
  quarantinedTo: string | undefined,
): Store {
  const guard = <R>(work: () => R): R => {
    try {
      return work()
    } catch (error) {
      throw typedError(error, path)
    }
  }
  const database = guard(() => new DatabaseSync(path, { timeout: busyTimeoutMs, readBigInts: true }))
  try {
    guard(() => {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;')
      const [check] = database.prepare('PRAGMA integrity_check(1)').all() as { integrity_check: string }[]
      if (check?.integrity_check !== 'ok')
        throw storeErrors.STORE_CORRUPTED({ path, reason: firstLine(check?.integrity_check) })
      migrate(database, path, migrations)
    })
  } catch (error) {
    database.close()
    throw error
  }
  // A template is the same object whenever its place in the code is come by.
  const statements = new Map<Sql, StatementSync>()
  const prepared = (sql: Sql) => {
    const statement = statements.get(sql) ?? database.prepare(textOf(sql))
    statements.set(sql, statement)
    return statement
  }
  return {
    path,
    quarantinedTo,
    transaction: work => guard(() => (database.isTransaction ? work() : inTransaction(database, work))),
    run: (sql, ...parameters) => guard(() => Number(prepared(sql).run(...parameters).changes)),
    get: <T>(sql: Sql, ...parameters: SQLInputValue[]) =>
      guard(() => prepared(sql).get(...parameters) as T | undefined),
    all: <T>(sql: Sql, ...parameters: SQLInputValue[]) => guard(() => prepared(sql).all(...parameters) as T[]),
    close: () => {
      if (database.isOpen) database.close()
    },
  }
}

const textOf = (sql: Sql): string => (typeof sql === 'string' ? sql : sql.join('?'))

function inTransaction<R>(database: DatabaseSync, work: () => R): R {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    if (result instanceof Promise) throw new TypeError('A transaction must not be asynchronous.')
    database.exec('COMMIT')
    return result
  } catch (error) {
    // SQLite rolls back by itself when the disk is full.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function migrate(database: DatabaseSync, path: string, migrations: readonly string[]): void {
  const version = () => Number((database.prepare('PRAGMA user_version').get() as { user_version: bigint }).user_version)
  if (version() > migrations.length) throw storeErrors.STORE_NEWER({ path, found: version(), known: migrations.length })
  if (version() === migrations.length) return
  inTransaction(database, () => {
    // The version is read again under the lock, since another process may have migrated meanwhile.
    for (let next = version(); next < migrations.length; next++) database.exec(migrations[next]!)
    database.exec(`PRAGMA user_version = ${migrations.length}`)
  })
}

/** Codes of https://sqlite.org/rescode.html; the low byte of an extended code is the primary one. */
function typedError(error: unknown, path: string): unknown {
  const { errcode, errstr } = error as { errcode?: number; errstr?: string }
  if (errcode === undefined) return error
  const reason = firstLine(errstr ?? (error as Error).message)
  const code = errcode & 0xff
  if (code === 13) return storeErrors.STORE_DISK_FULL({ path, cause: error })
  if (code === 8 || code === 14) return storeErrors.STORE_READ_ONLY({ path, cause: error })
  if (code === 11 || code === 26) return storeErrors.STORE_CORRUPTED({ path, reason, cause: error })
  if (code === 5 || code === 6) return storeErrors.STORE_BUSY({ path, cause: error })
  if (code === 10) return storeErrors.STORE_FAILED({ path, reason, cause: error })
  // A constraint or syntax error is a defect of the caller and has nothing to do with the disk.
  return error
}

const firstLine = (text = 'unknown') => text.split('\n')[0]!

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
    const prepare = (sql: Sql) => database.prepare(textOf(sql))
    try {
      prepare('SELECT 1 FROM sqlite_master').all()
    } catch {
      database.close()
      return null
    }
    return {
      get: <T = Row>(sql: Sql, ...parameters: SQLInputValue[]) => prepare(sql).get(...parameters) as T | undefined,
      all: <T = Row>(sql: Sql, ...parameters: SQLInputValue[]) => prepare(sql).all(...parameters) as T[],
      close: () => database.close(),
    }
  } catch {
    return null
  }
}

/** What `read` finds in a store, which its daemon may be using; null where there is none, or it cannot be read, as before its first migration. */
export function readFromStore<T>(path: string | null, read: (store: StoreReader) => T): T | null {
  const store = path === null ? null : readStore(path)
  if (store === null) return null
  try {
    return read(store)
  } catch {
    return null
  } finally {
    store.close()
  }
}

/** The path of the store in a role's folder, for a network, since nothing that was sent or signed on another one counts there. */
export const stateFile = (folder: string, network: { readonly chainId: number; readonly consensus: string }): string =>
  join(folder, `state-${network.chainId}-${network.consensus.slice(2, 12)}.db`)

/** The path of the store in a role's folder that was used last, for any network; null where there is none. */
export function newestStateFile(folder: string): string | null {
  try {
    const [newest] = readdirSync(folder)
      .filter(name => /^state-\d+-[0-9a-f]+\.db$/.test(name))
      .map(name => ({ path: join(folder, name), at: lastChange(join(folder, name)) }))
      .sort((a, b) => b.at - a.at)
    return newest?.path ?? null
  } catch {
    return null
  }
}

/** When the database or its write-ahead log was changed last. */
const lastChange = (path: string): number =>
  Math.max(...[path, `${path}-wal`].map(file => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0))
