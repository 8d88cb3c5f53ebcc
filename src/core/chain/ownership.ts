/** Reads the owner of a network, and makes the calls that hand its governed contracts over. */
import { type Address, encodeFunctionData } from 'viem'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import { type ConnectedNetwork, lowerCase, reading } from './network.ts'
import type { Call } from './tx/transact.ts'

const governed = ['CheckerSeats', 'DeviceRegistry', 'EpochConsensus', 'RewardVault'] as const

/** The owner of a contract; by default of the contract that starts the network. */
export const ownerOf = async (
  { contracts, chain }: ConnectedNetwork,
  address: Address = contracts.EpochConsensus,
): Promise<Address> =>
  lowerCase(
    await reading('owner', chain.client.readContract({ address, abi: epochConsensusAbi, functionName: 'owner' })),
  )

/** The calls of the present owner. Nothing changes before the successor accepts. */
export const offerCalls = ({ contracts }: ConnectedNetwork, successor: Address): Call[] =>
  governed.map(name => ({
    what: 'offerOwnership',
    to: contracts[name],
    data: encodeFunctionData({ abi: epochConsensusAbi, functionName: 'offerOwnership', args: [successor] }),
  }))

/** The calls of the successor, which accept the ownership. */
export const takeCalls = ({ contracts }: ConnectedNetwork): Call[] =>
  governed.map(name => ({
    what: 'takeOwnership',
    to: contracts[name],
    data: encodeFunctionData({ abi: epochConsensusAbi, functionName: 'takeOwnership' }),
  }))
