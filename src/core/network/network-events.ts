import { type ParseEventLogsReturnType, parseEventLogs } from 'viem'
import { abis } from '../chain/abis.ts'
import { readBlockPages } from '../chain/blocks.ts'
import type { ConnectedNetwork } from '../chain/network.ts'

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
