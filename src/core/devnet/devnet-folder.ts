/** The folder of a devnet: where it is, and the logs that its processes left there. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { listNames } from '../platform/list-names.ts'
import { devnetErrors } from './errors.ts'

/** Where a devnet lives, and the name of its context: one per folder, `devnet` for the usual one. */
export function devnetPlace(dataDir: string | undefined, usualDataDir: string): { folder: string; name: string } {
  if (dataDir === undefined) return { folder: join(usualDataDir, 'devnet'), name: 'devnet' }
  const folder = resolve(dataDir)
  return { folder, name: `devnet-${createHash('sha256').update(folder).digest('hex').slice(0, 8)}` }
}

/** The process that keeps a devnet alive, written by `devnet up`. */
export const devnetPidFile = (folder: string): string => join(folder, 'devnet.pid')

export type ProcessLog = { readonly name: string; readonly lines: readonly string[] }

/** @throws DEVNET_LOGS_MISSING when there is none of that name, or none at all */
export function readDevnetLogs(
  folder: string,
  { name, lines }: { readonly name?: string | undefined; readonly lines: number },
): ProcessLog[] {
  const found = listNames(join(folder, 'logs'), '.log').filter(each => name === undefined || each === name)
  if (found.length === 0) throw devnetErrors.DEVNET_LOGS_MISSING({ dataDir: folder, name: name ?? 'any process' })
  return found.map(each => {
    const text = readFileSync(join(folder, 'logs', `${each}.log`), 'utf8').trimEnd()
    return { name: each, lines: text === '' ? [] : text.split('\n').slice(-lines) }
  })
}
