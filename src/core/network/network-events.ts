import { type ParseEventLogsReturnType, parseEventLogs } from 'viem'
import { checkerSeatsAbi } from '../chain/abi/checker-seats.ts'
import { deviceRegistryAbi } from '../chain/abi/device-registry.ts'
import { epochConsensusAbi } from '../chain/abi/epoch-consensus.ts'
import { rewardVaultAbi } from '../chain/abi/reward-vault.ts'
import { type ConnectedNetwork, reading } from '../chain/network.ts'

const abi = [...epochConsensusAbi, ...rewardVaultAbi, ...deviceRegistryAbi, ...checkerSeatsAbi] as const

/** Any event of the four contracts, with its block and transaction. */
export type NetworkEvent = ParseEventLogsReturnType<typeof abi, undefined, true>[number]

/** Endpoints limit the blocks and the logs of one request; a range that is refused is halved. */
const blocksPerRequest = 5_000n

/** Every event of the four contracts in a range of blocks, oldest first: one request per page instead of one per kind. */
export async function readNetworkEvents(
  { contracts, chain }: ConnectedNetwork,
  range: { readonly fromBlock: bigint; readonly toBlock: bigint },
): Promise<NetworkEvent[]> {
  const address = [contracts.EpochConsensus, contracts.RewardVault, contracts.DeviceRegistry, contracts.CheckerSeats]
  const events: NetworkEvent[] = []
  let span = blocksPerRequest
  for (let from = range.fromBlock; from <= range.toBlock; ) {
    const to = from + span - 1n < range.toBlock ? from + span - 1n : range.toBlock
    try {
      const logs = await chain.client.getLogs({ address, fromBlock: from, toBlock: to })
      events.push(...parseEventLogs({ abi, logs, strict: true }))
      from = to + 1n
    } catch (error) {
      if (span === 1n) return reading('eth_getLogs', Promise.reject(error))
      span /= 2n
    }
  }
  return events
}
