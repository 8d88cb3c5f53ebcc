import { existsSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { isProcessAlive } from '../platform/process-identity.ts'

const ownerSchema = z.object({ owner: z.string(), pid: z.number(), host: z.string(), since: z.string() })

/** The holder of a data directory's lock: the command, its process, the host, and the time since when (ISO 8601). */
export type DataDirOwner = z.infer<typeof ownerSchema>

/**
 * The process that holds the lock of a data directory, or null when none does. The lock itself is tried, since a process may have died
 * without removing its file. It is tried only while the process that took it last is alive, so that this never blocks a start.
 */
export function dataDirOwner(path: string): DataDirOwner | null {
  try {
    const owner = ownerSchema.parse(JSON.parse(readFileSync(join(path, 'lock.json'), 'utf8')))
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
