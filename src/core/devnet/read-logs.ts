/** The logs that a devnet's processes left in its folder. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { devnetErrors } from './errors.ts'

export type ProcessLog = { readonly name: string; readonly lines: readonly string[] }

/** @throws DEVNET_LOGS_MISSING when there is none of that name, or none at all */
export function readDevnetLogs(
  folder: string,
  { name, lines }: { readonly name?: string | undefined; readonly lines: number },
): ProcessLog[] {
  const found = logNames(folder).filter(each => name === undefined || each === name)
  if (found.length === 0) throw devnetErrors.DEVNET_LOGS_MISSING({ dataDir: folder, name: name ?? 'any process' })
  return found.map(each => {
    const text = readFileSync(join(folder, 'logs', `${each}.log`), 'utf8').trimEnd()
    return { name: each, lines: text === '' ? [] : text.split('\n').slice(-lines) }
  })
}

function logNames(folder: string): string[] {
  try {
    return readdirSync(join(folder, 'logs'))
      .filter(file => file.endsWith('.log'))
      .map(file => file.slice(0, -'.log'.length))
      .sort()
  } catch {
    return []
  }
}
