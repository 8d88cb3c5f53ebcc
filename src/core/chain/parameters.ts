import type { RoundRules, Timeline } from '../protocol/network-parameters.ts'
import type { ConnectedNetwork } from './network.ts'
import type { NetworkParameters } from './network-presets.ts'
import { read } from './read.ts'

/** Parameters in force; the keys name units, amounts are wei of KAI. */
export type ParametersInForce = {
  readonly timeline: Timeline
  readonly rounds: RoundRules
  readonly scores: NetworkParameters['scores']
  readonly seats: NetworkParameters['seatRules'] & { readonly seatBond: bigint; readonly maxSeatsPerOwner: number }
  readonly devices: { readonly deposit: bigint }
  readonly emission: NetworkParameters['emission']
}

export async function readParameters(network: ConnectedNetwork): Promise<ParametersInForce> {
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
