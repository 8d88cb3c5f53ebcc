/** From an empty machine to a role that could start: init, self-test and service, as an operator runs them. */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { generatePrivateKey } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeContext } from '../../src/core/platform/context.ts'
import { saveKey } from '../../src/core/platform/key-folder.ts'
import { runCliHere } from '../helpers/cli-in-process.ts'
import { testAddress, testKey } from '../helpers/deploy.ts'
import { cliPath, isolatedHome, runCli } from '../helpers/run-cli.ts'
import { startSigner } from '../helpers/signer-server.ts'

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

  it('ends with the command that runs it, which opens its key as this one made it', async () => {
    const { stderr } = await kaisar(...words.filter(word => word !== '--json'))
    expect(stderr).toContain(`\n  kaisar ${role} run --password-file ${password}\n`)
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

  it.skipIf(spawnSync('unshare', ['-rm', 'true']).status !== 0)(
    'says that a disk is read-only where it is, also for a folder that is missing (skipped without unshare)',
    () => {
      const disk = join(home.path, `disk-${role}`)
      mkdirSync(disk)
      const init = [cliPath, ...words, '--settings', join(disk, 'missing/folder/x.toml')]
      const script = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"'
      const { stdout } = spawnSync('unshare', ['-rm', 'sh', '-c', script, 'sh', disk, process.execPath, ...init], {
        env: { ...process.env, ...home.env, XDG_CONFIG_HOME: join(home.path, 'empty'), KAISAR_SKIP_BUILD: '1' },
        encoding: 'utf8',
      })
      expect(JSON.parse(stdout).errors[0]).toMatchObject({
        code: 'SETTINGS_UNWRITABLE',
        message: expect.stringContaining('(EROFS)'),
        context: { reason: 'EROFS' },
      })
    },
  )

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

describe.each([
  ['provider', ['--payout', payout], { payout }],
  [
    'checker',
    ['--payout', payout, '--public-url', 'wss://checker.example:7411', '--seats', '2'],
    { payout, 'public-url': 'wss://checker.example:7411', seats: 2, port: 7411 },
  ],
] as const)('%s service', (role, more, wanted) => {
  const own = isolatedHome()
  const dataDir = join(own.path, 'data', 'kaisar')
  const contexts = join(own.path, 'networks')
  const image = join(own.path, 'image')
  const env = { ...own.env, KAISAR_CONTEXT_HOME: contexts }
  const here = (...args: string[]) => runCliHere(args, { env })
  const service = (...args: string[]) => here(role, 'service', ...args, '--root', image, '--password-file', password)
  const installed = (path: string) => readFileSync(join(image, path), 'utf8')
  const install = ['--install', '--json'] as const
  const writeNetwork = (name: string) =>
    writeContext(contexts, { name, chainId: 1, rpcUrls: ['http://rpc.example'], contracts: {}, devnet: null })
  /** One that opens quickly: a strong one would take half a second of each command here. */
  const makeKey = (name: string) =>
    saveKey({ dataDir, name, privateKey: generatePrivateKey(), password: 'correct horse', strength: 'light' })
  afterAll(() => rmSync(own.path, { recursive: true, force: true }))

  it('is refused as long as there is no key, no network, no setting; nothing is written', async () => {
    const code = async () => (await service(...install)).json().errors[0]!.code
    expect(await code()).toBe('SERVICE_NOT_SET_UP')
    await makeKey('operator')
    expect(await code()).toBe('CONTEXT_MISSING')
    writeNetwork('mainnet')
    const { exitCode, json } = await service(...install)
    expect(exitCode).toBe(3)
    expect(json().errors[0]).toMatchObject({
      code: 'SERVICE_NOT_SET_UP',
      message: expect.stringContaining('"payout" in '),
    })
    expect(existsSync(image)).toBe(false)
  })

  it.skipIf(existsSync('/run/systemd/system'))(
    'without systemd is told the line that runs it from where it is set up (needs a machine without systemd)',
    async () => {
      const refused = await here(role, 'service', '--install', '--password-file', password, '--json')
      const [error] = refused.json().errors
      expect([refused.exitCode, error!.code]).toEqual([3, 'SERVICE_NO_SYSTEMD'])
      expect(error!.message).toContain(`env KAISAR_CONTEXT_HOME=${contexts} ${process.execPath} `)
      expect(error!.message).toMatch(new RegExp(` ${role} run .*--data-dir ${dataDir} --password-file ${password}$`))
      expect(error!.message).not.toContain('/var/lib')
    },
  )

  it('tells every step by hand: payout, network, folders, password', async () => {
    await here(role, 'init', ...more, '--password-file', password, '--json')
    const { stderr, json } = await here(role, 'service', '--password-file', password)
    expect(() => json()).toThrow()
    for (const step of [
      'install -d -m 755 /etc/kaisar /etc/kaisar/contexts',
      `install -d -m 700 /var/lib/kaisar-${role} /var/lib/kaisar-${role}/keys`,
      `install -m 600 ${password} /etc/kaisar/${role}-password`,
      `install -m 644 ${contexts}/contexts/mainnet.json /etc/kaisar/contexts/mainnet.json`,
      `install -m 600 ${dataDir}/keys/operator.json /var/lib/kaisar-${role}/keys/operator.json`,
      `--payout ${payout}`,
      `--context mainnet --settings /etc/kaisar/${role}.toml --data-dir /var/lib/kaisar-${role} --password-file /etc/kaisar/${role}-password`,
      `sudo env KAISAR_CONTEXT_HOME=${contexts} ${process.execPath} `,
      `--data-dir ${dataDir} --password-file ${password}`,
    ])
      expect(stderr).toContain(step)
  })

  it('has one key, one folder, its network, its settings and its password', async () => {
    const { data, success, errors } = (await service(...install)).json<{ operator: string; moved: string; files: [] }>()
    expect(success, JSON.stringify(errors)).toBe(true)
    const key = readFileSync(join(dataDir, 'keys', 'operator.json'), 'utf8')
    expect(installed(`var/lib/kaisar-${role}/keys/operator.json`)).toBe(key)
    expect(data.operator).toBe(`0x${JSON.parse(key).address}`)
    expect(parse(installed(`etc/kaisar/${role}.toml`))).toEqual({
      [role]: { ...withListener(role, wanted), context: 'mainnet' },
    })
    expect(installed(`etc/kaisar/${role}-password`)).toBe('correct horse\n')
    expect(JSON.parse(installed('etc/kaisar/contexts/mainnet.json'))).toMatchObject({ name: 'mainnet', chainId: 1 })
    // What was signed is in one place.
    expect(data.moved).toBe(join(dataDir, role))
    expect(existsSync(join(dataDir, role))).toBe(false)
    const certificate = role === 'provider' ? 'device-certificate.pem' : 'certificate.pem'
    expect(statSync(join(image, `var/lib/kaisar-${role}`, role, certificate)).mode & 0o777).toBe(0o600)
    const unit = join(image, `etc/systemd/system/kaisar-${role}.service`)
    expect(readFileSync(unit, 'utf8')).toBe((await here(role, 'service')).stdout)
    expect(realpathSync(join(image, `etc/systemd/system/multi-user.target.wants/kaisar-${role}.service`))).toBe(
      realpathSync(unit),
    )
  })

  it('is enough for the daemon: it opens its key without a question, and finds its network', async () => {
    const folders = [
      '--config',
      join(image, `etc/kaisar/${role}.toml`),
      '--data-dir',
      join(image, `var/lib/kaisar-${role}`),
    ]
    const run = await runCliHere([role, 'run', ...folders, '--json'], {
      env: {
        ...own.env,
        KAISAR_CONTEXT_HOME: join(image, 'etc/kaisar'),
        CREDENTIALS_DIRECTORY: credentials(image, role),
      },
    })
    // The network comes after the key, and this one has no contracts.
    expect(run.json().errors[0], run.stdout).toMatchObject({ code: 'NETWORK_UNNAMED' })
  })

  it.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)(
    'has a unit that systemd takes (skipped without systemd-analyze)',
    () => {
      const unit = join(image, `etc/systemd/system/kaisar-${role}.service`)
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    },
  )

  it('changes nothing when it is installed again, and takes a new network file over', async () => {
    type Files = { files: { path: string; change: string }[] }
    const changes = async () =>
      (await service(...install))
        .json<Files>()
        .data.files.flatMap(({ path, change }) => (change === 'written' ? [path] : []))
    expect(await changes()).toEqual([])
    writeContext(contexts, { name: 'mainnet', chainId: 1, rpcUrls: ['http://other'], contracts: {}, devnet: null })
    expect(await changes()).toEqual(['/etc/kaisar/contexts/mainnet.json'])
  })

  it('refuses another key, and a password that does not open it', async () => {
    const wrong = join(own.path, 'wrong')
    writeFileSync(wrong, 'battery staple\n', { mode: 0o600 })
    const words = [role, 'service', ...install, '--root', image]
    expect((await here(...words, '--password-file', wrong)).json().errors[0]!.code).toBe('KEYSTORE_PASSWORD_WRONG')
    expect(installed(`etc/kaisar/${role}-password`)).toBe('correct horse\n')
    await makeKey('other')
    expect((await here(...words, '--key', 'other')).json().errors[0]!.code).toBe('SERVICE_KEY_DIFFERS')
  })

  it('goes, and leaves key, state and settings', async () => {
    const { data } = (await service('--uninstall', '--json')).json<{ removed: boolean; kept: string[] }>()
    expect(data).toMatchObject({ removed: true })
    expect(data.kept).toContain(`/var/lib/kaisar-${role}`)
    expect(readdirSync(join(image, 'etc/systemd/system'), { recursive: true })).toEqual(['multi-user.target.wants'])
    expect(existsSync(join(image, `var/lib/kaisar-${role}/keys/operator.json`))).toBe(true)
    const again = await service('--uninstall')
    expect(again.stdout).toContain(`kaisar-${role}.service was not installed.\n`)
  })
})

describe('a service whose key is in a signer', () => {
  const own = isolatedHome()
  const image = join(own.path, 'image')
  const contexts = join(own.path, 'networks')
  const installed = (path: string) => readFileSync(join(image, path), 'utf8')
  const here = (...args: string[]) => runCliHere(args, { env: { ...own.env, KAISAR_CONTEXT_HOME: contexts } })
  const operator = testAddress('operator', 40)
  let url: string
  beforeAll(async () => {
    const signer = await startSigner({ dialect: 'web3signer', keys: [testKey('operator', 40)] })
    url = signer.url.replace('http://', 'http://me:hunter2@')
    writeContext(contexts, { name: 'mainnet', chainId: 1, rpcUrls: ['http://rpc'], contracts: {}, devnet: null })
  })
  afterAll(() => rmSync(own.path, { recursive: true, force: true }))
  const service = (...args: string[]) => here('provider', 'service', '--install', '--root', image, ...args, '--json')

  it('is set up without a key and without a password', async () => {
    const { data, errors } = (await here('provider', 'init', '--payout', payout, '--signer-url', url, '--json')).json<
      Omit<Initialised, 'key'> & { key: null }
    >()
    expect(errors).toEqual([])
    expect(data).toMatchObject({ operator, key: null, payout })
    expect(existsSync(join(own.path, 'data/kaisar/keys'))).toBe(false)
    expect(existsSync(data.certificate.file)).toBe(true)
    expect(parse(readFileSync(data.settings.path, 'utf8'))).toEqual({
      provider: { payout, 'signer-address': operator },
    })
    const again = await here('provider', 'init', '--payout', payout, '--signer-url', url)
    expect(again.stderr).toContain('\n  kaisar provider run --signer-url "$SIGNER_URL"\n')
    expect(again.stderr).not.toContain('hunter2')
  })

  it('has the URL where only root reads it, the address in the settings, and a unit that hands over the URL alone', async () => {
    const { stdout, json } = await service('--signer-url', url)
    const { data, errors } = json<{ operator: string; moved: string | null }>()
    expect(errors).toEqual([])
    expect(data).toMatchObject({ operator, moved: join(own.path, 'data/kaisar/provider') })
    expect(stdout).not.toContain('hunter2')
    expect(installed('etc/kaisar/provider-signer')).toBe(`KAISAR_SIGNER_URL="${url}/"\n`)
    expect(statSync(join(image, 'etc/kaisar/provider-signer')).mode & 0o777).toBe(0o600)
    expect(parse(installed('etc/kaisar/provider.toml'))).toEqual({
      provider: { payout, context: 'mainnet', 'signer-address': operator },
    })
    const unit = installed('etc/systemd/system/kaisar-provider.service')
    expect(unit).toContain('\nEnvironmentFile=/etc/kaisar/provider-signer\n')
    expect(unit).not.toContain('LoadCredential')
    for (const path of ['var/lib/kaisar-provider/keys/operator.json', 'etc/kaisar/provider-password'])
      expect(existsSync(join(image, path)), path).toBe(false)
  })

  it('is enough for the daemon, which asks the signer and finds its network', async () => {
    const folders = ['--config', join(image, 'etc/kaisar/provider.toml')]
    const run = await runCliHere(
      ['provider', 'run', ...folders, '--data-dir', join(image, 'var/lib/kaisar-provider'), '--json'],
      { env: { ...own.env, KAISAR_CONTEXT_HOME: join(image, 'etc/kaisar'), KAISAR_SIGNER_URL: url } },
    )
    expect(run.json().errors[0], run.stdout).toMatchObject({ code: 'NETWORK_UNNAMED' })
  })

  it('stays so when it is installed again, and refuses another key', async () => {
    const { data } = (await service()).json<{ operator: string; files: { change: string }[] }>()
    expect([data.operator, data.files.filter(({ change }) => change === 'written')]).toEqual([operator, []])
    const other = await startSigner({ dialect: 'web3signer', keys: [testKey('operator', 41)] })
    expect((await service('--signer-url', other.url)).json().errors[0]!.code).toBe('SIGNER_ADDRESS_UNKNOWN')
    const refused = await service('--signer-url', other.url, '--signer-address', testAddress('operator', 41))
    expect(refused.json().errors[0]).toMatchObject({
      code: 'SETTINGS_CONFLICT',
      context: { key: 'provider.signer-address' },
    })
    expect(installed('etc/kaisar/provider-signer')).toContain('hunter2')
  })

  it('tells the steps by hand without the URL, and none for a Checker, which needs the key itself', async () => {
    const { stdout, stderr } = await here('provider', 'service', '--signer-url', url)
    expect(`${stdout}${stderr}`).not.toContain('hunter2')
    expect(stdout).toContain('EnvironmentFile=/etc/kaisar/provider-signer')
    expect(stderr).toContain(
      ` --data-dir ${own.path}/data/kaisar --signer-address ${operator} --signer-url "$SIGNER_URL"`,
    )
    expect(stderr).toContain('"$SIGNER_URL" | install -m 600 /dev/stdin /etc/kaisar/provider-signer')
    expect(stderr).not.toContain('password')
    const refused = await here('checker', 'service', '--install', '--root', image, '--signer-url', url, '--json')
    expect(refused.json().errors[0]!.code).toBe('SIGNER_KEY_NEEDED')
  })
})

/** The folder that systemd makes of `LoadCredential=`. */
function credentials(image: string, role: string): string {
  const folder = join(image, 'credentials')
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(image, `etc/kaisar/${role}-password`), join(folder, 'kaisar-password'))
  return folder
}

/** A Checker listens everywhere unless it is told otherwise. */
const withListener = (role: string, wanted: object) => (role === 'checker' ? { ...wanted, host: '0.0.0.0' } : wanted)

it('tests this machine with the real job, against what a Checker would recompute', async () => {
  const words = ['provider', 'self-test', '--spec', 'devnet', '--execution-provider', 'cpu', '--json']
  // Nor does ONNX Runtime report to anybody: its files would be found in the folder for temporary ones.
  const env = { ...home.env, ORT_DISABLE_TELEMETRY: undefined }
  const { json, stdout } = await runCli(words, { env, timeoutMs: 120_000 })
  expect(readdirSync(tmpdir()).filter(name => /^(\.ses|mat-debug.*)$/.test(name))).toEqual([])
  const { data, success } = json<{
    devices: {
      capacity: number
      tests: {
        kind: string
        check: { ok: boolean; recomputedOn: string }
        units: number
        figures: Record<string, number>
        windowMs: number
        lostMs: number
      }[]
    }[]
  }>()
  expect(success, stdout).toBe(true)
  const [device] = data.devices
  expect(device!.tests.map(({ kind }) => kind)).toEqual(['tensor', 'memory', 'beat'])
  for (const { check, units, figures, lostMs, windowMs } of device!.tests) {
    expect(check).toMatchObject({ ok: true, recomputedOn: expect.stringMatching(/^cpu\//) })
    expect(units).toBeGreaterThan(0)
    for (const figure of Object.values(figures)) expect(figure).toBeGreaterThan(0)
    expect(lostMs).toBeLessThan(windowMs)
  }
  expect(device!.capacity).toBeGreaterThan(0)
})
