// Why: docs/why/contracts.md

import {
  type Abi,
  type Address,
  encodeAbiParameters,
  encodeDeployData,
  getContractAddress,
  type Hex,
  type LocalAccount,
} from 'viem'
import type { Clock } from '../platform/clock.ts'
import type { Artifact } from './artifacts.ts'
import type { Chain } from './client.ts'
import { codeHashesData, codeHashesOf } from './code-hashes.ts'
import { revertData } from './decode-error.ts'
import { chainErrors } from './errors.ts'
import { fundingCalls } from './kai.ts'
import { type ContractName, type Contracts, contractNames, type Deployment, lowerCase } from './network.ts'
import type { NetworkParameters } from './network-presets.ts'
import { callOf, reading } from './read.ts'
import { defaultFeeCaps, type FeeCaps, firstFee, readFeeMarket } from './tx/fees.ts'
import { lookUpReceipt, type Receipt } from './tx/receipt.ts'
import { awaitReceipt, type Call, transact } from './tx/transact.ts'

/** The contracts in the order of deployment; EpochExtension is the second half of EpochConsensus' code. */
const deployOrder = [
  'KaisarToken',
  'CheckerSeats',
  'DeviceRegistry',
  'EpochExtension',
  'EpochConsensus',
  'RewardVault',
  'KaisarLens',
] as const satisfies readonly (ContractName | 'EpochExtension')[]
export type DeployedName = (typeof deployOrder)[number]

export type DeployOptions = {
  readonly parameters: NetworkParameters
  /** The address that may start the network and schedule changes: a timelock outside a devnet. Default: the deployer. */
  readonly owner?: Address | undefined
  /** The address that may pause for seven days. Default: the owner. */
  readonly guardian?: Address | undefined
  /** The address that receives the supply and everything that is slashed. Default: the deployer, which then funds the vault too. */
  readonly treasury?: Address | undefined
}

/** One transaction of a deployment. */
type DeployStep = {
  /** Name of the contract that the transaction creates; null for a call. */
  readonly contract: DeployedName | null
  /** Address of the contract that the transaction creates or calls. */
  readonly address: Address
  readonly call: Call & { readonly data: Hex }
  /** ABI-encoded; `0x` for a call. */
  readonly constructorArguments: Hex
}

/** All of a deployment, decided before anything is sent: step i takes the deployer's nonce `firstNonce` + i. */
export type DeployPlan = {
  readonly deployer: Address
  readonly firstNonce: number
  readonly owner: Address
  readonly guardian: Address
  readonly treasury: Address
  readonly parameters: NetworkParameters
  readonly steps: readonly DeployStep[]
}

/** The progress of one step: the hash is set when the transaction is signed, the block when it is mined. */
export type StepProgress = { readonly transaction: Hex | null; readonly block: number | null }

export type DeployDependencies = {
  readonly chain: Chain
  readonly account: LocalAccount
  readonly clock: Clock
  /** What each transaction offers at most. */
  readonly caps?: FeeCaps
  readonly onProgress?: (step: string) => void
}

/**
 * Plans the creation of all contracts and, where the deployer is the treasury, the funding of the vault. The contracts name each other
 * at construction, so their addresses are computed first, from the deployer's nonces.
 *
 * @throws ARTIFACT_MISSING
 */
export function planDeployment(
  options: DeployOptions,
  { deployer, firstNonce }: { readonly deployer: Address; readonly firstNonce: number },
  artifact: (contract: DeployedName) => Artifact,
): DeployPlan {
  const { parameters } = options
  const owner = lowerCase(options.owner ?? deployer)
  const guardian = lowerCase(options.guardian ?? owner)
  const treasury = lowerCase(options.treasury ?? deployer)
  const addressOf = (name: DeployedName) =>
    lowerCase(getContractAddress({ from: deployer, nonce: BigInt(firstNonce + deployOrder.indexOf(name)) }))
  const token = addressOf('KaisarToken')
  const seats = addressOf('CheckerSeats')
  const registry = addressOf('DeviceRegistry')
  const extension = addressOf('EpochExtension')
  const consensus = addressOf('EpochConsensus')
  const vault = addressOf('RewardVault')

  const { timeline, rounds, scores, seatRules, seatBond, deviceDeposit, emission, supply, vaultFunding } = parameters
  const constructorArgs: Record<DeployedName, readonly unknown[]> = {
    KaisarToken: [treasury, supply],
    CheckerSeats: [token, consensus, owner, guardian, treasury, seatBond, seatRules],
    DeviceRegistry: [token, consensus, owner, guardian, treasury, deviceDeposit],
    EpochExtension: [registry, seats, vault, timeline.epochSeconds, timeline.firstPaidEpoch],
    EpochConsensus: [
      registry,
      seats,
      vault,
      extension,
      owner,
      guardian,
      { ...timeline, firstEpochAt: 0n },
      rounds,
      scores,
    ],
    RewardVault: [token, registry, seats, consensus, owner, guardian, emission],
    KaisarLens: [token, consensus],
  }
  const creations = deployOrder.map((contract): DeployStep => {
    const { abi, bytecode } = artifact(contract)
    const args = constructorArgs[contract]
    return {
      contract,
      address: addressOf(contract),
      call: { what: `the creation of ${contract}`, data: encodeDeployData({ abi, bytecode, args }), abi },
      constructorArguments: encodeAbiParameters(constructorInputs(abi), args),
    }
  })
  const isFunded = treasury === lowerCase(deployer) && vaultFunding > 0n
  const calls = isFunded ? fundingCalls({ KaisarToken: token, RewardVault: vault }, vaultFunding) : []
  const funding = calls.map(
    (call): DeployStep => ({ contract: null, address: call.to, call, constructorArguments: '0x' }),
  )
  const steps = [...creations, ...funding]
  return { deployer: lowerCase(deployer), firstNonce, owner, guardian, treasury, parameters, steps }
}

const constructorInputs = (abi: Abi) => abi.find(item => item.type === 'constructor')?.inputs ?? []

export type RunOptions = {
  /** Progress of an earlier run, by step; without it nothing was sent yet. */
  readonly progress?: readonly StepProgress[]
  /** Called before each transaction is sent, and when it is mined. */
  readonly onStep?: (step: number, progress: StepProgress) => void
}

/**
 * Sends the steps that were not sent yet, one transaction after the other. It stops at a failure, and the next run goes on there.
 *
 * @throws DEPLOYMENT_NONCE_MOVED, CONTRACT_REVERTED, FUNDS_INSUFFICIENT, TRANSACTION_UNCONFIRMED
 */
export async function runDeployment(
  plan: DeployPlan,
  { progress = [], onStep = () => {} }: RunOptions,
  dependencies: DeployDependencies,
): Promise<Deployment> {
  const { chain, caps, onProgress = () => {} } = dependencies
  const blocks: bigint[] = []
  for (const [i, { call, contract }] of plan.steps.entries()) {
    const nonce = plan.firstNonce + i
    const receipt =
      (await findSent(plan, { nonce, call, transaction: progress[i]?.transaction ?? null }, dependencies)) ??
      (await (() => {
        onProgress(contract === null ? `Funding the vault: ${call.what}` : `Deploying ${contract}`)
        const onSigned = (transaction: Hex) => onStep(i, { transaction, block: null })
        return transact(call, { nonce, caps }, { ...dependencies, onSigned })
      })())
    onStep(i, { transaction: receipt.hash, block: Number(receipt.blockNumber) })
    blocks.push(receipt.blockNumber)
  }
  return deploymentOf(plan, chain, blocks[0]!)
}

/**
 * What a plan has made, once all its steps are mined.
 *
 * @param deployedAtBlock - in which the first of them was
 * @throws RPC_FAILED where a contract has no code
 */
export async function deploymentOf(plan: DeployPlan, chain: Chain, deployedAtBlock: bigint): Promise<Deployment> {
  const contracts = Object.fromEntries(
    contractNames.map(name => [name, plan.steps.find(({ contract }) => contract === name)!.address]),
  ) as Contracts
  return { chainId: chain.chainId, contracts, codeHashes: await hashCode(chain, contracts), deployedAtBlock }
}

/** The receipt of a step that an earlier run sent, awaited while its transaction is in the pool; null where the step has to be sent. */
async function findSent(
  { deployer, firstNonce }: DeployPlan,
  { nonce, call: { what }, transaction }: { nonce: number; call: Call; transaction: Hex | null },
  { chain, clock }: DeployDependencies,
): Promise<Receipt | null> {
  const wait = () => awaitReceipt({ hash: transaction!, what, timeoutMs: 600_000 }, { chain, clock })
  if (transaction !== null) {
    const found = await lookUpReceipt(chain, transaction)
    if (found !== 'missing') return wait()
  }
  const [mined, pending] = await Promise.all(
    (['latest', 'pending'] as const).map(blockTag => chain.client.getTransactionCount({ address: deployer, blockTag })),
  )
  if (mined === nonce && pending === nonce) return null
  if (mined === nonce && transaction !== null) return wait()
  throw chainErrors.DEPLOYMENT_NONCE_MOVED({ deployer, what, expected: nonce, actual: pending!, firstNonce })
}

/** Plans and runs a deployment that is never resumed: on a devnet, and in tests. */
export async function deployNetwork(
  options: DeployOptions,
  { artifact, ...dependencies }: DeployDependencies & { readonly artifact: (contract: DeployedName) => Artifact },
): Promise<Deployment> {
  const { address } = dependencies.account
  const firstNonce = await dependencies.chain.client.getTransactionCount({ address, blockTag: 'pending' })
  return runDeployment(planDeployment(options, { deployer: address, firstNonce }, artifact), {}, dependencies)
}

async function hashCode(chain: Chain, contracts: Contracts): Promise<Deployment['codeHashes']> {
  const data = codeHashesData(contractNames.map(name => contracts[name]))
  const { data: answer } = await reading('eth_call', chain.client.call({ data }))
  const hashes = codeHashesOf(answer, contractNames.length)
  // What was deployed has code: whoever shows none is behind, or says nothing that can be handed on.
  if (hashes === null || hashes.includes(null))
    throw chainErrors.RPC_FAILED({ action: 'Reading the code hashes of the contracts', reason: 'some are missing.' })
  return Object.fromEntries(contractNames.map((name, i) => [name, hashes[i]])) as Deployment['codeHashes']
}

/** The cost of the steps from `from` on: gas, wei at the present fee, and wei at the highest fee that may be offered. */
export type DeployCost = {
  readonly gas: bigint
  readonly gasPrice: bigint
  readonly now: bigint
  readonly most: bigint
}

/** Estimates a deployment. A step that can be tried alone is measured; a step that calls contracts that do not exist yet counts with its upper bound. */
export async function estimateDeployment(
  chain: Chain,
  plan: DeployPlan,
  from = 0,
  caps = defaultFeeCaps,
): Promise<DeployCost> {
  const { client } = chain
  const gasOf = async ({ contract, call: { data } }: DeployStep): Promise<bigint> => {
    if (contract === null) return fundingGas
    try {
      return await client.estimateGas({ account: plan.deployer, data })
    } catch (error) {
      if (revertData(error) === null) throw error
      return creationGas(data)
    }
  }
  const [gasPrice, market, each] = await Promise.all([
    client.getGasPrice(),
    readFeeMarket(chain),
    Promise.all(plan.steps.slice(from).map(gasOf)),
  ])
  const gas = each.reduce((sum, one) => sum + one, 0n)
  const fee = firstFee(market, caps, { key: 'The deployment', gas })
  return { gas, gasPrice, now: gas * gasPrice, most: ((gas * 6n) / 5n) * fee.maxFeePerGas }
}

/** Gas of an approval or of funding the vault, rounded up. */
const fundingGas = 120_000n

/** Gas of a creation, rounded up: the transaction, its data, storing as much code as it carries, and a constructor. */
function creationGas(data: Hex): bigint {
  const bytes = BigInt(data.length / 2 - 1)
  return 53_000n + 16n * bytes + 2n * (bytes / 32n + 1n) + 200n * bytes + constructorGas
}

/** Gas of a constructor that writes some twenty storage slots. */
const constructorGas = 500_000n

/** Opens epoch 0 at `firstEpochAt` (block time, seconds): once, by the owner, with as many owners bonded as a committee has. */
export const startCall = (consensus: Address, firstEpochAt: number): Call =>
  callOf({ EpochConsensus: consensus }, 'EpochConsensus', 'start', BigInt(firstEpochAt))

export const startNetwork = (
  { consensus, firstEpochAt }: { readonly consensus: Address; readonly firstEpochAt: number },
  dependencies: Pick<DeployDependencies, 'chain' | 'account' | 'clock'>,
): Promise<Receipt> => transact(startCall(consensus, firstEpochAt), {}, dependencies)
