/** What can be wrong around a daemon when it starts: each is a coded error that says the fix, with the right exit code. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { type Address, numberToHex, parseEther } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AnvilHandle, startAnvil } from '../../../src/core/devnet/anvil.ts'
import { type DevnetNetwork, launchNetwork } from '../../../src/core/devnet/launch-network.ts'
import { devnetRoles } from '../../../src/core/devnet/roles.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { writeContext } from '../../../src/core/platform/context.ts'
import { saveKey } from '../../../src/core/platform/key-folder.ts'
import { writeFileAtomically } from '../../../src/core/platform/write-file-atomically.ts'
import { runCliHere } from '../../helpers/cli-in-process.ts'
import { testKey } from '../../helpers/deploy.ts'
import { cliPath, isolatedHome } from '../../helpers/run-cli.ts'

const home = isolatedHome()
const roles = devnetRoles({ providers: 1, checkers: 1 })
const passwordFile = join(home.path, 'password')
const env = { ...home.env, KAISAR_CONTEXT_HOME: home.path }
let launched: DevnetNetwork
let empty: AnvilHandle

beforeAll(async () => {
  ;[launched, empty] = await Promise.all([
    launchNetwork(
      { epochSeconds: 16, port: 0, roles, seatsPerChecker: 1 },
      { clock: systemClock, onProgress: () => undefined },
    ),
    startAnvil(),
  ])
  const { contracts, chainId } = launched.deployment
  const rpcUrls = [launched.anvil.rpcUrl]
  writeContext(home.path, { name: 'right', chainId, rpcUrls, contracts, devnet: null })
  writeContext(home.path, { name: 'other-chain', chainId: 1, rpcUrls, contracts, devnet: null })
  writeContext(home.path, { name: 'empty', chainId, rpcUrls: [empty.rpcUrl], contracts, devnet: null })
  writeContext(home.path, { name: 'silent', chainId, rpcUrls: ['http://127.0.0.1:1'], contracts, devnet: null })
  writeFileAtomically(passwordFile, 'devnet\n')
  for (const { kind, operatorKey } of roles) {
    const dataDir = join(home.path, kind)
    mkdirSync(dataDir, { mode: 0o700 })
    await saveKey({ dataDir, name: 'operator', privateKey: operatorKey, password: 'devnet', strength: 'light' })
  }
})
afterAll(async () => {
  await launched.anvil.stop()
  await empty.stop()
  rmSync(home.path, { recursive: true, force: true })
})

type Kind = 'provider' | 'checker'
const payout = `0x${'22'.repeat(20)}`
const words = (kind: Kind, context: string, dataDir: string, ...flags: string[]) => [
  ...[kind, 'run', '--json', '--context', context, '--data-dir', dataDir, '--password-file', passwordFile],
  ...['--payout', payout, '--execution-provider', 'cpu', '--threads', '1', ...flags],
]

async function failureOf(kind: Kind, context: string, dataDir = join(home.path, kind), ...flags: string[]) {
  const run = await runCliHere(words(kind, context, dataDir, ...flags), { env })
  const [error] = run.json().errors
  expect(error!.fix.length, 'a fix').toBeGreaterThan(20)
  expect(error!.message).not.toContain('undefined')
  return { code: error!.code, exit: run.exitCode }
}

describe.each(['provider', 'checker'] as const)('a %s', kind => {
  it.each([
    ['no RPC', 'silent', 'RPC_UNREACHABLE'],
    ['a wrong chain id', 'other-chain', 'CHAIN_ID_MISMATCH'],
    ['contracts that are not deployed', 'empty', 'CONTRACTS_NOT_DEPLOYED'],
  ])('a daemon with %s does not start', async (_, context, code) => {
    expect(await failureOf(kind, context)).toEqual({ code, exit: 3 })
  })

  it('a daemon with a data folder that cannot be used does not start', async () => {
    const file = join(home.path, 'a-file')
    writeFileSync(file, 'in the way')
    expect(await failureOf(kind, 'right', join(file, 'data'))).toEqual({ code: 'DATA_DIR_UNWRITABLE', exit: 3 })
    expect(await failureOf(kind, 'right', '/proc/kaisar')).toEqual({ code: 'DATA_DIR_UNWRITABLE', exit: 3 })
  })
})

it('a port that is in use stops a Checker before it bonds', async () => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as AddressInfo
  const failure = await failureOf('checker', 'right', undefined, '--port', String(port))
  taken.close()
  expect(failure).toEqual({ code: 'TRANSPORT_PORT_IN_USE', exit: 3 })
})

it.each(['provider', 'checker'] as const)('a %s that cannot pay for a transaction stops when asked', async kind => {
  const { operator } = roles.find(role => role.kind === kind)!
  const balance = await launched.network.chain.client.getBalance({ address: operator })
  // A Provider that holds nothing at all is one that its owner registers, and sends nothing.
  await setBalance(operator, 1n)
  const run = execa(process.execPath, [cliPath, ...words(kind, 'right', join(home.path, kind))], {
    env,
    reject: false,
    timeout: 60_000,
  })
  let isAsked = false
  for await (const line of run.iterable({ from: 'stderr' })) {
    // It may say so again before it has stopped; a second signal would end it at once.
    if (!line.includes('FUNDS_INSUFFICIENT') || isAsked) continue
    isAsked = true
    expect(line).toMatch(new RegExp(`${operator} holds 0\\.0+1 of .* needs [\\d.]+: send it [\\d.]+ or more\\.`))
    run.kill('SIGTERM')
  }
  const { exitCode } = await run
  await setBalance(operator, balance)
  expect(exitCode).toBe(0)
})

const setBalance = (address: Address, value: bigint) =>
  launched.network.chain.all()[0]!.request({ method: 'anvil_setBalance', params: [address, numberToHex(value)] })

it.each([
  ['provider', 'PROVIDER_DEPOSIT_MISSING', 'Registering a device needs a deposit of'],
  ['checker', 'CHECKER_BOND_MISSING', 'A seat needs a bond of'],
] as const)('a %s without KAI is told how much is missing, and to which address it goes', async (kind, code, what) => {
  const privateKey = testKey(kind === 'checker' ? 'checker' : 'operator', 800)
  const operator = privateKeyToAddress(privateKey).toLowerCase() as Address
  const dataDir = join(home.path, `poor-${kind}`)
  mkdirSync(dataDir, { mode: 0o700 })
  await saveKey({ dataDir, name: 'operator', privateKey, password: 'devnet', strength: 'light' })
  await setBalance(operator, parseEther('1'))
  const port = kind === 'checker' ? ['--host', '127.0.0.1', '--port', '0'] : []
  const run = await runCliHere(words(kind, 'right', dataDir, ...port), { env })
  const [error] = run.json().errors
  expect([run.exitCode, error!.code], run.stdout).toEqual([3, code])
  const [, needed, missing] =
    /^.* of ([\d.]+) KAI, and the operator 0x[0-9a-f]{40} holds 0: send it ([\d.]+) KAI or more\.$/.exec(
      error!.message,
    ) ?? []
  expect(error!.message).toContain(`${what} ${needed} KAI, and the operator ${operator} `)
  expect(missing).toBe(needed)

  await setBalance(operator, 0n)
  const poorer = (await runCliHere(words(kind, 'right', dataDir, ...port), { env })).json().errors[0]!
  expect(poorer.code).toBe(code)
  expect(poorer.message).toContain(`${operator} holds 0: send it ${needed} KAI or more; and `)
  expect(poorer.message).toMatch(/; and 0\.\d+ of the chain’s own coin for gas, of which it holds 0\.$/)
  expect(poorer.fix).toContain('--gas')
})

it('a Provider without assigned seats says the reason, waits, and stops when asked', async () => {
  const run = execa(process.execPath, [cliPath, ...words('provider', 'right', join(home.path, 'provider'))], {
    env,
    reject: false,
    timeout: 60_000,
  })
  const seen: string[] = []
  for await (const line of run) {
    const event = JSON.parse(line) as { type: string; code?: string; reason?: string }
    seen.push(event.type)
    if (event.type !== 'provider.idle') continue
    expect(event).toMatchObject({ code: 'PROVIDER_NO_SEATS', reason: 'the network has not been started' })
    run.kill('SIGTERM')
  }
  expect(seen).toEqual(expect.arrayContaining(['device.registered', 'provider.idle', 'result']))
  expect((await run).exitCode).toBe(0)
})
