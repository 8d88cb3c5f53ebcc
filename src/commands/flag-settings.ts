/**
 * Where a flag's value comes from when it is not on the command line: environment, then configuration file, then its default.
 *
 * Why: docs/why/commands.md
 */

import { join } from 'node:path'
import type { Command, Interfaces } from '@oclif/core'
import { type Config, checkConfigKeys, configValue, environmentName, readConfig } from '../core/platform/config.ts'
import { usageErrors } from './usage-errors.ts'

type FlagInput = Interfaces.FlagInput

/**
 * The same flags, with what environment and configuration say as their default. Every flag has the variable `KAISAR_<NAME>`;
 * nobody has to declare it.
 *
 * @param command - the command's words, e.g. `['provider', 'run']`
 */
export function withSettings(
  flags: FlagInput,
  command: readonly string[],
  sources: { env: Readonly<Record<string, string | undefined>>; config: Config },
): FlagInput {
  return Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => {
      const setting = settingOf(name, flag, command, sources)
      const { env: _, ...own } = flag
      if (setting !== undefined) return [name, { ...own, default: () => parseSetting(flag, name, setting) }]
      // The type says boolean; an absent switch must not be undefined.
      return [name, flag.type === 'boolean' ? { default: false, ...own } : own]
    }),
  ) as FlagInput
}

type Setting = { values: readonly (string | boolean)[]; origin: string }

function settingOf(
  name: string,
  flag: Command.Flag,
  command: readonly string[],
  { env, config }: { env: Readonly<Record<string, string | undefined>>; config: Config },
): Setting | undefined {
  const variable = flag.env ?? environmentName(name)
  const text = env[variable]
  if (text !== undefined && text !== '') {
    const isList = flag.type === 'option' && flag.multiple
    return { values: isList ? text.split(',').map(part => part.trim()) : [text], origin: variable }
  }
  const value = configValue(config, command, name)
  if (value === undefined) return undefined
  return { values: (Array.isArray(value) ? value : [value]).map(asInput), origin: `"${name}" in ${config.path}` }
}

const asInput = (value: unknown): string | boolean => (typeof value === 'boolean' ? value : String(value))

async function parseSetting(flag: Command.Flag, name: string, { values, origin }: Setting): Promise<unknown> {
  const refuse = (reason: string) =>
    usageErrors.USAGE_INVALID({ reason: `The value of ${origin} is not valid: ${reason}` })
  if (flag.type === 'boolean') {
    const text = String(values[0])
    if (/^(1|true|yes)$/i.test(text)) return true
    if (/^(0|false|no)$/i.test(text)) return false
    throw refuse(`"${text}" is not true or false.`)
  }
  const parsed: unknown[] = []
  for (const value of values) {
    const input = String(value)
    if (flag.options && !flag.options.includes(input))
      throw refuse(`"${input}" is not one of ${flag.options.join(', ')}.`)
    try {
      parsed.push(await flag.parse(input, { token: { type: 'flag', flag: name, input } } as never, flag as never))
    } catch (error) {
      throw refuse((error as Error).message)
    }
  }
  return flag.multiple ? parsed : parsed[0]
}

/**
 * The configuration of a command line: the file that --config or KAISAR_CONFIG names, else `config.toml` of the user's
 * configuration folder. It is needed before the flags are parsed, so its name is looked for by hand.
 *
 * @param options.words - the command, e.g. `['provider', 'run']`
 * @param options.flags - names of its flags (the manifest may be older while developing)
 * @throws CONFIG_UNREADABLE, CONFIG_INVALID, CONFIG_KEY_UNKNOWN
 */
export async function readConfigFile(options: {
  argv: readonly string[]
  words: readonly string[]
  flags: readonly string[]
  oclif: Interfaces.Config
}): Promise<Config> {
  const { argv, words, flags, oclif } = options
  const at = argv.findIndex(word => word === '--config' || word.startsWith('--config='))
  const named = argv[at]?.includes('=') ? argv[at].slice('--config='.length) : argv[at + 1]
  const path = (at >= 0 && named ? named : undefined) ?? process.env.KAISAR_CONFIG
  const config = await readConfig(path ?? join(oclif.configDir, 'config.toml'), { required: path !== undefined })
  const known = new Map(
    oclif.commands.map(({ id, flags: own }) => [id.replaceAll(':', ' '), new Set(Object.keys(own ?? {}))]),
  )
  known.set(words.join(' '), new Set(flags))
  checkConfigKeys(config, known)
  return config
}
