/**
 * Runs with every test file: what a file leaves behind when it is over fails that file. What it took is noted for the closing lines.
 *
 * Why: docs/why/testing.md
 */
import { afterAll } from 'vitest'
import { cpuSecondsSoFar } from './cpu-seconds.ts'
import { endFile } from './file-scope.ts'
import { watchTraces } from './traces.ts'

const traces = watchTraces()
const cpuBefore = cpuSecondsSoFar()

// Registered before any hook of the file, and so the last to run.
// biome-ignore lint/correctness/noEmptyPattern: vitest reads the parameter's text for what the hook asks for, and takes a pattern only
afterAll(async ({}, { file }) => {
  await endFile()
  const left = await traces.clear()
  Object.assign(file.meta, { cpuSeconds: cpuSecondsSoFar() - cpuBefore })
  if (left.length > 0) throw new Error(`This file leaves behind:\n${left.map(each => `  ${each}`).join('\n')}`)
})
