import fs, {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privateKeyToAddress } from 'viem/accounts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyPath, listKeys, readKeystore, saveKey, unlockKey } from '../../../src/core/platform/key-folder.ts'
import { readPassword } from '../../../src/core/platform/password.ts'

const privateKey = `0x${'11'.repeat(32)}` as const
const address = privateKeyToAddress(privateKey)
let dataDir: string

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'kaisar-keys-'))
})
afterEach(() => rmSync(dataDir, { recursive: true }))

const save = (name = 'operator') => saveKey({ dataDir, name, privateKey, password: 'secret', strength: 'light' })

describe('key folder', () => {
  it('a key file is readable by its owner alone, and opens again', async () => {
    const path = await save()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(dataDir, 'keys')).mode & 0o777).toBe(0o700)
    expect(await unlockKey(path, 'secret')).toEqual({ privateKey, address })
    expect(listKeys(dataDir)).toEqual([{ name: 'operator', path, address }])
  })

  it('a key is never overwritten, and no temporary file is left behind', async () => {
    const path = await save()
    const before = readFileSync(path)
    await expect(save()).rejects.toMatchObject({ code: 'KEY_EXISTS', exit: 3 })
    expect(readFileSync(path)).toEqual(before)
    expect(readdirSync(join(dataDir, 'keys'))).toEqual(['operator.json'])
  })

  it.each([
    { what: 'the file', after: 0 },
    { what: 'the folder', after: 1 },
  ])('where $what cannot be made to survive a power cut, that is said, and no key is left', async ({ after }) => {
    const { fsyncSync } = fs
    let synced = 0
    fs.fsyncSync = file => {
      if (synced++ === after) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' })
      fsyncSync(file)
    }
    syncBuiltinESMExports()
    try {
      await expect(save()).rejects.toMatchObject({
        ...{ code: 'KEY_UNWRITABLE', exit: 3 },
        message: expect.stringContaining('(EIO)'),
        fix: expect.stringContaining('Nothing was written'),
      })
    } finally {
      fs.fsyncSync = fsyncSync
      syncBuiltinESMExports()
    }
    expect(synced).toBe(after + 1)
    expect(readdirSync(join(dataDir, 'keys'))).toEqual([])
    await save()
  })

  it.each(['../escape', '', 'A', 'a/b', '-a', 'a'.repeat(65)])('the key name %j is refused', name => {
    expect(() => keyPath(dataDir, name)).toThrow(expect.objectContaining({ code: 'KEY_NAME_INVALID', exit: 2 }))
  })

  it.each([0o640, 0o604, 0o644, 0o620])('a key file of mode %o is refused', async mode => {
    const path = await save()
    chmodSync(path, mode)
    expect(() => readKeystore(path)).toThrow(expect.objectContaining({ code: 'KEYSTORE_EXPOSED' }))
  })

  it('a missing and an unreadable key file give different errors', () => {
    expect(() => readKeystore(join(dataDir, 'none.json'))).toThrow(expect.objectContaining({ code: 'KEY_MISSING' }))
    expect(() => readKeystore(dataDir)).toThrow(
      expect.objectContaining({ code: 'KEYSTORE_UNREADABLE', message: expect.stringContaining('not a file') }),
    )
    writeFileSync(join(dataDir, 'big.json'), 'x'.repeat(70_000), { mode: 0o600 })
    expect(() => readKeystore(join(dataDir, 'big.json'))).toThrow(
      expect.objectContaining({ code: 'KEYSTORE_UNREADABLE' }),
    )
  })

  it('a key file that cannot be read is listed without an address, and a missing folder is empty', async () => {
    expect(listKeys(dataDir)).toEqual([])
    mkdirSync(join(dataDir, 'keys'))
    writeFileSync(join(dataDir, 'keys', 'broken.json'), '{}', { mode: 0o600 })
    expect(listKeys(dataDir)).toMatchObject([{ name: 'broken', address: null }])
  })
})

describe('password', () => {
  const prompt = async () => 'typed'
  const fail = async () => {
    throw new Error('asked')
  }
  const write = (name: string, text: string, mode = 0o600) => {
    const path = join(dataDir, name)
    writeFileSync(path, text, { mode })
    chmodSync(path, mode)
    return path
  }

  it('the password comes from the file, else the systemd credential, else the prompt', async () => {
    const file = write('file', 'from file\n')
    write('cred', 'from credential', 0o440)
    const env = { CREDENTIALS_DIRECTORY: dataDir }
    expect(await readPassword({ file, credential: 'cred' }, { env, prompt: fail })).toBe('from file')
    expect(await readPassword({ file: undefined, credential: 'cred' }, { env, prompt: fail })).toBe('from credential')
    expect(await readPassword({ file: undefined, credential: 'other' }, { env, prompt })).toBe('typed')
    expect(await readPassword({ file: undefined, credential: 'cred' }, { env: {}, prompt })).toBe('typed')
  })

  it('a password keeps everything but one line break at its end', async () => {
    const file = write('file', '  a b \r\n')
    expect(await readPassword({ file, credential: 'x' }, { env: {}, prompt: fail })).toBe('  a b ')
  })

  it.each([
    ['missing', () => join(dataDir, 'none'), 'PASSWORD_FILE_UNREADABLE'],
    ['exposed', () => write('open', 'secret', 0o644), 'KEYSTORE_EXPOSED'],
    ['empty', () => write('empty', '\n'), 'PASSWORD_EMPTY'],
  ])('a password file that is %s is refused', async (_what, path, code) => {
    await expect(readPassword({ file: path(), credential: 'x' }, { env: {}, prompt: fail })).rejects.toMatchObject({
      code,
      exit: 3,
    })
  })
})
