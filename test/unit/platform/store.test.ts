import {
  closeSync,
  existsSync,
  globSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore } from '../../../src/core/platform/store.ts'

const migrations = ['CREATE TABLE item (id INTEGER PRIMARY KEY, body BLOB, amount INTEGER)']
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kaisar-store-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const open = (extra: string[] = []) =>
  openStore({ path: join(folder, 'state.db'), migrations: [...migrations, ...extra] })

describe('store', () => {
  it('a transaction’s records are kept, and integers beyond 2^53 are read exactly', () => {
    const first = open()
    first.transaction(() => first.run('INSERT INTO item VALUES (1, ?, ?)', new Uint8Array([1, 2]), 9007199254740993n))
    first.close()
    const second = open()
    expect(second.get('SELECT * FROM item')).toEqual({
      id: 1n,
      body: new Uint8Array([1, 2]),
      amount: 9007199254740993n,
    })
    second.close()
  })

  it('the whole transaction rolls back when its work throws, also in a nested one', () => {
    const store = open()
    const failing = () =>
      store.transaction(() => {
        store.run('INSERT INTO item VALUES (1, NULL, 0)')
        store.transaction(() => {
          store.run('INSERT INTO item VALUES (2, NULL, 0)')
          throw new Error('stop')
        })
      })
    expect(failing).toThrow('stop')
    expect(store.all('SELECT * FROM item')).toEqual([])
    store.close()
  })

  it('asynchronous work in a transaction is refused', () => {
    const store = open()
    expect(() => store.transaction(async () => 1)).toThrow('asynchronous')
    expect(store.run('INSERT INTO item VALUES (1, NULL, 0)')).toBe(1)
    store.close()
  })

  it('a store migrates step by step and keeps its rows', () => {
    const before = open()
    before.run('INSERT INTO item VALUES (1, NULL, 5)')
    before.close()
    const after = open(['ALTER TABLE item ADD COLUMN note TEXT'])
    expect(after.get('SELECT id, amount, note FROM item')).toEqual({ id: 1n, amount: 5n, note: null })
    after.close()
  })

  it('a store with a newer schema is refused and left alone', () => {
    open(['CREATE TABLE later (x)']).close()
    expect(() => open()).toThrow(expect.objectContaining({ code: 'STORE_NEWER', exit: 3 }))
    const raw = new DatabaseSync(join(folder, 'state.db'))
    expect(raw.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 })
    raw.close()
  })

  it('a damaged file is set aside with its bytes, and a fresh store is opened', () => {
    const store = open()
    for (let i = 0; i < 200; i++) store.run('INSERT INTO item VALUES (?, ?, 0)', i, new Uint8Array(500))
    store.close()
    const path = join(folder, 'state.db')
    const file = openSync(path, 'r+')
    for (let offset = 4096; offset < statSync(path).size; offset += 4096)
      writeSync(file, new Uint8Array(64).fill(0xff), 0, 64, offset)
    closeSync(file)
    const damaged = readFileSync(path)

    const fresh = openStore({ path, migrations }, { now: () => 0 })
    expect(fresh.quarantinedTo).toBe(`${path}.damaged-1970-01-01T00-00-00.000Z`)
    expect(readFileSync(fresh.quarantinedTo!)).toEqual(damaged)
    expect(fresh.all('SELECT * FROM item')).toEqual([])
    fresh.close()
  })

  it('a file that is not a database is set aside', () => {
    const path = join(folder, 'state.db')
    writeFileSync(path, 'not a database, but long enough to be looked at as a header of one'.repeat(20))
    const store = openStore({ path, migrations })
    expect(existsSync(store.quarantinedTo!)).toBe(true)
    store.close()
  })

  it('a database that another connection locks is reported', () => {
    const store = openStore({ path: join(folder, 'state.db'), migrations, busyTimeoutMs: 10 })
    const other = new DatabaseSync(join(folder, 'state.db'))
    other.exec('BEGIN IMMEDIATE')
    expect(() => store.transaction(() => store.run('INSERT INTO item VALUES (1, NULL, 0)'))).toThrow(
      expect.objectContaining({ code: 'STORE_BUSY' }),
    )
    other.close()
    store.close()
  })

  it('a full disk is reported, earlier records are kept, and the store goes on once there is room', () => {
    const store = open()
    store.run('INSERT INTO item VALUES (1, NULL, 0)')
    // SQLite's own page limit fails with the same code as a full disk.
    store.get('PRAGMA max_page_count = 4')
    const fill = () => store.transaction(() => store.run('INSERT INTO item VALUES (2, ?, 0)', new Uint8Array(100_000)))
    expect(fill).toThrow(expect.objectContaining({ code: 'STORE_DISK_FULL' }))
    expect(store.all('SELECT id FROM item')).toEqual([{ id: 1n }])
    store.get('PRAGMA max_page_count = 1000000')
    expect(fill()).toBe(1)
    store.close()
  })

  it('no statement of ours has a numbered parameter, which Node 22 takes for a name and does not bind', () => {
    const source = fileURLToPath(new URL('../../../src/', import.meta.url))
    const statement = /\b(SELECT|INSERT|UPDATE|DELETE)\b[^'`;]*\?\d/
    const found = globSync('**/*.ts', { cwd: source }).filter(path =>
      statement.test(readFileSync(source + path, 'utf8')),
    )
    expect(statement.test('UPDATE verdict SET reason = ?3')).toBe(true)
    expect(found).toEqual([])
  })

  it('a store works in memory', () => {
    const store = openStore({ path: ':memory:', migrations })
    expect(store.run('INSERT INTO item VALUES (1, NULL, 0)')).toBe(1)
    store.close()
  })

  it('the error names a folder that does not exist or cannot be opened', () => {
    expect(() => openStore({ path: join(folder, 'no', 'state.db'), migrations })).toThrow(
      expect.objectContaining({ code: 'STORE_READ_ONLY', message: expect.stringContaining(folder) }),
    )
  })
})
