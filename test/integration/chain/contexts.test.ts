/** Which network a command works with, and how it becomes known. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { contractNames } from '../../../src/core/chain/network.ts'
import { readContext } from '../../../src/core/platform/context.ts'
import { stringifyJson } from '../../../src/core/platform/output.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { deployForTests, networkForTests } from '../../helpers/deploy.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
// Mined before the deployment, so that its block is not the first.
await anvil.client.mine({ blocks: 5 })
const { deployment } = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 1 })

/** A home with the deployment as a file, as whoever runs the network would hand it on. */
async function homeWithFile() {
  const home = await cliHome()
  const file = join(home.path, 'network.json')
  writeFileSync(file, stringifyJson({ ...deployment, deployedAtBlock: Number(deployment.deployedAtBlock) }))
  const add = (name: string, ...args: string[]) =>
    home.kaisar('context', 'add', name, '--from', file, '--rpc-url', anvil.rpcUrl, ...args, '--json')
  return { ...home, file, add }
}

describe('kaisar context', () => {
  test('kaisar context add makes a network known by its deployment file, and every command then works', async () => {
    const { kaisar, add, dataDir } = await homeWithFile()
    expect((await kaisar('context', 'list')).stdout).toMatch(/^No network is known\./)
    const added = await add('main')
    expect(added.json().data).toMatchObject({ name: 'main', chainId: 31337, contracts: deployment.contracts })
    expect(readContext(dataDir, 'main')).toMatchObject({
      codeHashes: deployment.codeHashes,
      deployedAtBlock: Number(deployment.deployedAtBlock),
    })
    const info = (await kaisar('chain', 'info', '--json')).json<{ contracts: object }>()
    expect(info.data.contracts).toEqual(deployment.contracts)
    expect((await kaisar('context', 'show')).stdout).toContain(`deployed at block ${deployment.deployedAtBlock}`)
    expect((await kaisar('context', 'show', 'main', '--json')).json().data).toMatchObject({ name: 'main' })
  })

  test('kaisar context add given again changes endpoints, and never takes the name from another network', async () => {
    const { kaisar, add, dataDir, path } = await homeWithFile()
    await add('main')
    const again = await add('main', '--rpc-url', anvil.rpcUrl.replace('127.0.0.1', 'localhost'), '--use')
    expect(again.json().success).toBe(true)
    const before = readContext(dataDir, 'main')
    expect(before.rpcUrls).toHaveLength(2)

    const other = join(path, 'other.json')
    const { KaisarToken, ...contracts } = deployment.contracts
    writeFileSync(
      other,
      stringifyJson({
        ...deployment,
        contracts: { ...contracts, KaisarToken: contracts.RewardVault },
        deployedAtBlock: 1,
      }),
    )
    const refused = await kaisar('context', 'add', 'main', '--from', other, '--rpc-url', anvil.rpcUrl, '--json')
    expect([refused.exitCode, refused.json().errors[0]?.code]).toEqual([3, 'CONTEXT_EXISTS'])
    expect(readContext(dataDir, 'main')).toEqual(before)
    expect(KaisarToken).not.toBe(contracts.RewardVault)
  })

  test('kaisar context add --use makes it the network of all commands at once', async () => {
    const { kaisar, add } = await homeWithFile()
    await add('main')
    await add('test', '--use')
    const listed = (await kaisar('context', 'list', '--json')).json<{ chosen: string; inUse: string }>()
    expect(listed.data).toMatchObject({ chosen: 'test', inUse: 'test' })
    expect((await kaisar('chain', 'info', '--json')).json().success).toBe(true)
  })

  test('with several networks known none is chosen by chance: the error names them and the command that chooses', async () => {
    const { kaisar, add } = await homeWithFile()
    await add('main')
    await add('test')
    const { errors } = (await kaisar('chain', 'info', '--json')).json()
    expect(errors[0]).toMatchObject({
      code: 'CONTEXT_MISSING',
      message: 'No network was given, and 2 are known: main, test.',
      fix: expect.stringContaining('kaisar context use'),
    })
    expect((await kaisar('context', 'use', 'tst', '--json')).json().errors[0]?.code).toBe('CONTEXT_UNKNOWN')
    const used = await kaisar('context', 'use', 'test')
    expect(used.stderr).toBe('Next:\n  kaisar chain info\n  kaisar provider init, or kaisar checker init\n')
    const listed = (await kaisar('context', 'list', '--json')).json<{ contexts: { name: string; inUse: boolean }[] }>()
    expect(listed.data).toMatchObject({ chosen: 'test', inUse: 'test' })
    expect(listed.data.contexts.map(({ name, inUse }) => [name, inUse])).toEqual([
      ['main', false],
      ['test', true],
    ])
    expect((await kaisar('context', 'list')).stdout).toMatch(/^\* +test +31337 +network/m)
    expect((await kaisar('chain', 'info')).exitCode).toBe(0)

    expect((await kaisar('context', 'remove', 'test', '--json')).json().errors[0]?.code).toBe('PROMPT_REFUSED')
    await kaisar('context', 'remove', 'test', '--yes')
    expect((await kaisar('context', 'list', '--json')).json().data).toMatchObject({ chosen: null, inUse: 'main' })
  })

  test('a file that is not a deployment, or whose contracts are not there, is not added', async () => {
    const { kaisar, add, file, path } = await homeWithFile()
    const codeOf = async (...args: string[]) => (await kaisar(...args, '--json')).json().errors[0]?.code
    expect((await add('Main Net')).json().errors[0]?.code).toBe('CONTEXT_NAME_INVALID')
    expect(await codeOf('context', 'add', 'main', '--rpc-url', anvil.rpcUrl)).toBe('USAGE_INVALID')
    expect(await codeOf('context', 'add', 'main', '--from', file)).toBe('USAGE_INVALID')
    const write = (content: string) => writeFileSync(join(path, 'other.json'), content)
    const other = ['context', 'add', 'main', '--from', join(path, 'other.json'), '--rpc-url', anvil.rpcUrl]
    expect(await codeOf(...other)).toBe('DEPLOYMENT_INVALID')
    for (const content of ['', '{}', '{"chainId":31337,"contracts":{"KaisarToken":"0x12"}}']) {
      write(content)
      expect(await codeOf(...other), content).toBe('DEPLOYMENT_INVALID')
    }
    const { codeHashes } = deployment
    write(JSON.stringify({ chainId: 1, contracts: deployment.contracts, codeHashes }))
    expect(await codeOf(...other)).toBe('CHAIN_ID_MISMATCH')
    write(
      JSON.stringify({
        chainId: 31337,
        contracts: { ...deployment.contracts, KaisarLens: `0x${'12'.repeat(20)}` },
        codeHashes,
      }),
    )
    expect(await codeOf(...other)).toBe('CONTRACTS_NOT_DEPLOYED')
    expect((await kaisar('context', 'list', '--json')).json().data).toMatchObject({ contexts: [] })
  })

  test('a network in which a stranger’s contract stands for one of the others is not added, and that contract is named', async () => {
    const { kaisar, path } = await homeWithFile()
    const { deployment: strange } = await deployForTests(anvil)
    for (const name of contractNames) {
      const file = join(path, `${name}.json`)
      const mixed = <T>(of: (each: typeof deployment) => Readonly<Record<string, T>>) => ({
        ...of(deployment),
        [name]: of(strange)[name],
      })
      const [contracts, codeHashes] = [mixed<string>(each => each.contracts), mixed<string>(each => each.codeHashes)]
      writeFileSync(file, JSON.stringify({ chainId: 31337, contracts, codeHashes }))
      const added = await kaisar('context', 'add', 'main', '--from', file, '--rpc-url', anvil.rpcUrl, '--json')
      expect([added.exitCode, added.json().errors[0]]).toMatchObject([
        3,
        { code: 'CONTRACTS_MIXED', context: { contract: name, address: contracts[name] } },
      ])
    }
    expect((await kaisar('context', 'list', '--json')).json().data).toMatchObject({ contexts: [] })
  })

  test('a network whose file does not give the hashes of its code is added only when that is allowed', async () => {
    const { add, file, dataDir } = await homeWithFile()
    const { KaisarLens: _, ...codeHashes } = deployment.codeHashes
    const { chainId, contracts } = deployment
    writeFileSync(file, JSON.stringify({ chainId, contracts, codeHashes }))
    expect((await add('main')).json().errors[0]).toMatchObject({
      code: 'CODE_UNKNOWN',
      context: { contracts: ['KaisarLens'] },
    })
    writeFileSync(file, JSON.stringify({ chainId, contracts }))
    expect((await add('main')).json().errors[0]?.code).toBe('CODE_UNKNOWN')
    expect((await add('main', '--allow-unknown-code')).exitCode).toBe(0)
    expect(readContext(dataDir, 'main').codeHashes).toBeUndefined()
  })

  test('commands read events from the block of the deployment on', async () => {
    const { kaisar, add, dataDir, writeContext } = await homeWithFile()
    await add('main')
    const devices = (await kaisar('chain', 'devices', '--json')).json<{ devices: { id: string }[] }>().data.devices
    const explain = async () => (await kaisar('epoch', 'explain', devices[0]!.id, '--json')).json().errors[0]?.code
    const known = await explain()
    // Nothing after the head has happened: the device was never heard of.
    writeContext({ ...readContext(dataDir, 'main'), deployedAtBlock: Number(await anvil.client.getBlockNumber()) })
    expect([known, await explain()]).toEqual(['EXPLORER_NOT_STARTED', 'EXPLORER_DEVICE_UNKNOWN'])
  })
})
