import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncFolder } from './sync-folder.ts'

/**
 * Writes a file so that a reader sees either the old content or the new one, also after a power cut: exclusive temporary file, sync,
 * rename, sync of the folder.
 *
 * @param mode - permissions, default 0600
 */
export function writeFileAtomically(path: string, content: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.${temporaryCount++}`
  const file = openSync(temporary, 'wx', mode)
  try {
    try {
      // Not writeSync: on a disk that is nearly full it writes a part, and says so only in what it returns.
      writeFileSync(file, content)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncFolder(dirname(path))
}

let temporaryCount = 0
