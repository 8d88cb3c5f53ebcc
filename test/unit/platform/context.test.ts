import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  assertContextName,
  type Context,
  chooseContext,
  chosenContext,
  contextNames,
  listContexts,
  readContext,
  rememberContext,
  removeContext,
  writeContext,
} from '../../../src/core/platform/context.ts'
import { processStart } from '../../../src/core/platform/pid-file.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'kaisar-context-'))
})
afterEach(() => rmSync(home, { recursive: true }))

const network = (name: string): Context => ({
  name,
  chainId: 31337,
  rpcUrls: ['http://127.0.0.1:8545/'],
  contracts: { KaisarToken: `0x${'Ab'.repeat(20)}` },
  deployedAtBlock: 12,
  codeHashes: { KaisarToken: `0x${'ab'.repeat(32)}` },
  devnet: null,
})
const devnet = (name: string, startedAt: string, pid = process.pid, start = processStart(pid)): Context => ({
  ...network(name),
  devnet: { pid, startedAt, processStart: start, dataDir: '/tmp/devnet' },
})

it('a context reads back as it was written, and only its user may read it', () => {
  writeContext(home, network('main'))
  expect(readContext(home, 'main')).toEqual(network('main'))
  expect(statSync(join(home, 'contexts', 'main.json')).mode & 0o777).toBe(0o600)
  const { codeHashes: _hashes, deployedAtBlock: _block, ...older } = network('main')
  writeContext(home, older)
  expect(readContext(home, 'main')).toEqual(older)
  removeContext(home, 'main')
  expect(listContexts(home)).toEqual([])
})

it('the context is the named one, else the running devnet that started last, else the only one', () => {
  expect(chooseContext(home)).toBeUndefined()
  writeContext(home, network('main'))
  expect(chooseContext(home)?.name).toBe('main')
  writeContext(home, network('test'))
  expect(chooseContext(home)).toBeUndefined()
  writeContext(home, devnet('older', '2026-01-01T00:00:00Z'))
  writeContext(home, devnet('newer', '2026-01-02T00:00:00Z'))
  writeContext(home, devnet('dead', '2026-01-03T00:00:00Z', 2 ** 22 - 1, ''))
  writeContext(home, devnet('recycled', '2026-01-04T00:00:00Z', process.pid, '1'))
  expect(chooseContext(home)?.name).toBe('newer')
  expect(chooseContext(home, 'test')?.name).toBe('test')
})

it('a chosen context stays chosen until it is removed or another is named', () => {
  writeContext(home, network('main'))
  writeContext(home, network('test'))
  writeContext(home, devnet('devnet', '2026-01-01T00:00:00Z'))
  rememberContext(home, 'test')
  expect([chosenContext(home), chooseContext(home)?.name]).toEqual(['test', 'test'])
  expect(chooseContext(home, 'main')?.name).toBe('main')
  expect(() => rememberContext(home, 'tset')).toThrow(expect.objectContaining({ code: 'CONTEXT_UNKNOWN' }))
  removeContext(home, 'main')
  expect(chooseContext(home)?.name).toBe('test')
  expect(contextNames(home)).toEqual(['devnet', 'test'])
  removeContext(home, 'test')
  expect([chosenContext(home), chooseContext(home)?.name]).toEqual([undefined, 'devnet'])
})

it('no other network is taken in place of a chosen context that is gone', () => {
  for (const name of ['main', 'test']) writeContext(home, network(name))
  rememberContext(home, 'test')
  rmSync(join(home, 'contexts', 'test.json'))
  expect(() => chooseContext(home)).toThrow(expect.objectContaining({ code: 'CONTEXT_UNKNOWN' }))
})

it.each(['', 'Main', '../x', 'a b', '-x', 'x'.repeat(65)])('no context can be named %j', name =>
  expect(() => assertContextName(name)).toThrow(expect.objectContaining({ code: 'CONTEXT_NAME_INVALID' })),
)

it('an unknown context gives an error with the known names, and no name leads out of the folder', () => {
  writeContext(home, network('main'))
  expect(() => readContext(home, 'mian')).toThrow(
    expect.objectContaining({ code: 'CONTEXT_UNKNOWN', exit: 3, message: 'There is no context "mian", only main.' }),
  )
  writeFileSync(join(home, 'secret.json'), readFileSync(join(home, 'contexts', 'main.json')))
  expect(() => readContext(home, '../secret')).toThrow(expect.objectContaining({ code: 'CONTEXT_UNKNOWN' }))
})

it.each(['', '{', '{"name":"main"}', '[]'])('a context file with the content %j is refused', text => {
  writeContext(home, network('main'))
  writeFileSync(join(home, 'contexts', 'main.json'), text)
  expect(() => readContext(home, 'main')).toThrow(expect.objectContaining({ code: 'CONTEXT_INVALID' }))
  expect(listContexts(home)).toEqual([])
})
