/** Starts a devnet in a process that outlives this one, and waits for its first word. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { packageFolder } from '../platform/own-files.ts'
import { devnetErrors } from './errors.ts'
import type { DaemonEvent } from './launch-daemons.ts'

/** Of what it logged, where it ended without a result. */
const mostLogCharacters = 4_000

const entry = fileURLToPath(new URL('bin/run.js', packageFolder))

/** `stop`: asks the devnet to end that is being started. @throws DEVNET_PROCESS_ENDED with the reason that the devnet gives */
export async function launchDetached({
  folder,
  args,
  stop,
}: {
  readonly folder: string
  readonly args: readonly string[]
  readonly stop: AbortSignal
}): Promise<DaemonEvent> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Under a name of their own until it is ready: another devnet may run from this folder, and write to its own.
  const [events, log] = ['devnet.ndjson', 'devnet.log'].map(name => ({
    path: join(folder, `.${process.pid}-${name}`),
    readyPath: join(folder, name),
  })) as [OutputFile, OutputFile]
  const [output, errors] = [openSync(events.path, 'w', 0o600), openSync(log.path, 'w', 0o600)]
  const child = spawn(process.execPath, [entry, ...args], {
    detached: true,
    stdio: ['ignore', output, errors],
    env: { ...process.env, KAISAR_SKIP_BUILD: '1' },
  })
  closeSync(output)
  closeSync(errors)
  let ended: string | undefined
  child.once('exit', (code, signal) => {
    ended = signal ?? `exit code ${code}`
  })
  child.unref()
  stop.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
  for (;;) {
    const hasEnded = ended !== undefined
    const told = readEvents(events.path)
    const ready = told.find(({ type }) => type === 'devnet.ready')
    if (ready !== undefined && !stop.aborted) {
      for (const { path, readyPath } of [events, log]) renameSync(path, readyPath)
      return ready
    }
    if (hasEnded) {
      const [error] = (told.at(-1)?.errors ?? []) as { message?: string }[]
      const said = readFileSync(log.path, 'utf8').trim().slice(-mostLogCharacters)
      for (const { path } of [events, log]) rmSync(path)
      const died = error?.message ?? [ended, ...(said === '' ? [] : [said])].join('\n')
      throw devnetErrors.DEVNET_PROCESS_ENDED({ name: 'devnet', reason: stop.aborted ? 'it was asked to stop' : died })
    }
    await wait(50)
  }
}

type OutputFile = { readonly path: string; readonly readyPath: string }

function readEvents(file: string): DaemonEvent[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap(line => {
      try {
        return [JSON.parse(line) as DaemonEvent]
      } catch {
        return []
      }
    })
}
