import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes a file so that a reader sees either the old content or the new one, also after a power cut: exclusive temporary file, sync,
 * rename, sync of the folder.
 *
 * @param mode - permissions, default 0600
 */
export const writeFileAtomically = (path: string, content: string | Uint8Array, mode = 0o600): void =>
  putFile(path, content, mode, renameSync)

/**
 * The same for a file that is not there yet, readable by this user alone. Where it cannot be made to survive a power cut there is none.
 *
 * @throws with the code EEXIST where it is there
 */
export const writeNewFile = (path: string, content: string): void =>
  // A link fails where the name is taken.
  putFile(path, content, 0o600, linkSync, () => rmSync(path, { force: true }))

function putFile(
  path: string,
  content: string | Uint8Array,
  mode: number,
  put: (temporary: string, path: string) => void,
  undo = () => {},
): void {
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
    put(temporary, path)
  } finally {
    rmSync(temporary, { force: true })
  }
  try {
    syncFolder(dirname(path))
  } catch (error) {
    undo()
    throw error
  }
}

let temporaryCount = 0

/**
 * Creates a folder and the missing ones above it. Node's own `recursive` never returns where the system says ENOENT although the parent
 * is there, as /proc does, and says ENOENT where the system says EROFS (seen with 24.21).
 *
 * @param mode - permissions of what is created, default 0700
 * @throws what the system says of the first folder that cannot be made
 */
export function makeFolders(path: string, mode = 0o700): void {
  if (makeFolder(path, mode)) return
  const parent = dirname(path)
  if (parent !== path) makeFolders(parent, mode)
  if (!makeFolder(path, mode)) throw Object.assign(new Error(`no folder can be made at ${path}`), { code: 'ENOENT' })
}

/** @returns false where the folder above is missing */
function makeFolder(path: string, mode: number): boolean {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return false
    if (code !== 'EEXIST') throw error
  }
  return true
}

/** Makes a created, renamed or removed name in a folder survive a power cut. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
