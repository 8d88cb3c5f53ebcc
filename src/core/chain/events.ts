import type { Abi, Address, ContractEventName, GetContractEventsReturnType } from 'viem'
import { checkerSeatsAbi } from './abi/checker-seats.ts'
import { deviceRegistryAbi } from './abi/device-registry.ts'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import { kaisarTokenAbi } from './abi/kaisar-token.ts'
import { rewardVaultAbi } from './abi/reward-vault.ts'
import { readBlockPages } from './block-pages.ts'
import { type ConnectedNetwork, type Contracts, reading } from './network.ts'

export type BlockRange = {
  readonly fromBlock: bigint
  /** Default: the head. */
  readonly toBlock?: bigint
}

const abis = {
  DeviceRegistry: deviceRegistryAbi,
  CheckerSeats: checkerSeatsAbi,
  EpochConsensus: epochConsensusAbi,
  RewardVault: rewardVaultAbi,
  KaisarToken: kaisarTokenAbi,
} as const
type Source = keyof typeof abis

/**
 * One kind of event of one contract, oldest first, read in ranges that any endpoint grants. `args` filters indexed fields.
 *
 * @example
 * const paid = await getEvents(network, 'RewardVault', 'CohortPaid', { fromBlock: 0n }, { epoch: 3n })
 */
export async function getEvents<source extends Source, name extends ContractEventName<(typeof abis)[source]>>(
  network: ConnectedNetwork,
  contract: source,
  eventName: name,
  range: BlockRange,
  args?: Record<string, unknown>,
): Promise<GetContractEventsReturnType<(typeof abis)[source], name, true>> {
  const { client } = network.chain
  const toBlock = range.toBlock ?? (await reading('eth_blockNumber', client.getBlockNumber()))
  const read = (from: bigint, to: bigint) =>
    client.getContractEvents({
      address: network.contracts[contract as keyof Contracts] as Address,
      abi: abis[contract] as Abi,
      eventName: eventName as string,
      ...(args === undefined ? {} : { args: args as never }),
      fromBlock: from,
      toBlock: to,
      strict: true,
    })
  const events: unknown[] = await readBlockPages({ fromBlock: range.fromBlock, toBlock }, read)
  return events as GetContractEventsReturnType<(typeof abis)[source], name, true>
}
