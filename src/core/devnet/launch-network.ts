/** The chain of a devnet: anvil, the six contracts, and what each role needs to take part. */
import { type Address, createWalletClient, http, type LocalAccount, parseEther, type Transport, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { kaisarTokenAbi } from '../chain/abi/kaisar-token.ts'
import { readArtifact } from '../chain/artifacts.ts'
import { connectChain } from '../chain/client.ts'
import { deployNetwork, startNetwork } from '../chain/deploy.ts'
import type { OpenTransport } from '../chain/endpoint.ts'
import { transferOf } from '../chain/kai.ts'
import { type ConnectedNetwork, connectNetwork, type Deployment } from '../chain/network.ts'
import { devnetParameters, type NetworkParameters } from '../chain/network-presets.ts'
import { transact } from '../chain/tx/transact.ts'
import { jobSets, jobsHash } from '../job/jobs.ts'
import type { Clock } from '../platform/clock.ts'
import { startAnvil } from './anvil.ts'
import { devnetKey, type Role } from './roles.ts'

export type DevnetContractsOptions = {
  readonly rpcUrl: string
  readonly epochSeconds: number
  /** What differs from the devnet's preset. */
  readonly parameters?: Partial<NetworkParameters>
  readonly roles: readonly Role[]
  readonly seatsPerChecker: number
}

export type DevnetContracts = Awaited<ReturnType<typeof deployDevnet>>

export type DevnetNetwork = Awaited<ReturnType<typeof launchNetwork>>

type LaunchDependencies = {
  readonly clock: Clock
  readonly onProgress: (step: string) => void
  /** Default: over http. */
  readonly openTransport?: OpenTransport
}

/** Seconds from `start` to epoch 0. */
export const leadSeconds = 4

/** As viem has them by default. */
const fundLimits = { timeout: 10_000, retryCount: 3 }

/** The contracts on an anvil that mines a block for each transaction, and what each role needs to take part. */
export async function deployDevnet(
  { rpcUrl, epochSeconds, parameters: changes, roles, seatsPerChecker }: DevnetContractsOptions,
  { clock, onProgress, openTransport = http }: LaunchDependencies,
) {
  const chain = await connectChain({ rpcUrls: [rpcUrl] }, { openTransport })
  const deployer: LocalAccount = privateKeyToAccount(devnetKey('deployer'))
  const ether = toHex(parseEther('1000'))
  for (const address of [deployer.address, ...roles.map(({ operator }) => operator)])
    await chain.all()[0]!.request({ method: 'anvil_setBalance', params: [address, ether] })
  const parameters: NetworkParameters = { ...devnetParameters(jobsHash(jobSets.devnet), epochSeconds), ...changes }
  onProgress('Deploying the contracts')
  const deployment = await deployNetwork({ parameters }, { chain, account: deployer, clock, artifact: readArtifact })
  onProgress('Funding the operators')
  await fund(openTransport(rpcUrl, fundLimits), deployer, deployment, roles, parameters, seatsPerChecker)
  const network = await connectNetwork(deployment, { rpcUrls: [rpcUrl] }, { openTransport })
  return { chain, deployer, deployment, network, parameters }
}

/** @throws ANVIL_MISSING, ANVIL_START_FAILED, ARTIFACT_MISSING, CONTRACT_REVERTED */
export async function launchNetwork(
  { port, ...options }: Omit<DevnetContractsOptions, 'rpcUrl'> & { readonly port: number },
  dependencies: LaunchDependencies,
) {
  const { clock, onProgress } = dependencies
  onProgress('Starting the chain')
  const anvil = await startAnvil({ port, accounts: 1 })
  try {
    const { chain, deployer, ...deployed } = await deployDevnet({ ...options, rpcUrl: anvil.rpcUrl }, dependencies)
    const rpc = (method: string, params: unknown[]) => chain.all()[0]!.request({ method, params })
    return {
      anvil,
      ...deployed,
      /** Switches to one block a second and opens epoch 0 a few blocks from now; returns its time. */
      async start(): Promise<number> {
        const { timestamp } = await chain.client.getBlock()
        const firstEpochAt = Math.max(Number(timestamp), Math.floor(clock.now() / 1000)) + leadSeconds
        await startNetwork({ consensus: deployed.network.consensus, firstEpochAt }, { chain, account: deployer, clock })
        await rpc('evm_setAutomine', [false])
        await rpc('evm_setIntervalMining', [1])
        return firstEpochAt
      },
    }
  } catch (error) {
    await anvil.stop()
    throw error
  }
}

/**
 * KAI for deposits and bonds; twice what is needed, so that a role can register again. Each transfer is mined before the next is signed:
 * its fee follows from the block before it, and the same chain comes out every time.
 */
async function fund(
  transport: Transport,
  account: LocalAccount,
  { contracts }: Deployment,
  roles: readonly Role[],
  { seatBond, deviceDeposit }: NetworkParameters,
  seatsPerChecker: number,
): Promise<void> {
  const wallet = createWalletClient({ account, transport })
  for (const { kind, operator } of roles) {
    const amount = 2n * (kind === 'checker' ? seatBond * BigInt(seatsPerChecker) : deviceDeposit)
    await wallet.writeContractSync({
      chain: null,
      address: contracts.KaisarToken,
      abi: kaisarTokenAbi,
      functionName: 'transfer',
      args: [operator, amount],
      throwOnReceiptRevert: true,
    })
  }
}

export type FaucetOptions = {
  readonly to: Address
  /** Wei of KAI. */
  readonly kai: bigint
  /** Wei of the chain's own coin, which is added to what `to` holds. */
  readonly gas: bigint
}

/**
 * Gives away KAI of the treasury, and gas out of nothing.
 *
 * @throws KAI_INSUFFICIENT, RECIPIENT_REFUSED, and RPC_FAILED on a chain that is no anvil
 */
export async function fundOnDevnet(
  network: ConnectedNetwork,
  { to, kai, gas }: FaucetOptions,
  { clock }: { readonly clock: Clock },
): Promise<void> {
  const account = privateKeyToAccount(devnetKey('deployer'))
  const { chain } = network
  const call = await transferOf(network, { from: account.address, to, amount: kai, unit: 'KAI' })
  await transact(call, {}, { chain, account, clock })
  const balance = await chain.client.getBalance({ address: to })
  await chain.all()[0]!.request({ method: 'anvil_setBalance', params: [to, toHex(balance + gas)] })
}
