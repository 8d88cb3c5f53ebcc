/** Starts a devnet in a process that outlives this one, and waits for its first word. */
import { createWriteStream, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { type ExitCode, KaisarError } from '../platform/errors.ts'
import type { Envelope } from '../platform/output.ts'
import { packageFolder } from '../platform/own-files.ts'
import { devnetErrors } from './errors.ts'
import { type PrintedEvent, parseEvent } from './launch-daemons.ts'

/** Of what it logged, where it ended without a result. */
const mostLogCharacters = 4_000

const entry = fileURLToPath(new URL('bin/run.js', packageFolder))

/**
 * @param options.until - events by whose types it is known to be ready
 * @param options.stop - asks the devnet to end that is being started
 * @returns the first event of each of those types
 * @throws what the devnet gives as its reason; DEVNET_PROCESS_ENDED where it gives none, or was asked to stop
 */
export async function launchDetached({
  folder,
  args,
  until,
  stop,
}: {
  readonly folder: string
  readonly args: readonly string[]
  readonly until: readonly string[]
  readonly stop: AbortSignal
}): Promise<readonly PrintedEvent[]> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Under a name of their own until it is ready: another devnet may run from this folder, and write to its own.
  const [events, log] = ['devnet.ndjson', 'devnet.log'].map(name => ({
    path: join(folder, `.${process.pid}-${name}`),
    readyPath: join(folder, name),
  })) as [OutputFile, OutputFile]
  const [stdout, stderr] = [writeStream(events.path), writeStream(log.path)]
  const child = execa(process.execPath, [entry, ...args], {
    detached: true,
    // Each is the child's own open file, since this process ends first.
    stdin: 'ignore',
    stdout,
    stderr,
    buffer: false,
    env: { KAISAR_SKIP_BUILD: '1' },
    reject: false,
  })
  stdout.close()
  stderr.close()
  let ended: { readonly code: number | undefined; readonly how: string } | undefined
  void child.then(({ exitCode, signal, originalMessage }) => {
    ended = { code: exitCode, how: signal ?? originalMessage ?? `exit code ${exitCode}` }
  })
  child.nodeChildProcess.unref()
  stop.addEventListener('abort', () => child.nodeChildProcess.kill('SIGTERM'), { once: true })
  for (;;) {
    const end = ended
    const told = readEvents(events.path)
    const ready = until.flatMap(type => told.find(event => event.type === type) ?? [])
    if (ready.length === until.length && !stop.aborted) {
      for (const { path, readyPath } of [events, log]) renameSync(path, readyPath)
      return ready
    }
    if (end !== undefined) {
      const [error] = (told.at(-1)?.errors ?? []) as Envelope['errors']
      const said = readFileSync(log.path, 'utf8').trim().slice(-mostLogCharacters)
      for (const { path } of [events, log]) rmSync(path)
      if (error !== undefined && !stop.aborted)
        throw new KaisarError(error.message, { ...error, exit: (end.code ?? 1) as ExitCode })
      const died = [end.how, ...(said === '' ? [] : [said])].join('\n')
      throw devnetErrors.DEVNET_PROCESS_ENDED({ name: 'devnet', reason: stop.aborted ? 'it was asked to stop' : died })
    }
    await wait(50)
  }
}

/** An empty file of this user alone. */
const writeStream = (path: string) => createWriteStream(path, { fd: openSync(path, 'w', 0o600) })

type OutputFile = { readonly path: string; readonly readyPath: string }

const readEvents = (file: string): PrintedEvent[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .flatMap(line => parseEvent(line) ?? [])
