import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { crashVariable } from '../../../src/core/platform/crash-point.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-crash-'))
afterAll(() => rmSync(folder, { recursive: true }))

const module = new URL('../../../src/core/platform/crash-point.ts', import.meta.url).href
const script = `import { crashPoint } from ${JSON.stringify(module)}
crashPoint('provider.worked'); crashPoint('checker.offered'); console.log('went on')`
const run = (env: Record<string, string>) =>
  spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
  })

it('a crash point that is armed ends the process once', () => {
  writeFileSync(join(folder, 'checker.offered'), '')
  expect(run({ [crashVariable]: folder })).toMatchObject({ signal: 'SIGKILL', stdout: '' })
  expect(existsSync(join(folder, 'checker.offered'))).toBe(false)
  expect(run({ [crashVariable]: folder })).toMatchObject({ status: 0, stdout: 'went on\n' })
})

it('a crash point does nothing where no variable names a folder', () => {
  writeFileSync(join(folder, 'checker.offered'), '')
  expect(run({})).toMatchObject({ status: 0, stdout: 'went on\n' })
})
