import { readFileSync } from 'node:fs'

/**
 * The start time of a process, as the kernel counts it, so that a reused process id is not taken for the process that was recorded.
 * Empty where there is no /proc; then the id alone counts.
 */
export function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command name, in parentheses, may hold spaces and parentheses itself: fields count from after the last one.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

/** Whether a process runs (a zombie does not). */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat[stat.lastIndexOf(')') + 2] !== 'Z'
  } catch {
    return true
  }
}

/** Whether a recorded process is still running, and its id was not reused. */
export const isSameProcess = (written: { pid: number; processStart: string }): boolean =>
  isProcessAlive(written.pid) && (written.processStart === '' || processStart(written.pid) === written.processStart)
