import type { RoundRules, Timeline } from '../protocol/network-parameters.ts'
import { checkerSeatsAbi } from './abi/checker-seats.ts'
import { deviceRegistryAbi } from './abi/device-registry.ts'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import { rewardVaultAbi } from './abi/reward-vault.ts'
import { getRoundRules } from './epochs.ts'
import { type ConnectedNetwork, reading } from './network.ts'
import type { NetworkParameters } from './network-presets.ts'

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
  const { client } = network.chain
  const consensus = { address: network.contracts.EpochConsensus, abi: epochConsensusAbi } as const
  const seats = { address: network.contracts.CheckerSeats, abi: checkerSeatsAbi } as const
  const registry = { address: network.contracts.DeviceRegistry, abi: deviceRegistryAbi } as const
  const vault = { address: network.contracts.RewardVault, abi: rewardVaultAbi } as const
  return reading(
    'parameters',
    (async () => {
      const started = await client.readContract({ ...consensus, functionName: 'started' })
      const epoch = started ? await client.readContract({ ...consensus, functionName: 'nextEpoch' }) : 0n
      const [timeline, rounds, scores, rules, seatBond, maxSeatsPerOwner, deposit, emission] = await Promise.all([
        client.readContract({ ...consensus, functionName: 'timeline' }),
        getRoundRules(network),
        client.readContract({ ...consensus, functionName: 'scoreRules' }),
        client.readContract({ ...seats, functionName: 'seatRules' }),
        client.readContract({ ...seats, functionName: 'seatBond' }),
        client.readContract({ ...seats, functionName: 'maxSeatsPerOwner' }),
        client.readContract({ ...registry, functionName: 'deposit' }),
        client.readContract({ ...vault, functionName: 'emissionOf', args: [epoch === 0n ? 0n : epoch - 1n] }),
      ])
      return {
        timeline: { ...timeline, firstEpochAt: Number(timeline.firstEpochAt) },
        rounds,
        scores,
        seats: { ...rules, seatBond, maxSeatsPerOwner },
        devices: { deposit },
        emission,
      }
    })(),
  )
}
