/** From an empty machine to a role that could start: init, self-test and service, as an operator runs them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCliHere } from '../helpers/cli-in-process.ts'
import { isolatedHome, runCli } from '../helpers/run-cli.ts'

const home = isolatedHome()
const kaisar = (...args: string[]) => runCliHere(args, { env: home.env })
const payout = `0x${'ab'.repeat(20)}`
const password = join(home.path, 'password')
const config = join(home.path, 'config', 'kaisar', 'config.toml')
const dataDir = join(home.path, 'data', 'kaisar')
beforeAll(() => writeFileSync(password, 'correct horse\n', { mode: 0o600 }))
afterAll(() => rmSync(home.path, { recursive: true, force: true }))

type Initialised = {
  operator: string
  key: { path: string; made: boolean }
  payout: string
  settings: { path: string; changed: boolean }
  certificate: { file: string; certificateHash: string }
}

describe.each([
  ['provider', 'device-certificate.pem', []],
  ['checker', 'certificate.pem', ['--public-url', 'wss://checker.example:7411']],
] as const)('%s init', (role, certificate, more) => {
  const words = [role, 'init', '--payout', payout, '--password-file', password, ...more, '--json']

  it('makes a key, a certificate and settings, and changes nothing when it is run again', async () => {
    const first = (await runCli(words, { env: home.env })).json<Initialised>()
    expect(first, JSON.stringify(first.errors)).toMatchObject({ success: true })
    const { key, settings, certificate: made, operator } = first.data
    expect(key.path).toBe(join(dataDir, 'keys', 'operator.json'))
    expect(settings).toEqual({ path: config, changed: true })
    expect(made.file).toBe(join(dataDir, role, certificate))
    for (const file of [key.path, made.file]) expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(parse(readFileSync(config, 'utf8'))[role]).toMatchObject({ payout })
    expect(readFileSync(config, 'utf8')).not.toContain('password')

    const again = (await kaisar(...words)).json<Initialised>()
    expect(again.data).toEqual({
      ...first.data,
      key: { ...key, made: false },
      settings: { ...settings, changed: false },
    })
    expect(again.data.operator).toBe(operator)
  })

  it('does not overwrite what the settings say, and names the line', async () => {
    const before = readFileSync(config, 'utf8')
    const other = await runCliHere(
      [role, 'init', '--payout', `0x${'cd'.repeat(20)}`, '--password-file', password, ...more, '--json'],
      { env: home.env },
    )
    expect(other.exitCode).toBe(3)
    expect(other.json().errors[0]).toMatchObject({ code: 'SETTINGS_CONFLICT', context: { key: `${role}.payout` } })
    expect(readFileSync(config, 'utf8')).toBe(before)
  })

  it('is enough for the daemon to ask for a network and nothing else', async () => {
    const run = await kaisar(role, 'run', '--password-file', password, '--json')
    expect(run.exitCode).toBe(3)
    expect(run.json().errors[0]!.code).toBe('CONTEXT_MISSING')
  })

  it('asks for what is missing only where somebody can answer', async () => {
    const { exitCode, json } = await runCliHere([role, 'init', '--json', '--settings', join(home.path, 'none.toml')], {
      env: { ...home.env, XDG_CONFIG_HOME: join(home.path, 'empty') },
    })
    expect(exitCode).toBe(2)
    expect(json().errors[0]).toMatchObject({
      code: 'PROMPT_REFUSED',
      message: expect.stringMatching(/--(payout|public-url)/),
    })
    expect(existsSync(join(home.path, 'none.toml'))).toBe(false)
  })

  it('says where no key can be written, and leaves no settings without one', async () => {
    const settings = join(home.path, `keyless-${role}.toml`)
    const init = () =>
      runCliHere([...words, '--settings', settings], {
        // A folder below a file: not even root can make one there.
        env: { ...home.env, XDG_CONFIG_HOME: join(home.path, 'empty'), XDG_DATA_HOME: password },
      })
    const failed = await init()
    expect(failed.exitCode).toBe(3)
    expect(failed.json().errors[0]).toMatchObject({ code: 'KEY_UNWRITABLE', context: { reason: 'ENOTDIR' } })
    expect(existsSync(settings)).toBe(false)
    writeFileSync(settings, '# mine\n')
    await init()
    expect(readFileSync(settings, 'utf8')).toBe('# mine\n')
  })

  it('writes nothing before everything was asked', async () => {
    const settings = join(home.path, `unasked-${role}.toml`)
    const { json } = await runCliHere([role, 'init', '--payout', payout, ...more, '--settings', settings, '--json'], {
      env: { ...home.env, XDG_CONFIG_HOME: join(home.path, 'empty'), XDG_DATA_HOME: join(home.path, 'nobody') },
    })
    expect(json().errors[0]).toMatchObject({
      code: 'PROMPT_REFUSED',
      message: expect.stringContaining('--password-file'),
    })
    expect(existsSync(settings)).toBe(false)
  })

  it('says where settings cannot be written, before a key is made', async () => {
    const file = join(home.path, `file-${role}`)
    writeFileSync(file, '')
    const fresh = join(home.path, `fresh-${role}`)
    mkdirSync(fresh)
    const { exitCode, json } = await runCliHere(
      [
        role,
        'init',
        '--payout',
        payout,
        '--password-file',
        password,
        ...more,
        '--settings',
        join(file, 'x.toml'),
        '--json',
      ],
      { env: { ...home.env, XDG_CONFIG_HOME: join(home.path, 'empty'), XDG_DATA_HOME: fresh } },
    )
    expect(exitCode).toBe(3)
    expect(json().errors[0]!.code).toBe('SETTINGS_UNWRITABLE')
    expect(existsSync(join(fresh, 'kaisar', 'keys', 'operator.json'))).toBe(false)
  })

  it('has a service that starts this program with a credential for the password', async () => {
    const { stdout, stderr, exitCode } = await kaisar(role, 'service', '--settings', '/srv/kaisar.toml')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^\[Unit\]\n/)
    expect(stdout).toContain(` ${role} run --config /srv/kaisar.toml --data-dir %S/kaisar-${role}\n`)
    expect(stdout).toContain(`LoadCredential=kaisar-password:/etc/kaisar/${role}-password\n`)
    // How to install it is no part of the unit.
    expect(stderr).toContain('systemctl enable --now')
    const { unit } = (await kaisar(role, 'service', '--settings', '/srv/kaisar.toml', '--json')).json<{
      unit: string
    }>().data
    expect(`${unit.trimEnd()}\n`).toBe(stdout)
  })
})

it('tests this machine with the real job, against what a Checker would recompute', async () => {
  const words = ['provider', 'self-test', '--spec', 'devnet', '--execution-provider', 'cpu', '--json']
  // Nor does ONNX Runtime report to anybody: its files would be found in the folder for temporary ones.
  const env = { ...home.env, ORT_DISABLE_TELEMETRY: undefined }
  const { json, stdout } = await runCli(words, { env, timeoutMs: 120_000 })
  expect(readdirSync(tmpdir()).filter(name => /^(\.ses|mat-debug.*)$/.test(name))).toEqual([])
  const { data, success } = json<{
    devices: {
      check: { ok: boolean; recomputedOn: string }
      figures: { rows: number; rate: number; rowsPerSample: number }
      spec: { windowMs: number }
      lostMs: number
    }[]
  }>()
  expect(success, stdout).toBe(true)
  const [device] = data.devices
  expect(device).toMatchObject({ check: { ok: true, recomputedOn: expect.stringMatching(/^cpu\//) } })
  expect(device!.figures.rows).toBeGreaterThan(0)
  expect(device!.figures.rate).toBeGreaterThan(0)
  expect(device!.lostMs).toBeLessThan(device!.spec.windowMs)
})
