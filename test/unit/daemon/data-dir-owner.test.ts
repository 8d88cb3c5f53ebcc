import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { dataDirOwner, lockDataDir } from '../../../src/core/daemon/data-dir-lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-owner-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('the holder of a data directory is named, and no holder once it is released', () => {
  expect(dataDirOwner(folder)).toBeNull()
  const lock = lockDataDir({ path: folder, owner: 'kaisar provider run' })
  expect(dataDirOwner(folder)).toMatchObject({ owner: 'kaisar provider run', pid: process.pid, host: hostname() })
  // Looking does not take it away.
  expect(() => lockDataDir({ path: folder, owner: 'another' })).toThrow(
    expect.objectContaining({ code: 'DATA_DIR_LOCKED' }),
  )
  lock.release()
  expect(dataDirOwner(folder)).toBeNull()
})

it('what a dead process left behind is not taken for a holder', () => {
  const path = join(folder, 'lock.json')
  const written = JSON.parse(readFileSync(path, 'utf8'))
  // No Linux process has this number.
  writeFileSync(path, JSON.stringify({ ...written, pid: 2 ** 22 + 1 }))
  expect(dataDirOwner(folder)).toBeNull()
  writeFileSync(path, 'half a li')
  expect(dataDirOwner(folder)).toBeNull()
})
