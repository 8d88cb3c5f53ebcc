/**
 * A test that leaves a process behind fails the run. Every process that descends from the run inherits a mark in its environment,
 * whatever its parent became since.
 */
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { TestProject } from 'vitest/node'

export const orphanCountVariable = 'KAISAR_TEST_ORPHANS'
const markVariable = 'KAISAR_TEST_RUN'

export default function setup(_project: TestProject): (() => Promise<void>) | undefined {
  // Once per run, not once per tier.
  if (process.env[markVariable] || process.platform !== 'linux') return
  const mark = randomUUID()
  process.env[markVariable] = mark
  return async () => {
    let left = markedProcesses(mark)
    // Graceful stops may take a moment after the last test.
    for (let i = 0; i < 50 && left.length > 0; i++) {
      await new Promise(resolve => setTimeout(resolve, 100))
      left = markedProcesses(mark)
    }
    for (const { pid, command } of left) {
      process.stderr.write(`A test left process ${pid} behind: ${command}\n`)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended just now.
      }
    }
    process.env[orphanCountVariable] = String(left.length)
    if (left.length > 0) process.exitCode = 1
  }
}

function markedProcesses(mark: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap(name => {
      try {
        if (!readFileSync(`/proc/${name}/environ`, 'latin1').includes(`${markVariable}=${mark}`)) return []
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        // A zombie has no command line; the runner's own workers end with it.
        const isOurs = command === '' || /\/vitest\/|^vitest-watchdog|\/esbuild\//.test(command)
        return isOurs ? [] : [{ pid: Number(name), command }]
      } catch {
        return []
      }
    })
}
