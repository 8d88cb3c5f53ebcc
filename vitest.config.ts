import { defineConfig } from 'vitest/config'

// Everything silently runs on the system's Node when the pinned one was not installed; say so instead of failing oddly.
if (Number(process.versions.node.split('.')[0]) < 24)
  throw new Error(`Node 24 expected, found ${process.version}: run "npm ci" and start the tests with "npm test"`)

// Kills and faults by the dozen against one-second windows need a machine with nothing else to do.
const quietMachineOnly = ['test/sim/crash-points.test.ts', 'test/sim/monkey.test.ts']
const exclude = process.env.KAISAR_TEST_FAULTS ? [] : quietMachineOnly

const tier = (name: string, timeoutMs: number, setup: readonly string[] = [], retry = 0) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.{ts,tsx}`],
    exclude: ['**/node_modules/**', ...exclude],
    // Real processes against one-second windows: on a shared runner one of them may be starved once.
    retry,
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    pool: 'forks' as const,
    globalSetup: ['test/setup/orphans.ts', ...setup],
  },
})
const built = ['test/setup/build-once.ts']

export default defineConfig({
  test: {
    reporters: ['default', './test/setup/closing-line-reporter.ts'],
    projects: [
      tier('unit', 30_000),
      tier('integration', 120_000, built),
      tier('e2e', 300_000, built, process.env.CI ? 1 : 0),
      tier('sim', 600_000, built, process.env.CI ? 1 : 0),
    ],
  },
})
