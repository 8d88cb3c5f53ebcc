/**
 * The configuration file (TOML). Keys are flag names; a table per topic and per command narrows them:
 *
 *     rpc-url = ["https://rpc.example/"]
 *     [provider]
 *     data-dir = "/var/lib/kaisar"
 *     [provider.run]
 *     metrics-port = 9100
 *
 * Why: docs/why/commands.md
 */
import { readFileSync } from 'node:fs'
import { failureReason } from './errors.ts'
import { nearestName } from './nearest-name.ts'
import { isObject } from './output.ts'
import { platformErrors } from './platform-errors.ts'

export type ConfigValue = string | number | bigint | boolean | readonly ConfigValue[]
export type Config = { readonly path: string; readonly root: Readonly<Record<string, unknown>> }

/** The environment variable of a flag: `rpc-url` → `KAISAR_RPC_URL`. */
export const environmentName = (flag: string): string => `KAISAR_${flag.replaceAll('-', '_').toUpperCase()}`

/**
 * Reads a configuration file. A default file that does not exist is an empty configuration; one that was named must exist.
 *
 * @throws CONFIG_UNREADABLE, CONFIG_INVALID
 */
export async function readConfig(path: string, options: { required: boolean }): Promise<Config> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !options.required) return { path, root: {} }
    throw platformErrors.CONFIG_UNREADABLE({ path, reason: failureReason(error), cause: error })
  }
  const { parse, TomlError } = await import('smol-toml')
  try {
    return { path, root: parse(text) }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const reason = error.message.split('\n')[0]!
    throw platformErrors.CONFIG_INVALID({ path, line: error.line, column: error.column, reason, cause: error })
  }
}

/** The value of a flag for a command, the narrowest table first: `[topic.command]`, `[topic]`, top level. */
export function configValue(config: Config, command: readonly string[], flag: string): ConfigValue | undefined {
  for (let depth = command.length; depth >= 0; depth--) {
    const table = command
      .slice(0, depth)
      .reduce<unknown>((at, name) => (isTable(at) ? at[name] : undefined), config.root)
    const value = isTable(table) ? table[flag] : undefined
    if (value !== undefined && !isTable(value)) return value as ConfigValue
  }
  return undefined
}

/**
 * Refuses keys that no command knows, so that a misspelt setting does not silently stay at its default.
 *
 * @param flags - names of every flag, by command path (`['provider', 'run']` → `rpc-url`, …)
 * @throws CONFIG_KEY_UNKNOWN
 */
export function checkConfigKeys(config: Config, flags: ReadonlyMap<string, ReadonlySet<string>>): void {
  const visit = (table: Readonly<Record<string, unknown>>, path: readonly string[]) => {
    const below = [...flags].filter(([id]) => path.every((name, i) => id.split(' ')[i] === name))
    const known = new Set(below.flatMap(([, names]) => [...names]))
    const tables = new Set(below.map(([id]) => id.split(' ')[path.length]).filter(name => name !== undefined))
    for (const [key, value] of Object.entries(table)) {
      if (isTable(value) ? tables.has(key) : known.has(key)) {
        if (isTable(value)) visit(value, [...path, key])
        continue
      }
      const suggestion = nearestName(key, isTable(value) ? tables : known)
      throw platformErrors.CONFIG_KEY_UNKNOWN({ path: config.path, key: [...path, key].join('.'), suggestion })
    }
  }
  visit(config.root, [])
}

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isObject(value) && !(value instanceof Date)
