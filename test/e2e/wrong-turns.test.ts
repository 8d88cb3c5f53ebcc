/** What goes wrong around the first commands on a machine: a disk that takes nothing, and a network behind a proxy. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { anvilForTests } from '../helpers/anvil.ts'
import { cliPath, isolatedHome, runCli } from '../helpers/run-cli.ts'

const home = isolatedHome()
const passwordFile = join(home.path, 'password')
writeFileSync(passwordFile, 'correct horse battery staple\n', { mode: 0o600 })
const payout = `0x${'aa'.repeat(20)}`

describe('a disk', () => {
  const disk = join(home.path, 'disk')
  mkdirSync(disk)
  const mount = `mount -t tmpfs -o size=1m tmpfs ${disk}`
  const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', mount]).status === 0
  const setUps = [
    ['keys', 'new', 'operator', '--password-file', passwordFile],
    ['provider', 'init', '--payout', payout, '--password-file', passwordFile],
    ['devnet', 'up', '--plain', '--epochs', '1'],
  ]
  const states = {
    'read-only': { make: `mount -o remount,ro ${disk}`, codes: ['KEY', 'SETTINGS', 'DATA_DIR'] },
    full: { make: `head -c 2000000 /dev/zero > ${disk}/ballast 2>/dev/null`, codes: ['KEY', 'SETTINGS', 'DATA_DIR'] },
  }

  it.runIf(canMount).each(Object.entries(states))('that is %s stops each set-up command with a fix', (_, state) => {
    state.codes.forEach((code, i) => {
      const words = [...setUps[i]!, '--json']
      const run = `${mount} && mkdir ${disk}/data; ${state.make}; exec "$0" "$@"`
      const folders = { XDG_DATA_HOME: join(disk, 'data'), XDG_CONFIG_HOME: join(disk, 'data') }
      const { stdout, status } = spawnSync('unshare', ['-rm', 'sh', '-c', run, process.execPath, cliPath, ...words], {
        encoding: 'utf8',
        env: { ...process.env, ...home.env, ...folders, KAISAR_SKIP_BUILD: '1' },
      })
      const { errors } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { errors: { code: string; fix: string }[] }
      expect({ status, code: errors[0]?.code }, words.join(' ')).toEqual({ status: 3, code: `${code}_UNWRITABLE` })
      expect(errors[0]!.fix).toMatch(/--data-dir|--settings/)
      expect(errors[0]!.fix).toContain('make room on the disk')
    })
  })
})

describe('a network that is reached through a proxy alone', () => {
  const words = ['wallet', 'balance', payout, '--rpc-url', 'http://chain.invalid:8545', '--json']

  it('is reached with the variables that the error names, and not without', async () => {
    const anvil = await anvilForTests()
    const asked: string[] = []
    const proxy = createServer().on('connect', (request, socket) => {
      asked.push(request.url!)
      const chain = connect(Number(new URL(anvil.rpcUrl).port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        socket.pipe(chain).pipe(socket)
      })
      for (const end of [chain, socket]) end.on('error', () => void chain.destroy())
    })
    await new Promise<void>(ready => proxy.listen(0, '127.0.0.1', ready))
    onTestFinished(() => {
      proxy.closeAllConnections()
      proxy.close()
    })
    const variables = {
      HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      NODE_USE_ENV_PROXY: '1',
    }

    const direct = await runCli(words, { env: home.env })
    const [error] = direct.json().errors
    expect({ exit: direct.exitCode, code: error?.code }).toEqual({ exit: 3, code: 'RPC_UNREACHABLE' })
    for (const name of Object.keys(variables)) expect(error!.fix).toContain(name)
    expect(asked).toEqual([])

    const through = await runCli(words, { env: { ...home.env, ...variables } })
    expect(through.json().errors).toEqual([])
    expect(new Set(asked)).toEqual(new Set(['chain.invalid:8545']))
  })
})
