import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
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
      if (typeof content === 'string') writeSync(file, content)
      else writeSync(file, content)
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
