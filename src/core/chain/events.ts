import type { Abi, ContractEventName, GetContractEventsReturnType } from 'viem'
import { abis } from './abis.ts'
import { headNumber, readBlockPages } from './blocks.ts'
import type { ConnectedNetwork, ContractName } from './network.ts'

export type BlockRange = {
  readonly fromBlock: bigint
  /** Default: the head. */
  readonly toBlock?: bigint
}

/**
 * One kind of event of one contract, oldest first, read in ranges that any endpoint grants. `args` filters indexed fields.
 *
 * @example
 * const paid = await getEvents(network, 'RewardVault', 'CohortPaid', { fromBlock: 0n }, { epoch: 3n })
 */
export async function getEvents<source extends ContractName, name extends ContractEventName<(typeof abis)[source]>>(
  { chain, contracts }: ConnectedNetwork,
  contract: source,
  eventName: name,
  { fromBlock, toBlock }: BlockRange,
  args?: Record<string, unknown>,
): Promise<GetContractEventsReturnType<(typeof abis)[source], name, true>> {
  const readPage = (from: bigint, to: bigint) =>
    chain.client.getContractEvents({
      address: contracts[contract],
      abi: abis[contract] as Abi,
      eventName: eventName as string,
      ...(args === undefined ? {} : { args: args as never }),
      fromBlock: from,
      toBlock: to,
      strict: true,
    })
  const events: unknown[] = await readBlockPages({ fromBlock, toBlock: toBlock ?? (await headNumber(chain)) }, readPage)
  return events as GetContractEventsReturnType<(typeof abis)[source], name, true>
}
