/** Bonding and the endpoint, wanted again and again, and over a crash: each wish reaches the chain once. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Abi, numberToHex, parseEther } from 'viem'
import { afterAll, expect, it } from 'vitest'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { getChecker } from '../../../src/core/chain/checkers.ts'
import { bondSeats } from '../../../src/core/checker/bond-seats.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { deployForTests, testAccount, testAddress, writerFor } from '../../helpers/deploy.ts'
import { eventually } from '../../helpers/eventually.ts'
import { senderForTests } from '../../helpers/sender.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const { network, deployer, parameters } = await deployForTests(anvil)
const folder = mkdtempSync(join(tmpdir(), 'kaisar-bond-'))
const ends: (() => Promise<void>)[] = []
afterAll(async () => {
  await Promise.all(ends.map(end => end()))
  rmSync(folder, { recursive: true })
})

const certificateHash = numberToHex(1, { size: 32 })
const at = (port: number) => ({
  payout: testAddress('payout', 0),
  seats: 1,
  endpoint: `wss://127.0.0.1:${port}`,
  certificateHash,
})

async function operator(i: number) {
  const { address } = testAccount('checker', i)
  await anvil.client.setBalance({ address, value: parseEther('10') })
  const token = { to: network.contracts.KaisarToken, abi: kaisarTokenAbi as Abi, from: deployer.address }
  const args = [address, 2n * parameters.seatBond]
  await writerFor(anvil)({ ...token, functionName: 'transfer', args })
  const start = () => {
    const started = senderForTests(network.chain, testAccount('checker', i), { path: join(folder, `${i}.db`) })
    ends.push(started.sender.stop)
    return started
  }
  const endpoint = async () => (await getChecker(network, testAddress('checker', i)))?.endpoint
  return { start, endpoint }
}

it('a Checker returns to an address that it had before, as often as asked', async () => {
  const { start, endpoint } = await operator(0)
  const { sender } = start()
  expect(await bondSeats(network, at(1), { sender })).toMatchObject({ change: 'bonded' })
  for (const port of [2, 1, 2, 1]) {
    expect(await bondSeats(network, at(port), { sender })).toMatchObject({ change: 'endpoint-changed' })
    expect(await endpoint()).toBe(at(port).endpoint)
  }
  expect(await bondSeats(network, at(1), { sender })).toMatchObject({ change: 'none' })
})

it('a Checker bonds once when it stopped before its bond was mined and now listens at another port', async () => {
  const { start, endpoint } = await operator(1)
  const approve = { to: network.contracts.KaisarToken, abi: kaisarTokenAbi as Abi, functionName: 'approve' }
  const args = [network.contracts.CheckerSeats, parameters.seatBond]
  await writerFor(anvil)({ ...approve, from: testAddress('checker', 1), args })
  await anvil.client.setAutomine(false)
  const first = start()
  bondSeats(network, at(1), first).catch(() => undefined)
  await eventually(() => expect(first.sender.open()).toMatchObject([{ key: 'bond', state: 'pending' }]))
  await first.sender.stop()
  first.store.close()

  const second = start()
  const again = bondSeats(network, at(2), second)
  await anvil.client.setAutomine(true)
  await anvil.client.mine({ blocks: 1 })
  expect((await again).checker).toMatchObject({ endpoint: at(2).endpoint, seats: 1 })
  expect(await endpoint()).toBe(at(2).endpoint)
})
