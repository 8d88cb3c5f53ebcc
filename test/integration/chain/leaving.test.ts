/** Devices and Checkers leave by commands: who may, what is said of when, and what a wallet elsewhere is given. */
import { decodeFunctionData, getAddress, parseEther } from 'viem'
import { beforeAll, describe, expect, test } from 'vitest'
import { checkerSeatsAbi } from '../../../src/core/chain/abi/checker-seats.ts'
import { deviceRegistryAbi } from '../../../src/core/chain/abi/device-registry.ts'
import { getDevices, registeredPayout } from '../../../src/core/chain/devices.ts'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { mineAt, networkForTests, testAddress, testKey } from '../../helpers/deploy.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const { network, deployment, parameters, firstEpochAt } = await networkForTests(anvil, {
  seats: [2, 1, 1, 1, 1],
  devices: 2,
})
const { epochSeconds, auditSeconds } = parameters.timeline
const [first, second] = (await getDevices(network)).map(({ id }) => id) as [`0x${string}`, `0x${string}`]
const operator = testAddress('operator', 0)
const checker = testAddress('checker', 0)
const checkerPayout = testAddress('payout', 100)

const home = await cliHome({
  operator: testKey('operator', 0),
  payout: testKey('payout', 0),
  'checker-payout': testKey('payout', 100),
})
const { kaisar, signing } = home
home.writeContext({
  name: 'test',
  chainId: deployment.chainId,
  rpcUrls: [anvil.rpcUrl],
  contracts: deployment.contracts,
  devnet: null,
})

const { DeviceRegistry, CheckerSeats } = network.contracts
const epochStart = (epoch: number) => firstEpochAt + epoch * epochSeconds
/** When the audits of an epoch can no longer be reported. */
const auditsOver = (epoch: number) => epochStart(epoch + 2) + 2 * auditSeconds

type Withdrawal = { state: string; epoch: number | null; at: number | null }

beforeAll(async () => {
  for (const i of [0, 100]) await anvil.client.setBalance({ address: testAddress('payout', i), value: parseEther('1') })
  await mineAt(anvil, epochStart(0) + 1)
})

describe('a device', () => {
  test('kaisar device list shows a device to its operator and its payout wallet, and to nobody else', async () => {
    const listed = async (...args: string[]) =>
      (await kaisar('device', 'list', ...args, '--json')).json<{ devices: { id: string; withdrawal: Withdrawal }[] }>()
        .data.devices
    expect((await listed()).map(({ id }) => id)).toEqual([first, second])
    expect(await listed('--key', 'payout')).toMatchObject([{ id: first, withdrawal: { state: 'none' } }])
    expect(await listed(checker)).toEqual([])
    expect((await kaisar('device', 'list')).stdout).toContain(`${first}`)
    expect((await kaisar('device', 'list', checker)).stdout).toBe(
      `No device has ${checker} as its operator or payout wallet. "kaisar chain devices" lists everybody’s.\n`,
    )
  })

  test('only the payout wallet can change a device’s payout, and the error names that wallet', async () => {
    const other = testAddress('payout', 50)
    const refused = await signing('device', 'payout', first, other)
    expect(refused.json().errors[0]).toMatchObject({
      code: 'CALLER_NOT_ALLOWED',
      context: { caller: operator, what: 'setPayout', allowed: [testAddress('payout', 0)] },
    })
    const lost = await signing('device', 'payout', first, DeviceRegistry, '--key', 'payout')
    expect(lost.json().errors[0]?.code).toBe('RECIPIENT_REFUSED')
    const changed = await signing('device', 'payout', first.slice(0, 12), other, '--key', 'payout')
    expect(changed.json().data).toMatchObject({ device: first, previous: testAddress('payout', 0), payout: other })
    expect(await registeredPayout(network, first)).toBe(other)
  })

  test('a device leaves, and its deposit is returned when the audits of its last epoch are over', async () => {
    const { data } = (await signing('device', 'exit', second)).json<{ until: number; withdrawal: Withdrawal }>()
    expect(data).toMatchObject({ until: 0, withdrawal: { state: 'held', epoch: 0, at: auditsOver(0) } })
    const again = await signing('device', 'exit', second)
    expect(again.json().errors[0]).toMatchObject({ code: 'CONTRACT_REVERTED', context: { errorName: 'DeviceLeaving' } })
    const early = await signing('device', 'withdraw', second)
    expect(early.exitCode).toBe(3)
    expect(early.json().errors[0]).toMatchObject({
      code: 'WITHDRAWAL_HELD',
      context: { epoch: 0, at: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/) },
    })

    await mineAt(anvil, auditsOver(0) - 1)
    expect((await signing('device', 'withdraw', second, '--calldata')).json().errors[0]?.code).toBe('WITHDRAWAL_HELD')
    await mineAt(anvil, auditsOver(0))
    const payout = testAddress('payout', 1)
    const returned = await signing('device', 'withdraw', second)
    expect(returned.json().data).toMatchObject({ payout, amount: parameters.deviceDeposit.toString() })
    expect(await kaiBalance(network, payout)).toBe(parameters.deviceDeposit)
  })

  test('a device that is not registered is refused', async () => {
    expect((await signing('device', 'exit', '0xffff')).json().errors[0]?.code).toBe('EXPLORER_DEVICE_UNKNOWN')
  })
})

describe('the call for a wallet elsewhere', () => {
  test('a call for a wallet elsewhere is printed as that wallet would send it, without a key', async () => {
    const printed = await kaisar('device', 'exit', first, '--calldata', '--key', 'nobody')
    const call = JSON.parse(printed.stdout)
    expect(call).toMatchObject({ to: DeviceRegistry, value: '0', chainId: 31337 })
    expect(decodeFunctionData({ abi: deviceRegistryAbi, data: call.data })).toEqual({
      functionName: 'requestExit',
      args: [first],
    })
    expect((await kaisar('device', 'exit', first, '--calldata', '--json')).json().data).toEqual(call)
  })

  test('a call for a wallet elsewhere is printed as a file for the Transaction Builder of a Safe', async () => {
    const args = ['checker', 'unbond', '1', '--operator', checker, '--safe']
    const batch = JSON.parse((await kaisar(...args)).stdout)
    expect(batch).toMatchObject({ version: '1.0', chainId: '31337', meta: { name: 'kaisar unbond' } })
    const [{ to, data, value }] = batch.transactions
    expect([to, value]).toEqual([CheckerSeats, '0'])
    expect(decodeFunctionData({ abi: checkerSeatsAbi, data })).toEqual({
      functionName: 'unbond',
      args: [getAddress(checker), 1],
    })
  })

  test('a call for a wallet elsewhere is refused where the contracts would refuse it', async () => {
    const refused = await kaisar('checker', 'unbond', '3', '--operator', checker, '--calldata', '--json')
    expect(refused.json().errors[0]).toMatchObject({ context: { errorName: 'InvalidSeatCount' } })
  })
})

describe('a Checker', () => {
  test('a Checker unbonds by its payout wallet, and is paid back when nothing can be punished any more', async () => {
    const notMine = await signing('checker', 'unbond')
    expect(notMine.json().errors[0]).toMatchObject({ code: 'CHECKER_UNKNOWN', context: { operators: [] } })
    const refused = await signing('checker', 'unbond', '--operator', checker)
    expect(refused.json().errors[0]).toMatchObject({
      code: 'CALLER_NOT_ALLOWED',
      context: { allowed: [checkerPayout] },
    })

    const unbonded = await signing('checker', 'unbond', '1', '--key', 'checker-payout')
    const { data } = unbonded.json<{ unbonding: string; withdrawal: Withdrawal; seats: number }>()
    expect(data).toMatchObject({
      operator: checker,
      seats: 1,
      unbonding: parameters.seatBond.toString(),
      withdrawal: { state: 'held' },
    })
    const { epoch, at } = data.withdrawal
    expect(at).toBe(auditsOver(epoch!))
    const early = await signing('checker', 'withdraw', '--operator', checker)
    expect(early.json().errors[0]).toMatchObject({ code: 'WITHDRAWAL_HELD', context: { epoch } })

    await mineAt(anvil, at! - 1)
    expect((await signing('checker', 'withdraw', '--operator', checker)).json().errors[0]?.code).toBe('WITHDRAWAL_HELD')
    await mineAt(anvil, at!)
    const returned = await signing('checker', 'withdraw', '--operator', checker)
    expect(returned.json().data).toMatchObject({ payout: checkerPayout, amount: parameters.seatBond.toString() })
    expect(await kaiBalance(network, checkerPayout)).toBe(parameters.seatBond)
    const nothing = await signing('checker', 'withdraw', '--operator', checker)
    expect(nothing.json().errors[0]).toMatchObject({ context: { errorName: 'NothingToWithdraw' } })
  })
})
