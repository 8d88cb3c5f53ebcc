import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lockDataDir } from '../../../src/core/daemon/data-dir-lock.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kaisar-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

it('a data directory has one owner, who is named to the second process', () => {
  const first = lockDataDir({ path: folder, owner: 'kaisar provider run' })
  expect(() => lockDataDir({ path: folder, owner: 'kaisar checker run' })).toThrow(
    expect.objectContaining({
      code: 'DATA_DIR_LOCKED',
      exit: 3,
      message: expect.stringMatching(`"kaisar provider run" \\(process ${process.pid} on .*, since 20`),
    }),
  )
  first.release()
  lockDataDir({ path: folder, owner: 'kaisar checker run' }).release()
})

it('the lock is held until its owner dies, whatever the garbage collector does, and released by SIGKILL', async () => {
  const module = new URL('../../../src/core/daemon/data-dir-lock.ts', import.meta.url).href
  const script = `const { lockDataDir } = await import(${JSON.stringify(module)})
    lockDataDir({ path: ${JSON.stringify(folder)}, owner: 'child' })
    for (let i = 0; i < 3; i++) { await new Promise(setImmediate); gc() }
    console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(child.stdout, 'data')
    expect(() => lockDataDir({ path: folder, owner: 'test' })).toThrow(
      expect.objectContaining({ code: 'DATA_DIR_LOCKED' }),
    )
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  lockDataDir({ path: folder, owner: 'test' }).release()
})

it('the data directory is created for its owner alone', () => {
  const path = join(folder, 'a', 'b')
  lockDataDir({ path, owner: 'test' }).release()
  expect(statSync(path).mode & 0o777).toBe(0o700)
})

it('the error says why a folder cannot be used', () => {
  writeFileSync(join(folder, 'file'), '')
  expect(() => lockDataDir({ path: join(folder, 'file', 'state'), owner: 'test' })).toThrow(
    expect.objectContaining({ code: 'DATA_DIR_UNWRITABLE', message: expect.stringContaining('ENOTDIR') }),
  )
})
