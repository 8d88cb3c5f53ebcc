import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { privateKeyToAddress } from 'viem/accounts'
import { afterAll, describe, expect, it } from 'vitest'
import { decryptKeystore, parseKeystore } from '../../src/core/platform/keystore.ts'
import { runCliHere } from '../helpers/cli-in-process.ts'
import { eventually } from '../helpers/eventually.ts'
import { cliPath, isolatedHome, runCli } from '../helpers/run-cli.ts'

const home = isolatedHome()
const kaisar = (...args: string[]) => runCliHere(args, { env: home.env })
const secret = (name: string, text: string) => {
  const path = join(home.path, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}
const password = secret('password', 'correct horse\n')
afterAll(() => rmSync(home.path, { recursive: true }))

describe('kaisar keys', () => {
  it('makes a password file that is missing, for this user alone, and the same one opens the key', async () => {
    const own = isolatedHome()
    const kaisar = (...args: string[]) => runCliHere(args, { env: own.env })
    const made = join(own.path, 'made-password')
    const words = ['keys', 'new', 'made', '--password-file', made]
    const { stderr, exitCode } = await kaisar(...words)
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining(`Made ${made} with a random password`)])
    expect(stderr).toMatch(
      /\nNext:\n.*: kaisar wallet balance 0x[\da-fA-F]{40}\n.*kaisar chain deploy.*, with --key made\n/,
    )
    expect(statSync(made).mode & 0o777).toBe(0o600)
    const password = readFileSync(made, 'utf8')
    expect(password).toMatch(/^[\w+/]{32}\n$/)
    const path = join(own.path, 'data/kaisar/keys/made.json')
    const unlocked = await decryptKeystore(parseKeystore(readFileSync(path, 'utf8'), path), password.trim(), path)
    expect((await kaisar('keys', 'export-address', 'made')).stdout.trim()).toBe(unlocked.address)
    // Where there is one it is used, and a file that only opens a key is never made.
    await kaisar('keys', 'new', 'made-too', '--password-file', made)
    expect(readFileSync(made, 'utf8')).toBe(password)
    const none = join(own.path, 'no-password')
    const opened = await kaisar('keys', 'import', 'copy', '--keystore', path, '--password-file', none, '--json')
    expect([opened.json().errors[0]?.code, existsSync(none)]).toEqual(['PASSWORD_FILE_UNREADABLE', false])
  })

  it('creates a key, lists it and prints its address', async () => {
    const words = ['keys', 'new', 'operator', '--password-file', password, '--json']
    const created = await runCli(words, { env: home.env })
    expect(created).toMatchObject({ exitCode: 0, stderr: '' })
    const { address, path } = created.json<{ address: string; path: string }>().data
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const unlocked = await decryptKeystore(parseKeystore(readFileSync(path, 'utf8'), path), 'correct horse', path)
    expect(unlocked.address).toBe(address)

    expect((await kaisar('keys', 'list', '--json')).json().data).toMatchObject({
      keys: [{ name: 'operator', address, path }],
    })
    expect((await kaisar('keys', 'list')).stdout).toContain(address)
    expect(await kaisar('keys', 'export-address', 'operator')).toMatchObject({
      stdout: `${address}\n`,
      stderr: '',
      exitCode: 0,
    })
  })

  it('imports a private key from a file and a keystore of another tool', async () => {
    const privateKey = `0x${'22'.repeat(32)}` as const
    const file = secret('key.hex', `${privateKey}\n`)
    const imported = await kaisar(
      'keys',
      'import',
      'hex',
      '--private-key-file',
      file,
      '--password-file',
      password,
      '--json',
    )
    expect(imported.json().data).toMatchObject({ address: privateKeyToAddress(privateKey) })

    const vectors = JSON.parse(
      readFileSync(new URL('../../fixtures/keystores/v3-vectors.json', import.meta.url), 'utf8'),
    )
    const vector = vectors.wikipage_test_vector_pbkdf2
    const keystore = secret('geth.json', JSON.stringify(vector.json))
    const vectorPassword = secret('geth-password', vector.password)
    const fromGeth = await kaisar(
      'keys',
      'import',
      'geth',
      '--keystore',
      keystore,
      '--password-file',
      vectorPassword,
      '--json',
    )
    expect(fromGeth.json().data).toMatchObject({ address: privateKeyToAddress(`0x${vector.priv}`) })
  })

  it.each([
    ['an existing name', ['new', 'operator', '--password-file', password], 3, 'KEY_EXISTS'],
    ['a bad name', ['new', '../x', '--password-file', password], 2, 'KEY_NAME_INVALID'],
    ['nobody to ask', ['new', 'other'], 2, 'PROMPT_REFUSED'],
    ['an unknown key', ['export-address', 'nobody'], 3, 'KEY_MISSING'],
    ['two sources', ['import', 'x', '--keystore', 'a', '--private-key-file', 'b'], 2, 'USAGE_INVALID'],
    [
      'no key in the file',
      ['import', 'x', '--private-key-file', password, '--password-file', password],
      3,
      'PRIVATE_KEY_INVALID',
    ],
    ['no password file', ['new', 'x', '--password-file', '/nonexistent/password'], 3, 'PASSWORD_FILE_UNREADABLE'],
  ])('%s: same coded error and exit code in text and JSON', async (_what, words, exit, code) => {
    const text = await kaisar('keys', ...words)
    expect(text).toMatchObject({ exitCode: exit, stdout: '' })
    expect(text.stderr).toContain(`[${code}]`)
    const json = await kaisar('keys', ...words, '--json')
    expect(json).toMatchObject({ exitCode: exit, stderr: '' })
    expect(json.json()).toMatchObject({ success: false, errors: [{ code }] })
  })

  // script(1) gives the command a terminal of its own.
  it.runIf(existsSync('/usr/bin/script'))('asks for the password twice on a terminal, and never shows it', async () => {
    const command = `stty cols 100 rows 24; '${process.execPath}' '${cliPath}' keys new asked`
    const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], { env: { ...process.env, ...home.env } })
    let screen = ''
    child.stdout.on('data', chunk => {
      screen += chunk
    })
    await eventually(() => expect(screen).toContain('Password for the new key'))
    child.stdin.write('hunter22\r')
    await eventually(() => expect(screen).toContain('The same again'))
    child.stdin.write('hunter22\r')
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    expect(screen).not.toContain('hunter22')
    const { data } = (await kaisar('keys', 'export-address', 'asked', '--json')).json<{
      path: string
      address: string
    }>()
    const keystore = parseKeystore(readFileSync(data.path, 'utf8'), data.path)
    expect((await decryptKeystore(keystore, 'hunter22', data.path)).address).toBe(data.address)
  })

  it('names the flag to pass where a question cannot be asked', async () => {
    const { stderr } = await kaisar('keys', 'new', 'other')
    expect(stderr).toContain('--password-file')
  })

  it('takes no password from an argument or a variable', async () => {
    const result = await runCliHere(['keys', 'new', 'other', '--password', 'x'], { env: home.env })
    expect(result).toMatchObject({ exitCode: 2 })
    const variable = await runCliHere(['keys', 'new', 'other'], { env: { ...home.env, KAISAR_PASSWORD: 'x' } })
    expect(variable.stderr).toContain('PROMPT_REFUSED')
  })
})
