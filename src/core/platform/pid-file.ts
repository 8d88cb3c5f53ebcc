/** Records which process runs, so that a later start (or `down`) finds processes that a crash left behind. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { listNames } from './list-names.ts'
import { writeFileAtomically } from './write-file-atomically.ts'

export type WrittenProcess = { readonly name: string; readonly pid: number; readonly processStart: string }

export function writePidFile(path: string, { name, pid }: { name: string; pid: number }): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileAtomically(path, JSON.stringify({ name, pid, processStart: processStart(pid) }))
}

/** The process that a pid file names, whether it runs or not; undefined when there is no pid file. */
export function readPidFile(path: string): WrittenProcess | undefined {
  try {
    const { name, pid, processStart: start } = JSON.parse(readFileSync(path, 'utf8'))
    return Number.isInteger(pid) && pid > 1 ? { name: String(name), pid, processStart: String(start ?? '') } : undefined
  } catch {
    return undefined
  }
}

/**
 * Ends a recorded process, if its id still belongs to that process: SIGTERM, after `graceMs` SIGKILL.
 *
 * @returns whether the process still ran
 */
export async function stopWrittenProcess(written: WrittenProcess, graceMs = 5_000): Promise<boolean> {
  if (!isSameProcess(written)) return false
  signalProcess(written.pid, 'SIGTERM')
  const deadline = performance.now() + graceMs
  while (isSameProcess(written)) {
    if (performance.now() > deadline) signalProcess(written.pid, 'SIGKILL')
    await wait(20)
  }
  return true
}

/** Ends every process whose pid file (`*.pid`) is in a folder, and removes the files. @returns the names of those that still ran */
export async function sweepProcesses(folder: string, graceMs = 5_000): Promise<string[]> {
  const swept = await Promise.all(
    listNames(folder, '.pid').map(async name => {
      const path = join(folder, `${name}.pid`)
      const written = readPidFile(path)
      const wasRunning = written !== undefined && (await stopWrittenProcess(written, graceMs))
      rmSync(path, { force: true })
      return wasRunning ? [written.name] : []
    }),
  )
  return swept.flat().sort()
}

/** Sends a signal to a process that may have ended by itself meanwhile. */
export function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/**
 * The start time of a process, as the kernel counts it, so that a reused process id is not taken for the process that was recorded.
 * Empty where there is no /proc; then the id alone counts.
 */
export const processStart = (pid: number): string => statFields(pid)?.[19] ?? ''

/** What the kernel tells of a process, its state first (proc_pid_stat(5)); null where there is no such file. */
function statFields(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command name, in parentheses, may hold spaces and parentheses itself: fields count from after the last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

/** Whether a process runs (a zombie does not). */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return statFields(pid)?.[0] !== 'Z'
}

/** Whether a recorded process is still running, and its id was not reused. */
export const isSameProcess = (written: { pid: number; processStart: string }): boolean =>
  isProcessAlive(written.pid) && (written.processStart === '' || processStart(written.pid) === written.processStart)
