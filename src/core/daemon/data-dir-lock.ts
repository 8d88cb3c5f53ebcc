/**
 * Gives a data directory one owner. The lock is the operating system's (an exclusive SQLite transaction that is never ended), so a
 * SIGKILL or a power cut releases it, and no file has to be removed by hand.
 *
 * Why: docs/why/daemons-and-operators.md
 */
import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { isProcessAlive } from '../platform/pid-file.ts'
import { storeErrors } from '../platform/store-errors.ts'
import { makeFolders, writeFileAtomically } from '../platform/write-file-atomically.ts'

export type DataDirLock = { release(): void }

/** Locks that are held. Without a reference the garbage collector would close the database and release its lock. */
const held = new Set<DatabaseSync>()

/**
 * Creates the directory when missing (0700) and takes its lock.
 *
 * @param options.owner - the name of this process in the errors of others, e.g. `kaisar provider run`
 * @throws DATA_DIR_LOCKED naming the owner, DATA_DIR_UNWRITABLE
 */
export function lockDataDir(options: { path: string; owner: string }): DataDirLock {
  const { path, owner } = options
  let database: DatabaseSync | undefined
  try {
    makeFolders(path)
    database = new DatabaseSync(join(path, 'lock'), { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
    writeFileAtomically(
      join(path, 'lock.json'),
      JSON.stringify({ owner, pid: process.pid, host: hostname(), since: new Date().toISOString() }),
    )
  } catch (error) {
    database?.close()
    const { errcode, code } = error as { errcode?: number; code?: string }
    if (errcode === 5) throw storeErrors.DATA_DIR_LOCKED({ path, owner: readOwner(path), cause: error })
    const reason = errcode ? (error as Error).message : (code ?? String(error))
    throw storeErrors.DATA_DIR_UNWRITABLE({ path, reason, cause: error })
  }
  const owned = database
  held.add(owned)
  return {
    release: () => {
      if (held.delete(owned)) owned.close()
    },
  }
}

function readOwner(path: string): string {
  try {
    const { owner, pid, host, since } = recordedOwner(path)
    return `"${owner}" (process ${pid} on ${host}, since ${since})`
  } catch {
    return 'another process'
  }
}

const ownerSchema = z.object({ owner: z.string(), pid: z.number(), host: z.string(), since: z.string() })

const recordedOwner = (path: string) => ownerSchema.parse(JSON.parse(readFileSync(join(path, 'lock.json'), 'utf8')))

/** The holder of a data directory's lock: the command, its process, the host, and the time since when (ISO 8601). */
export type DataDirOwner = z.infer<typeof ownerSchema>

/**
 * The process that holds the lock of a data directory, or null when none does. The lock itself is tried, since a process may have died
 * without removing its file. It is tried only while the process that took it last is alive, so that this never blocks a start.
 */
export function dataDirOwner(path: string): DataDirOwner | null {
  try {
    const owner = recordedOwner(path)
    if (owner.host === hostname() && !isProcessAlive(owner.pid)) return null
    return isLocked(join(path, 'lock')) ? owner : null
  } catch {
    return null
  }
}

function isLocked(file: string): boolean {
  if (!existsSync(file)) return false
  const database = new DatabaseSync(file, { timeout: 0, readOnly: true })
  try {
    database.prepare('SELECT 1 FROM sqlite_master').all()
    return false
  } catch (error) {
    return (error as { errcode?: number }).errcode === 5
  } finally {
    database.close()
  }
}
