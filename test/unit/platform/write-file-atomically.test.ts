import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { writeFileAtomically } from '../../../src/core/platform/write-file-atomically.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-atomic-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const module = new URL('../../../src/core/platform/write-file-atomically.ts', import.meta.url).href

test.each([
  ['text', 'é new'],
  ['bytes', new TextEncoder().encode('é new')],
])('%s replaces a file, and leaves nothing beside it', (name, content) => {
  const path = join(folder, name)
  writeFileSync(path, 'a longer old text')
  writeFileAtomically(path, content)
  expect(readFileSync(path, 'utf8')).toBe('é new')
  expect(readdirSync(folder).filter(file => file !== name && file.startsWith(name))).toEqual([])
})

test('where the disk takes a part of it alone, the old file stays, and it is an error', async () => {
  const path = join(folder, 'record')
  writeFileSync(path, 'old')
  // A process that may write files of a few blocks: the first write is a short one, as on a disk that is nearly full.
  const script = `
    import { writeFileAtomically } from ${JSON.stringify(module)}
    writeFileAtomically(process.argv[1], 'x'.repeat(100_000))`
  const limited = ['-c', 'ulimit -f 8 && exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', script, path]
  const { exitCode, stderr } = await execa('sh', limited, { reject: false, env: { NODE_OPTIONS: '' } })
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('EFBIG')])
  expect(readFileSync(path, 'utf8')).toBe('old')
  expect(readdirSync(folder).filter(file => file.startsWith('record'))).toEqual(['record'])
})
