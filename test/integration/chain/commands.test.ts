import { toHex } from 'viem'
import { describe, expect, test } from 'vitest'
import { readContext, removeContext } from '../../../src/core/platform/context.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { runCliHere } from '../../helpers/cli-in-process.ts'
import { mineAt, networkForTests } from '../../helpers/deploy.ts'

const anvil = await anvilForTests({ autoImpersonate: true })

/** A home with the key of development account 0, whose password is in a file. */
async function homeWithKey() {
  const home = await cliHome({ operator: toHex(devAccount(0).getHdKey().privateKey!) })
  const narrow = (...args: string[]) => runCliHere(args, { env: home.env, columns: 80 })
  return { ...home, narrow }
}

describe('kaisar chain and epoch', () => {
  test('kaisar chain deploy writes a context, with which every reading command works without flags', async () => {
    const { kaisar, passwordFile, dataDir, writeContext } = await homeWithKey()
    const deployed = await kaisar(
      'chain',
      'deploy',
      '--rpc-url',
      anvil.rpcUrl,
      '--preset',
      'devnet',
      '--name',
      'local',
      '--password-file',
      passwordFile,
      '--json',
    )
    expect(deployed.json()).toMatchObject({ success: true, data: { chainId: 31337, context: 'local' } })
    const info = (await kaisar('chain', 'info', '--json')).json<{
      contracts: object
      epoch: null
      vault: { balance: string }
    }>()
    expect(info.data.contracts).toEqual(deployed.json<{ contracts: object }>().data.contracts)
    expect(info.data.epoch).toBeNull()

    const local = readContext(dataDir, 'local')
    const codeHashes = { ...local.codeHashes, EpochConsensus: `0x${'00'.repeat(32)}` as const }
    writeContext({ ...local, name: 'other-code', codeHashes })
    const refused = await kaisar('chain', 'info', '--context', 'other-code', '--json')
    expect(refused.json().errors[0]).toMatchObject({
      code: 'CODE_HASH_MISMATCH',
      message: expect.stringContaining('EpochConsensus'),
    })
    removeContext(dataDir, 'other-code')

    expect(BigInt(info.data.vault.balance)).toBe(10_000_000n * 10n ** 18n)
    const params = (await kaisar('chain', 'params', '--json')).json<{ rounds: { windowMs: number; slots: number } }>()
    expect(params.data.rounds).toMatchObject({ windowMs: 1000, slots: 1 })
    const shown = (await kaisar('chain', 'params')).stdout
    for (const line of [
      'epochSeconds         16 s',
      'seatBond             1000 KAI a seat',
      'auditBps             25%',
    ])
      expect(shown).toContain(`  ${line}\n`)
    expect((await kaisar('chain', 'devices', '--json')).json().data).toEqual({ devices: [] })
    expect((await kaisar('chain', 'seats', '--json')).json().data).toEqual({ checkers: [] })
    expect((await kaisar('epoch', 'rewards', '--json')).json().data).toMatchObject({ epoch: null, payments: [] })
    expect((await kaisar('chain', 'devices')).stdout).toBe(
      'No device is registered. "kaisar provider run" registers the devices of a machine.\n',
    )
    expect((await kaisar('chain', 'seats')).stdout).toMatch(/^No Checker has bonded a seat\./)
    expect((await kaisar('epoch', 'status')).stdout).toMatch(/^Epochs have not begun/)

    const start = await kaisar('chain', 'start', '--password-file', passwordFile, '--json')
    expect(start.exitCode).toBe(1)
    expect(start.json().errors[0]).toMatchObject({
      code: 'CONTRACT_REVERTED',
      message: expect.stringContaining('TooFewOwners'),
    })
  })

  test('kaisar epoch settle settles by hand, and commands show devices, seats and the state of epochs', async () => {
    const { kaisar, narrow, passwordFile, chooseNetwork } = await homeWithKey()
    const { deployment, firstEpochAt } = await networkForTests(anvil, { seats: [1, 2, 1, 1, 1], devices: 2 })
    chooseNetwork(deployment, anvil)
    await mineAt(anvil, firstEpochAt)
    const settled = (await kaisar('epoch', 'settle', '--password-file', passwordFile, '--json')).json<{
      steps: object[]
    }>()
    expect(settled.data.steps).toMatchObject([{ step: 'pin', epoch: 0, refused: null }])
    await anvil.client.mine({ blocks: 1 })
    const rolled = (await kaisar('epoch', 'settle', '--password-file', passwordFile, '--json')).json<{
      steps: object[]
    }>()
    expect(rolled.data.steps).toMatchObject([{ step: 'roll', epoch: 0, refused: null }])
    expect((await kaisar('epoch', 'settle', '--password-file', passwordFile, '--json')).json().data).toEqual({
      steps: [],
    })
    const devices = (await kaisar('chain', 'devices', '--json')).json<{ devices: { lane: number }[] }>().data.devices
    expect(devices.map(({ lane }) => lane)).toEqual([0, 1])
    const seats = await kaisar('chain', 'seats')
    expect(seats.stdout).toMatch(/seats/)
    expect(seats.stdout.trim().split('\n')).toHaveLength(6)
    for (const words of ['chain devices', 'chain seats', 'epoch status', 'epoch rewards --epoch 0']) {
      const { stdout } = await narrow(...words.split(' '))
      for (const line of stdout.trimEnd().split('\n')) expect(line.length, `${words}: ${line}`).toBeLessThanOrEqual(80)
    }
    // Where no terminal sets a width, ids are whole.
    expect((await kaisar('chain', 'devices')).stdout).toMatch(/0x[0-9a-f]{64}/)
    expect((await kaisar('epoch', 'status', '--epoch', '0', '--json')).stdout).toBe(
      (await kaisar('epoch', 'status', '0', '--json')).stdout,
    )
    expect((await kaisar('epoch', 'rewards', '1', '--epoch', '0', '--json')).json().errors[0]!.code).toBe(
      'USAGE_INVALID',
    )
    expect((await kaisar('chain', 'info')).stdout).toContain('2 devices in 1 cohort\n')
    const status = (await kaisar('epoch', 'status', '0', '--json')).json<{ epochs: object[] }>()
    expect(status.data.epochs[0]).toMatchObject({
      epoch: 0,
      phase: 'work',
      members: 2,
      seededAt: Number((await anvil.client.getBlock()).timestamp),
      cohortStates: [{ state: 'pending' }],
    })
    expect((await kaisar('epoch', 'status', '0')).stdout).toMatch(/ \+\d+ s /)
  })

  test('commands without an endpoint, or without the contracts, end with code 3 and say what to do', async () => {
    const { kaisar, path, writeContext } = await homeWithKey()
    const missing = await kaisar('chain', 'info', '--json')
    expect([missing.exitCode, missing.json().success]).toEqual([3, false])
    const { data } = (await kaisar('keys', 'list', '--json')).json<{ folder: string }>()
    expect(data.folder.startsWith(path)).toBe(true)
    const nowhere = `0x${'12'.repeat(20)}` as const
    const names = ['KaisarToken', 'DeviceRegistry', 'CheckerSeats', 'EpochConsensus', 'RewardVault', 'KaisarLens']
    writeContext({
      name: 'gone',
      chainId: 31337,
      rpcUrls: [anvil.rpcUrl],
      contracts: Object.fromEntries(names.map(name => [name, nowhere])),
      devnet: null,
    })
    const gone = await kaisar('chain', 'info', '--json')
    expect(gone.exitCode).toBe(3)
    expect(gone.json().errors[0]).toMatchObject({ code: 'CONTRACTS_NOT_DEPLOYED' })
  })
})
