/** The standing of a device, from what the chain's events say of all its epochs: for endpoints that have forgotten the state. Pure. */
import { hasFlag } from '../epoch/opening.ts'
import { type NewcomerTerms, newcomersOf, nextStanding, shownOf } from '../epoch/rewards.ts'
import { cohortOf, laneInCohort } from '../protocol/constants.ts'
import { cohortKey, type History, isMember, type Membership } from './history.ts'

/**
 * The standing before an epoch's score counts, and whether the device was silent.
 *
 * @param memberships - all of one device, in the order of registration
 */
export function replayStanding({
  history,
  memberships,
  epoch,
  terms,
}: {
  readonly history: Pick<History, 'finalized' | 'counted'>
  readonly memberships: readonly Membership[]
  readonly epoch: number
  readonly terms: NewcomerTerms
}): { standingBefore: bigint; silentBefore: boolean } {
  let [standing, silent] = [0n, false]
  let since: number | undefined
  for (let past = memberships[0]!.since; past <= epoch; past++) {
    const member = memberships.find(membership => isMember(membership, past))
    if (!member) continue
    if (since !== undefined && since !== member.since) {
      // A device that left while it was silent came back with a quarter less and no silence, whatever lane it took.
      if (silent) standing -= standing / 4n
      silent = false
    }
    since = member.since
    const final = history.finalized.get(cohortKey(past, cohortOf(member.lane)))
    if (past === epoch || !final) continue
    const at = laneInCohort(member.lane)
    const { caps, members } = history.counted.get(past) ?? { caps: 0n, members: 0 }
    const lane = { rate: final.rates[at]!, uptime: final.uptimes[at]!, flags: final.flags[at]! }
    const shown = shownOf(lane, standing, newcomersOf(caps, members, terms).cap)
    standing = nextStanding(standing, shown, { silent, certain: final.certain[at]! })
    if (shown > 0n) silent = false
    else if (hasFlag(lane.flags, 'judged')) silent = true
  }
  return { standingBefore: standing, silentBefore: silent }
}
