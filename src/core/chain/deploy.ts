// Why: docs/why/contracts.md

import {
  type Abi,
  type Address,
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  type Hex,
  keccak256,
  type LocalAccount,
} from 'viem'
import type { Clock } from '../platform/clock.ts'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import type { Artifact } from './artifacts.ts'
import type { Chain } from './client.ts'
import { revertData } from './decode-error.ts'
import { chainErrors } from './errors.ts'
import { type ContractName, type Contracts, contractNames, type Deployment, lowerCase } from './network.ts'
import type { NetworkParameters } from './network-presets.ts'
import { fundingCalls } from './transfer.ts'
import { readFeeMarket } from './tx/fee-market.ts'
import { defaultFeeCaps, type FeeCaps, nextFee } from './tx/fees.ts'
import { lookUpReceipt, type Receipt } from './tx/receipt.ts'
import { awaitReceipt, type Call, transact } from './tx/transact.ts'

/** What is deployed, in this order; EpochExtension is the second half of EpochConsensus' code. */
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
  /** Who may wire, start and schedule: a timelock outside a devnet. Default: the deployer. */
  readonly owner?: Address | undefined
  /** Who may pause for seven days. Default: the owner. */
  readonly guardian?: Address | undefined
  /** Who receives the supply and what is slashed. Default: the deployer, which also funds the vault. */
  readonly treasury?: Address | undefined
}

/** One transaction of a deployment. */
type DeployStep = {
  /** Of the contract that it creates; null for a call. */
  readonly contract: DeployedName | null
  /** Of the contract that it creates, or calls. */
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

/** What is known of a step's transaction: its hash since it was signed, its block since it was mined. */
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
 * Contracts wired to each other, and the vault funded where the deployer is the treasury. The contracts name each other at
 * construction, so the addresses are computed first, from the deployer's nonces.
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
      call: { what: `Deploying ${contract}`, data: encodeDeployData({ abi, bytecode, args }), abi },
      constructorArguments: encodeAbiParameters(constructorInputs(abi), args),
    }
  })
  const isFunded = treasury === lowerCase(deployer) && vaultFunding > 0n
  const calls = isFunded ? fundingCalls({ KaisarToken: token, RewardVault: vault }, vaultFunding) : []
  const funding = calls.map((call): DeployStep => {
    const { to, data } = call as { to: Address; data: Hex }
    return { contract: null, address: to, call: { ...call, data }, constructorArguments: '0x' }
  })
  const steps = [...creations, ...funding]
  return { deployer: lowerCase(deployer), firstNonce, owner, guardian, treasury, parameters, steps }
}

const constructorInputs = (abi: Abi) => abi.find(item => item.type === 'constructor')?.inputs ?? []

export type RunOptions = {
  /** Of an earlier run, by step; none: nothing was sent yet. */
  readonly progress?: readonly StepProgress[]
  /** Told before each transaction is sent, and once it is mined. */
  readonly onStep?: (step: number, progress: StepProgress) => void
}

/**
 * Sends what is not sent yet, one transaction after the other; nothing goes on after a failure, and the next run takes up there.
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
  for (const [i, { call }] of plan.steps.entries()) {
    const nonce = plan.firstNonce + i
    const receipt =
      (await findSent(plan, { nonce, call, transaction: progress[i]?.transaction ?? null }, dependencies)) ??
      (await (() => {
        onProgress(call.what)
        const onSigned = (transaction: Hex) => onStep(i, { transaction, block: null })
        return transact(call, { nonce, caps }, { ...dependencies, onSigned })
      })())
    onStep(i, { transaction: receipt.hash, block: Number(receipt.blockNumber) })
    blocks.push(receipt.blockNumber)
  }
  const contracts = Object.fromEntries(
    contractNames.map(name => [name, plan.steps.find(({ contract }) => contract === name)!.address]),
  ) as Contracts
  const codeHashes = await hashCode(chain, contracts)
  return { chainId: chain.chainId, contracts, codeHashes, deployedAtBlock: blocks[0]! }
}

/** The receipt of a step that an earlier run sent, awaited where it waits in the pool; null where it has to be sent. */
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

/** Plans and runs a deployment that nobody resumes: on a devnet, and in tests. */
export async function deployNetwork(
  options: DeployOptions,
  { artifact, ...dependencies }: DeployDependencies & { readonly artifact: (contract: DeployedName) => Artifact },
): Promise<Deployment> {
  const { address } = dependencies.account
  const firstNonce = await dependencies.chain.client.getTransactionCount({ address, blockTag: 'pending' })
  return runDeployment(planDeployment(options, { deployer: address, firstNonce }, artifact), {}, dependencies)
}

async function hashCode(chain: Chain, contracts: Contracts): Promise<Deployment['codeHashes']> {
  const hashOf = async (name: ContractName) =>
    [name, keccak256((await chain.client.getCode({ address: contracts[name] })) ?? '0x')] as const
  return Object.fromEntries(await Promise.all(contractNames.map(hashOf))) as Deployment['codeHashes']
}

/** What the steps from `from` on cost: gas, and wei at the present fee and at the most that it may rise to. */
export type DeployCost = {
  readonly gas: bigint
  readonly gasPrice: bigint
  readonly now: bigint
  readonly most: bigint
}

/** Measured where a step can be tried alone; one that calls contracts that are not there yet counts as what it takes at most. */
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
  const fee = nextFee(market, [], caps)
  if (fee === null) {
    const [neededWei, capWei] = [gas * market.baseFeePerGas, gas * caps.feePerGas]
    throw chainErrors.TRANSACTION_FEE_CAP({ key: 'The deployment', neededWei, capWei })
  }
  return { gas, gasPrice, now: gas * gasPrice, most: ((gas * 6n) / 5n) * fee.maxFeePerGas }
}

/** Of an approval or of funding the vault, rounded up. */
const fundingGas = 120_000n

/** Of a creation, rounded up: what the transaction, its data and storing as much code as it carries cost, and a constructor. */
function creationGas(data: Hex): bigint {
  const bytes = BigInt(data.length / 2 - 1)
  return 53_000n + 16n * bytes + 2n * (bytes / 32n + 1n) + 200n * bytes + constructorGas
}

/** Some twenty slots. */
const constructorGas = 500_000n

/** Opens epoch 0 at `firstEpochAt` (block time, seconds): once, by the owner, with five different owners bonded. */
export const startCall = (consensus: Address, firstEpochAt: number): Call => ({
  what: 'start',
  to: consensus,
  data: encodeFunctionData({ abi: epochConsensusAbi, functionName: 'start', args: [BigInt(firstEpochAt)] }),
})

export const startNetwork = (
  { consensus, firstEpochAt }: { readonly consensus: Address; readonly firstEpochAt: number },
  dependencies: Pick<DeployDependencies, 'chain' | 'account' | 'clock'>,
): Promise<Receipt> => transact(startCall(consensus, firstEpochAt), {}, dependencies)
