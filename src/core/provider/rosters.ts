/** What the chain says of an epoch for our devices: which of them are members, who judges them, and by which spec they work. */
import type { Address, Hex } from 'viem'
import { committeeOf, getChecker } from '../chain/checkers.ts'
import { generationAt, getDevice } from '../chain/devices.ts'
import { getEpochRounds } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { type Jobs, jobsByHash, windowThatDiffers } from '../job/jobs.ts'
import { frozenEpochs } from '../protocol/constants.ts'
import type { RoundRules } from '../protocol/network-parameters.ts'
import type { EpochRounds } from '../protocol/trigger.ts'
import type { CheckerEndpoint } from '../transport/dial-session.ts'
import { providerErrors } from './errors.ts'

export type Member = { readonly deviceId: Hex; readonly generation: number; readonly cohort: number }

export type Roster = {
  readonly epoch: number
  readonly rounds: EpochRounds
  readonly members: readonly Member[]
  /** The seats that judge any of them, each once. */
  readonly endpoints: readonly CheckerEndpoint[]
}

/**
 * All of it is read at one block: an endpoint that is behind would know of no seats, and what is read is kept for the whole epoch.
 *
 * @returns null while the epoch has no seed: no committees and no jobs
 */
export async function readRoster(
  network: ConnectedNetwork,
  epoch: number,
  deviceIds: readonly Hex[],
  blockHash: Hex,
): Promise<Roster | null> {
  const rounds = await getEpochRounds(network, epoch, blockHash)
  if (rounds === null) return null
  const at = { ...network, blockHash }
  const found = await Promise.all(
    deviceIds.map(async deviceId => {
      const [generation, device] = await Promise.all([generationAt(at, deviceId, epoch), getDevice(at, deviceId)])
      return generation === 0 || device === null ? [] : [{ deviceId, generation, cohort: device.cohort }]
    }),
  )
  const members = found.flat()
  const cohorts = [...new Set(members.map(({ cohort }) => cohort))]
  const committees = await Promise.all(cohorts.map(cohort => committeeOf(at, epoch, cohort)))
  const owners = [...new Set(committees.flatMap(committee => committee ?? []))]
  const checkers = await Promise.all(owners.map((owner: Address) => getChecker(at, owner)))
  const endpoints = checkers.flatMap(checker =>
    checker === null
      ? []
      : [{ checker: checker.operator, url: checker.endpoint, certificateHash: checker.certificateHash }],
  )
  return { epoch, rounds, members, endpoints }
}
/** The rosters that a run still needs: of the epoch that is worked, and of those before it whose rounds are still open. */
export type Rosters = ReturnType<typeof createRosters>

export function createRosters() {
  const kept = new Map<number, Roster>()
  return {
    /** Null while the epoch was not entered. */
    of: (epoch: number): Roster | null => kept.get(epoch) ?? null,
    newest: (): Roster | null => kept.get(Math.max(...kept.keys())) ?? null,
    /** Keeps a roster, in place of an earlier one of its epoch, and forgets the one of {@link frozenEpochs} before. */
    keep(roster: Roster): void {
      kept.set(roster.epoch, roster)
      kept.delete(roster.epoch - frozenEpochs)
    },
    /** The seats of this epoch and of the one before it, each once, as they were read last. */
    seatsSince(epoch: number): readonly CheckerEndpoint[] {
      const recent = [...kept.values()].filter(roster => roster.epoch >= epoch - 1)
      return [
        ...new Map(recent.flatMap(({ endpoints }) => endpoints).map(each => [each.checker, each] as const)).values(),
      ]
    },
  }
}

type Named = Pick<RoundRules, 'specHash' | 'windowMs' | 'beatWindowMs'>

/** The jobs that an epoch's rules name. @throws JOB_SPEC_UNKNOWN, PROVIDER_WINDOW_DIFFERS */
export function jobsInForce(rules: Named): Jobs {
  const { name, jobs } = jobsByHash(rules.specHash)
  const differs = windowThatDiffers(jobs, rules)
  if (differs !== null) throw providerErrors.PROVIDER_WINDOW_DIFFERS({ spec: name, ...differs })
  return jobs
}

/** Whether the engines of some rules can be kept for other rules. */
export const isSameWork = (one: Named, other: Named): boolean =>
  one.specHash === other.specHash && one.windowMs === other.windowMs && one.beatWindowMs === other.beatWindowMs
