/** What an owner of seats was drawn for, and what became of it. */
import type { Address, Hex } from 'viem'
import { cohortsJudgedBy } from '../chain/checkers.ts'
import type { CohortState } from '../chain/epochs.ts'
import { cohortOf } from '../protocol/constants.ts'
import { cohortKey, type History, isMember } from './history.ts'
import type { NetworkReader } from './network-reader.ts'

/** One cohort that an owner was drawn for. */
export type DutyStatus = {
  readonly epoch: number
  readonly cohort: number
  readonly committedTxHash: Hex | null
  readonly state: CohortState
  /** Whether its opening was counted; null where none was. */
  readonly opened: boolean | null
  readonly agreedLanes: number | null
  readonly earned: bigint | null
}

export type DutyFacts = {
  readonly history: History
  /** Committees by {@link cohortKey}, of the epochs whose duties are wanted. */
  readonly committees: ReadonlyMap<string, readonly Address[]>
  readonly operator: Address
}

/** Newest first. */
export function dutiesOf({ history, committees, operator }: DutyFacts): DutyStatus[] {
  return [...committees]
    .flatMap(([key, owners]): DutyStatus[] => {
      const seat = owners.indexOf(operator)
      if (seat < 0) return []
      const [epoch, cohort] = key.split(':').map(Number) as [number, number]
      const final = history.finalized.get(key)
      const paid = history.paidSeats.get(key)
      return [
        {
          epoch,
          cohort,
          committedTxHash: history.commits.get(epoch)?.get(operator) ?? null,
          state: final !== undefined ? 'final' : history.voided.has(key) ? 'void' : 'pending',
          opened: final?.opened[seat] ?? null,
          agreedLanes: paid?.agreed[seat] ?? null,
          earned: paid?.amounts[seat] ?? null,
        },
      ]
    })
    .sort((a, b) => b.epoch - a.epoch || a.cohort - b.cohort)
}

/** The duties of the current epoch and those before it, `epochs` in all. */
export async function readDuties(
  { operator, epochs: count }: { readonly operator: Address; readonly epochs: number },
  reader: NetworkReader,
): Promise<DutyStatus[]> {
  const { history, currentEpoch } = await reader.readHistory()
  const epochs = Array.from({ length: count }, (_, i) => currentEpoch - i).filter(epoch => epoch >= 0)
  return dutiesOf({ history, committees: await readCommittees({ operator, epochs, history }, reader), operator })
}

/** Up to this many cohorts each committee is read; beyond, the chain is asked which ones are the owner's, for as long as it knows. */
const mostCohorts = 16

type CommitteesOptions = { readonly operator: Address; readonly epochs: readonly number[]; readonly history: History }

/** The committees of the cohorts that `operator` may have been drawn for in these epochs, by {@link cohortKey}. */
export async function readCommittees(
  { operator, epochs, history }: CommitteesOptions,
  reader: Pick<NetworkReader, 'network' | 'committeeAt'>,
): Promise<Map<string, readonly Address[]>> {
  const committees = new Map<string, readonly Address[]>()
  for (const epoch of epochs) {
    const members = history.memberships.filter(member => isMember(member, epoch))
    const all = [...new Set(members.map(({ lane }) => cohortOf(lane)))]
    const cohorts =
      all.length <= mostCohorts
        ? all
        : await cohortsJudgedBy(reader.network, epoch, operator, Math.max(...all) + 1).catch(() => [])
    await Promise.all(
      cohorts.map(async cohort => {
        const committee = await reader.committeeAt(epoch, cohort, history)
        if (committee !== null) committees.set(cohortKey(epoch, cohort), committee)
      }),
    )
  }
  return committees
}
