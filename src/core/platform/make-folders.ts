import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Creates a folder and the missing ones above it, each 0700. Node's own `recursive` never returns where the system says ENOENT although
 * the parent is there, as /proc does (seen with 24.21).
 */
export function makeFolders(path: string): void {
  if (makeFolder(path)) return
  const parent = dirname(path)
  if (parent !== path) makeFolders(parent)
  if (!makeFolder(path)) throw Object.assign(new Error(`no folder can be made at ${path}`), { code: 'ENOENT' })
}

/** @returns false where the folder above is missing */
function makeFolder(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return false
    if (code !== 'EEXIST') throw error
  }
  return true
}
