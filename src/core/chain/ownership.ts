/** Who owns a network, and the calls that hand it over: to its four governed contracts alike. */
import { type Address, encodeFunctionData } from 'viem'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import { type ConnectedNetwork, lowerCase, reading } from './network.ts'
import type { Call } from './tx/transact.ts'

const governed = ['CheckerSeats', 'DeviceRegistry', 'EpochConsensus', 'RewardVault'] as const

/** Who owns a contract, by default that which starts the network. */
export const ownerOf = async (
  { contracts, chain }: ConnectedNetwork,
  address: Address = contracts.EpochConsensus,
): Promise<Address> =>
  lowerCase(
    await reading('owner', chain.client.readContract({ address, abi: epochConsensusAbi, functionName: 'owner' })),
  )

/** By the owner; nothing changes before the successor takes it. */
export const offerCalls = ({ contracts }: ConnectedNetwork, successor: Address): Call[] =>
  governed.map(name => ({
    what: 'offerOwnership',
    to: contracts[name],
    data: encodeFunctionData({ abi: epochConsensusAbi, functionName: 'offerOwnership', args: [successor] }),
  }))

/** By the successor. */
export const takeCalls = ({ contracts }: ConnectedNetwork): Call[] =>
  governed.map(name => ({
    what: 'takeOwnership',
    to: contracts[name],
    data: encodeFunctionData({ abi: epochConsensusAbi, functionName: 'takeOwnership' }),
  }))
