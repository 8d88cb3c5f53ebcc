import { defineConfig } from 'vitest/config'

// Everything silently runs on the system's Node when the pinned one was not installed; say so instead of failing oddly.
if (Number(process.versions.node.split('.')[0]) < 24)
  throw new Error(`Node 24 expected, found ${process.version}: run "npm ci" and start the tests with "npm test"`)

const tier = (name: string, timeoutMs: number, setup: readonly string[] = [], more: object = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.{ts,tsx}`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    pool: 'forks' as const,
    globalSetup: ['test/setup/orphans.ts', ...setup],
    ...more,
  },
})
const built = ['test/setup/build-once.ts']

export default defineConfig({
  test: {
    reporters: ['default', './test/setup/closing-line-reporter.ts'],
    projects: [
      tier('unit', 30_000),
      tier('integration', 120_000, built),
      // Real processes against one-second windows: on a shared runner one of them may be starved once.
      tier('e2e', 300_000, built, { retry: process.env.CI ? 1 : 0 }),
      // Networks that mostly wait for their own deadlines: two at once, when all else is done.
      tier('sim', 900_000, built, { maxWorkers: 2, sequence: { groupOrder: 1 } }),
    ],
  },
})
