import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Abi, type Address, decodeFunctionData, type Hex, parseEther } from 'viem'
import { expect, test } from 'vitest'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { bondForTests, deployForTests, mineAt, testAddress, testKey, writerFor } from '../../helpers/deploy.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const deployed = await deployForTests(anvil)
const { network, deployment, deployer } = deployed
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

type Sent = { to: Address; data: Hex }
const safe = testAddress('payout', 9)

/** What a Safe imports, which it sends as it is. */
const batch = async (...args: string[]): Promise<Sent[]> =>
  JSON.parse((await kaisar('chain', ...args, '--safe')).stdout).transactions

async function send(from: Address, transactions: readonly Sent[]) {
  await anvil.client.setBalance({ address: from, value: parseEther('1') })
  for (const { to, data } of transactions) {
    const hash = await anvil.client.sendTransaction({ account: from, to, data, chain: null })
    // A node answers before it has mined.
    await anvil.client.waitForTransactionReceipt({ hash, pollingInterval: 20 })
  }
}

type Status = { currentEpoch: number | null; epochs: { epoch: number; phase: string; startsAt: number }[] }
const status = async () => (await kaisar('epoch', 'status', '--json')).json<Status>().data
const notStarted = { currentEpoch: null, epochs: [{ epoch: 0, phase: 'future', startsAt: 0 }] }
const now = async () => Number((await anvil.client.getBlock()).timestamp)

/** When epoch 0 begins, by the only call of a start. */
function startOf({ to, data }: Sent): number {
  expect(to).toBe(network.contracts.EpochConsensus)
  const { functionName, args } = decodeFunctionData({ abi: epochConsensusAbi, data })
  expect(functionName).toBe('start')
  return Number(args![0])
}

test('a Safe gets both halves of a handover as a batch, and starts the network by one call', async () => {
  await send(successor, await batch('handover', safe))
  await send(safe, await batch('handover', '--take'))
  expect(await owners()).toEqual([safe])
  // Nobody is bonded: what the chain would refuse is not printed.
  expect((await kaisar('chain', 'start', '--safe', '--json')).json().errors[0]).toMatchObject({
    context: { errorName: 'TooFewOwners' },
  })

  await bondForTests(anvil, deployed, [1, 1, 1, 1, 1])
  expect(await status()).toMatchObject(notStarted)
  // The chain goes back to before it, as a network is started once.
  const id = await anvil.client.snapshot()
  const start = await batch('start', '--in', '3600')
  expect(start).toHaveLength(1)
  const startsAt = startOf(start[0]!)
  await send(safe, start)
  expect(await status()).toMatchObject({ currentEpoch: null, epochs: [{ epoch: 0, phase: 'future', startsAt }] })
  await mineAt(anvil, startsAt)
  expect((await status()).epochs).toContainEqual(expect.objectContaining({ epoch: 0, phase: 'work', startsAt }))
  await anvil.client.revert({ id })
  expect(await status()).toMatchObject(notStarted)
})

/** The timelock that the contracts' own tests use, which no build compiles. */
function compiledTimelock(): { abi: Abi; bytecode: Hex } {
  const path = 'contracts/test/support/Timelock.sol'
  const content = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
  const outputSelection = { [path]: { Timelock: ['abi', 'evm.bytecode.object'] } }
  const settings = { evmVersion: 'prague', outputSelection }
  const solc = createRequire(new URL('../../../scripts/solc.mjs', import.meta.url))('solc')
  const output = solc.compile(JSON.stringify({ language: 'Solidity', sources: { [path]: { content } }, settings }))
  const { abi, evm } = JSON.parse(output).contracts[path].Timelock
  return { abi, bytecode: `0x${evm.bytecode.object}` }
}

test('a timelock takes and starts the network by the calls that --calldata prints: its Safe schedules them, anybody executes them a delay later', async () => {
  const delay = 2 * 86_400
  const anybody = testAddress('operator', 2)
  await anvil.client.setBalance({ address: anybody, value: parseEther('1') })
  const { abi, bytecode } = compiledTimelock()
  const created = { abi, bytecode, args: [safe, BigInt(delay)], account: anybody, chain: null }
  const hash = await anvil.client.deployContract(created)
  const { contractAddress } = await anvil.client.waitForTransactionReceipt({ hash, pollingInterval: 20 })
  const timelock = contractAddress!.toLowerCase() as Address
  const write = writerFor(anvil)

  async function scheduleAndExecute(calls: readonly Sent[]) {
    const argsOf = ({ to, data }: Sent) => [to, data] as const
    for (const call of calls)
      await write({ from: safe, to: timelock, abi, functionName: 'schedule', args: argsOf(call) })
    const execute = { address: timelock, abi, functionName: 'execute', args: argsOf(calls[0]!), account: anybody }
    await expect(anvil.client.simulateContract(execute)).rejects.toThrow('TooEarly')
    await mineAt(anvil, (await now()) + delay)
    for (const call of calls)
      await write({ from: anybody, to: timelock, abi, functionName: 'execute', args: argsOf(call) })
  }
  const printed = async (...args: string[]) => JSON.parse((await kaisar('chain', ...args, '--calldata')).stdout)

  await send(safe, await batch('handover', timelock))
  await scheduleAndExecute((await printed('handover', '--take')).calls)
  expect(await owners()).toEqual([timelock])

  const start = await printed('start', '--in', String(delay + 3_600))
  expect(start).toMatchObject({ value: '0', chainId: 31337 })
  const startsAt = startOf(start)
  await scheduleAndExecute([start])
  expect(await status()).toMatchObject({ currentEpoch: null, epochs: [{ epoch: 0, phase: 'future', startsAt }] })
  await mineAt(anvil, startsAt)
  const { currentEpoch, epochs } = await status()
  expect(currentEpoch).toBe(0)
  expect(epochs).toContainEqual(expect.objectContaining({ epoch: 0, phase: 'work', startsAt }))
})
