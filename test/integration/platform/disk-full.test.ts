/** A disk that is really full: a 1 MB tmpfs in a user namespace of its own. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-full-'))
afterAll(() => rmSync(folder, { recursive: true }))

const mount = `mount -t tmpfs -o size=1m tmpfs ${folder}`
// Where the kernel forbids user namespaces the disk cannot be filled without rights.
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', mount]).status === 0

it.runIf(canMount)(
  'a full disk gives an error with a code, loses no record, and the store goes on when there is room again',
  () => {
    const store = new URL('../../../src/core/platform/store.ts', import.meta.url).href
    const script = `
    import { openStore } from ${JSON.stringify(store)}
    import { rmSync, writeFileSync } from 'node:fs'
    const open = () => openStore({ path: ${JSON.stringify(join(folder, 'state.db'))}, migrations: ['CREATE TABLE item (id INTEGER, body BLOB)'] })
    const put = (target, id, bytes) => target.transaction(() => target.run('INSERT INTO item VALUES (?, ?)', id, new Uint8Array(bytes)))
    const ballast = ${JSON.stringify(join(folder, 'ballast'))}
    const first = open()
    put(first, 1, 100_000)
    const codes = []
    try { writeFileSync(ballast, new Uint8Array(2_000_000)) } catch (error) { codes.push(error.code) }
    try { put(first, 2, 200_000) } catch (error) { codes.push(error.code) }
    const kept = first.all('SELECT id FROM item').map(row => Number(row.id))
    rmSync(ballast)
    put(first, 3, 200_000)
    first.close()
    const second = open()
    console.log(JSON.stringify({ codes, kept, after: second.all('SELECT id FROM item').map(row => Number(row.id)), aside: second.quarantinedTo ?? null }))
    second.close()`
    const command = `${mount} && exec "$0" --input-type=module -e "$1"`
    const { stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', command, process.execPath, script], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({ codes: ['ENOSPC', 'STORE_DISK_FULL'], kept: [1], after: [1, 3], aside: null })
  },
)
