/** What is made of an epoch's rounds, with the share at which a devnet's beats count. */
import { type LaneFacts, laneOf as laneOfFacts } from '../../src/core/checker/epoch/pack.ts'
import * as busy from '../../src/core/epoch/busy.ts'
import * as capacity from '../../src/core/epoch/capacity.ts'
import { jobSets } from '../../src/core/job/jobs.ts'

type Rounds = readonly capacity.MeasuredRound[]
const { beatShare } = jobSets.devnet

export const measuresOf = (rounds: Rounds) => capacity.measuresOf(rounds, beatShare)
export const shortfallsOf = (rounds: Rounds) => capacity.shortfallsOf(rounds, beatShare)
export const beatsOf = (rounds: Rounds) => capacity.beatsOf(rounds, beatShare)
export const uptimeOf = (rounds: Rounds) => capacity.uptimeOf(rounds, beatShare)
export const presenceOf = (rounds: Rounds) => busy.presenceOf(rounds, beatShare)
export const laneUptimeOf = (rounds: Rounds) => busy.laneUptimeOf(rounds, beatShare)
export const laneOf = (facts: Omit<LaneFacts, 'beatShare'>) => laneOfFacts({ ...facts, beatShare })
