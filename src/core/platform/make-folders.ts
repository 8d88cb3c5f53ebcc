import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

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
