/** Reads from the chain which of our devices are members of an epoch, and which seats judge them. */
import type { Address, Hex } from 'viem'
import { committeeOf, getChecker } from '../chain/checkers.ts'
import { generationAt, getDevice } from '../chain/devices.ts'
import { getEpochRounds } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { EpochRounds } from '../protocol/trigger.ts'
import type { Endpoint } from '../transport/dial-session.ts'

export type Member = { readonly deviceId: Hex; readonly generation: number; readonly cohort: number }

export type Roster = {
  readonly epoch: number
  readonly rounds: EpochRounds
  readonly members: readonly Member[]
  /** The seats that judge any of them, each once. */
  readonly endpoints: readonly Endpoint[]
}

/** Null while the epoch has no seed: no committees and no jobs. */
export async function readRoster(
  network: ConnectedNetwork,
  epoch: number,
  deviceIds: readonly Hex[],
): Promise<Roster | null> {
  const rounds = await getEpochRounds(network, epoch)
  if (rounds === null) return null
  const found = await Promise.all(
    deviceIds.map(async deviceId => {
      const [generation, device] = await Promise.all([
        generationAt(network, deviceId, epoch),
        getDevice(network, deviceId),
      ])
      return generation === 0 || device === null ? [] : [{ deviceId, generation, cohort: device.cohort }]
    }),
  )
  const members = found.flat()
  const cohorts = [...new Set(members.map(({ cohort }) => cohort))]
  const committees = await Promise.all(cohorts.map(cohort => committeeOf(network, epoch, cohort)))
  const owners = [...new Set(committees.flatMap(committee => committee ?? []))]
  const checkers = await Promise.all(owners.map((owner: Address) => getChecker(network, owner)))
  const endpoints = checkers.flatMap(checker =>
    checker === null
      ? []
      : [{ checker: checker.operator, url: checker.endpoint, certificateHash: checker.certificateHash }],
  )
  return { epoch, rounds, members, endpoints }
}
