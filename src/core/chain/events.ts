import {
  type Abi,
  type ContractEventName,
  type GetContractEventsReturnType,
  type ParseEventLogsReturnType,
  parseEventLogs,
} from 'viem'
import { abis } from './abis.ts'
import { headNumber, readBlockPages } from './blocks.ts'
import type { ConnectedNetwork, ContractName } from './network.ts'

/**
 * One kind of event of one contract, oldest first, read in ranges that any endpoint grants. `args` filters indexed fields.
 *
 * @param range - `toBlock` is the head by default
 * @example
 * const paid = await getEvents(network, 'RewardVault', 'CohortPaid', { fromBlock: 0n }, { epoch: 3n })
 */
export async function getEvents<source extends ContractName, name extends ContractEventName<(typeof abis)[source]>>(
  { chain, contracts }: ConnectedNetwork,
  contract: source,
  eventName: name,
  { fromBlock, toBlock }: { readonly fromBlock: bigint; readonly toBlock?: bigint },
  args?: Record<string, unknown>,
): Promise<GetContractEventsReturnType<(typeof abis)[source], name, true>> {
  const readPage = (from: bigint, to: bigint) =>
    chain.client.getContractEvents({
      address: contracts[contract],
      abi: abis[contract] as Abi,
      eventName: eventName as string,
      args: args as never,
      fromBlock: from,
      toBlock: to,
      strict: true,
    })
  const events: unknown[] = await readBlockPages({ fromBlock, toBlock: toBlock ?? (await headNumber(chain)) }, readPage)
  return events as GetContractEventsReturnType<(typeof abis)[source], name, true>
}

const abi = [...abis.EpochConsensus, ...abis.RewardVault, ...abis.DeviceRegistry, ...abis.CheckerSeats] as const

/** Any event of the four contracts, with its block and transaction. */
export type NetworkEvent = ParseEventLogsReturnType<typeof abi, undefined, true>[number]

/** Every event of the four contracts in a range of blocks, oldest first: one request per page instead of one per kind. */
export function readNetworkEvents(
  { contracts, chain }: ConnectedNetwork,
  range: { readonly fromBlock: bigint; readonly toBlock: bigint },
): Promise<NetworkEvent[]> {
  const address = [contracts.EpochConsensus, contracts.RewardVault, contracts.DeviceRegistry, contracts.CheckerSeats]
  return readBlockPages(range, async (fromBlock, toBlock) => {
    const logs = await chain.client.getLogs({ address, fromBlock, toBlock })
    const events = parseEventLogs({ abi, logs, strict: true })
    return events
  })
}
