/** A user's home for commands that sign: keys by name, one password, contexts. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hex } from 'viem'
import type { Deployment } from '../../src/core/chain/network.ts'
import { type Context, writeContext } from '../../src/core/platform/context.ts'
import { saveKey } from '../../src/core/platform/key-folder.ts'
import { runCliHere } from './cli-in-process.ts'
import { isolatedHome } from './run-cli.ts'

const password = 'correct horse battery staple'

export async function cliHome(keys: Readonly<Record<string, Hex>> = {}) {
  const home = isolatedHome()
  const dataDir = join(home.path, 'data', 'kaisar')
  const passwordFile = join(home.path, 'password')
  mkdirSync(dataDir, { recursive: true })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  for (const [name, privateKey] of Object.entries(keys))
    await saveKey({ dataDir, name, privateKey, password, strength: 'light' })
  const kaisar = (...args: string[]) => runCliHere(args, { env: home.env })
  /** With the password and without questions. */
  const signing = (...args: string[]) => kaisar(...args, '--yes', '--password-file', passwordFile, '--json')
  return {
    ...home,
    dataDir,
    passwordFile,
    kaisar,
    signing,
    writeContext: (context: Context) => writeContext(dataDir, context),
    /** Commands find this network by the context `test`, the only one there is. */
    chooseNetwork: (
      { chainId, contracts }: Pick<Deployment, 'chainId' | 'contracts'>,
      { rpcUrl }: { rpcUrl: string },
    ) => writeContext(dataDir, { name: 'test', chainId, rpcUrls: [rpcUrl], contracts, devnet: null }),
  }
}
