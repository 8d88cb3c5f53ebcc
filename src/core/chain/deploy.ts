import {
  type Address,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  keccak256,
  type LocalAccount,
} from 'viem'
import type { Clock } from '../platform/clock.ts'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import { kaisarTokenAbi } from './abi/kaisar-token.ts'
import { rewardVaultAbi } from './abi/reward-vault.ts'
import type { Artifact } from './artifacts.ts'
import type { Chain } from './client.ts'
import { type ContractName, type Contracts, contractNames, type Deployment, lowerCase } from './network.ts'
import type { NetworkParameters } from './network-presets.ts'
import type { Receipt } from './tx/receipt.ts'
import { transact } from './tx/transact.ts'

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
  readonly owner?: Address
  /** Who may pause for seven days. Default: the owner. */
  readonly guardian?: Address
  /** Who receives the supply and what is slashed. Default: the deployer, which also funds the vault. */
  readonly treasury?: Address
}

export type DeployDependencies = {
  readonly chain: Chain
  readonly account: LocalAccount
  readonly clock: Clock
  readonly artifact: (contract: DeployedName) => Artifact
  readonly onProgress?: (step: string) => void
}

/**
 * Deploys the contracts wired to each other, and funds the vault where the deployer is the treasury. The contracts name each other
 * at construction, so the addresses are computed first, from the deployer's nonces.
 *
 * @throws ARTIFACT_MISSING, CONTRACT_REVERTED, FUNDS_INSUFFICIENT
 */
export async function deployNetwork(options: DeployOptions, dependencies: DeployDependencies): Promise<Deployment> {
  const { parameters } = options
  const { chain, account, artifact, onProgress = () => {} } = dependencies
  const owner = options.owner ?? account.address
  const guardian = options.guardian ?? owner
  const treasury = options.treasury ?? account.address
  const firstNonce = await chain.client.getTransactionCount({ address: account.address, blockTag: 'pending' })
  const addressOf = (name: DeployedName) =>
    getContractAddress({ from: account.address, nonce: BigInt(firstNonce + deployOrder.indexOf(name)) })
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
  let deployedAtBlock: bigint | null = null
  for (const [i, name] of deployOrder.entries()) {
    onProgress(`Deploying ${name}`)
    const { abi, bytecode } = artifact(name)
    const data = encodeDeployData({ abi, bytecode, args: constructorArgs[name] })
    const receipt = await transact({ data, what: `Deploying ${name}`, abi }, { nonce: firstNonce + i }, dependencies)
    deployedAtBlock ??= receipt.blockNumber
  }
  if (lowerCase(treasury) === lowerCase(account.address) && vaultFunding > 0n) {
    onProgress('Funding the vault')
    const approve = encodeFunctionData({ abi: kaisarTokenAbi, functionName: 'approve', args: [vault, vaultFunding] })
    await transact({ to: token, data: approve, what: 'approve' }, {}, dependencies)
    const fund = encodeFunctionData({ abi: rewardVaultAbi, functionName: 'fund', args: [vaultFunding] })
    await transact({ to: vault, data: fund, what: 'fund' }, {}, dependencies)
  }
  const contracts = Object.fromEntries(contractNames.map(name => [name, lowerCase(addressOf(name))])) as Contracts
  const codeHashes = await hashCode(chain, contracts)
  return { chainId: chain.chainId, contracts, codeHashes, deployedAtBlock: deployedAtBlock! }
}

async function hashCode(chain: Chain, contracts: Contracts): Promise<Deployment['codeHashes']> {
  const hashOf = async (name: ContractName) =>
    [name, keccak256((await chain.client.getCode({ address: contracts[name] })) ?? '0x')] as const
  return Object.fromEntries(await Promise.all(contractNames.map(hashOf))) as Deployment['codeHashes']
}

/** Opens epoch 0 at `firstEpochAt` (block time, seconds): once, by the owner, with five different owners bonded. */
export async function startNetwork(
  { consensus, firstEpochAt }: { readonly consensus: Address; readonly firstEpochAt: number },
  dependencies: Pick<DeployDependencies, 'chain' | 'account' | 'clock'>,
): Promise<Receipt> {
  const data = encodeFunctionData({ abi: epochConsensusAbi, functionName: 'start', args: [BigInt(firstEpochAt)] })
  return transact({ to: consensus, data, what: 'start' }, {}, dependencies)
}
