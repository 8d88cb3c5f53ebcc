import type { Address } from 'viem'
import { cohortsJudgedBy } from '../chain/checkers.ts'
import { cohortKey, cohortOf, type History, isMember } from './history.ts'
import type { NetworkReader } from './network-reader.ts'

/** Up to this many cohorts each committee is read; beyond, the chain is asked which ones are the owner's, for as long as it knows. */
const mostCohorts = 16

/** The committees of the cohorts that `operator` may have been drawn for in these epochs, by cohort key. */
export async function readCommittees(
  {
    operator,
    epochs,
    history,
  }: { readonly operator: Address; readonly epochs: readonly number[]; readonly history: History },
  reader: Pick<NetworkReader, 'network' | 'committeeAt'>,
): Promise<Map<string, readonly Address[]>> {
  const committees = new Map<string, readonly Address[]>()
  for (const epoch of epochs) {
    const all = [
      ...new Set(history.memberships.filter(member => isMember(member, epoch)).map(({ lane }) => cohortOf(lane))),
    ]
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
