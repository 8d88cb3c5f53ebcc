import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'
import { orphanCountVariable } from './orphans.ts'

/**
 * Ends a run with `N passed, N failed, N skipped`. A test that passed only when it was tried again has failed. `npm test` sums
 * several runs, so there the counts go to the file it names instead, with the names of what failed.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const counts = { passed: 0, skipped: 0 }
    const failures = unhandled.map(() => 'an error outside of any test')
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
