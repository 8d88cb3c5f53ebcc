import { existsSync, readFileSync } from 'node:fs'
import {
  type Abi,
  type Address,
  encodeFunctionData,
  formatTransactionReceipt,
  type Hex,
  keccak256,
  numberToHex,
  parseEther,
  type RpcTransactionReceipt,
  toHex,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { checkerSeatsAbi } from '../../src/core/chain/abi/checker-seats.ts'
import { deviceRegistryAbi } from '../../src/core/chain/abi/device-registry.ts'
import { kaisarTokenAbi } from '../../src/core/chain/abi/kaisar-token.ts'
import { type Artifact, readArtifact } from '../../src/core/chain/artifacts.ts'
import { connectChain } from '../../src/core/chain/client.ts'
import { decodeChainError } from '../../src/core/chain/decode-error.ts'
import { type DeployedName, deploymentOf, planDeployment, startNetwork } from '../../src/core/chain/deploy.ts'
import { type ConnectedNetwork, connectNetwork, lowerCase } from '../../src/core/chain/network.ts'
import { devnetParameters, type NetworkParameters } from '../../src/core/chain/network-presets.ts'
import { systemClock } from '../../src/core/platform/clock.ts'
import { type anvilForTests, devAccount } from './anvil.ts'

type Anvil = Awaited<ReturnType<typeof anvilForTests>>

/** The build's artifact, or that of a plain `forge build`. */
function testArtifact(name: DeployedName): Artifact {
  const out = new URL(`../../out/${name}.sol/${name}.json`, import.meta.url)
  try {
    return readArtifact(name)
  } catch (error) {
    if (!existsSync(out)) throw error
    const { abi, bytecode } = JSON.parse(readFileSync(out, 'utf8')) as { abi: Abi; bytecode: { object: Hex } }
    return { abi, bytecode: bytecode.object }
  }
}

const specHash = `0x${'5c'.repeat(32)}` as const

/** Of the devnet, with a round as soon as one may begin: with a block a second two in every epoch, whatever hashes its blocks have. */
export const certainRounds = { ...devnetParameters(specHash).rounds, threshold: 2n ** 64n - 1n }

/**
 * Deploys the devnet preset, with changes, from development account 0. What the toolkit plans is sent as it is, for which anvil signs: that the
 * toolkit sends it too, a transaction after the other, is held by the tests of `chain deploy` and of every devnet.
 */
export async function deployForTests(anvil: Anvil, changes: Partial<NetworkParameters> = {}) {
  const chain = await connectChain({ rpcUrls: [anvil.rpcUrl] })
  const deployer = devAccount(0)
  const parameters = { ...devnetParameters(specHash), ...changes }
  const firstNonce = await chain.client.getTransactionCount({ address: deployer.address })
  const plan = planDeployment({ parameters }, { deployer: deployer.address, firstNonce }, testArtifact)
  const blocks: bigint[] = []
  for (const { call, contract, address } of plan.steps) {
    const to = contract === null ? { to: address } : {}
    const { status, blockNumber } = await sendSync(anvil, { from: plan.deployer, ...to, data: call.data })
    if (status !== 'success') throw new Error(`${call.what} reverted`)
    blocks.push(blockNumber)
  }
  const deployment = await deploymentOf(plan, chain, blocks[0]!)
  const network = await connectNetwork(deployment, { rpcUrls: [anvil.rpcUrl] })
  return {
    network,
    deployment,
    parameters,
    deployer,
    start: (at: number) =>
      startNetwork(
        { consensus: network.consensus, firstEpochAt: at },
        { chain, account: deployer, clock: systemClock },
      ),
  }
}

/** Has anvil sign and mine it. Answers with the receipt, which takes a third of asking for it until it is there. */
async function sendSync(
  anvil: Anvil,
  transaction: { readonly from: Address; readonly to?: Address; readonly data: Hex },
) {
  const request = anvil.client.request as (call: object) => Promise<RpcTransactionReceipt>
  const params = [{ ...transaction, gas: numberToHex(12_000_000) }]
  return formatTransactionReceipt(await request({ method: 'eth_sendTransactionSync', params }))
}

export type TestWrite = {
  readonly from: Address
  readonly to: Address
  readonly abi: Abi
  readonly functionName: string
  readonly args: readonly unknown[]
}

/** Sends from any address (anvil signs for it) and mines; throws the decoded custom error. */
export function writerFor(anvil: Anvil) {
  return async ({ from, to, abi, functionName, args }: TestWrite) => {
    try {
      const data = encodeFunctionData({ abi, functionName, args })
      const receipt = await sendSync(anvil, { from, to, data })
      if (receipt.status === 'success') return receipt
      await anvil.client.call({ account: from, to, data, blockNumber: receipt.blockNumber })
      throw new Error(`${functionName} reverted`)
    } catch (error) {
      throw decodeChainError(error, functionName)
    }
  }
}

type TestRole = 'checker' | 'operator' | 'payout'

export const testKey = (role: TestRole, i: number): Hex => keccak256(toHex(`kaisar/test/${role}/${i}`))

/** An account of a made-up role; anvil with `autoImpersonate` also signs for it. */
export const testAccount = (role: TestRole, i: number) => privateKeyToAccount(testKey(role, i))

export const testAddress = (role: TestRole, i: number): Address => lowerCase(testAccount(role, i).address)

type Deployed = Pick<Awaited<ReturnType<typeof deployForTests>>, 'network' | 'parameters' | 'deployer'>

/** Gives an account gas, and KAI that a contract may take. */
async function allowForTests(
  anvil: Anvil,
  { network, deployer }: Deployed,
  { address, kai, spender }: { readonly address: Address; readonly kai: bigint; readonly spender: Address },
) {
  const write = writerFor(anvil)
  const token = { to: network.contracts.KaisarToken, abi: kaisarTokenAbi as Abi }
  await anvil.client.setBalance({ address, value: parseEther('1000') })
  await write({ ...token, from: deployer.address, functionName: 'transfer', args: [address, kai] })
  await write({ ...token, from: address, functionName: 'approve', args: [spender, kai] })
}

/** Bonds a Checker for each number of seats, and says which. Needs anvil with `autoImpersonate`. */
export async function bondForTests(anvil: Anvil, deployed: Deployed, seats: readonly number[]): Promise<Address[]> {
  const { CheckerSeats } = deployed.network.contracts
  const checkers: Address[] = []
  for (const [i, count] of seats.entries()) {
    const checker = testAddress('checker', i)
    const kai = deployed.parameters.seatBond * BigInt(count)
    await allowForTests(anvil, deployed, { address: checker, kai, spender: CheckerSeats })
    const args = [testAddress('payout', 100 + i), count, `ws://127.0.0.1:${9000 + i}`, numberToHex(i + 1, { size: 32 })]
    const bond = { to: CheckerSeats, abi: checkerSeatsAbi as Abi, functionName: 'bond', args }
    await writerFor(anvil)({ ...bond, from: checker })
    checkers.push(checker)
  }
  return checkers
}

/**
 * A started network with bonded Checkers and registered devices (all of one operator), at a block before epoch 0.
 * Needs anvil with `autoImpersonate`.
 */
export async function networkForTests(
  anvil: Anvil,
  options: {
    readonly seats: readonly number[]
    readonly devices: number
    readonly parameters?: Partial<NetworkParameters>
  },
) {
  const deployed = await deployForTests(anvil, options.parameters)
  const { network, start, parameters, deployment } = deployed
  const { DeviceRegistry } = network.contracts
  const write = writerFor(anvil)
  const checkers = await bondForTests(anvil, deployed, options.seats)
  const operator = testAddress('operator', 0)
  const deposits = parameters.deviceDeposit * BigInt(options.devices)
  await allowForTests(anvil, deployed, { address: operator, kai: deposits, spender: DeviceRegistry })
  for (let i = 0; i < options.devices; i++) {
    const hash = numberToHex(i + 1, { size: 32 })
    const args = [hash, testAddress('payout', i), hash, hash, numberToHex(0, { size: 32 })]
    await write({ from: operator, to: DeviceRegistry, abi: deviceRegistryAbi as Abi, functionName: 'register', args })
  }
  const firstEpochAt = Number((await anvil.client.getBlock()).timestamp) + 100
  await start(firstEpochAt)
  // Time is the test's: a block of which it says nothing has that of the one before, however long the machine took for it.
  await anvil.client.setBlockTimestampInterval({ interval: 0 })
  return {
    network: network satisfies ConnectedNetwork,
    checkers,
    operator,
    parameters,
    deployment,
    write,
    firstEpochAt,
  }
}

/** Mines a block with exactly this timestamp. */
export async function mineAt(anvil: Anvil, timestamp: number): Promise<void> {
  await anvil.client.setNextBlockTimestamp({ timestamp: BigInt(timestamp) })
  await anvil.client.mine({ blocks: 1 })
}
