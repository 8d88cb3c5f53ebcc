import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { openStore, readStore } from '../../../src/core/platform/store.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-read-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('a store is read while its daemon has it open and writes', () => {
  const path = join(folder, 'state.db')
  const store = openStore({ path, migrations: ['CREATE TABLE note (text TEXT NOT NULL) STRICT'] })
  store.run('INSERT INTO note VALUES (?)', 'first')
  const reader = readStore(path)!
  expect(reader.all('SELECT text FROM note')).toEqual([{ text: 'first' }])
  store.transaction(() => {
    store.run('INSERT INTO note VALUES (?)', 'second')
    // Not yet: it is not committed.
    expect(reader.get('SELECT COUNT(*) AS count FROM note')).toEqual({ count: 1n })
  })
  expect(reader.get('SELECT COUNT(*) AS count FROM note')).toEqual({ count: 2n })
  expect(() => reader.all("INSERT INTO note VALUES ('third')")).toThrow(/readonly/)
  reader.close()
  store.close()
})

it('a missing or damaged store is left as it is', () => {
  expect(readStore(join(folder, 'none.db'))).toBeNull()
  writeFileSync(join(folder, 'damaged.db'), 'not a database, but long enough to look at'.repeat(100))
  expect(readStore(join(folder, 'damaged.db'))).toBeNull()
  expect(readdirSync(folder).filter(name => name.startsWith('damaged'))).toEqual(['damaged.db'])
})
