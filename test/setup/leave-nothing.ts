/**
 * Runs with every test file: what a file leaves behind when it is over fails that file.
 *
 * Why: docs/why/testing.md
 */
import { afterAll } from 'vitest'
import { endFile } from './file-scope.ts'
import { watchTraces } from './traces.ts'

const traces = watchTraces()

// Registered before any hook of the file, and so the last to run.
afterAll(async () => {
  await endFile()
  const left = await traces.clear()
  if (left.length > 0) throw new Error(`This file leaves behind:\n${left.map(each => `  ${each}`).join('\n')}`)
})
