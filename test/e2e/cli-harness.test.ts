/** The harness itself: a suite that says it passed must have passed. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { beforeAll, describe, expect, it } from 'vitest'
import { isProcessAlive } from '../../src/core/platform/pid-file.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const isLinux = process.platform === 'linux'
const run = (...fixtures: string[]) => runVitest(fixtures)
const runVitest = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  execa(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/setup/fixture/vitest.config.ts', ...words],
    {
      cwd: root,
      reject: false,
      env: {
        KAISAR_TEST_RUN: undefined,
        KAISAR_TEST_COUNTS: undefined,
        KAISAR_TEST_ORPHANS: undefined,
        NO_COLOR: '1',
        ...env,
      },
    },
  )
const lastLine = (text: string) => text.trimEnd().split('\n').at(-1)

describe('a run', () => {
  it('ends with the number of tests that passed, failed and were skipped', async () => {
    const { stdout, exitCode } = await run('mixed')
    expect({ last: lastLine(stdout), exitCode }).toEqual({ last: '1 passed, 1 failed, 1 skipped', exitCode: 1 })
  })

  it('counts a test as failed that passed only when it was tried again, and names it', async () => {
    const { stdout, stderr, exitCode } = await run('retried')
    expect({ last: lastLine(stdout), exitCode }).toEqual({ last: '0 passed, 1 failed, 0 skipped', exitCode: 1 })
    expect(stderr).toContain('retried.fixture.ts > passes when it is tried again')
  })
})

describe('an error outside of any test', () => {
  it('is counted, and named with its file', async () => {
    const { stdout, stderr, exitCode } = await run('unhandled')
    expect({ last: lastLine(stdout), exitCode }).toEqual({ last: '1 passed, 1 failed, 0 skipped', exitCode: 1 })
    expect(stderr).toMatch(
      /^failed: an error outside of any test: nobody waits for this \(at .*unhandled\.fixture\.ts:4.*\), while .*unhandled\.fixture\.ts ran$/m,
    )
  })
})

it('a run whose worker is killed names the folders that it leaves, removes them and fails', async () => {
  const { stderr, exitCode } = await run('killed')
  const [, folder] = /^A test left folder (\S*kaisar-sim-\S+) behind$/m.exec(stderr)!
  expect({ exitCode, isThere: existsSync(folder!) }).toEqual({ exitCode: 1, isThere: false })
})

describe('files that fail though their tests pass', () => {
  let ran: Awaited<ReturnType<typeof run>>
  // One run of all of them; the last one has nothing to be blamed for.
  beforeAll(async () => {
    ran = await run('broken', 'leaking', 'traces', 'anvils')
  })
  const blamed = (name: string) => new RegExp(`FAIL .*/${name}\\.fixture\\.ts`)

  it('are counted, one each', () => {
    const { stdout, exitCode } = ran
    expect({ last: lastLine(stdout), exitCode }).toEqual({ last: '5 passed, 3 failed, 0 skipped', exitCode: 1 })
  })

  it('cannot be loaded', () => expect(ran.stderr).toMatch(blamed('broken')))

  it.runIf(isLinux)('leave a process behind, which is ended', () => {
    expect(ran.stderr).toMatch(blamed('leaking'))
    const pid = Number(/process (\d+): /.exec(ran.stderr)?.[1])
    expect(isProcessAlive(pid)).toBe(false)
  })

  it.runIf(isLinux)('leave a port and a temporary file behind', () => {
    expect(ran.stderr).toMatch(blamed('traces'))
    expect(ran.stderr).toMatch(/temporary file: forgotten-/)
    expect(ran.stderr).toMatch(/listening socket: tcp 0100007F:[0-9A-F]{4}, port \d+/)
  })

  it('are not those whose anvils end by themselves: with their test, or with the file where none started them', () => {
    expect(ran.stderr).not.toMatch(blamed('anvils'))
    const pids = /started (\d+) and (\d+)/.exec(ran.stdout)!.slice(1).map(Number)
    expect(pids.map(pid => isProcessAlive(pid))).toEqual([false, false])
  })
})

describe('a property that fails', () => {
  it('says the command that repeats it, and that finds the same', async () => {
    const first = await run('property')
    expect(lastLine(first.stdout)).toBe('0 passed, 1 failed, 0 skipped')
    const command = /Repeat it: KAISAR_FC_SEED=(-?\d+) npx vitest run (\S+) -t '(.+)'\n/.exec(first.stderr)
    const [, seed, file, name] = command!
    expect(file).toBe('test/setup/fixture/property.fixture.ts')
    const again = await runVitest([file!, '-t', name!.replaceAll(`'\\''`, "'")], { KAISAR_FC_SEED: seed! })
    const found = /{ seed: .*\nCounterexample: .*/
    expect(found.exec(again.stderr)?.[0]).toBe(found.exec(first.stderr)![0])
  })
})
