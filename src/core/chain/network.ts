import { type Abi, type Address, getAddress, type Hex, isAddress } from 'viem'
import type { Network } from '../protocol/typed-data.ts'
import { abis } from './abis.ts'
import { type Chain, type ChainOptions, connectChain } from './client.ts'
import { decodeChainError } from './decode-error.ts'
import type { ChainDependencies } from './endpoint.ts'
import { chainErrors } from './errors.ts'

/** The six contracts that anybody calls. */
export type ContractName = keyof typeof abis
export const contractNames = Object.keys(abis) as readonly ContractName[]
export type Contracts = Readonly<Record<ContractName, Address>>

/** A deployed network as `chain deploy` writes it and all other commands read it. */
export type Deployment = {
  readonly chainId: number
  /** Lower-case addresses by contract name. */
  readonly contracts: Contracts
  /** keccak256 of the code at each address, its immutables included. */
  readonly codeHashes: Readonly<Record<ContractName, Hex>>
  /** No event of the network is older than this block. */
  readonly deployedAtBlock: bigint
}

/** A network that we are connected to: the domain of its signatures, its contracts, and the chain that they are on. */
export type ConnectedNetwork = Network & {
  readonly contracts: Contracts
  readonly chain: Chain
  /** No event of the network is older than this block; absent where it is not known. */
  readonly deployedAtBlock?: bigint
}

/** Addresses are lower case in all of the toolkit, so that one address has one form in messages and comparisons. */
export const lowerCase = (address: Address): Address => address.toLowerCase() as Address

/**
 * Connects to a deployed network and verifies every endpoint: the chain is right, the contracts are there, and their code is the one that was
 * deployed where its hashes are known. The contracts must name each other, since KAI is approved to some of them.
 *
 * @param deployment - chain id (omitted: that of the endpoint), addresses and code hashes, e.g. of a context
 * @throws NETWORK_UNNAMED where there are no contracts, DEPLOYMENT_INVALID, CONTRACTS_MIXED, and whatever {@link connectChain} throws
 */
export async function connectNetwork(
  deployment: {
    readonly chainId?: number | undefined
    readonly contracts: Readonly<Record<string, string>>
    readonly codeHashes?: Readonly<Record<string, Hex>> | undefined
    readonly deployedAtBlock?: bigint | number | undefined
  },
  options: Omit<ChainOptions, 'chainId' | 'contracts'>,
  dependencies: ChainDependencies = {},
): Promise<ConnectedNetwork> {
  if (Object.keys(deployment.contracts).length === 0) throw chainErrors.NETWORK_UNNAMED()
  const contracts = parseContracts(deployment.contracts)
  const chain = await connectChain(
    {
      ...options,
      chainId: deployment.chainId,
      contracts: contractNames.map(name => {
        return { name, address: contracts[name], codeHash: deployment.codeHashes?.[name] }
      }),
    },
    dependencies,
  )
  await assertOneNetwork(chain, contracts).catch(error => {
    chain.close()
    throw error
  })
  const { deployedAtBlock } = deployment
  return {
    chainId: chain.chainId,
    consensus: contracts.EpochConsensus,
    contracts,
    chain,
    deployedAtBlock: deployedAtBlock === undefined ? undefined : BigInt(deployedAtBlock),
  }
}

/** For each contract the views that name other contracts, and which ones. */
const viewsOf = {
  seats: 'CheckerSeats',
  registry: 'DeviceRegistry',
  consensus: 'EpochConsensus',
  vault: 'RewardVault',
  token: 'KaisarToken',
} as const satisfies Record<string, ContractName>
type View = keyof typeof viewsOf
const naming = (by: ContractName, ...views: readonly View[]) => views.map(view => ({ by, view }))
const namings = [
  ...naming('EpochConsensus', 'seats', 'registry', 'vault'),
  ...naming('RewardVault', 'token', 'registry', 'seats', 'consensus'),
  ...naming('CheckerSeats', 'token', 'consensus'),
  ...naming('DeviceRegistry', 'token', 'consensus'),
]

/**
 * Reads all of these views in one call. Where contracts do not name each other, the error names the one that most of the others contradict.
 *
 * @throws CONTRACTS_MIXED
 */
async function assertOneNetwork(chain: Chain, contracts: Contracts): Promise<void> {
  const calls: { address: Address; abi: Abi; functionName: string }[] = [
    ...namings.map(({ by, view }) => ({ address: contracts[by], abi: abis[by], functionName: view })),
    { address: contracts.KaisarLens, abi: abis.KaisarLens, functionName: 'contracts' },
  ]
  const answers = await chain.client.multicall({ contracts: calls, deployless: true, batchSize: 0 })
  if (answers.every(({ status }) => status === 'failure')) throw decodeChainError(answers[0]!.error, 'contracts')
  const ofLens = (answers.at(-1)!.result ?? {}) as Readonly<Partial<Record<View, Address>>>
  const named = [
    ...namings.map(({ by, view }, i) => ({ by, view, address: answers[i]!.result as Address | undefined })),
    ...(Object.keys(viewsOf) as View[]).map(view => ({ by: 'KaisarLens' as const, view, address: ofLens[view] })),
  ]
  const odds = named.filter(({ view, address }) => address?.toLowerCase() !== contracts[viewsOf[view]])
  if (odds.length === 0) return
  const about = (name: ContractName) => odds.filter(({ by, view }) => by === name || viewsOf[view] === name)
  const odd = [...contractNames].sort((a, b) => about(b).length - about(a).length)[0]!
  const others = about(odd).map(({ by, view }) => (by === odd ? viewsOf[view] : by))
  throw chainErrors.CONTRACTS_MIXED({ contract: odd, address: contracts[odd], others: [...new Set(others)] })
}

function parseContracts(given: Readonly<Record<string, string>>): Contracts {
  const entries = contractNames.map(name => {
    const address = given[name]
    if (address === undefined || !isAddress(address, { strict: false }))
      throw chainErrors.DEPLOYMENT_INVALID({ file: 'The deployment', reason: `it has no address of ${name}` })
    return [name, lowerCase(getAddress(address))]
  })
  return Object.fromEntries(entries) as Contracts
}
