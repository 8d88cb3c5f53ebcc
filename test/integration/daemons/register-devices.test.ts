/** A Provider's registration against the real registry: what is missing, what has changed, and nothing twice. */
import { type Address, parseEther } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { getDevice, getDevices } from '../../../src/core/chain/devices.ts'
import { lowerCase } from '../../../src/core/chain/network.ts'
import { callOf } from '../../../src/core/chain/read.ts'
import { deviceRecord, type ProbeResult, probedDevice } from '../../../src/core/devices/probed-device.ts'
import { hostHardwareHash, ownDevices } from '../../../src/core/provider/own-devices.ts'
import { registerDevices } from '../../../src/core/provider/register-devices.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { deployForTests, testAddress, writerFor } from '../../helpers/deploy.ts'
import { senderForTests } from '../../helpers/sender.ts'

const account = devAccount(3)
const operator = lowerCase(account.address)
const payout = testAddress('payout', 1)
const certificateHash = `0x${'ce'.repeat(32)}` as const
const attest = async () => null

const card = (uuid: string, index: number, model = 'NVIDIA H100 80GB HBM3') =>
  probedDevice(
    deviceRecord({
      kind: 'gpu',
      vendor: 'nvidia',
      model,
      identity: uuid,
      identitySource: 'uuid',
      memoryMiB: 81559,
      driver: '590.48.01',
    }),
    { uuid, index },
  )
const seen = (...devices: ReturnType<typeof card>[]): ProbeResult => ({
  state: 'healthy',
  devices,
  faults: [],
  notes: [],
})

describe('registerDevices', () => {
  let anvil: Awaited<ReturnType<typeof anvilForTests>>
  let network: Awaited<ReturnType<typeof deployForTests>>['network']
  let sender: ReturnType<typeof senderForTests>['sender']
  let stop: () => Promise<void>

  beforeAll(async () => {
    anvil = await anvilForTests()
    const deployed = await deployForTests(anvil)
    network = deployed.network
    const write = writerFor(anvil)
    const args = [operator, parseEther('100')]
    await write({
      from: deployed.deployer.address,
      to: network.contracts.KaisarToken,
      abi: kaisarTokenAbi,
      functionName: 'transfer',
      args,
    })
    const own = senderForTests(network.chain, account)
    sender = own.sender
    stop = () => own.sender.stop()
  })
  afterAll(() => stop())

  const register = (result: ProbeResult, certificate: `0x${string}` = certificateHash) =>
    registerDevices({ network, payout, certificateHash: certificate }, ownDevices(result, operator), { sender, attest })
  const registerFor = (wallet: Address, result: ProbeResult) =>
    registerDevices({ network, payout: wallet, certificateHash }, ownDevices(result, operator), { sender, attest })

  it('registerDevices registers missing devices with their deposit and payout wallet, and none twice', async () => {
    const first = await register(seen(card('GPU-a', 0), card('GPU-b', 1)))
    expect(first.map(({ change }) => change)).toEqual(['registered', 'registered'])
    expect(first.map(({ device }) => device.payout)).toEqual([payout, payout])
    const again = await register(seen(card('GPU-a', 0), card('GPU-b', 1)))
    expect(again.map(({ change }) => change)).toEqual(['none', 'none'])
    expect(await getDevices(network)).toHaveLength(2)
  })

  it('registerDevices recognises devices by UUID when their order has changed', async () => {
    const swapped = await register(seen(card('GPU-b', 0), card('GPU-a', 1)))
    expect(swapped.map(({ change, device }) => [change, device.generation])).toEqual([
      ['none', 1],
      ['none', 1],
    ])
  })

  it('registerDevices starts one new generation for changed hardware, and keeps the payout wallet that is on chain', async () => {
    const other = seen(card('GPU-a', 0, 'NVIDIA H200'))
    const [changed] = await register(other)
    expect(changed).toMatchObject({ change: 'hardware-changed', device: { generation: 2, payout } })
    const [again] = await register(other)
    expect(again).toMatchObject({ change: 'none', device: { generation: 2 } })
  })

  it('registerDevices registers a renewed certificate', async () => {
    const renewed = `0x${'cf'.repeat(32)}` as const
    const [changed] = await register(seen(card('GPU-b', 0)), renewed)
    expect(changed).toMatchObject({ change: 'certificate-changed', device: { generation: 2 } })
    expect((await getDevice(network, changed!.device.id))!.record.certificateHash).toBe(renewed)
  })

  it('registerDevices registers a device that has left again, with its deposit, as the next generation, and once', async () => {
    const result = seen(card('GPU-c', 0), card('GPU-d', 1))
    const [first] = await register(result)
    const leave = (generation: number, functionName: 'requestExit' | 'withdrawDeposit') =>
      Promise.all(
        ownDevices(result, operator).map(({ deviceId }) =>
          sender.send({
            key: `${functionName}/${deviceId}/${generation}`,
            ...callOf(network.contracts, 'DeviceRegistry', functionName, deviceId),
          }),
        ),
      )
    for (const generation of [2, 3]) {
      await leave(generation, 'requestExit')
      await leave(generation, 'withdrawDeposit')
      expect(await getDevice(network, first!.device.id)).toBeNull()
      await expect(registerFor(testAddress('payout', 2), result)).rejects.toMatchObject({
        code: 'PROVIDER_PAYOUT_DIFFERS',
      })
      const back = await register(result)
      expect(back.map(({ change, device }) => [change, device.generation])).toEqual([
        ['registered', generation],
        ['registered', generation],
      ])
      expect((await register(result)).map(({ change }) => change)).toEqual(['none', 'none'])
    }
  })

  it('registerDevices refuses to work for another wallet than the registered one', async () => {
    const other = registerFor(testAddress('payout', 2), seen(card('GPU-a', 0, 'NVIDIA H200')))
    await expect(other).rejects.toMatchObject({ code: 'PROVIDER_PAYOUT_DIFFERS', exit: 3 })
  })

  it('registerDevices says at once that a key without gas cannot register changed hardware', async () => {
    await register(seen(card('GPU-e', 0)))
    const balance = await anvil.client.getBalance({ address: operator })
    await anvil.client.setBalance({ address: operator, value: 0n })
    await expect(register(seen(card('GPU-e', 0, 'NVIDIA H200')))).rejects.toMatchObject({
      code: 'PROVIDER_GAS_MISSING',
      fix: expect.stringContaining('kaisar provider enrol'),
    })
    expect((await register(seen(card('GPU-e', 0)))).map(({ change }) => change)).toEqual(['none'])
    await anvil.client.setBalance({ address: operator, value: balance })
  })

  it('registerDevices names the missing amount when the operator cannot pay the deposit', async () => {
    const many = seen(...Array.from({ length: 20 }, (_, i) => card(`GPU-${i}`, i)))
    await expect(register(many)).rejects.toMatchObject({ code: 'PROVIDER_DEPOSIT_MISSING', exit: 3 })
  })
})

describe('ownDevices', () => {
  const fault = (device: string | null, critical: boolean) => ({
    code: 'GPU_FELL_OFF_BUS',
    device,
    meaning: 'The card fell off the bus.',
    fix: 'Reseat it.',
    critical,
    detail: null,
    contradiction: null,
  })

  it('ownDevices leaves out a card with a critical fault, and keeps the others', () => {
    const result = { ...seen(card('GPU-a', 0), card('GPU-b', 1)), faults: [fault('GPU-a', true)] }
    expect(ownDevices(result, operator).map(({ probed }) => probed.uuid)).toEqual(['GPU-b'])
  })

  it('ownDevices refuses to start when no device can work, with the reason and the fix', () => {
    const result = { ...seen(card('GPU-a', 0)), faults: [fault('GPU-a', true)] }
    expect(() => ownDevices(result, operator)).toThrow(
      expect.objectContaining({ code: 'PROVIDER_NO_DEVICE', exit: 3, message: expect.stringContaining('Reseat it.') }),
    )
    expect(() => ownDevices(seen(), operator)).toThrow(expect.objectContaining({ code: 'PROVIDER_NO_DEVICE' }))
  })

  it('the hash of a host’s hardware does not depend on the order of its devices, and changes with a card', () => {
    const hash = (...devices: ReturnType<typeof card>[]) => hostHardwareHash(ownDevices(seen(...devices), operator))
    expect(hash(card('GPU-a', 0), card('GPU-b', 1))).toBe(hash(card('GPU-b', 0), card('GPU-a', 1)))
    expect(hash(card('GPU-a', 0))).not.toBe(hash(card('GPU-a', 0, 'NVIDIA H200')))
  })
})
