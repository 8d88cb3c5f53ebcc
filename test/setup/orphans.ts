/**
 * A process or a temporary folder that outlives the run fails it. Each file is held to its own (leave-nothing.ts); this finds what is
 * left where a worker died before its file was over.
 */
import { randomUUID } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import { killProcess, processesLeft } from './marked-processes.ts'
import { clearFolders, runVariable } from './run-folders.ts'

export const orphanCountVariable = 'KAISAR_TEST_ORPHANS'

export default function setup(_project: TestProject): (() => Promise<void>) | undefined {
  // Once per run, not once per tier.
  if (process.env[runVariable]) return
  const mark = randomUUID()
  process.env[runVariable] = mark
  return async () => {
    const left = await processesLeft(runVariable, mark)
    for (const each of left) {
      process.stderr.write(`A test left process ${each.pid} behind: ${each.command}\n`)
      killProcess(each)
    }
    const folders = clearFolders()
    for (const folder of folders) process.stderr.write(`A test left folder ${folder} behind\n`)
    const count = left.length + folders.length
    process.env[orphanCountVariable] = String(count)
    if (count > 0) process.exitCode = 1
  }
}
