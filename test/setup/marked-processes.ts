/** Processes are known by a mark in their environment, which every descendant inherits, whatever its parent became since. */
import { readdirSync, readFileSync } from 'node:fs'

export type LeftProcess = { readonly pid: number; readonly command: string }

/** Those that still have the mark once stops that were asked for have had their time (5 s). */
export async function processesLeft(variable: string, mark: string): Promise<readonly LeftProcess[]> {
  let left = markedProcesses(variable, mark)
  for (let i = 0; i < 100 && left.length > 0; i++) {
    await new Promise(resolve => setTimeout(resolve, 50))
    left = markedProcesses(variable, mark)
  }
  return left
}

export function killProcess({ pid }: LeftProcess): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended just now.
  }
}

/** Reads `/proc`: none is found where there is no such folder. */
function markedProcesses(variable: string, mark: string): LeftProcess[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap(name => {
      try {
        if (!readFileSync(`/proc/${name}/environ`, 'latin1').includes(`${variable}=${mark}`)) return []
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        // A zombie has no command line; the runner's own workers end with it.
        const isOurs = command === '' || /\/vitest\/|^vitest-watchdog|\/esbuild\//.test(command)
        return isOurs ? [] : [{ pid: Number(name), command }]
      } catch {
        return []
      }
    })
}
