/** docs/deploy-a-network.md, from a funded key to the first paid epoch, with nothing but the commands that it tells. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { parseEther } from 'viem'
import { expect, it } from 'vitest'
import { saveKey } from '../../src/core/platform/key-folder.ts'
import { anvilForTests } from '../helpers/anvil.ts'
import { cliHome } from '../helpers/cli-home.ts'
import { testAddress, testKey } from '../helpers/deploy.ts'
import { eventually } from '../helpers/eventually.ts'
import { cliPath } from '../helpers/run-cli.ts'
import { endWithScope } from '../setup/file-scope.ts'

const owner = testAddress('operator', 500)
// Keys are made beforehand, with light keystores: a strong one takes a second at each of two dozen commands.
const home = await cliHome({ owner: testKey('operator', 500) })
const signed = ['--password-file', home.passwordFile]

async function kaisar<T>(...args: string[]): Promise<T> {
  const { data, errors } = (await home.kaisar(...args, '--json')).json<T>()
  expect(errors, args.join(' ')).toEqual([])
  return data
}

type Operator = { role: 'provider' | 'checker'; dataDir: string; payout: `0x${string}` }

/** An operator with a folder of its own, as on a machine of its own, whom the owner sends KAI and gas. */
async function funded(role: Operator['role'], number: number, kai: string): Promise<Operator> {
  const dataDir = join(home.path, `${role}-${number}`)
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'config.toml'), '')
  const privateKey = testKey(role === 'checker' ? 'checker' : 'operator', number)
  await saveKey({ dataDir, name: 'operator', privateKey, password: 'correct horse battery staple', strength: 'light' })
  const [{ address }] = (await kaisar<{ keys: { address: string }[] }>('keys', 'list', '--data-dir', dataDir)).keys as [
    { address: string },
  ]
  await kaisar('wallet', 'send', address, kai, '--key', 'owner', '--yes', ...signed)
  await kaisar('wallet', 'send', address, '1', '--gas', '--key', 'owner', '--yes', ...signed)
  return { role, dataDir, payout: testAddress('payout', number + (role === 'checker' ? 500 : 600)) }
}

function start({ role, dataDir, payout }: Operator) {
  const folders = ['--data-dir', dataDir, '--config', join(dataDir, 'config.toml')]
  const listen = role === 'checker' ? ['--host', '127.0.0.1', '--port', '0'] : []
  const cpu = ['--execution-provider', 'cpu', '--threads', '1']
  const args = [cliPath, role, 'run', '--payout', payout, ...folders, ...signed, ...cpu, ...listen, '--json']
  const env = { ...home.env, KAISAR_CONTEXT_HOME: home.dataDir, KAISAR_SKIP_BUILD: '1', NO_COLOR: '1' }
  // Told to stop, a daemon drains; one that does not is ended.
  const daemon = execa(process.execPath, args, { env, reject: false, forceKillAfterDelay: 40_000 })
  endWithScope(async () => {
    daemon.kill('SIGTERM')
    await daemon
  })
}

it('a network is deployed, started and paid by the commands of kaisar alone', async () => {
  const anvil = await anvilForTests()
  await anvil.client.setBalance({ address: owner, value: parseEther('20') })
  const deploy = [
    'chain',
    'deploy',
    '--preset',
    'devnet',
    '--name',
    'mine',
    '--key',
    'owner',
    '--rpc-url',
    anvil.rpcUrl,
  ]
  expect(await kaisar('chain', 'doctor', '--rpc-url', anvil.rpcUrl)).toMatchObject({ evm: 'prague' })
  expect(await kaisar(...deploy, '--dry-run')).toMatchObject({ deployer: owner })
  await kaisar(...deploy, ...signed)
  await kaisar('context', 'use', 'mine')

  const checkers: Operator[] = []
  for (let i = 1; i <= 5; i++) checkers.push(await funded('checker', i, '1000'))
  const provider = await funded('provider', 1, '10')
  // From here on time matters: a block a second, as the preset counts on.
  await anvil.client.setAutomine(false)
  await anvil.client.setIntervalMining({ interval: 1 })
  for (const operator of [...checkers, provider]) start(operator)
  await eventually(
    async () => {
      const { checkers } = await kaisar<{ checkers: { seats: number }[] }>('chain', 'seats')
      const { devices } = await kaisar<{ devices: object[] }>('chain', 'devices')
      expect([checkers.filter(({ seats }) => seats > 0).length, devices.length]).toEqual([5, 1])
    },
    60_000,
    500,
  )
  await kaisar('chain', 'start', '--in', '10', '--key', 'owner', ...signed)

  await eventually(
    async () => {
      const { payments } = await kaisar<{ payments: { payee: string; amount: string }[] }>('epoch', 'rewards')
      expect(payments.some(({ payee, amount }) => payee === provider.payout && BigInt(amount) > 0n)).toBe(true)
    },
    150_000,
    1_000,
  )
  const { kai } = await kaisar<{ kai: string }>('wallet', 'balance', provider.payout)
  expect(BigInt(kai)).toBeGreaterThan(0n)
})
