import { join } from 'node:path'
import type { Interfaces } from '@oclif/core'
import { type Config, checkConfigKeys, readConfig } from '../core/platform/config.ts'

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
