/** What the owner of a network decides: the parameters in force, who the owner is, and the calls that hand the contracts over. */
import type { Address } from 'viem'
import { type ConnectedNetwork, lowerCase } from './network.ts'
import { callOf, read } from './read.ts'
import type { Call } from './tx/transact.ts'

/** Parameters in force; the keys name units, amounts are wei of KAI. */
export async function readParameters(network: ConnectedNetwork) {
  const started = await read(network, 'EpochConsensus', 'started')
  const epoch = started ? await read(network, 'EpochConsensus', 'nextEpoch') : 0n
  const [timeline, rounds, scores, rules, seatBond, maxSeatsPerOwner, deposit, emission] = await Promise.all([
    read(network, 'EpochConsensus', 'timeline'),
    read(network, 'EpochConsensus', 'roundRules'),
    read(network, 'EpochConsensus', 'scoreRules'),
    read(network, 'CheckerSeats', 'seatRules'),
    read(network, 'CheckerSeats', 'seatBond'),
    read(network, 'CheckerSeats', 'maxSeatsPerOwner'),
    read(network, 'DeviceRegistry', 'deposit'),
    read(network, 'RewardVault', 'emissionOf', epoch === 0n ? 0n : epoch - 1n),
  ])
  return {
    timeline: { ...timeline, firstEpochAt: Number(timeline.firstEpochAt) },
    rounds,
    scores,
    seats: { ...rules, seatBond, maxSeatsPerOwner },
    devices: { deposit },
    emission,
  }
}

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
