import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'

/** Where a devnet lives, and the name of its context: one per folder, `devnet` for the usual one. */
export function devnetPlace(dataDir: string | undefined, usualDataDir: string): { folder: string; name: string } {
  if (dataDir === undefined) return { folder: join(usualDataDir, 'devnet'), name: 'devnet' }
  const folder = resolve(dataDir)
  return { folder, name: `devnet-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}` }
}

/** The process that keeps a devnet alive, written by `devnet up`. */
export const devnetPidFile = (folder: string): string => join(folder, 'devnet.pid')
