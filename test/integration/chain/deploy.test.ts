/** `chain deploy`: what is shown before, what is written, and how one that was interrupted goes on. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { keccak256, parseEther } from 'viem'
import { describe, expect, test } from 'vitest'
import { readArtifact, readCompilerInput } from '../../../src/core/chain/artifacts.ts'
import type { DeployedName } from '../../../src/core/chain/deploy.ts'
import { compilerInputPath, type DeploymentRecord, deploymentPath } from '../../../src/core/chain/deployment-file.ts'
import { readContext } from '../../../src/core/platform/context.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { testAddress, testKey } from '../../helpers/deploy.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startRpcProxy } from '../../helpers/rpc-proxy.ts'
import { endWithScope } from '../../setup/file-scope.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const proxy = await startRpcProxy({ target: anvil.rpcUrl })
endWithScope(() => proxy.stop())

let deployers = 0

/** A deployer that never sent anything, and the commands of its machine. */
async function scene(coin = '10') {
  const number = 900 + deployers++
  const deployer = testAddress('operator', number)
  await anvil.client.setBalance({ address: deployer, value: parseEther(coin) })
  const home = await cliHome({ operator: testKey('operator', number) })
  const deployVia = (url: string, ...args: string[]) =>
    home.kaisar(
      ...['chain', 'deploy', '--rpc-url', url, '--preset', 'devnet', '--name', 'net'],
      ...['--password-file', home.passwordFile, '--json', ...args],
    )
  const deploy = (...args: string[]) => deployVia(anvil.rpcUrl, ...args)
  /** Through an endpoint that fails once this many transactions were sent. */
  const interrupt = async (after: number, fault: 'server-error' | 'drop-reply' | 'vanish' = 'server-error') => {
    const heal = proxy.inject({ fault, method: 'eth_sendRawTransaction', after })
    return deployVia(proxy.url).finally(heal)
  }
  const record = () => JSON.parse(readFileSync(deploymentPath(home.dataDir, 'net'), 'utf8')) as DeploymentRecord
  const sent = () => anvil.client.getTransactionCount({ address: deployer })
  return { ...home, deployer, deploy, interrupt, record, sent }
}

type Scene = Awaited<ReturnType<typeof scene>>
const errorOf = async (run: ReturnType<Scene['deploy']>) => (await run).json().errors[0]!

describe('before anything is sent', () => {
  test('kaisar chain deploy asks for a choice of parameters, and the error names the choices', async () => {
    const { kaisar } = await scene()
    const refused = await kaisar('chain', 'deploy', '--rpc-url', anvil.rpcUrl, '--json')
    expect(refused.exitCode).toBe(2)
    expect(refused.json().errors[0]).toMatchObject({ code: 'PRESET_MISSING' })
    for (const preset of ['devnet', 'peaq', 'op-stack', 'arbitrum'])
      expect(refused.json().errors[0]!.message).toContain(`--preset ${preset} (epochs of `)
    const unknown = await kaisar('chain', 'deploy', '--rpc-url', anvil.rpcUrl, '--preset', 'production', '--json')
    expect(unknown.json().errors[0]?.code).toBe('USAGE_INVALID')
    const daily = ['--preset', 'peaq', '--epoch-seconds', '60']
    expect(
      (await kaisar('chain', 'deploy', '--rpc-url', anvil.rpcUrl, ...daily, '--json')).json().errors[0],
    ).toMatchObject({
      code: 'USAGE_INVALID',
      message: expect.stringContaining('--epoch-seconds'),
    })
  })

  test('a dry run shows the whole deployment, also for a key that is elsewhere', async () => {
    const { deployer, sent } = await scene()
    const { kaisar } = await cliHome()
    const owner = testAddress('payout', 1)
    const args = ['chain', 'deploy', '--rpc-url', anvil.rpcUrl, '--preset', 'peaq', '--dry-run', '--owner', owner]
    const { stdout, exitCode } = await kaisar(...args, '--deployer', deployer)
    expect(exitCode).toBe(0)
    for (const line of [
      `deployer         ${deployer}, from nonce 0 on`,
      `owner            ${owner}`,
      `guardian         ${owner}`,
      `treasury         ${deployer}`,
      'epochSeconds         86400 s (1 d)',
      'slashBps             10% of the bond',
      'seatBond             10000 KAI a seat',
      'total                1000000000 KAI',
    ])
      expect(stdout).toContain(`  ${line}\n`)
    const { data } = (await kaisar(...args, '--deployer', deployer, '--json')).json<{
      contracts: Record<string, string>
      cost: { gas: string; most: string; balance: string }
    }>()
    expect(Object.keys(data.contracts)).toHaveLength(7)
    expect(BigInt(data.cost.gas)).toBeGreaterThan(10_000_000n)
    expect(data.cost.balance).toBe(parseEther('10').toString())
    expect(await sent()).toBe(0)
    // Without --dry-run an address is not enough.
    const unsigned = await kaisar('chain', 'deploy', '--preset', 'peaq', '--deployer', deployer, '--json')
    expect(unsigned.json().errors[0]?.code).toBe('USAGE_INVALID')
  })

  test('a deployment is refused where the key cannot pay for all of it, and the missing amount is named', async () => {
    const { deploy, deployer, sent } = await scene('0.0001')
    const refused = await errorOf(deploy())
    expect(refused).toMatchObject({ code: 'FUNDS_INSUFFICIENT', context: { account: deployer } })
    const { neededWei } = refused.context as { neededWei: string }
    // Just as much is enough.
    await anvil.client.setBalance({ address: deployer, value: BigInt(neededWei) })
    const dry = (await deploy('--dry-run')).json<{ cost: { most: string } }>()
    await anvil.client.setBalance({ address: deployer, value: BigInt(dry.data.cost.most) })
    expect(await sent()).toBe(0)
    expect((await deploy()).exitCode).toBe(0)
  })

  test('a chain that the contracts are not made for is refused, unless --force is given', async () => {
    const { kaisar, deployer } = await scene()
    const old = await anvilForTests({ hardfork: 'berlin' })
    const args = ['chain', 'deploy', '--rpc-url', old.rpcUrl, '--preset', 'devnet', '--deployer', deployer, '--dry-run']
    const refused = await kaisar(...args, '--json')
    expect(refused.exitCode).toBe(3)
    expect(refused.json().errors[0]).toMatchObject({ code: 'CHAIN_UNFIT', context: { faults: ['fees'] } })
    const forced = (await kaisar(...args, '--force', '--json')).json()
    expect(forced.warnings[0]).toContain('fees')
    expect(forced.errors[0]?.code).not.toBe('CHAIN_UNFIT')
  })
})

describe('a deployment', () => {
  test('a deployment leaves a record with which anybody can verify and use it, and which is not overwritten', async () => {
    const { deploy, deployer, record, dataDir, sent } = await scene()
    const planned = (await deploy('--dry-run')).json<{ contracts: object; cost: { most: string } }>().data
    const before = await anvil.client.getBalance({ address: deployer })
    const deployed = (await deploy()).json<{ contracts: Record<string, string>; deployedAtBlock: string }>().data
    expect(before - (await anvil.client.getBalance({ address: deployer }))).toBeLessThanOrEqual(
      BigInt(planned.cost.most),
    )
    const written = record()
    expect(written).toMatchObject({ chainId: 31337, preset: 'devnet', deployer, firstNonce: 0, owner: deployer })
    expect(Object.fromEntries(Object.entries(written.contracts).map(([name, { address }]) => [name, address]))).toEqual(
      planned.contracts,
    )
    for (const [name, { address, transaction, block, constructorArguments, initCodeHash }] of Object.entries(
      written.contracts,
    )) {
      const receipt = await anvil.client.getTransactionReceipt({ hash: transaction! })
      expect([receipt.contractAddress?.toLowerCase(), Number(receipt.blockNumber)], name).toEqual([address, block])
      const { input } = await anvil.client.getTransaction({ hash: transaction! })
      expect(input, name).toBe(`${readArtifact(name as DeployedName).bytecode}${constructorArguments.slice(2)}`)
      expect(initCodeHash, name).toBe(keccak256(input))
    }
    expect(written.calls.map(({ block }) => block !== null)).toEqual([true, true])
    expect(await sent()).toBe(9)
    const first = written.contracts.KaisarToken!.block
    expect([written.deployedAtBlock, deployed.deployedAtBlock]).toEqual([first, String(first)])
    expect(readContext(dataDir, 'net')).toMatchObject({ contracts: deployed.contracts, deployedAtBlock: first })
    const input = JSON.parse(readFileSync(compilerInputPath(dataDir, 'net'), 'utf8'))
    expect(input).toMatchObject({ language: 'Solidity', settings: { optimizer: { enabled: true } } })
    expect(input.sources['contracts/src/EpochConsensus.sol'].content).toContain('contract EpochConsensus')

    const again = await errorOf(deploy())
    expect(again).toMatchObject({ code: 'CONTEXT_EXISTS', context: { name: 'net', chainId: 31337 } })
    expect(await sent()).toBe(9)
  })

  test.each([
    ['not taken', 'server-error', 3],
    ['taken, and the answer lost', 'vanish', 3],
    ['taken, and the answer lost, at the very end', 'vanish', 8],
  ] as const)(
    'a deployment that was interrupted goes on with the same command (a transaction %s)',
    async (_how, fault, after) => {
      const { deploy, interrupt, record, sent, dataDir } = await scene()
      const planned = (await deploy('--dry-run')).json<{ contracts: object }>().data.contracts
      const broken = await interrupt(after, fault)
      expect(broken.exitCode).not.toBe(0)
      expect(record().deployedAtBlock).toBeNull()
      // A block is made once its transaction was answered, not before.
      await eventually(async () => expect(await sent()).toBe(fault === 'server-error' ? after : after + 1))

      const signed = Object.values(record().contracts).map(({ transaction }) => transaction)
      const done = (await deploy()).json<{ contracts: Record<string, string> }>()
      expect(done.data.contracts).toEqual(
        Object.fromEntries(Object.entries(planned).filter(([name]) => name in done.data.contracts)),
      )
      // Nothing twice: what was mined stayed, and nine transactions made all of it.
      expect(await sent()).toBe(9)
      expect(
        Object.values(record().contracts)
          .slice(0, after)
          .map(({ transaction }) => transaction),
      ).toEqual(signed.slice(0, after))
      expect(readContext(dataDir, 'net').contracts).toEqual(done.data.contracts)
    },
  )

  test('a deployment is made, and nothing twice, through an endpoint that loses every answer to a transaction', async () => {
    const { interrupt, sent } = await scene()
    expect((await interrupt(0, 'drop-reply')).json()).toMatchObject({ success: true })
    expect(await sent()).toBe(9)
  })

  test('a deployment whose key sent something else meanwhile ends, and says what to do', async () => {
    const { deploy, interrupt, deployer, sent } = await scene()
    await interrupt(2)
    const hash = await anvil.client.sendTransaction({ account: deployer, to: deployer, chain: null })
    await anvil.client.waitForTransactionReceipt({ hash, pollingInterval: 20 })
    const refused = await errorOf(deploy())
    expect(refused).toMatchObject({
      code: 'DEPLOYMENT_NONCE_MOVED',
      fix: expect.stringContaining('--name'),
      context: { expected: 2, actual: 3 },
    })
    expect(await sent()).toBe(3)
  })

  test('a deployment does not go on with other parameters or another key', async () => {
    const { deploy, interrupt, sent } = await scene()
    await interrupt(1)
    const other = await errorOf(deploy('--treasury', testAddress('payout', 2)))
    expect(other).toMatchObject({
      code: 'DEPLOYMENT_DIFFERS',
      context: { fields: ['treasury', 'KaisarToken', 'CheckerSeats', 'DeviceRegistry'] },
    })
    expect(await errorOf(deploy('--epoch-seconds', '32'))).toMatchObject({
      context: { fields: expect.arrayContaining(['parameters']) },
    })
    expect(await sent()).toBe(1)
  })
})

test('the compiler makes the deployed code from the input beside the record', async () => {
  const { input } = readCompilerInput('prague')
  const path = 'contracts/src/KaisarToken.sol'
  // Of one contract: all of them take the compiler a minute.
  const outputSelection = { [path]: { KaisarToken: ['evm.bytecode.object'] } }
  const solc = createRequire(new URL('../../../scripts/solc.mjs', import.meta.url))('solc')
  const { contracts } = JSON.parse(
    solc.compile(JSON.stringify({ ...input, settings: { ...input.settings, outputSelection } })),
  )
  const { bytecode } = readArtifact('KaisarToken')
  expect(`0x${contracts[path].KaisarToken.evm.bytecode.object}`).toBe(bytecode)
})
