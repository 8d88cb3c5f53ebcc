/** What a wallet was paid, to the wei: as device, keeper and sender of payments, refused by the token, withdrawn later. */
import { type Abi, type Address, parseEther } from 'viem'
import { beforeAll, expect, test } from 'vitest'
import { rewardVaultAbi } from '../../../src/core/chain/abi/reward-vault.ts'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import { encodeRateDown } from '../../../src/core/epoch/minifloat.ts'
import { type FleetPayment, paymentsOf, paymentTotals } from '../../../src/core/fleet/read-payments-of.ts'
import { createNetworkReader } from '../../../src/core/network/network-reader.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { certainRounds, mineAt, networkForTests, testAddress } from '../../helpers/deploy.ts'
import { playerFor } from '../../helpers/play-epochs.ts'
import { openingOf } from '../../unit/network/epoch-simulation.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const net = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 2, parameters: { rounds: certainRounds } })
const { network, write, deployment } = net
/** Paid for the first of two devices, and it sends transactions too. */
const wallet = testAddress('payout', 0)
const player = playerFor(anvil, net)
const { RewardVault, KaisarToken } = network.contracts
const { kaisar, chooseNetwork } = await cliHome()

const vault = { to: RewardVault, abi: rewardVaultAbi as Abi }
const call = (from: Address, functionName: string, ...args: unknown[]) => write({ ...vault, from, functionName, args })
const payments = async (of: Address = wallet) =>
  paymentsOf(network, await createNetworkReader(network, { confirmations: 0 }).readHistory(), of)
const kinds = (all: readonly FleetPayment[]) => all.map(({ kind, epoch }) => `${kind} ${epoch}`)
const owedTo = (payee: Address) =>
  network.chain.client.readContract({ address: RewardVault, abi: rewardVaultAbi, functionName: 'owed', args: [payee] })

/** The rows add up to what the wallet holds, and with what the vault owes it to what it earned. */
async function expectBalanced(of: Address) {
  const all = await payments(of)
  const { earned, received } = paymentTotals(all)
  expect([received, earned]).toEqual([
    await kaiBalance(network, of),
    (await kaiBalance(network, of)) + (await owedTo(of)),
  ])
  return all
}

beforeAll(async () => {
  chooseNetwork(deployment, anvil)
  await anvil.client.setBalance({ address: wallet, value: parseEther('1') })
  const lane = (rate: bigint) => ({ rate: encodeRateDown(rate), uptime: 10_000, flags: 15 })
  for (const epoch of [0, 1]) {
    await player.work(epoch)
    await player.settle(epoch, () => openingOf([lane(400n), lane(500n)]))
  }
})

test('the bounty of whoever pays is a row of its own, beside what was earned', async () => {
  await call(wallet, 'payCohort', 0n, 0, 64n)
  await call(wallet, 'payCheckers', 0n, 0)
  const all = await expectBalanced(wallet)
  expect(kinds(all)).toEqual(['device 0', 'bounty 0', 'bounty 0'])
  expect(all.map(({ device }) => device !== null)).toEqual([true, false, false])
  // The other device's wallet sent nothing.
  expect(kinds(await expectBalanced(testAddress('payout', 1)))).toEqual(['device 0'])
})

test('what the token refuses is owed, also of the bounty; once it is withdrawn the rows cancel out', async () => {
  const code = (await anvil.client.getCode({ address: KaisarToken }))!
  await anvil.client.setCode({ address: KaisarToken, bytecode: '0x60006000fd' })
  await call(wallet, 'payCohort', 1n, 0, 64n)
  await anvil.client.setCode({ address: KaisarToken, bytecode: code })
  expect(await owedTo(wallet)).toBeGreaterThan(0n)
  const refused = (await expectBalanced(wallet)).slice(3)
  expect(kinds(refused)).toEqual(['device 1', 'bounty 1', 'owed 1', 'owed 1'])
  expect(paymentTotals(refused)).toEqual({ earned: await owedTo(wallet), received: 0n })
  const text = (await kaisar('fleet', 'payments', wallet)).stdout
  expect(text).toMatch(/\n[\d.]+ KAI since epoch 0, of which [\d.]+ arrived\n$/)

  // Anybody may send it, and earns nothing by it.
  await call(net.operator, 'withdraw', wallet)
  const all = await expectBalanced(wallet)
  expect(kinds(all).slice(7)).toEqual(['withdrawn null'])
  const { earned, received } = paymentTotals(all)
  expect(received).toBe(earned)
})

test('a keeper is paid by epoch, and for closing one', async () => {
  const before = await kaiBalance(network, net.operator)
  const lastPaid = async () => (await kaisar('epoch', 'rewards', '--json')).json<{ epoch: number }>().data.epoch
  await call(net.operator, 'payKeeper', 1n, net.operator)
  // The Checkers of epoch 1 wait for theirs.
  expect(await lastPaid()).toBe(0)
  await call(net.operator, 'payCheckers', 1n, 0)
  expect(await lastPaid()).toBe(1)
  // An epoch is closed when its audits are over.
  await mineAt(anvil, player.startOf(2) + 2 * net.parameters.timeline.auditSeconds + 1)
  await call(net.operator, 'closeEpoch', 0n)
  const all = await payments(net.operator)
  expect(kinds(all)).toEqual(['keeper 1', 'bounty 1', 'bounty 0'])
  expect(paymentTotals(all).received).toBe((await kaiBalance(network, net.operator)) - before)
})

test('the CSV has them all, and its sum is what arrived', async () => {
  const { data } = (await kaisar('fleet', 'payments', wallet, '--json')).json<{ total: string; received: string }>()
  const csv = (await kaisar('fleet', 'payments', wallet, '--csv')).stdout.trimEnd().split('\r\n')
  const rows = csv.slice(1).map(row => row.split(','))
  expect(rows.map(row => [row[0], row[4]])).toEqual([
    ['0', 'device'],
    ['0', 'bounty'],
    ['0', 'bounty'],
    ['1', 'device'],
    ['1', 'bounty'],
    ['1', 'owed'],
    ['1', 'owed'],
    ['', 'withdrawn'],
  ])
  const balance = await kaiBalance(network, wallet)
  expect(rows.reduce((sum, row) => sum + BigInt(row[8]!), 0n)).toBe(balance)
  for (const row of rows) expect(parseEther(row[7] as `${number}`)).toBe(BigInt(row[8]!))
  expect([BigInt(data.total), BigInt(data.received)]).toEqual([balance, balance])
})
