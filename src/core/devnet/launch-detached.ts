/** Starts a devnet in a process that outlives this one, and waits for its first word. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { devnetErrors } from './errors.ts'
import type { DaemonEvent } from './launch-daemons.ts'

const entry = fileURLToPath(new URL('../../../bin/run.js', import.meta.url))

/** Everything the detached devnet says, one JSON object a line. */
export const devnetEventsFile = (folder: string): string => join(folder, 'devnet.ndjson')

/** @throws DEVNET_PROCESS_ENDED with the reason that the devnet gives */
export async function launchDetached({
  folder,
  args,
}: {
  readonly folder: string
  readonly args: readonly string[]
}): Promise<DaemonEvent> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = devnetEventsFile(folder)
  const [output, errors] = [openSync(file, 'w', 0o600), openSync(join(folder, 'devnet.log'), 'w', 0o600)]
  const child = spawn(process.execPath, [entry, ...args], {
    detached: true,
    stdio: ['ignore', output, errors],
    env: { ...process.env, KAISAR_SKIP_BUILD: '1' },
  })
  closeSync(output)
  closeSync(errors)
  let ended: number | null | undefined
  child.once('exit', code => {
    ended = code
  })
  child.unref()
  for (;;) {
    const events = readEvents(file)
    const ready = events.find(({ type }) => type === 'devnet.ready')
    if (ready !== undefined) return ready
    if (ended !== undefined) {
      const [error] = (events.at(-1)?.errors ?? []) as { message?: string }[]
      throw devnetErrors.DEVNET_PROCESS_ENDED({ name: 'devnet', reason: error?.message ?? `exit code ${ended}` })
    }
    await wait(50)
  }
}

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
