import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'
import { orphanCountVariable } from './orphans.ts'

/**
 * Ends a run with `N passed, N failed, N skipped`. A test that passed only when it was tried again failed. `npm test` adds the contracts' tests to it, so there the counts go to the file
 * it names instead.
 */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 }
    for (const module of modules) {
      let failed = 0
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        const retries = test.diagnostic()?.retryCount ?? 0
        if (retries > 0 && state === 'passed') {
          failed++
          process.stderr.write(`Passed only when it was tried again: ${module.relativeModuleId} > ${test.fullName}\n`)
        } else if (state === 'passed') counts.passed++
        else if (state === 'failed') failed++
        else counts.skipped++
      }
      // A file that cannot be loaded, or whose hooks fail, has no failed test to show for it.
      counts.failed += failed || (module.state() === 'failed' ? 1 : 0)
    }
    // Orphans are looked for when everything else is over.
    process.once('exit', () => {
      counts.failed += Number(process.env[orphanCountVariable] ?? 0)
      const file = process.env.KAISAR_TEST_COUNTS
      if (counts.failed > 0) process.exitCode = 1
      if (file) writeFileSync(file, JSON.stringify(counts))
      else process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
    })
  }
}
