/** A host whose operator key holds nothing: its owner registers its device, and its Provider goes to work. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Address } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'
import { beforeAll, expect, test } from 'vitest'
import { getDevice } from '../../../src/core/chain/devices.ts'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import { type DevnetNetwork, launchNetwork } from '../../../src/core/devnet/launch-network.ts'
import { devnetKey, devnetRoles } from '../../../src/core/devnet/roles.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { testAddress, testKey } from '../../helpers/deploy.ts'
import { cliPath } from '../../helpers/run-cli.ts'
import { endWithScope } from '../../setup/file-scope.ts'

const home = await cliHome({ treasury: devnetKey('deployer'), operator: testKey('operator', 810) })
const operator = testAddress('operator', 810)
const payer = privateKeyToAddress(devnetKey('deployer')).toLowerCase() as Address
const wallet = testAddress('payout', 810)
const machine = ['--payout', wallet, '--execution-provider', 'cpu', '--threads', '1', '--context', 'test']
let launched: DevnetNetwork

beforeAll(async () => {
  launched = await launchNetwork(
    { epochSeconds: 16, port: 0, roles: devnetRoles({ providers: 1, checkers: 1 }), seatsPerChecker: 1 },
    { clock: systemClock, onProgress: () => undefined },
  )
  endWithScope(() => launched.anvil.stop())
  const { contracts, chainId } = launched.deployment
  home.writeContext({ name: 'test', chainId, rpcUrls: [launched.anvil.rpcUrl], contracts, devnet: null })
})

test('a host without KAI and gas is enrolled, registered by its owner, and works', { timeout: 120_000 }, async () => {
  const { network } = launched
  const enrol = ['provider', 'enrol', '--payer', payer, ...machine, '--password-file', home.passwordFile]
  const printed = await home.kaisar(...enrol)
  expect(printed.exitCode, printed.stderr).toBe(0)
  const enrolment = JSON.parse(printed.stdout) as { devices: { model: string; generation: number }[] }
  expect(enrolment).toMatchObject({ operator, payer, payout: wallet, chainId: network.chainId })
  expect(enrolment.devices).toHaveLength(1)
  expect(printed.stderr).toContain('kaisar fleet enrol')
  const file = join(home.path, 'host.json')
  writeFileSync(file, printed.stdout)

  const before = await kaiBalance(network, payer)
  const sent = await home.signing('fleet', 'enrol', wallet, file, '--key', 'treasury', '--context', 'test')
  expect(sent.json(), sent.stdout).toMatchObject({ success: true, data: { open: 1, done: 0 } })
  const [{ deviceId }] = sent.json<{ devices: [{ deviceId: `0x${string}` }] }>().data.devices
  expect(await getDevice(network, deviceId)).toMatchObject({ operator, payout: wallet, generation: 1 })
  expect(before - (await kaiBalance(network, payer))).toBe(launched.parameters.deviceDeposit)
  // Its certificate was made once, so that what is registered is what runs.
  const again = await home.kaisar(...enrol)
  expect(JSON.parse(again.stdout)).toMatchObject({ devices: [] })
  expect(again.stderr).toContain('nothing to enrol')

  const run = execa(
    process.execPath,
    [cliPath, 'provider', 'run', ...machine, '--password-file', home.passwordFile, '--json'],
    { env: home.env, reject: false, timeout: 60_000 },
  )
  const seen: string[] = []
  for await (const line of run) {
    const event = JSON.parse(line) as { type: string }
    seen.push(event.type)
    if (event.type === 'provider.idle') run.kill('SIGTERM')
  }
  const { exitCode, stderr } = await run
  expect([exitCode, seen], stderr).toEqual([0, ['provider.idle', 'result']])
  expect(stderr).toContain('claims no session')
  expect(stderr).not.toContain('FUNDS_INSUFFICIENT')
  const { client } = network.chain
  expect(await client.getTransactionCount({ address: operator })).toBe(0)
  expect((await client.getBalance({ address: operator })) + (await kaiBalance(network, operator))).toBe(0n)
})
