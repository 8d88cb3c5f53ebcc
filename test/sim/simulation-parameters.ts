import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import { jobSets, jobsHash } from '../../src/core/job/jobs.ts'
import type { RoundRules, Timeline } from '../../src/core/protocol/network-parameters.ts'

type Phases = Pick<Timeline, 'commitSeconds' | 'openSeconds' | 'revealSeconds' | 'finalizeSeconds'>

/** A devnet's parameters with other phases and other rounds; `maxRounds` is of those of the slots alone. */
export function simulationParameters(
  epochSeconds: number,
  { phases, rounds }: { readonly phases: Phases; readonly rounds: Partial<RoundRules> },
) {
  const preset = devnetParameters(jobsHash(jobSets.devnet), epochSeconds)
  const changed = { ...preset.rounds, ...rounds }
  const maxRounds = (rounds.maxRounds ?? 4) + changed.beats
  return { timeline: { ...preset.timeline, ...phases }, rounds: { ...changed, maxRounds } }
}
