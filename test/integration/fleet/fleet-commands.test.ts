/** The commands about a fleet on real contracts: the devices of one wallet, two epochs paid. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Abi, numberToHex, parseEther } from 'viem'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { deviceRegistryAbi } from '../../../src/core/chain/abi/device-registry.ts'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { getEvents } from '../../../src/core/chain/events.ts'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import { encodeRateDown } from '../../../src/core/epoch/minifloat.ts'
import { explainDevice, readExplanation } from '../../../src/core/explain/explain-device.ts'
import type { Explanation } from '../../../src/core/explain/explanation.ts'
import { readFacts } from '../../../src/core/network/epoch-facts.ts'
import { createNetworkReader } from '../../../src/core/network/network-reader.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { certainRounds, networkForTests, testAddress } from '../../helpers/deploy.ts'
import { isFull } from '../../helpers/full-runs.ts'
import { playerFor } from '../../helpers/play-epochs.ts'
import { openingOf } from '../../unit/network/epoch-simulation.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const net = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 1, parameters: { rounds: certainRounds } })
const { network, write, parameters, deployment } = net
const wallet = testAddress('payout', 500)
/** Of five devices each: several cohorts, all with a lane 40. */
const hosts = isFull ? 100 : 34
const devices = 5 * hosts
/** The last lane of each cohort, with the network's own device. */
const faulty = Math.floor((devices + 1) / 64)
const { kaisar, chooseNetwork } = await cliHome()
chooseNetwork(deployment, anvil)

/** As many hosts, each with an operator key of its own, as one owner has them. */
async function register() {
  const { KaisarToken, DeviceRegistry } = network.contracts
  const token = { to: KaisarToken, abi: kaisarTokenAbi as Abi }
  for (let host = 0; host < hosts; host++) {
    const operator = testAddress('operator', 100 + host)
    const kai = parameters.deviceDeposit * 5n
    await anvil.client.setBalance({ address: operator, value: parseEther('10') })
    await write({ ...token, from: devAccount(0).address, functionName: 'transfer', args: [operator, kai] })
    await write({ ...token, from: operator, functionName: 'approve', args: [DeviceRegistry, kai] })
    for (let i = 0; i < 5; i++) {
      const hash = numberToHex(1 + i, { size: 32 })
      const args = [hash, wallet, hash, hash, numberToHex(0, { size: 32 })]
      await write({ from: operator, to: DeviceRegistry, abi: deviceRegistryAbi as Abi, functionName: 'register', args })
    }
  }
}

/** What the vault paid in each lane of the network, by epoch: its events of a cohort, in their order, cover lanes 0 to 63 of it. */
async function paidByLane(): Promise<Map<number, bigint>[]> {
  const epochs = [new Map<number, bigint>(), new Map<number, bigint>()]
  const seen = new Map<string, number>()
  for (const { args } of await getEvents(network, 'RewardVault', 'CohortPaid', { fromBlock: 0n })) {
    const cohort = `${args.epoch}:${args.cohort}`
    for (const amount of args.amounts) {
      const at = seen.get(cohort) ?? 0
      epochs[Number(args.epoch)]!.set(64 * args.cohort + at, amount)
      seen.set(cohort, at + 1)
    }
  }
  return epochs
}

type Payments = { total: string; payments: { amount: string; txHash: `0x${string}`; block: string; device: string }[] }

beforeAll(async () => {
  await register()
  const player = playerFor(anvil, net)
  const lane = (rate: bigint) => ({ rate: encodeRateDown(rate), uptime: 10_000, flags: 15 })
  for (const epoch of [0, 1]) {
    await player.work(epoch)
    // The last lane of each cohort is not there; no two others are paid the same.
    await player.settle(epoch, ({ cohort }) =>
      openingOf(Array.from({ length: 64 }, (_, i) => lane(i === 63 ? 0n : 400n + BigInt(64 * cohort + i)))),
    )
    await player.pay(epoch, epoch === 0 ? 64 : 40)
  }
}, 240_000)

test('a fleet of many hosts: status, payments for bookkeeping, and a webhook', { timeout: 120_000 }, async () => {
  const status = (await kaisar('fleet', 'status', wallet, '--json')).json<{ totals: Record<string, unknown> }>()
  expect(status.data.totals).toMatchObject({ devices, operators: hosts, faulty })
  const text = await kaisar('fleet', 'status', wallet)
  expect(text.stdout).toMatch(new RegExp(`^devices {3}${devices} of ${hosts} operators, ${faulty} with faults$`, 'm'))

  const balance = await kaiBalance(network, wallet)
  expect(balance).toBeGreaterThan(0n)
  const { total, payments } = (await kaisar('fleet', 'payments', wallet, '--json')).json<Payments>().data
  expect(BigInt(total)).toBe(balance)
  expect(BigInt(status.data.totals.earned as string)).toBe(balance)
  expect(new Set(payments.map(({ device }) => device)).size).toBe(payments.length / 2)
  expect(payments.reduce((sum, { amount }) => sum + BigInt(amount), 0n)).toBe(balance)

  const csv = (await kaisar('fleet', 'payments', wallet, '--csv')).stdout.trimEnd().split('\r\n')
  expect(csv[0]).toBe('epoch,time,block,transaction,kind,device,wallet,amount_kai,amount_wei')
  const rows = csv.slice(1).map(row => row.split(','))
  expect(rows).toHaveLength(payments.length)
  expect(rows.reduce((sum, row) => sum + BigInt(row[8]!), 0n)).toBe(balance)
  for (const row of rows) expect(parseEther(row[7]!)).toBe(BigInt(row[8]!))
  const receipt = await anvil.client.getTransactionReceipt({ hash: rows[0]![3] as `0x${string}` })
  const { timestamp } = await anvil.client.getBlock({ blockNumber: receipt.blockNumber })
  expect(rows[0]!.slice(1, 3)).toEqual([new Date(Number(timestamp) * 1000).toISOString(), String(receipt.blockNumber)])

  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    for await (const chunk of request) bodies.push(String(chunk))
    response.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/very-secret-token-1`
  const words = ['fleet', 'watch', wallet, '--once', '--webhook', url, '--json']
  const refused = await kaisar(...words)
  expect([refused.exitCode, refused.json().errors[0]!.code, bodies.length]).toEqual([2, 'WEBHOOK_URL_INVALID', 0])
  const watched = await kaisar(...words, '--webhook-private')
  expect(watched.exitCode, watched.stdout.slice(-2_000)).toBe(0)
  const told = JSON.parse(bodies.join('')) as { faults: { code: string; change: string }[] }
  expect(told.faults).toHaveLength(faulty)
  expect(watched.events().filter(({ type }) => type === 'fault.appeared')).toHaveLength(faulty)
  expect(watched.stdout + watched.stderr).not.toContain('very-secret-token-1')
})

test('the view and the explanations have what the vault paid, in every lane of every cohort', async () => {
  const reader = createNetworkReader(network, { confirmations: 0 })
  const { devices: seen } = await reader.read()
  const paid = await paidByLane()
  expect(seen).toHaveLength(devices + 1)
  expect(seen.filter(({ earned }) => earned > 0n)).toHaveLength(devices + 1 - faulty)
  const earned = new Map(seen.map(device => [device.lane, device.earned]))
  expect(earned).toEqual(new Map(seen.map(({ lane }) => [lane, paid[0]!.get(lane)! + paid[1]!.get(lane)!])))

  for (const members of Map.groupBy(seen, ({ cohort }) => cohort).values()) {
    // Nobody has a standing before the first epoch: what is read of one device holds for its whole cohort.
    const first = await readFacts({ device: members[0]!.id, epoch: 0 }, { reader })
    for (const { id, lane } of members)
      expectPaid(explainDevice(first.facts, { ...first.device, id, lane }, first.cohort), paid[0]!.get(lane)!)
    // In the second epoch each cohort was paid in two transactions.
    const { id, lane } = members.find(member => member.lane % 64 === 40)!
    expectPaid(await readExplanation({ device: id, epoch: 1 }, { reader }), paid[1]!.get(lane)!)
  }
})

const expectPaid = ({ amount, transferred, differences }: Explanation, paid: bigint) =>
  expect({ amount, transferred, differences }).toEqual({ amount: paid, transferred: paid, differences: [] })

test('a wallet that nobody pays is said to be one', async () => {
  const { exitCode, json } = await kaisar('fleet', 'status', testAddress('payout', 501), '--json')
  expect([exitCode, json().errors[0]!.code]).toEqual([3, 'FLEET_EMPTY'])
})
