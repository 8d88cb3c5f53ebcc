import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// Everything silently runs on the system's Node when the pinned one was not installed; say so instead of failing oddly.
if (Number(process.versions.node.split('.')[0]) < 24)
  throw new Error(`Node 24 expected, found ${process.version}: run "npm ci" and start the tests with "npm test"`)

/**
 * Tiers run one after another, but for the simulations in `npm test`; in each two files at once, and three in integration, whose files wait
 * most. A time limit is for what hangs, and leaves room for a machine that has other things to do.
 */
const tier = (name: string, timeoutMs: number, order: number, setup: readonly string[] = [], more: object = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.{ts,tsx}`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    pool: 'forks' as const,
    maxWorkers: 2,
    sequence: { groupOrder: order },
    globalSetup: ['test/setup/orphans.ts', ...setup],
    // What was built runs as it is.
    server: { deps: { external: [/\/dist\//] } },
    // As bin/run.js has it: tests that load ONNX Runtime themselves do not go through there.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    setupFiles: ['test/setup/leave-nothing.ts', 'test/setup/repeat-properties.ts'],
    ...more,
  },
})
/** Starting a process and loading everything again for each of 170 files would take as long as the tests. */
const shared = { isolate: false }
const built = ['test/setup/build-once.ts']

/** The longest first, so that nothing is left to wait for alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const longest = ['kill-and-restart', 'monkey', 'one-devnet', 'pack', 'devnet', 'cli-every-command']
    const isLong = ({ moduleId }: TestSpecification) => longest.some(name => moduleId.endsWith(`/${name}.test.ts`))
    const sorted = await super.sort(files)
    return [...sorted.filter(isLong), ...sorted.filter(file => !isLong(file))]
  }
}

export default defineConfig({
  test: {
    reporters: ['default', './test/setup/closing-line-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      tier('unit', 120_000, 0, [], shared),
      tier('integration', 240_000, 1, built, { ...shared, maxWorkers: 3 }),
      tier('e2e', 300_000, 2, built, shared),
      tier('sim', 900_000, 3, built, shared),
    ],
  },
})
