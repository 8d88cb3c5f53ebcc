/** Prometheus' own checker: from PATH, else unpacked once from Debian's package; null where neither is to be had. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sharedTemporaryFolder } from '../setup/run-folders.ts'

const folder = join(sharedTemporaryFolder(), 'kaisar-promtool')
const unpacked = join(folder, 'usr/bin/promtool')

export function findPromtool(): string | null {
  for (const candidate of ['promtool', unpacked]) {
    try {
      execFileSync(candidate, ['--version'], { stdio: 'ignore' })
      return candidate
    } catch {
      // Not there, or not for this machine.
    }
  }
  return unpack()
}

function unpack(): string | null {
  const work = `${folder}.${process.pid}`
  mkdirSync(work, { recursive: true })
  try {
    const run = (command: string, ...args: string[]) =>
      execFileSync(command, args, { cwd: work, stdio: 'ignore', timeout: 60_000 })
    run('apt-get', 'download', 'prometheus')
    run('dpkg', '-x', readdirSync(work).find(name => name.endsWith('.deb'))!, '.')
    rmSync(folder, { recursive: true, force: true })
    renameSync(work, folder)
    return existsSync(unpacked) ? unpacked : null
  } catch {
    return null
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

export type PromtoolResult = { readonly ok: boolean; readonly output: string }

/** Runs `promtool check <what> …`; metrics come by stdin. */
export function promtoolCheck(promtool: string, args: readonly string[], input = ''): PromtoolResult {
  try {
    return { ok: true, output: execFileSync(promtool, ['check', ...args], { input, encoding: 'utf8', stdio: 'pipe' }) }
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return { ok: false, output: stdout + stderr }
  }
}
