/** 500 devices of 100 hosts, registered by one wallet: once each, wherever it is interrupted, and nothing that a host did not sign. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { type Abi, type Hex, numberToHex, parseEther } from 'viem'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { deviceRegistryAbi } from '../../../src/core/chain/abi/device-registry.ts'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { getDevices } from '../../../src/core/chain/devices.ts'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import type { Network } from '../../../src/core/protocol/typed-data.ts'
import { devicesOf, type Enrolment } from '../../../src/core/report/enrolment.ts'
import { createSigner } from '../../../src/core/report/signer.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { runCliHere } from '../../helpers/cli-in-process.ts'
import { deployForTests, testAddress, testKey, writerFor } from '../../helpers/deploy.ts'
import { cliPath } from '../../helpers/run-cli.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const { network, deployment, parameters } = await deployForTests(anvil)
const write = writerFor(anvil)
const payer = testAddress('operator', 900)
const wallet = testAddress('payout', 900)
const home = await cliHome({ treasury: testKey('operator', 900), stranger: testKey('operator', 901) })
const { kaisar, signing } = home
home.chooseNetwork(deployment, anvil)
const own: Network = { chainId: network.chainId, consensus: network.consensus }
const zero = numberToHex(0, { size: 32 })
const folder = join(home.path, 'enrolments')
mkdirSync(folder)

type Wanted = { readonly host: number; readonly count?: number; readonly generation?: number; readonly of?: Network }

/** What a host prints. */
async function enrolment({ host, count = 5, generation = 1, of = own }: Wanted): Promise<Enrolment> {
  const signer = createSigner({ privateKey: testKey('operator', host), network: of })
  const operator = signer.address
  const devices = []
  for (let i = 1; i <= count; i++) {
    const hash = numberToHex(i + 100 * (generation - 1), { size: 32 })
    const localId = numberToHex(i, { size: 32 })
    const consent = { localId, generation, deviceHash: hash, certificateHash: hash, attestedIdentity: zero }
    const signature = await signer.sign('Registration', { operator, payer, payout: wallet, ...consent })
    devices.push({ model: 'NVIDIA H100 80GB HBM3', ...consent, signature })
  }
  const { chainId, consensus } = of
  return { kaisar: 'enrolment', version: 1, chainId, consensus, operator, payer, payout: wallet, devices }
}

let files = 0
const save = (content: object, name = `${files++}.json`): string => {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(content))
  return path
}
const hosts = async (from: number, count: number) =>
  Promise.all(Array.from({ length: count }, async (_, i) => save(await enrolment({ host: from + i }))))

const enrol = (paths: readonly string[], ...flags: string[]) =>
  signing('fleet', 'enrol', wallet, ...paths, '--key', 'treasury', ...flags)
const registered = async () => (await getDevices(network)).length
const count = () => anvil.client.getTransactionCount({ address: payer })

const give = async (kai: bigint, coin: bigint) => {
  await anvil.client.setBalance({ address: payer, value: parseEther('10') })
  const { KaisarToken } = network.contracts
  const token = { to: KaisarToken, abi: kaisarTokenAbi as Abi, functionName: 'transfer' }
  const held = await kaiBalance(network, payer)
  if (held > 0n) await write({ ...token, from: payer, args: [devAccount(0).address, held] })
  if (kai > 0n) await write({ ...token, from: devAccount(0).address, args: [payer, kai] })
  await anvil.client.setBalance({ address: payer, value: coin })
}
const deposits = (devices: number) => parameters.deviceDeposit * BigInt(devices)

describe('kaisar fleet enrol', () => {
  let all: string[]
  beforeAll(async () => {
    all = await hosts(2000, 100)
  })

  test('a wallet that lacks KAI and gas is told both at once, and nothing is sent', async () => {
    await give(parseEther('1'), 1n)
    const few = all.slice(0, 4)
    const [error] = (await enrol(few)).json().errors
    expect(error).toMatchObject({ code: 'KAI_AND_COIN_INSUFFICIENT', context: { account: payer } })
    expect(error!.message).toMatch(
      /holds 1 KAI and 0\.0+1 of the chain’s own coin, and needs \d+ KAI and [\d.]+ of the coin: send it \d+ KAI and [\d.]+ of the coin or more\.$/,
    )
    await give(deposits(20) - 1n, parseEther('10'))
    expect((await enrol(few)).json().errors[0]).toMatchObject({ code: 'KAI_INSUFFICIENT' })
    await give(deposits(20), 0n)
    expect((await enrol(few)).json().errors[0]).toMatchObject({ code: 'FUNDS_INSUFFICIENT' })
    expect(await registered()).toBe(0)
  })

  test('500 devices: a dry run says what it costs, a run that is killed is gone on with, a third sends nothing', async () => {
    await give(deposits(500), parseEther('10'))
    const before = await count()
    const dry = await kaisar('fleet', 'enrol', wallet, ...all, '--key', 'treasury', '--dry-run', '--json')
    expect(dry.json()).toMatchObject({
      success: true,
      warnings: [],
      data: { payer, open: 500, done: 0, deposit: deposits(500).toString(), transactions: [] },
    })
    const inText = ['fleet', 'enrol', wallet, ...all.slice(0, 4), '--key', 'treasury', '--dry-run']
    const { stdout } = await runCliHere(inText, { env: home.env, columns: 80 })
    expect(stdout).toContain('20 devices would be registered in ')
    for (const line of stdout.split('\n')) expect([...line].length, line).toBeLessThanOrEqual(80)
    expect(await count()).toBe(before)
    const { mostFees } = dry.json<{ mostFees: string }>().data

    // Killed once something is mined.
    await anvil.client.setAutomine(false)
    const words = ['fleet', 'enrol', wallet, ...all, '--key', 'treasury', '--yes', '--password-file', home.passwordFile]
    const first = execa(process.execPath, [cliPath, ...words], { env: home.env, reject: false })
    const pool = async () => Number((await anvil.client.getTxpoolStatus()).pending)
    await expect.poll(pool, { timeout: 60_000 }).toBe(1)
    await anvil.client.mine({ blocks: 1 })
    await expect.poll(pool, { timeout: 60_000 }).toBe(8)
    first.kill('SIGKILL')
    await first
    await anvil.client.setAutomine(true)
    await anvil.client.mine({ blocks: 1 })

    const coin = await anvil.client.getBalance({ address: payer })
    const second = await enrol(all)
    expect(second.json(), second.stdout.slice(-2_000)).toMatchObject({ success: true })
    expect(await registered()).toBe(500)
    expect(await kaiBalance(network, payer)).toBe(0n)
    expect(await kaiBalance(network, network.contracts.DeviceRegistry)).toBe(deposits(500))
    // An approval and ten registrations of 50, each once.
    expect(await count()).toBe(before + 11)
    expect(coin - (await anvil.client.getBalance({ address: payer }))).toBeLessThan(BigInt(mostFees))
    const devices = await getDevices(network)
    expect(new Set(devices.map(({ operator }) => operator)).size).toBe(100)
    expect(new Set(devices.map(({ payout }) => payout))).toEqual(new Set([wallet]))

    const third = await enrol(all)
    expect(third.json()).toMatchObject({ success: true, data: { open: 0, done: 500, transactions: [] } })
    expect(await count()).toBe(before + 11)
  })

  test('a host more is registered alone, and a new generation takes no deposit', async () => {
    await give(deposits(5), parseEther('1'))
    const more = save(await enrolment({ host: 2100 }))
    const sent = await enrol([...all.slice(0, 3), more, more])
    expect(sent.json(), sent.stdout.slice(-2_000)).toMatchObject({
      data: { open: 5, done: 15, deposit: deposits(5).toString() },
    })
    const renewed = save(await enrolment({ host: 2100, generation: 2 }))
    expect((await enrol([renewed])).json()).toMatchObject({ data: { open: 5, deposit: '0' } })
    expect((await getDevices(network)).filter(({ generation }) => generation === 2)).toHaveLength(5)
  })

  test('a Safe gets the calls: an approval of all deposits, then the registrations', async () => {
    const file = save(await enrolment({ host: 2200, count: 60 }))
    const run = await kaisar('fleet', 'enrol', wallet, file, '--payer', payer, '--safe')
    const { chainId, transactions } = JSON.parse(run.stdout) as {
      chainId: string
      transactions: { to: string; data: Hex }[]
    }
    const { KaisarToken, DeviceRegistry } = network.contracts
    expect([chainId, transactions.map(({ to }) => to)]).toEqual([
      String(network.chainId),
      [KaisarToken, DeviceRegistry, DeviceRegistry],
    ])
    await give(deposits(60), parseEther('1'))
    for (const { to, data } of transactions) {
      const hash = await anvil.client.sendUnsignedTransaction({ from: payer, to: to as Hex, data, gas: 12_000_000n })
      expect((await anvil.client.waitForTransactionReceipt({ hash })).status).toBe('success')
    }
    expect(
      (await getDevices(network)).filter(({ operator }) => operator === testAddress('operator', 2200)),
    ).toHaveLength(60)
  })
})

describe('what nobody may register', () => {
  const before = { devices: 0 }
  beforeEach(async () => {
    await give(deposits(20), parseEther('1'))
    before.devices = await registered()
  })
  const refusal = async (paths: string[], ...flags: string[]) => {
    const run = await enrol(paths, ...flags)
    expect(await registered()).toBe(before.devices)
    return run.json().errors[0]!
  }
  const changed = async (change: (file: Enrolment) => object, wanted: Wanted = { host: 2300 }) =>
    save(change(await enrolment(wanted)))
  const first = (file: Enrolment, change: object) => ({ ...file, devices: [{ ...file.devices[0], ...change }] })

  test.each([
    ['another payout wallet', (file: Enrolment) => ({ ...file, payout: testAddress('payout', 1) }), 'would be paid to'],
    ['another payer', (file: Enrolment) => ({ ...file, payer: testAddress('payout', 1) }), 'it names the payer'],
    ['another operator', (file: Enrolment) => ({ ...file, operator: testAddress('payout', 1) }), 'is not signed by'],
    ['another card', (file: Enrolment) => first(file, { localId: numberToHex(77, { size: 32 }) }), 'is not signed by'],
    ['a card that is renamed inside', (file: Enrolment) => first(file, { deviceHash: zero }), 'is not signed by'],
    ['another chain', (file: Enrolment) => ({ ...file, chainId: 1 }), 'is for another network: chain 1'],
  ])('a file with %s is refused', async (_, change, said) => {
    const path = await changed(change)
    const error = await refusal([path])
    expect(error.code).toBe('ENROLMENTS_REFUSED')
    expect(error.message).toContain(`${path}: `)
    expect(error.message).toContain(said)
  })

  test('what was signed for another chain is refused with the right chain written over it', async () => {
    const path = await changed(file => ({ ...file, chainId: own.chainId }), { host: 2300, of: { ...own, chainId: 1 } })
    expect(await refusal([path])).toMatchObject({ code: 'ENROLMENTS_REFUSED' })
  })

  test('with several files all that is wrong is named, and nothing of the others is sent', async () => {
    const good = save(await enrolment({ host: 2301 }))
    const bad = await changed(file => ({ ...file, payout: testAddress('payout', 1) }))
    const early = save(await enrolment({ host: 2302, generation: 2, count: 1 }))
    const error = await refusal([good, bad])
    expect(error.message).toContain(bad)
    expect(error.message).not.toContain(good)
    const other = await refusal([good, early])
    expect(other.message).toMatch(/GenerationTaken\(0x[0-9a-f]{64}, 2, 1\)/)
    expect((await refusal([good], '--payer', testAddress('payout', 2))).code).toBe('ENROLMENTS_REFUSED')
  })

  test('a host that somebody registered for a wallet of his own is told, not taken for done', async () => {
    const file = await enrolment({ host: 2304, count: 1 })
    const [{ message }] = devicesOf(file) as [ReturnType<typeof devicesOf>[0]]
    const [operator, thief] = [testAddress('operator', 2304), testAddress('payout', 2304)]
    const { KaisarToken, DeviceRegistry } = network.contracts
    const token = { to: KaisarToken, abi: kaisarTokenAbi as Abi }
    await anvil.client.setBalance({ address: operator, value: parseEther('1') })
    await write({ ...token, from: devAccount(0).address, functionName: 'transfer', args: [operator, deposits(1)] })
    await write({ ...token, from: operator, functionName: 'approve', args: [DeviceRegistry, deposits(1)] })
    await write({
      from: operator,
      to: DeviceRegistry,
      abi: deviceRegistryAbi as Abi,
      functionName: 'register',
      args: [message.localId, thief, message.deviceHash, message.certificateHash, zero],
    })
    before.devices++
    const error = await refusal([save(file)])
    expect(error.code).toBe('ENROLMENTS_REFUSED')
    expect(error.message).toContain(`it is registered, and paid to ${thief}`)
  })

  test('another key than the payer’s sends nothing, not even the approval', async () => {
    const stranger = testAddress('operator', 901)
    await anvil.client.setBalance({ address: stranger, value: parseEther('1') })
    const path = save(await enrolment({ host: 2305, count: 1 }))
    const run = await signing('fleet', 'enrol', wallet, path, '--payer', payer, '--key', 'stranger')
    expect(run.json().errors[0]).toMatchObject({ code: 'ENROLMENT_KEY_NOT_PAYER', context: { key: stranger, payer } })
    expect(await anvil.client.getTransactionCount({ address: stranger })).toBe(0)
    expect(await registered()).toBe(before.devices)
  })

  test('a stranger’s key does not get a consent past this program, nor past the contract', async () => {
    const file = await enrolment({ host: 2303, count: 1 })
    const path = save(file)
    const run = await signing('fleet', 'enrol', wallet, path, '--key', 'stranger')
    expect(run.json().errors[0]).toMatchObject({ code: 'ENROLMENTS_REFUSED' })
    const [{ message: registration, signature }] = devicesOf(file) as [ReturnType<typeof devicesOf>[0]]
    const stranger = testAddress('operator', 901)
    await anvil.client.setBalance({ address: stranger, value: parseEther('1') })
    await expect(
      write({
        from: stranger,
        to: network.contracts.DeviceRegistry,
        abi: deviceRegistryAbi as Abi,
        functionName: 'registerMany',
        args: [[{ registration, signature }]],
      }),
    ).rejects.toMatchObject({
      code: 'CONTRACT_REVERTED',
      message: expect.stringContaining(`registration 0, counted from 0: NotPayer(`),
    })
    expect(await registered()).toBe(before.devices)
  })

  test.each([
    ['no JSON', 'not json', 'ENROLMENT_UNREADABLE', 'it is no JSON'],
    ['another file', '{"kaisar":"deployment"}', 'ENROLMENT_UNREADABLE', 'kaisar: '],
  ])('%s is no enrolment', async (_, text, code, said) => {
    const path = join(folder, 'wrong.json')
    writeFileSync(path, text)
    const error = await refusal([path])
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(said)])
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect((await refusal([join(folder, 'none.json')])).code).toBe('ENROLMENT_FILE_UNREADABLE')
  })
})
