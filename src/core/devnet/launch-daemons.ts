/** The processes of a devnet: `kaisar provider run` and `kaisar checker run`, as anybody starts them, each with a folder of its own. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isKaisarError } from '../platform/errors.ts'
import { saveKey } from '../platform/key-folder.ts'
import { parseJson } from '../platform/output.ts'
import { packageFolder } from '../platform/own-files.ts'
import { type SupervisedProcess, startSupervised } from '../platform/supervised-process.ts'
import { writeFileAtomically } from '../platform/write-file-atomically.ts'
import { devnetErrors } from './errors.ts'
import type { Role } from './roles.ts'

export type PrintedEvent = { readonly type: string; readonly [field: string]: unknown }

export type Daemon = { readonly role: Role; readonly process: SupervisedProcess }

export type LaunchDaemonOptions = {
  readonly dataDir: string
  /** Home of the context file that names the network. */
  readonly contextName: string
  readonly rpcUrl: string
  readonly extraArgs?: readonly string[]
}

export type LaunchDaemonDependencies = {
  readonly onEvent: (role: Role, event: PrintedEvent) => void
  /** Environment of the processes, e.g. where contexts are found. */
  readonly env: Readonly<Record<string, string | undefined>>
}

const kaisar = fileURLToPath(new URL('bin/run.js', packageFolder))
const password = 'devnet'

/** @throws PROCESS_NOT_STARTED */
export async function launchDaemon(
  role: Role,
  { dataDir, contextName, rpcUrl, extraArgs = [] }: LaunchDaemonOptions,
  { onEvent, env }: LaunchDaemonDependencies,
): Promise<Daemon> {
  const folder = join(dataDir, role.name)
  const passwordFile = await prepareKey(folder, role)
  const config = join(folder, 'config.toml')
  if (!existsSync(config)) writeFileAtomically(config, '')
  const args = [
    ...[role.kind, 'run', '--config', config, '--json', '--log-level', 'info'],
    ...['--data-dir', folder, '--context', contextName, '--rpc-url', rpcUrl, '--password-file', passwordFile],
    ...['--payout', role.payout, '--execution-provider', 'cpu', '--threads', '1'],
    // What a laptop gives away without noticing.
    ...(role.kind === 'provider' ? ['--memory-mib', '64'] : []),
  ]
  const process_ = await startSupervised({
    name: role.name,
    command: process.execPath,
    args: [kaisar, ...args, ...extraArgs],
    env: { ...ownSettings(), ...env, KAISAR_SKIP_BUILD: '1' },
    logFile: join(dataDir, 'logs', `${role.name}.log`),
    pidFile: join(dataDir, 'pids', `${role.name}.pid`),
    onStdoutLine: line => {
      const event = parseEvent(line)
      if (event !== null) onEvent(role, event)
    },
  })
  return { role, process: process_ }
}

/** The user's settings are meant for the user's own daemons: a KAISAR_PORT would give every Checker that port. */
const ownSettings = (): Record<string, undefined> =>
  Object.fromEntries(
    Object.keys(process.env)
      .filter(name => name.startsWith('KAISAR_') && !name.startsWith('KAISAR_TEST_'))
      .map(name => [name, undefined]),
  )

/** A light keystore: its password is in the file beside it, and the key is the same in every devnet. */
async function prepareKey(folder: string, role: Role): Promise<string> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const passwordFile = join(folder, 'password')
  if (!existsSync(passwordFile)) writeFileAtomically(passwordFile, `${password}\n`)
  try {
    await saveKey({ dataDir: folder, name: 'operator', privateKey: role.operatorKey, password, strength: 'light' })
  } catch (error) {
    if (!isKaisarError(error, 'KEY_EXISTS')) throw error
  }
  return passwordFile
}

export function parseEvent(line: string): PrintedEvent | null {
  const event = parseJson(line) as Partial<PrintedEvent> | null | undefined
  return typeof event?.type === 'string' ? (event as PrintedEvent) : null
}

/** Rejects when a daemon ends before the devnet is up; its last words are in its result line. */
export async function failWhenEnded(
  { role, process: { exited } }: Daemon,
  lastEvent: () => PrintedEvent | null,
): Promise<never> {
  const { exitCode, signal } = await exited
  const [error] = (lastEvent()?.errors ?? []) as { message?: string; fix?: string }[]
  const reason = error?.message ?? (signal === null ? `exit code ${exitCode}` : `signal ${signal}`)
  throw devnetErrors.DEVNET_PROCESS_ENDED({ name: role.name, reason })
}
