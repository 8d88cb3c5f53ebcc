/**
 * A process that outlives the run fails it. Each file is held to its own (leave-nothing.ts); this finds what is left where a
 * worker died before its file was over.
 */
import { randomUUID } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import { killProcess, processesLeft } from './marked-processes.ts'

export const orphanCountVariable = 'KAISAR_TEST_ORPHANS'
const markVariable = 'KAISAR_TEST_RUN'

export default function setup(_project: TestProject): (() => Promise<void>) | undefined {
  // Once per run, not once per tier.
  if (process.env[markVariable]) return
  const mark = randomUUID()
  process.env[markVariable] = mark
  return async () => {
    const left = await processesLeft(markVariable, mark)
    for (const each of left) {
      process.stderr.write(`A test left process ${each.pid} behind: ${each.command}\n`)
      killProcess(each)
    }
    process.env[orphanCountVariable] = String(left.length)
    if (left.length > 0) process.exitCode = 1
  }
}
