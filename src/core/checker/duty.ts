/** What an owner of seats has to judge in an epoch, read from the chain. */
import type { Address, Hex } from 'viem'
import { cohortsJudgedBy, committeeOf } from '../chain/checkers.ts'
import { cohortMembers, countsOf } from '../chain/devices.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { EpochRounds } from '../protocol/trigger.ts'
import type { SeatDevice } from './round/seat-round.ts'

export type Duty = ReadDuty & {
  /** Of its devices. */
  readonly operators: ReadonlySet<Address>
  readonly byOperator: ReadonlyMap<Address, readonly SeatDevice[]>
  /** Owners of the seats of its committees. */
  readonly peers: ReadonlySet<Address>
}

/** What is read from the chain; the rest follows from it. */
export type ReadDuty = {
  readonly epoch: number
  readonly seed: Hex
  readonly rounds: EpochRounds
  /** Cohorts of the epoch in all; decides the depth of commitment trees. */
  readonly cohortCount: number
  /** The cohorts this owner judges, with the committee of each in seat order. */
  readonly committees: ReadonlyMap<number, readonly Address[]>
  readonly devices: readonly SeatDevice[]
}

export const dutyOf = (read: ReadDuty): Duty => ({
  ...read,
  operators: new Set(read.devices.map(({ operator }) => operator)),
  byOperator: Map.groupBy(read.devices, ({ operator }) => operator),
  peers: new Set([...read.committees.values()].flat()),
})

/**
 * All of it is read at one block: an endpoint that is behind would know of no cohorts, and what is read is kept for the whole epoch.
 * @param blockHash - the block at which the epoch's seed was seen; default: the newest one, of each read
 * @throws when the chain cannot be read
 */
export async function readDuty(
  network: ConnectedNetwork,
  owner: Address,
  epoch: number,
  rounds: EpochRounds,
  blockHash?: Hex,
): Promise<Duty> {
  const at = { ...network, blockHash }
  const { cohorts: cohortCount } = await countsOf(at, epoch)
  const cohorts = cohortCount === 0 ? [] : await cohortsJudgedBy(at, epoch, owner, cohortCount)
  const read = await Promise.all(
    cohorts.map(async cohort => {
      const [committee, members] = await Promise.all([committeeOf(at, epoch, cohort), cohortMembers(at, epoch, cohort)])
      const devices = members.flatMap((member, lane) =>
        member === null
          ? []
          : [{ deviceId: member.id, generation: member.generation, operator: member.operator, cohort, lane }],
      )
      return { cohort, committee: committee ?? [], devices }
    }),
  )
  return dutyOf({
    epoch,
    seed: rounds.seed,
    rounds,
    cohortCount,
    committees: new Map(read.map(({ cohort, committee }) => [cohort, committee])),
    devices: read.flatMap(each => each.devices),
  })
}
