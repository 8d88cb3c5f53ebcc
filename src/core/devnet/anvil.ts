import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createAnvil } from '@viem/anvil'
import { orRefuse } from '../platform/errors.ts'
import { signalProcess } from '../platform/pid-file.ts'
import { deathSignal } from '../platform/supervised-process.ts'
import { devnetErrors } from './errors.ts'

export type AnvilOptions = {
  /** Seconds between blocks; omitted: a block per transaction, switched later with `evm_setIntervalMining`. */
  readonly blockTimeSeconds?: number
  /** Default 0: a free port chosen by the system and read back. */
  readonly port?: number
  readonly host?: string
  readonly chainId?: number
  /** How many development accounts it funds. */
  readonly accounts?: number
  /** Genesis timestamp in seconds. */
  readonly timestamp?: number
  readonly hardfork?: string
  /** Sign for any address, for tests. */
  readonly autoImpersonate?: boolean
  /** Path of a socket at which it answers too. */
  readonly ipc?: string
}

export type AnvilDependencies = {
  /** Path of the anvil binary; default: the one of the npm package for this platform. */
  readonly binary?: string
}

export type AnvilHandle = Awaited<ReturnType<typeof startAnvil>>

const architectures: Record<string, string> = { x64: 'amd64', arm64: 'arm64' }

/** @throws ANVIL_MISSING when npm installed no anvil for this platform. */
export function anvilBinary(platform: string = process.platform, arch: string = process.arch): string {
  const name = `@foundry-rs/anvil-${platform}-${architectures[arch] ?? arch}`
  return orRefuse(
    () => join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'anvil'),
    cause => devnetErrors.ANVIL_MISSING({ name, cause }),
  )
}

/**
 * Starts a real anvil on a free port and resolves once it listens.
 *
 * It dies with us even if we are killed with SIGKILL, where the system has `setpriv`. The package that runs it neither
 * tells the port it got nor the process id, so a shell prints its own id and then becomes anvil, and the port is read
 * from anvil's first lines.
 *
 * @throws ANVIL_MISSING, ANVIL_START_FAILED
 */
export async function startAnvil(options: AnvilOptions = {}, dependencies: AnvilDependencies = {}) {
  const binary = dependencies.binary ?? anvilBinary()
  if (!existsSync(binary)) throw devnetErrors.ANVIL_MISSING({ name: binary })
  const { blockTimeSeconds, host = '127.0.0.1', port = 0, hardfork, ...rest } = options
  // The states of all but the last hundreds of blocks go to disk, some hundred kB each. Where it keeps them by itself, in the user's home, they
  // stay when a signal ends it. One that is being killed may still write: the folder is then removed again.
  const states = join(tmpdir(), `kaisar-anvil-${randomUUID()}`)
  const forgetStates = () => rmSync(states, { recursive: true, force: true, maxRetries: 3 })
  const anvil = createAnvil({
    ...rest,
    host,
    port,
    ...(blockTimeSeconds === undefined ? {} : { blockTime: blockTimeSeconds }),
    // The library's list of names ends before the hardforks that anvil knows.
    ...(hardfork === undefined ? {} : { hardfork: hardfork as 'Latest' }),
    anvilBinary: binary,
    startTimeout: 10_000,
    stopTimeout: 2_000,
    execArgs: ([file, args, execOptions]) => [
      '/bin/sh',
      ['-c', 'echo "pid $$"; exec "$@"', 'sh', ...deathSignal, file, ...args, '--cache-path', states],
      // In a group of its own Ctrl-C does not end the chain under a network that is still settling.
      { ...execOptions, detached: deathSignal.length > 0 },
    ],
  })
  let output = ''
  const stopCollecting = anvil.on('message', message => {
    output += message
  })
  try {
    await anvil.start()
  } catch (cause) {
    forgetStates()
    throw devnetErrors.ANVIL_START_FAILED({ reason: lastLine(output) ?? String(cause), cause })
  }
  stopCollecting()
  const listening = Number(/Listening on \S+:(\d+)/.exec(output)?.[1])
  const pid = Number(/^pid (\d+)/m.exec(output)?.[1])
  return {
    rpcUrl: `http://${host}:${listening}`,
    /** The same over one connection, with subscriptions: less work for who asks as often as a daemon. */
    wsUrl: `ws://${host}:${listening}`,
    port: listening,
    pid,
    // Killed on a machine too busy for a clean end within its time limit.
    async stop(): Promise<void> {
      await anvil.stop().catch(() => signalProcess(pid, 'SIGKILL'))
      forgetStates()
    },
  }
}

const lastLine = (text: string) => text.trim().split('\n').at(-1) || undefined
