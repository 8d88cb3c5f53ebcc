/** Runs the built binary as a user or a script would, and says everything it did. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { Envelope } from '../../src/core/platform/output.ts'
import { endWithScope } from '../setup/file-scope.ts'

export type CliResult = {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  /** stdout as the envelope of `--json`; of a streaming command, its last line. Throws when it does not parse. */
  json<T = Record<string, unknown>>(): Omit<Envelope, 'data'> & { data: T; type?: string }
  /** Every line of stdout as JSON. */
  events(): ({ type: string } & Record<string, unknown>)[]
}

export type CliOptions = {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Given to stdin, which is otherwise empty. */
  readonly input?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export const cliPath = fileURLToPath(new URL('../../bin/run.js', import.meta.url))

/**
 * A home of its own for a test, or for a file that asks outside of one: configuration, contexts, keys and state of the user are
 * neither seen nor touched. It is removed in the end.
 */
export function isolatedHome(): { path: string; env: Record<string, string> } {
  const path = mkdtempSync(join(tmpdir(), 'kaisar-home-'))
  endWithScope(() => rmSync(path, { recursive: true, force: true }))
  const env = {
    HOME: path,
    XDG_CONFIG_HOME: join(path, 'config'),
    XDG_DATA_HOME: join(path, 'data'),
    XDG_CACHE_HOME: join(path, 'cache'),
    XDG_STATE_HOME: join(path, 'state'),
  }
  return { path, env }
}

/** @param args - the words after `kaisar` */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const result = await execa(process.execPath, [cliPath, ...args], {
    cwd: options.cwd ?? process.cwd(),
    env: { NO_COLOR: '1', ...options.env },
    input: options.input ?? '',
    reject: false,
    timeout: options.timeoutMs ?? 60_000,
    stripFinalNewline: false,
    ...(options.signal ? { cancelSignal: options.signal } : {}),
  })
  return cliResult(result)
}

export function cliResult(
  ran: Pick<CliResult, 'stdout' | 'stderr'> & Partial<Pick<CliResult, 'exitCode' | 'signal'>>,
): CliResult {
  const { stdout, stderr, exitCode, signal } = ran
  const lines = () => stdout.split('\n').filter(line => line !== '')
  return {
    stdout,
    stderr,
    exitCode,
    signal,
    json: () => JSON.parse(lines().at(-1) ?? ''),
    events: () => lines().map(line => JSON.parse(line)),
  }
}
