/** What is made of an epoch's rounds where beats count from 30% of the bandwidth: between the shares of a devnet and of a network of cards. */
import { type LaneFacts, laneOf as laneOfFacts } from '../../src/core/checker/epoch/pack.ts'
import * as busy from '../../src/core/epoch/busy.ts'
import * as capacity from '../../src/core/epoch/capacity.ts'

type Rounds = readonly capacity.MeasuredRound[]
const beatShare = 30

export const measuresOf = (rounds: Rounds) => capacity.measuresOf(rounds, beatShare)
export const shortfallsOf = (rounds: Rounds) => capacity.shortfallsOf(rounds, beatShare)
export const beatsOf = (rounds: Rounds) => capacity.beatsOf(rounds, beatShare)
export const uptimeOf = (rounds: Rounds) => capacity.uptimeOf(rounds, beatShare)
export const presenceOf = (rounds: Rounds) => busy.presenceOf(rounds, beatShare)
export const laneUptimeOf = (rounds: Rounds) => busy.laneUptimeOf(rounds, beatShare)
export const laneOf = (facts: Omit<LaneFacts, 'beatShare'>) => laneOfFacts({ ...facts, beatShare })
