/**
 * Runs a long-lived child process: delivers its lines as they come, tells how it ended, and makes sure that it ends. On Linux the kernel
 * kills it when this process dies, however that happens; elsewhere a pid file lets the next start end what was left.
 */
import { accessSync, constants, createWriteStream, mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { execa } from 'execa'
import { writePidFile } from './pid-file.ts'
import { processErrors } from './platform-errors.ts'

type ProcessExit = { readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }

export type SupervisedProcess = Awaited<ReturnType<typeof startSupervised>>

export type SupervisedProcessOptions = {
  /** Name of the process in logs and errors, e.g. `checker-3`. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Everything it prints is appended here. */
  readonly logFile?: string
  /** Written at the start, removed when it ends; see `sweepProcesses`. */
  readonly pidFile?: string
  /** How long it may take to end after SIGTERM; default 5,000. */
  readonly graceMs?: number
  /** Whether the kernel kills it when this process dies; default true. False for a daemon that is meant to stay. */
  readonly diesWithParent?: boolean
  readonly onStdoutLine?: (line: string) => void
}

/** @throws PROCESS_NOT_STARTED */
export async function startSupervised(options: SupervisedProcessOptions) {
  const { name, cwd, env, graceMs = 5_000, diesWithParent = true } = options
  const [command, ...args] = [...(diesWithParent ? deathSignal : []), options.command, ...options.args]
  const child = execa(command!, args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    stdin: 'ignore',
    // The process may print for weeks, so its output is delivered and not kept.
    buffer: false,
    // The child has a process group of its own, so that Ctrl-C reaches only this process, which then stops its children in order.
    detached: true,
    forceKillAfterDelay: graceMs,
    reject: false,
  })
  const { pid, stdout, stderr } = child
  if (pid === undefined) {
    const { originalMessage: reason = '', cause } = await child
    throw processErrors.PROCESS_NOT_STARTED({ name, command: options.command, reason, cause })
  }
  if (options.logFile) {
    mkdirSync(dirname(options.logFile), { recursive: true })
    const log = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 })
    // On a full disk the log is lost and the process goes on.
    log.on('error', () => undefined)
    stdout.pipe(log, { end: false })
    stderr.pipe(log, { end: false })
    child.nodeChildProcess.once('close', () => log.end())
  }
  deliverLines(stdout, options.onStdoutLine)
  stderr.resume()

  child.nodeChildProcess.once('exit', () => {
    if (options.pidFile) rmSync(options.pidFile, { force: true })
  })
  const exited = child.then(({ exitCode = null, signal = null }): ProcessExit => ({ exitCode, signal }))
  if (options.pidFile) writePidFile(options.pidFile, { name, pid })
  return {
    pid,
    /** Resolves when it has ended and its output has been delivered; never rejects. */
    exited,
    // Not execa's `kill`, which would send a second signal later.
    kill: (signal: NodeJS.Signals): void => void child.nodeChildProcess.kill(signal),
    /** SIGTERM, then SIGKILL after `graceMs`. Resolves when it has ended. */
    stop: (): Promise<ProcessExit> => {
      child.kill()
      return exited
    },
  }
}

function deliverLines(stream: NodeJS.ReadableStream, onLine?: (line: string) => void): void {
  if (!onLine) return void stream.resume()
  const splitter = createLineSplitter(onLine)
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => splitter.push(chunk))
  stream.on('end', () => splitter.end())
}

/** Words before a command that make the kernel kill it when this process dies; none where the system cannot do that. */
export const deathSignal = isExecutable('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] : []

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Cuts a stream of chunks into lines. A line longer than `maxChars` is delivered cut, so that a child that never ends its line
 * cannot fill the memory.
 */
export function createLineSplitter(
  onLine: (line: string) => void,
  maxChars = 64 * 1024,
): { push(chunk: string): void; end(): void } {
  let rest = ''
  let dropping = false
  return {
    push: chunk => {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop()!
      for (const part of parts) {
        if (!dropping) onLine(part.length > maxChars ? part.slice(0, maxChars) : part.replace(/\r$/, ''))
        dropping = false
      }
      if (rest.length > maxChars) {
        if (!dropping) onLine(rest.slice(0, maxChars))
        rest = ''
        dropping = true
      }
    },
    end: () => {
      if (rest !== '' && !dropping) onLine(rest)
      rest = ''
    },
  }
}
