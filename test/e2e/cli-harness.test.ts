/** The harness itself: a suite that says it passed must have passed. */
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { isProcessAlive } from '../../src/core/platform/process-identity.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const run = (fixture: string) =>
  execa(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/setup/fixture/vitest.config.ts', fixture],
    {
      cwd: root,
      reject: false,
      env: { KAISAR_TEST_RUN: undefined, KAISAR_TEST_COUNTS: undefined, KAISAR_TEST_ORPHANS: undefined, NO_COLOR: '1' },
    },
  )
const lastLine = (text: string) => text.trimEnd().split('\n').at(-1)

describe('a run', () => {
  it('ends with the number of tests that passed, failed and were skipped', async () => {
    const { stdout, exitCode } = await run('mixed')
    expect({ last: lastLine(stdout), exitCode }).toEqual({ last: '1 passed, 1 failed, 1 skipped', exitCode: 1 })
  })

  it('counts a file that cannot be loaded as failed', async () => {
    const { stdout, exitCode } = await run('broken')
    expect({ last: lastLine(stdout), exitCode }).toEqual({ last: '0 passed, 1 failed, 0 skipped', exitCode: 1 })
  })

  it.runIf(process.platform === 'linux')(
    'fails when a test leaves a process behind, and ends that process',
    async () => {
      const { stdout, stderr, exitCode } = await run('leaking')
      expect({ last: lastLine(stdout), exitCode }).toEqual({ last: '1 passed, 1 failed, 0 skipped', exitCode: 1 })
      const pid = Number(/left process (\d+) behind/.exec(stderr)?.[1])
      expect(isProcessAlive(pid)).toBe(false)
    },
  )
})
