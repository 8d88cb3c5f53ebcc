// Why: docs/why/commands.md

import { parse } from 'smol-toml'
import { isObject } from '../platform/output.ts'
import { operatorErrors } from './errors.ts'

export type SettingValue = string | number | boolean | readonly string[]

/**
 * A configuration file's text with settings added to one of its tables; what is there stays, comments included. The same text
 * where nothing is missing.
 *
 * @param text - of the file, empty where there is none
 * @throws SETTINGS_CONFLICT where a key has another value, SETTINGS_SHAPE where nothing can be added
 */
export function addSettings(
  text: string,
  { path, table, settings }: { path: string; table: string; settings: Readonly<Record<string, SettingValue>> },
): string {
  const known = tableOf(text, table)
  const missing: string[] = []
  for (const [key, value] of Object.entries(settings)) {
    const found = known[key]
    if (found === undefined) missing.push(`${key} = ${JSON.stringify(value)}`)
    else if (!isSame(found, value))
      throw operatorErrors.SETTINGS_CONFLICT({
        path,
        key: `${table}.${key}`,
        found: JSON.stringify(found),
        wanted: JSON.stringify(value),
      })
  }
  if (missing.length === 0) return text
  const header = new RegExp(`^[ \\t]*\\[[ \\t]*${table}[ \\t]*\\][^\\n]*$`, 'm').exec(text)
  const body = missing.join('\n')
  const added =
    header === null
      ? `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${text === '' ? '' : '\n'}[${table}]\n${body}\n`
      : `${text.slice(0, header.index + header[0].length)}\n${body}${text.slice(header.index + header[0].length)}`
  try {
    const now = tableOf(added, table)
    if (Object.entries(settings).every(([key, value]) => now[key] !== undefined && isSame(now[key], value)))
      return added
  } catch {
    // A text that does not parse any more is refused below, as one whose table lacks a setting is.
  }
  throw operatorErrors.SETTINGS_SHAPE({ path, table })
}

function tableOf(text: string, table: string): Readonly<Record<string, unknown>> {
  const found = parse(text)[table]
  return isObject(found) ? found : {}
}

const isSame = (found: unknown, wanted: SettingValue): boolean =>
  JSON.stringify(typeof found === 'bigint' ? Number(found) : found) === JSON.stringify(wanted)
