import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCliHere } from '../helpers/cli-in-process.ts'
import { cliPath, isolatedHome, runCli } from '../helpers/run-cli.ts'

const home = isolatedHome()
/** As a process of its own: for what bin/run.js answers. */
const kaisar = (...args: string[]) => runCli(args, { env: home.env })
const kaisarHere = (...args: string[]) => runCliHere(args, { env: home.env })
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

afterAll(() => rmSync(home.path, { recursive: true }))

describe('entry', () => {
  it('answers --version', async () => {
    const { stdout, exitCode } = await kaisar('--version')
    expect(stdout).toBe(`kaisar/${version} ${process.platform}-${process.arch} node-${process.version}\n`)
    expect(exitCode).toBe(0)
  })

  it('shows help on stdout', async () => {
    for (const words of [[], ['--help'], ['-h'], ['help']]) {
      const { stdout, stderr, exitCode } = await kaisar(...words)
      expect(stdout).toContain('USAGE')
      expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    }
  })

  it('has help that fits a terminal of 80 columns, in whole paragraphs, and says where to begin', async () => {
    const pages: Record<string, string> = JSON.parse(
      readFileSync(new URL('../../dist/help.json', import.meta.url), 'utf8'),
    )
    expect(pages['']).toMatch(/Begin with one of these:\n\n +kaisar devnet up +a whole network/)
    for (const [words, page] of Object.entries(pages)) {
      // Commands are not folded, so that they can be copied.
      const lines = page.split('\n').filter(line => !line.startsWith('  $ '))
      expect(
        lines.filter(line => line.length > 80),
        words,
      ).toEqual([])
      const description = /\nDESCRIPTION\n(.*?)(?=\n\n[A-Z]+\n|$)/s.exec(page)?.[1] ?? ''
      const endsEarly = description.split('\n').filter((line, i, all) => {
        const [first] = /^ {2}(?=[a-z])\S+/.exec(all[i + 1] ?? '') ?? ['']
        return words.includes(' ') && first !== '' && line.length > 2 && line.length + first.length < 80
      })
      expect(endsEarly, words).toEqual([])
    }
  })

  it('shows the help of a command whatever else was typed, and of a topic when it is alone', async () => {
    const command = (await kaisar('keys', 'new', '--help')).stdout
    expect(command).toContain('$ kaisar keys new')
    for (const words of [
      ['help', 'keys', 'new'],
      ['keys', 'new', 'operator', '--password-file', 'x', '-h'],
    ])
      expect((await kaisar(...words)).stdout).toBe(command)
    expect(await kaisar('keys', '--help')).toMatchObject({ exitCode: 0, stdout: (await kaisar('keys')).stdout })
  })

  it('explains an error by its code, and one of the contracts by its name, in any case of letters', async () => {
    const { stdout, exitCode } = await kaisar('help', 'funds_insufficient')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^FUNDS_INSUFFICIENT\n {2}Why {2}.+\n {2}Fix {2}.+\n {2}Exit code 3\n$/)
    const contract = (await kaisar('help', 'TooFewOwners', '--json')).json()
    expect(contract).toMatchObject({
      success: true,
      data: {
        code: 'TooFewOwners',
        meaning: expect.stringContaining('Fewer different owners'),
        fix: expect.any(String),
      },
    })
    // What a status, an account of a payment and a doctor give as the reason.
    for (const code of ['BEAT_SLOW', 'WORK_WRONG', 'DEVICE_UNSEEN', 'BUSY', 'GPU_XID'])
      expect((await kaisar('help', code)).stdout).toMatch(new RegExp(`^${code}\\n {2}Why {2}.+\\n {2}Fix {2}.+\\n$`))
    const unknown = await kaisar('help', 'NO_SUCH_CODE', '--json')
    expect([unknown.exitCode, unknown.json().errors[0]?.code]).toEqual([2, 'COMMAND_UNKNOWN'])
  })

  it('refuses a topic alone where JSON is wanted, naming its commands', async () => {
    const { exitCode, json } = await kaisarHere('keys', '--json')
    expect(exitCode).toBe(2)
    expect(json().errors[0]).toMatchObject({
      code: 'COMMAND_INCOMPLETE',
      message: expect.stringContaining('kaisar keys new'),
    })
  })

  it('ends well when its reader leaves early', async () => {
    const child = spawn('bash', ['-c', `set -o pipefail; "${process.execPath}" "${cliPath}" help | head -1`], {
      env: { ...process.env, ...home.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    const [code] = await once(child, 'close')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  // The system's own Node, where it is older than what kaisar needs: the pinned one takes over.
  it.skipIf(!existsSync('/usr/bin/node'))('works when started by whatever Node the system has', async () => {
    const child = spawn('/usr/bin/node', [cliPath, 'keys', 'list', '--json'], { env: { ...process.env, ...home.env } })
    let stdout = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    const [code] = await once(child, 'close')
    expect({ code, success: JSON.parse(stdout).success }).toEqual({ code: 0, success: true })
  })
})

describe('usage errors', () => {
  const cases: [words: string[], code: string, hint: string][] = [
    [['kys', 'list'], 'COMMAND_UNKNOWN', 'kaisar keys list'],
    [['keys', 'lst'], 'COMMAND_UNKNOWN', 'kaisar keys list'],
    [['nonsense'], 'COMMAND_UNKNOWN', 'kaisar help'],
    [['help', 'kys'], 'COMMAND_UNKNOWN', 'kaisar keys'],
    [['keys', 'lst', '--help'], 'COMMAND_UNKNOWN', 'kaisar keys list'],
    [['keys', 'list', '--contxt', 'x'], 'FLAG_UNKNOWN', '--context'],
    [['keys', 'list', 'extra'], 'ARGUMENT_UNEXPECTED', 'extra'],
    [['keys', 'list', '--log-level', 'loud'], 'USAGE_INVALID', 'trace'],
    [['keys', 'list', '--log-level'], 'USAGE_INVALID', '--log-level'],
  ]
  it.each(cases)('%j is refused with exit code 2 in text and JSON', async (words, code, hint) => {
    // Who asks for help is answered by bin/run.js, or sent on by it.
    const run = words.some(word => /help$/.test(word)) ? kaisar : kaisarHere
    const text = await run(...words)
    expect(text.exitCode).toBe(2)
    expect(text.stdout).toBe('')
    expect(text.stderr).toContain(`[${code}]`)
    expect(text.stderr).toContain(hint)
    expect(text.stderr).not.toMatch(/\n\s+at /)

    const json = await run(...words, '--json')
    expect(json.exitCode).toBe(2)
    expect(json.json()).toMatchObject({ schemaVersion: 1, success: false, data: null, warnings: [] })
    expect(json.json().errors).toHaveLength(1)
    expect(json.json().errors[0]).toMatchObject({ code, help: `kaisar help ${code}` })
  })
})

describe('settings', () => {
  const configPath = join(home.path, 'config', 'kaisar', 'config.toml')
  const dataDirOf = async (args: string[], env: Record<string, string> = {}) => {
    const result = await runCliHere(['keys', 'list', '--json', ...args], { env: { ...home.env, ...env } })
    return result.json<{ folder: string }>().data.folder
  }
  beforeAll(() => {
    mkdirSync(join(home.path, 'config', 'kaisar'), { recursive: true })
    for (const name of ['file', 'topic', 'env', 'flag', 'other']) mkdirSync(join(home.path, name))
    writeFileSync(configPath, `data-dir = "${home.path}/file"\n[keys]\ndata-dir = "${home.path}/topic"\n`)
    writeFileSync(join(home.path, 'other.toml'), `data-dir = "${home.path}/other"\n`)
  })
  afterAll(() => rmSync(configPath))

  it('takes a flag over the environment over the file over the default', async () => {
    const env = { KAISAR_DATA_DIR: `${home.path}/env` }
    expect(await dataDirOf(['--data-dir', `${home.path}/flag`], env)).toContain(`${home.path}/flag`)
    expect(await dataDirOf([], env)).toContain(`${home.path}/env`)
    expect(await dataDirOf([])).toContain(`${home.path}/topic`)
    expect(await dataDirOf(['--config', join(home.path, 'other.toml')])).toContain(`${home.path}/other`)
    rmSync(configPath)
    expect(await dataDirOf([])).toContain(join(home.path, 'data', 'kaisar'))
    writeFileSync(configPath, '')
  })

  it.each([
    ['data-dr = "x"', 'CONFIG_KEY_UNKNOWN', 'data-dir'],
    ['[kys]\nx = 1', 'CONFIG_KEY_UNKNOWN', 'keys'],
    ['data-dir = ', 'CONFIG_INVALID', 'line 1'],
    ['log-level = "loud"', 'USAGE_INVALID', 'trace'],
  ])('refuses the configuration %j', async (text, code, hint) => {
    const path = join(home.path, 'bad.toml')
    writeFileSync(path, text)
    const result = await kaisarHere('keys', 'list', '--json', '--config', path)
    expect(result.exitCode).toBe(2)
    expect(result.json().errors[0]).toMatchObject({ code, message: expect.stringContaining(hint) })
  })

  it('refuses a configuration file that is not there', async () => {
    const result = await kaisarHere('keys', 'list', '--config', join(home.path, 'none.toml'))
    expect(result.exitCode).toBe(2)
    expect(result.stderr).toContain('CONFIG_UNREADABLE')
  })

  it('names the environment variable of every flag in the help', async () => {
    const { stdout } = await kaisar('keys', 'list', '--help')
    expect(stdout).toContain('KAISAR_DATA_DIR')
    expect(stdout).toContain('KAISAR_LOG_LEVEL')
  })
})
