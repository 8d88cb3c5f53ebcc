import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, SerializedError, TestModule } from 'vitest/node'
import { orphanCountVariable } from './orphans.ts'

/**
 * Ends a run with `N passed, N failed, N skipped`. A test that passed only when it was tried again has failed. `npm test` sums
 * several runs, so there the counts go to the file it names instead, with the names of what failed. Before it come the files that took most.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts = { passed: 0, skipped: 0 }
    const failures = unhandled.map(outsideOfAnyTest)
    for (const module of modules) {
      const failuresBefore = failures.length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        const name = `${module.relativeModuleId} > ${test.fullName}`
        const retries = test.diagnostic()?.retryCount ?? 0
        if (state === 'failed') failures.push(name)
        else if (state !== 'passed') counts.skipped++
        else if (retries > 0) failures.push(`${name}: passed only when it was tried again`)
        else counts.passed++
      }
      // A file that cannot be loaded, or whose hooks fail, has no failed test to show for it.
      if (module.state() === 'failed' && failures.length === failuresBefore) failures.push(module.relativeModuleId)
    }
    for (const line of costliest(modules)) process.stdout.write(`${line}\n`)
    // Orphans are looked for when everything else is over.
    process.once('exit', () => {
      const failed = failures.length + Number(process.env[orphanCountVariable] ?? 0)
      if (failed > 0) process.exitCode = 1
      const file = process.env.KAISAR_TEST_COUNTS
      if (file) return writeFileSync(file, JSON.stringify({ ...counts, failed, failures }))
      for (const failure of failures) process.stderr.write(`failed: ${failure}\n`)
      process.stdout.write(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped\n`)
    })
  }
}

/** The files that took most of the CPU, those of their processes included: where minutes can be saved. */
function costliest(modules: readonly TestModule[]): string[] {
  return modules
    .map(module => ({
      name: module.relativeModuleId,
      seconds: (module.meta() as { cpuSeconds?: number }).cpuSeconds ?? 0,
    }))
    .filter(({ seconds }) => seconds >= 5)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, 15)
    .map(({ name, seconds }) => `${seconds.toFixed(0).padStart(5)} s cpu  ${name}`)
}

/** Says what it was, where it was thrown and which file ran then: it may come from one that ran before. One line. */
function outsideOfAnyTest(error: SerializedError): string {
  const { message, stack = '', VITEST_TEST_PATH: path } = error
  const ownFrame = stack.split('\n').find(line => /^\s*at /.test(line) && !line.includes('node_modules'))
  const file = typeof path === 'string' ? `, while ${relative(process.cwd(), path)} ran` : ''
  return `an error outside of any test: ${message.split('\n')[0]} (${ownFrame?.trim() ?? 'no frame of ours'})${file}`
}
