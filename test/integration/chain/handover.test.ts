import { type Address, parseEther } from 'viem'
import { expect, test } from 'vitest'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { deployForTests, testAddress, testKey } from '../../helpers/deploy.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const { network, deployment, deployer } = await deployForTests(anvil)
const owner = deployer.address.toLowerCase()
const successor = testAddress('operator', 1)
const { privateKey } = devAccount(0).getHdKey()
const { kaisar, signing, chooseNetwork } = await cliHome({
  owner: `0x${Buffer.from(privateKey!).toString('hex')}`,
  successor: testKey('operator', 1),
})
chooseNetwork(deployment, anvil)
await anvil.client.setBalance({ address: successor, value: parseEther('1') })

/** Of every contract that has one. */
async function owners(): Promise<string[]> {
  const { CheckerSeats, DeviceRegistry, EpochConsensus, RewardVault } = network.contracts
  const ownerOf = (address: Address) =>
    anvil.client.readContract({ address, abi: epochConsensusAbi, functionName: 'owner' })
  const all = await Promise.all([CheckerSeats, DeviceRegistry, EpochConsensus, RewardVault].map(ownerOf))
  return [...new Set(all.map(each => each.toLowerCase()))]
}

test('a network is offered by its owner and taken by the successor, and by nobody else', async () => {
  const handover = (...args: string[]) => signing('chain', 'handover', ...args)
  for (const args of [[], [successor, '--take']])
    expect((await handover(...args, '--key', 'owner')).json().errors[0]?.code).toBe('USAGE_INVALID')
  expect((await handover(successor, '--key', 'successor')).json().errors[0]).toMatchObject({
    code: 'CALLER_NOT_ALLOWED',
    context: { allowed: [owner] },
  })
  const early = await handover('--take', '--key', 'successor')
  expect(early.json().errors[0]).toMatchObject({ context: { errorName: 'NotOwner' } })

  expect((await handover(successor, '--key', 'owner')).json().data).toMatchObject({ owner, offeredTo: successor })
  expect(await owners()).toEqual([owner])
  // As an interrupted handover leaves it: one of them is taken already.
  const address = network.contracts.CheckerSeats
  const take = { address, abi: epochConsensusAbi, functionName: 'takeOwnership', args: [] } as const
  const hash = await anvil.client.writeContract({ ...take, account: successor, chain: null })
  await anvil.client.waitForTransactionReceipt({ hash, pollingInterval: 20 })
  const taken = await handover('--take', '--key', 'successor')
  expect(taken.json<{ txHashes: string[] }>().data).toMatchObject({ owner: successor })
  expect(taken.json<{ txHashes: string[] }>().data.txHashes).toHaveLength(3)
  expect(await owners()).toEqual([successor])
})

test('a Safe gets both halves of a handover as a batch, and starts the network by one call', async () => {
  const safe = testAddress('payout', 9)
  const batch = async (...args: string[]) => JSON.parse((await kaisar('chain', ...args, '--safe')).stdout).transactions
  const run = async (from: Address, transactions: { to: Address; data: `0x${string}` }[]) => {
    await anvil.client.setBalance({ address: from, value: parseEther('1') })
    for (const { to, data } of transactions) {
      const hash = await anvil.client.sendTransaction({ account: from, to, data, chain: null })
      // A node answers before it has mined.
      await anvil.client.waitForTransactionReceipt({ hash, pollingInterval: 20 })
    }
  }
  await run(successor, await batch('handover', safe))
  await run(safe, await batch('handover', '--take'))
  expect(await owners()).toEqual([safe])
  // Nobody is bonded: what the chain would refuse is not printed.
  expect((await kaisar('chain', 'start', '--safe', '--json')).json().errors[0]).toMatchObject({
    context: { errorName: 'TooFewOwners' },
  })
})
