/** How another project reads a network: calls are checked against the contracts' ABIs. */
import { abis, epochConsensusAbi } from 'kaisar/abi'
import { type Address, createPublicClient, http } from 'viem'

export async function readNetwork(rpcUrl: string, addresses: { EpochConsensus: Address; KaisarToken: Address }) {
  const client = createPublicClient({ transport: http(rpcUrl) })
  const [next, supply] = await Promise.all([
    client.readContract({ address: addresses.EpochConsensus, abi: epochConsensusAbi, functionName: 'nextEpoch' }),
    client.readContract({ address: addresses.KaisarToken, abi: abis.KaisarToken, functionName: 'totalSupply' }),
  ])
  const epoch: bigint = next
  return { epoch, supply }
}
