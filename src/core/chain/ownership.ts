/** Reads the owner of a network, and makes the calls that hand its governed contracts over. */
import type { Address } from 'viem'
import { type ConnectedNetwork, lowerCase } from './network.ts'
import { callOf, read } from './read.ts'
import type { Call } from './tx/transact.ts'

/** The contracts with an owner, in the order of the calls below. */
export const governed = ['CheckerSeats', 'DeviceRegistry', 'EpochConsensus', 'RewardVault'] as const

/** The owner of a contract; by default of the contract that starts the network. */
export const ownerOf = async (
  network: ConnectedNetwork,
  contract: (typeof governed)[number] = 'EpochConsensus',
): Promise<Address> => lowerCase(await read(network, contract, 'owner'))

/** The calls of the present owner. Nothing changes before the successor accepts. */
export const offerCalls = ({ contracts }: ConnectedNetwork, successor: Address): Call[] =>
  governed.map(name => callOf(contracts, name, 'offerOwnership', successor))

/** The calls of the successor, which accept the ownership. */
export const takeCalls = ({ contracts }: ConnectedNetwork): Call[] =>
  governed.map(name => callOf(contracts, name, 'takeOwnership'))
